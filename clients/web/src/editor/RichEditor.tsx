/**
 * The text of a rich note: Tiptap on the note's document, with the carets of others.
 * Knows nothing of the server, of saving and of who may write.
 */
import type { Note, Person } from "@studyhall/client";
import { Collaboration } from "@tiptap/extension-collaboration";
import { CollaborationCaret } from "@tiptap/extension-collaboration-caret";
import { Placeholder } from "@tiptap/extensions";
import { EditorContent, useEditor } from "@tiptap/react";
import { StarterKit } from "@tiptap/starter-kit";
import { useEffect } from "react";
import { nameOf } from "../hall";
import { colourOf } from "../parts/colour";
import { Toolbar } from "./Toolbar";

interface Props {
  note: Note;
  person: Person;
  writable: boolean;
}

export function RichEditor({ note, person, writable }: Props) {
  const editor = useEditor({
    editable: writable,
    extensions: [
      StarterKit.configure({ undoRedo: false, link: { openOnClick: false } }),
      Placeholder.configure({ placeholder: "Write here. Everybody with this note sees it at once." }),
      Collaboration.configure({ document: note.doc, field: "default" }),
      CollaborationCaret.configure({
        provider: { awareness: note.awareness },
        user: { id: person.id, name: nameOf(person), color: colourOf(person.id) },
        render: caret,
        selectionRender: ({ color }) => ({ class: "others-selection", style: `--theirs: ${safeColour(color)}` }),
      }),
    ],
    editorProps: {
      attributes: { class: "prose", role: "textbox", "aria-multiline": "true", "aria-label": "Note text" },
    },
  });
  useEffect(() => {
    editor.setEditable(writable, false);
  }, [editor, writable]);
  return (
    <>
      {writable && <Toolbar editor={editor} />}
      <EditorContent editor={editor} />
    </>
  );
}

/** Another person's caret with their name on it. What they sent is text and never markup. */
function caret(user: Record<string, unknown>): HTMLElement {
  const bar = document.createElement("span");
  bar.className = "others-caret";
  bar.style.setProperty("--theirs", safeColour(user["color"]));
  const label = document.createElement("span");
  label.className = "others-name";
  label.textContent = String(user["name"] ?? "somebody").slice(0, 60);
  bar.append(label);
  return bar;
}

function safeColour(colour: unknown): string {
  return typeof colour === "string" && /^#[0-9a-f]{6}$/i.test(colour) ? colour : "#555555";
}
