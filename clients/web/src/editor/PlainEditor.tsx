/**
 * The text of a plain note: a text area on the document's root text `content`. Each
 * change becomes one deletion and one insertion where the text differs, so that two
 * people who write keep each other's words.
 */
import { Textarea } from "@mantine/core";
import type { Note } from "@studyhall/client";
import { useEffect, useState } from "react";

export function PlainEditor({ note, writable }: { note: Note; writable: boolean }) {
  const content = note.doc.getText("content");
  const [text, setText] = useState(() => content.toString());
  useEffect(() => {
    const read = () => setText(content.toString());
    read();
    content.observe(read);
    return () => content.unobserve(read);
  }, [content]);

  function write(next: string) {
    const { from, removed, inserted } = difference(content.toString(), next);
    note.doc.transact(() => {
      if (removed > 0) content.delete(from, removed);
      if (inserted) content.insert(from, inserted);
    });
  }

  return (
    <Textarea
      aria-label="Note text"
      placeholder="Write here."
      variant="unstyled"
      autosize
      minRows={12}
      readOnly={!writable}
      value={text}
      onChange={(event) => write(event.currentTarget.value)}
      classNames={{ input: "plain" }}
    />
  );
}

function difference(before: string, after: string): { from: number; removed: number; inserted: string } {
  let from = 0;
  while (from < before.length && from < after.length && before[from] === after[from]) from += 1;
  let tail = 0;
  const room = Math.min(before.length, after.length) - from;
  while (tail < room && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail += 1;
  return { from, removed: before.length - from - tail, inserted: after.slice(from, after.length - tail) };
}
