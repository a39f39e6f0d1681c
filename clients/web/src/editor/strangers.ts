/**
 * What a rich note holds that an editor's schema does not have, such as another app's tables. The editor
 * would delete it, with all that is written in it, for everybody: so it is looked for before.
 */
import type { Schema } from "@tiptap/pm/model";
import { XmlElement, XmlText, type AbstractType, type Transaction, type XmlFragment } from "yjs";

/** The editor appends this to the names of marks of which a text may have several. */
const HASH = /--[a-zA-Z0-9+/=]{8}$/;

/** The first element, mark or value below `within` that the schema has no name for, by its name. */
export function strangerIn(within: XmlFragment | XmlText, schema: Schema): string | undefined {
  if (within instanceof XmlText) return strangerInText(within, schema);
  if (within instanceof XmlElement && !schema.nodes[within.nodeName]) return within.nodeName;
  for (const child of within.toArray()) {
    if (!(child instanceof XmlElement || child instanceof XmlText)) return "object";
    const stranger = strangerIn(child, schema);
    if (stranger !== undefined) return stranger;
  }
  return undefined;
}

function strangerInText(text: XmlText, schema: Schema): string | undefined {
  const parts: { insert: unknown; attributes?: Record<string, unknown> }[] = text.toDelta();
  for (const { insert, attributes } of parts) {
    if (typeof insert !== "string") return "object";
    const stranger = Object.keys(attributes ?? {}).find((name) => !schema.marks[name.replace(HASH, "")]);
    if (stranger !== undefined) return stranger;
  }
  return undefined;
}

/** The same of what others have just changed below `root`, before the editor hears of it. */
export function strangerOf({ changed, local }: Transaction, root: XmlFragment, schema: Schema): string | undefined {
  if (local) return undefined;
  for (const type of changed.keys()) {
    const within = type as AbstractType<unknown>;
    if (!isBelow(within, root) || within._item?.deleted) continue;
    if (!(within === root || within instanceof XmlElement || within instanceof XmlText)) return "object";
    const stranger = strangerIn(within as XmlFragment | XmlText, schema);
    if (stranger !== undefined) return stranger;
  }
  return undefined;
}

function isBelow(type: AbstractType<unknown> | null, root: XmlFragment): boolean {
  for (let at = type; at; at = at.parent) if (at === root) return true;
  return false;
}
