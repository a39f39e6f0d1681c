/**
 * The text of a rich note: Tiptap on the note's document, with the carets of others; or its lines alone
 * while it holds what this editor does not know and would delete. To open a note changes nothing in it.
 * Knows nothing of the server, of saving and of who may write.
 */
import { Stack, Text } from "@mantine/core";
import type { Note, Person } from "@studyhall/client";
import { Collaboration } from "@tiptap/extension-collaboration";
import { CollaborationCaret } from "@tiptap/extension-collaboration-caret";
import { Placeholder } from "@tiptap/extensions";
import { EditorContent, useEditor } from "@tiptap/react";
import { StarterKit } from "@tiptap/starter-kit";
import { getSchema } from "@tiptap/core";
import { useEffect, useReducer, useState } from "react";
import type { Transaction } from "yjs";
import { nameOf } from "../hall";
import { colourOf } from "../parts/colour";
import { strangerIn, strangerOf } from "./strangers";
import { linesOf } from "./text";
import { Toolbar } from "./Toolbar";
import { onlyCarets } from "./carets";

/** Where the text is in the document. */
const FIELD = "default";
// Without a paragraph that is always last: to add it would be an edit by who only looks.
const STARTER = StarterKit.configure({ undoRedo: false, trailingNode: false, link: { openOnClick: false } });
const SCHEMA = getSchema([STARTER]);

interface Props {
  note: Note;
  person: Person;
  writable: boolean;
}

export function RichEditor(props: Props) {
  const text = props.note.doc.getXmlFragment(FIELD);
  const [why, setWhy] = useState(() => unknown(strangerIn(text, SCHEMA)));
  return why === undefined ? <KnownText {...props} meets={setWhy} /> : <LinesOnly note={props.note} why={why} />;
}

function unknown(stranger: string | undefined): string | undefined {
  return stranger === undefined
    ? undefined
    : `Another app has put something into this note that this page does not know (“${stranger.slice(0, 60)}”). So that it stays as it is, the note can be read here and not changed.`;
}

const BROKEN = "The editor has failed, and what it shows may not be what the note says: load the page again to write on.";

function LinesOnly({ note, why }: { note: Note; why: string }) {
  const text = note.doc.getXmlFragment(FIELD);
  const [, read] = useReducer((times: number) => times + 1, 0);
  useEffect(() => {
    text.observeDeep(read);
    return () => text.unobserveDeep(read);
  }, [text]);
  return (
    <Stack gap="sm">
      <Text className="quiet" role="note">
        {why}
      </Text>
      <div className="prose" role="document" aria-label="Note text">
        {linesOf(text).map((line, at) => (
          <p key={at}>{line}</p>
        ))}
      </div>
    </Stack>
  );
}

function KnownText({ note, person, writable, meets }: Props & { meets: (why: string) => void }) {
  const editor = useEditor({
    editable: writable,
    extensions: [
      STARTER,
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
            editor.destroy();
            meets(BROKEN);
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
  useEffect(() => {
    const look = (transaction: Transaction) => {
      const stranger = strangerOf(transaction, note.doc.getXmlFragment(FIELD), SCHEMA);
      if (stranger === undefined) return;
      editor.destroy(); // before it hears of it
      meets(unknown(stranger) ?? BROKEN);
    };
    note.doc.on("beforeObserverCalls", look);
    return () => note.doc.off("beforeObserverCalls", look);
  }, [editor, note, meets]);
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
