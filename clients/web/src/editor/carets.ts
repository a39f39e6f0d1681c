/**
 * The carets of others, as far as they can be drawn. Anybody who may read a note says there what they like;
 * the editor's plugin throws at what is no caret, in the middle of bringing others' words into the view.
 */
import type { Note } from "@studyhall/client";
import { createAbsolutePositionFromRelativePosition, createRelativePositionFromJSON, type Doc } from "yjs";

type Awareness = Note["awareness"];

/** The same awareness, without the states of others that no caret can be made from. */
export function onlyCarets(awareness: Awareness, doc: Doc): Awareness {
  const sound = () =>
    new Map([...awareness.getStates()].filter(([client, state]) => client === awareness.clientID || isCaret(state, doc)));
  return new Proxy(awareness, {
    get(target, name) {
      if (name === "getStates") return sound;
      if (name === "states") return sound();
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

function isCaret(state: unknown, doc: Doc): boolean {
  if (!isObject(state) || !isObject(state["user"] ?? {})) return false;
  const cursor = state["cursor"] ?? null;
  return cursor === null || (isObject(cursor) && isPlace(cursor["anchor"], doc) && isPlace(cursor["head"], doc));
}

/** Whether this is where something is, or was, in a document. */
function isPlace(json: unknown, doc: Doc): boolean {
  if (!isObject(json)) return false;
  try {
    createAbsolutePositionFromRelativePosition(createRelativePositionFromJSON(json), doc);
    return true;
  } catch {
    return false;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
