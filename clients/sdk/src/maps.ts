/** A document's root maps, whose entries are values or maps of values. Knows no list and no timer. */
import * as Y from "yjs";
import { isFields } from "./values.js";

/** Plain values, as JSON has them. */
export function plain(value: unknown): unknown {
  const json = value instanceof Y.AbstractType ? value.toJSON() : value;
  return json instanceof Uint8Array ? null : json;
}

/** Whether an entry is a map, of either kind. */
export function isMap(entry: unknown): boolean {
  return entry instanceof Y.Map || isFields(entry);
}

/** A field of an entry that is a map. */
export function fieldOf(entry: unknown, name: string): unknown {
  if (entry instanceof Y.Map) return plain(entry.get(name));
  return isFields(entry) && Object.hasOwn(entry, name) ? plain(entry[name]) : undefined;
}

/** An entry as a map of its own; one that is a single value becomes one. */
export function ownMap(root: Y.Map<unknown>, key: string): Y.Map<unknown> {
  const entry = root.get(key);
  if (entry instanceof Y.Map) return entry;
  return root.set(key, new Y.Map(isFields(entry) ? Object.entries(entry) : []));
}
