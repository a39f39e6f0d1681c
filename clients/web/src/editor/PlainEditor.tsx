/** The text of a plain note: a text area on the document's root text `content`. */
import { Textarea } from "@mantine/core";
import type { Note } from "@studyhall/client";
import { useEffect, useReducer, useRef } from "react";
import { bindText } from "./binding";

export function PlainEditor({ note, writable }: { note: Note; writable: boolean }) {
  const content = note.doc.getText("content");
  const area = useRef<HTMLTextAreaElement>(null);
  // The area is as high as its text, measured when it is rendered.
  const [, measure] = useReducer((times: number) => times + 1, 0);
  useEffect(() => {
    if (!area.current) return;
    const unbind = bindText(area.current, content, measure);
    measure();
    return unbind;
  }, [content]);
  return (
    <Textarea
      ref={area}
      aria-label="Note text"
      placeholder="Write here."
      variant="unstyled"
      autosize
      minRows={12}
      readOnly={!writable}
      classNames={{ input: "plain" }}
    />
  );
}
