/**
 * What may be said about a document: one pure function from what is known to the one word
 * that is shown. Knows no socket and no clock.
 */
import type { Reach } from "./connection.js";

export type DocumentState = "offline" | "connecting" | "saving" | "saved" | "read-only" | "refused";

/** Why a document is refused: for good, each with something that a person can do. */
export type Refusal = "not-found" | "other-engine" | "removed" | "deleted" | "login-over" | "too-large" | "not-accepted";

export interface DocumentStatus {
  state: DocumentState;
  /** Edits made here that no server has acknowledged, of earlier visits too. */
  unsaved: number;
  /** This device has all of them, and what others wrote: closing the page loses nothing. */
  kept: boolean;
  /** This device did not take what was written last, here or by others, or takes nothing: it is tried again, and closing the page loses what is unsaved. */
  failing: boolean;
  /** The server cannot write at the moment; it takes edits again by itself. */
  paused: boolean;
  /** It holds more than half of what a document may: the server has said so since it was opened. */
  nearlyFull: boolean;
  refusal: Refusal | null;
}

export interface Known {
  reach: Reach;
  /** The server has heard of the document (its creation was posted). */
  posted: boolean;
  /** The document's session is open and let in; with what scope. */
  scope: "readonly" | "read-write" | null;
  /** Everything sent over this session was acknowledged, our Step2 included. */
  acknowledged: boolean;
  unsaved: number;
  kept: boolean;
  failing: boolean;
  paused: boolean;
  nearlyFull: boolean;
  refusal: Refusal | null;
}

export function statusOf(known: Known): DocumentStatus {
  const { unsaved, kept, failing, paused, nearlyFull, refusal } = known;
  return { state: stateOf(known), unsaved, kept, failing, paused, nearlyFull, refusal };
}

function stateOf(known: Known): DocumentState {
  if (known.refusal !== null) return "refused";
  if (known.reach === "offline") return "offline";
  if (!known.posted) return "saving";
  if (known.scope === null) return "connecting";
  if (known.scope === "readonly") return "read-only";
  return known.acknowledged && known.unsaved === 0 ? "saved" : "saving";
}

export function sameStatus(a: DocumentStatus, b: DocumentStatus): boolean {
  return (Object.keys(a) as (keyof DocumentStatus)[]).every((key) => a[key] === b[key]);
}
