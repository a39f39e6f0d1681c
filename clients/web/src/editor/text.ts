/** A note's text as plain lines, for the clipboard. Knows both kinds of note. */
import type { Note } from "@studyhall/client";
import { XmlElement, XmlText, type XmlFragment } from "yjs";

export function textOf(note: Note): string {
  const plain = note.doc.getText("content").toString();
  const rich = linesOf(note.doc.getXmlFragment("default")).join("\n");
  return [note.title, plain, rich].filter(Boolean).join("\n\n");
}

export function linesOf(parent: XmlFragment): string[] {
  return parent.toArray().flatMap((child) => {
    if (child instanceof XmlText) return [child.toDelta().map(({ insert }: { insert: unknown }) => insert).join("")];
    return child instanceof XmlElement ? linesOf(child) : [];
  });
}

/** Which kind of note it is, as far as its document tells. */
export function formatOf(note: Note): "plain" | "rich" | undefined {
  if (note.doc.getText("content").length > 0) return "plain";
  return note.doc.getXmlFragment("default").length > 0 ? "rich" : undefined;
}
