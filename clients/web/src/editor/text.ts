/** A note's text as plain lines, for the clipboard. Knows both kinds of note. */
import type { Note } from "@studyhall/client";
import { Text, XmlFragment } from "yjs";

export function textOf(note: Note): string {
  const plain = note.doc.getText("content").toString();
  const rich = linesOf(note.doc.getXmlFragment("default")).join("\n");
  return [note.title, plain, rich].filter(Boolean).join("\n\n");
}

/** All that is written in an element, in whatever order other apps have put it together. */
export function linesOf(parent: XmlFragment): string[] {
  return parent.toArray().flatMap((child: unknown) => {
    if (child instanceof Text) return [lettersOf(child)];
    return child instanceof XmlFragment ? linesOf(child) : [];
  });
}

function lettersOf(text: Text): string {
  const parts: { insert: unknown }[] = text.toDelta();
  return parts.map(({ insert }) => (typeof insert === "string" ? insert : "")).join("");
}

/** Which kind of note it is, as far as its document tells. */
export function formatOf(note: Note): "plain" | "rich" | undefined {
  if (note.doc.getText("content").length > 0) return "plain";
  return note.doc.getXmlFragment("default").length > 0 ? "rich" : undefined;
}
