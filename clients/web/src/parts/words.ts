/** What a document's status is called, for people. One place for all of these words. */
import type { DocumentStatus, Refusal } from "@studyhall/client";

export type Tone = "good" | "wait" | "stop";

export function wordsOf({ state, unsaved, kept, failing, paused }: DocumentStatus): { text: string; tone: Tone } {
  const edits = unsaved === 1 ? "1 edit" : `${unsaved} edits`;
  const here = kept ? `${edits} kept here` : failing ? `${edits} not kept here, leave this page open` : `keeping ${edits}`;
  const missing = failing && !kept;
  const tone = missing ? "stop" : "wait";
  switch (state) {
    case "saved":
      // What others have written can be had again, as long as there is a network.
      return missing ? { text: "Saved, not kept on this device", tone: "wait" } : { text: "Saved", tone: "good" };
    case "saving":
      if (paused) return { text: `Saving paused: ${here}`, tone };
      // Nothing to save: what others have written is on its way.
      return { text: unsaved > 0 ? `Saving ${edits}` : "Connecting", tone: "wait" };
    case "connecting":
      return unsaved > 0 ? { text: `Connecting: ${here}`, tone } : { text: "Connecting", tone: "wait" };
    case "offline":
      if (unsaved === 0 && missing) return { text: "Offline: not all kept here, leave this page open", tone };
      if (unsaved === 0) return { text: "Offline: nothing unsaved", tone: "wait" };
      return { text: `Offline: ${here}`, tone };
    case "read-only":
      return { text: "Read only", tone: "good" };
    case "refused":
      return { text: "Not saved", tone: "stop" };
  }
}

/** Whether nothing is shown of a document but that other apps have it. What was typed into it here is not saved, and that is said. */
export function isElsewhere({ refusal, unsaved }: DocumentStatus): boolean {
  return refusal === "other-engine" && unsaved === 0;
}

/** Whether what is written into it may be saved: also where it is full, since who deletes makes room. */
export function isWritable({ state, refusal }: DocumentStatus): boolean {
  return refusal === "too-large" || (state !== "read-only" && state !== "refused");
}

/** What a refused document is called in its own refusal. */
export type Thing = "note" | "list" | "timer";

export function refusalOf(thing: Thing, refusal: Refusal): { title: string; detail: string } {
  const shared = thing === "note" ? "You were removed from its room, or it is no longer shared." : "You were removed from its room.";
  const words: Record<Refusal, { title: string; detail: string }> = {
    "not-found": { title: `This ${thing} is not there`, detail: "It was deleted, or it is not shared with you." },
    "other-engine": {
      title: `This page cannot show this ${thing}`,
      detail: `It is there, and safe: it is kept in Automerge, which this page does not have. An app that has it shows the ${thing}, and so does the REST API.`,
    },
    removed: { title: "You no longer have access", detail: shared },
    deleted: { title: `This ${thing} was deleted`, detail: "Somebody deleted it. What this device has of it is below." },
    "login-over": { title: "Your login has ended", detail: "Sign in again to go on. What you wrote is kept here." },
    "too-large": { title: `This ${thing} is full`, detail: "Your last edits are kept on this device only. Delete something, and they are saved as soon as they fit." },
    "not-accepted": { title: "Your last edits were not accepted", detail: "They are kept on this device only." },
  };
  return words[refusal];
}

/** What is said of a document that holds more than half of what it may. */
export function nearlyFull(thing: Thing): { title: string; detail: string } {
  return {
    title: `This ${thing} is more than half full`,
    detail: "When it is full, nothing more is saved in it until something is deleted. Begin another one in time.",
  };
}
