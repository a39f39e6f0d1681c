/**
 * The text of a rich note: Tiptap on the note's document, with the carets of others; or its lines alone
 * while it holds what this editor would delete. To open a note changes nothing in it.
 * Knows nothing of the server, of saving and of who may write.
 */
import type { Note, Person } from "@studyhall/client";
import { CatchBoundary } from "@tanstack/react-router";
import { Collaboration } from "@tiptap/extension-collaboration";
import { CollaborationCaret } from "@tiptap/extension-collaboration-caret";
import { Placeholder } from "@tiptap/extensions";
import { EditorContent, useEditor } from "@tiptap/react";
import { useEffect, useState } from "react";
import { nameOf } from "../hall";
import { colourOf } from "../parts/colour";
import { onlyCarets } from "./carets";
import { Guard, unbind, unbindAll } from "./guard";
import { LinesOnly, type Obstacle } from "./LinesOnly";
import { FIELD, SCHEMA, STARTER } from "./schema";
import { Fit, Misfit } from "./strangers";
import { Toolbar } from "./Toolbar";

interface Props {
  note: Note;
  person: Person;
  writable: boolean;
}

export function RichEditor(props: Props) {
  const { note, writable } = props;
  const text = note.doc.getXmlFragment(FIELD);
  const [why, setWhy] = useState<Obstacle | undefined>(() => new Fit(text, SCHEMA).misfit());
  if (why !== undefined) return <LinesOnly note={note} why={why} writable={writable} found={setWhy} />;
  const fails = (error: unknown) => {
    unbindAll(text);
    setWhy(error instanceof Misfit ? error : "failed");
  };
  return (
    <CatchBoundary getResetKey={() => note.id} errorComponent={Nothing} onCatch={fails}>
      <KnownText {...props} meets={setWhy} />
    </CatchBoundary>
  );
}

/** For the moment until the lines are there. */
function Nothing() {
  return null;
}

function KnownText({ note, person, writable, meets }: Props & { meets: (why: Obstacle) => void }) {
  const editor = useEditor({
    editable: writable,
    extensions: [
      STARTER,
      Guard.configure({ text: note.doc.getXmlFragment(FIELD), meets }),
      Placeholder.configure({ placeholder: "Write here. Everybody with this note sees it at once." }),
      Collaboration.configure({ document: note.doc, field: FIELD }),
      CollaborationCaret.configure({
        provider: { awareness: onlyCarets(note.awareness, note.doc) },
        user: { id: person.id, name: nameOf(person), color: colourOf(person.id) },
        render: caret,
        selectionRender: ({ color }) => ({ class: "others-selection", style: `--theirs: ${safeColour(color)}` }),
      }),
    ],
    // A view that has missed a change would write over it with the next key.
    onCreate: ({ editor }) => {
      const { dispatchTransaction } = editor.view.props;
      editor.view.setProps({
        dispatchTransaction(transaction) {
          try {
            dispatchTransaction?.call(this, transaction);
          } catch (error) {
            console.error(error);
            unbind(editor);
            meets("failed");
          }
        },
      });
    },
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
