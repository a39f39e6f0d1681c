/** The text of a plain note: a text area on the document's root text `content`. */
import { Textarea } from "@mantine/core";
import type { Note } from "@studyhall/client";
import { useEffect, useReducer, useRef } from "react";
import { bindText } from "./binding";

/** A browser that fits areas to their text does it in one layout; measuring it takes several, of all of the text, a key. */
const FITS = CSS.supports("field-sizing", "content");
const nothing = () => {};

export function PlainEditor({ note, writable }: { note: Note; writable: boolean }) {
  const content = note.doc.getText("content");
  const area = useRef<HTMLTextAreaElement>(null);
  // The area is as high as its text: measured, where it has to be, when it is rendered.
  const [, measure] = useReducer((times: number) => times + 1, 0);
  const shown = FITS ? nothing : measure;
  useEffect(() => {
    if (!area.current) return;
    const unbind = bindText(area.current, content, shown);
    shown();
    return unbind;
  }, [content, shown]);
  return (
    <Textarea
      ref={area}
      aria-label="Note text"
      placeholder="Write here."
      variant="unstyled"
      autosize={!FITS}
      minRows={12}
      readOnly={!writable}
      classNames={{ input: "plain" }}
    />
  );
}
