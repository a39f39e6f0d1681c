/**
 * One note, open: its title and text, who else is here, and whether it is saved. Opens
 * from this device first. Loaded when needed, since the editor is most of the app.
 */
import "../editor/editor.css";
import { Group, Stack, Text, TextInput } from "@mantine/core";
import { Problem, type Note, type NoteSummary, type Person } from "@studyhall/client";
import { IconArrowLeft } from "@tabler/icons-react";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { Here } from "../editor/Here";
import { NoteMenu } from "../editor/NoteMenu";
import { PlainEditor } from "../editor/PlainEditor";
import { RichEditor } from "../editor/RichEditor";
import { formatOf, textOf } from "../editor/text";
import { useHall, useObservable, useWho } from "../hall";
import { Failure, Loading } from "../parts/Message";
import { Notice } from "../parts/Notice";
import { NearlyFull, Refused } from "../parts/Refused";
import { SaveState } from "../parts/SaveState";
import { useOpened } from "../parts/useOpened";
import { isWritable } from "../parts/words";

export function NoteScreen() {
  const { noteId } = useParams({ from: "/notes/$noteId" });
  const { person } = useWho();
  const hall = useHall();
  const queries = useQueryClient();
  const listed = () => void queries.invalidateQueries({ queryKey: ["notes"] });
  const { opened, error } = useOpened(noteId, () => hall.notes.open(noteId), listed);
  if (error !== null) return <Failure error={error} />;
  if (!opened || !person) return <Loading what="the note" />;
  return <OpenNote key={opened.id} note={opened} person={person} />;
}

function OpenNote({ note, person }: { note: Note; person: Person }) {
  const hall = useHall();
  const navigate = useNavigate();
  const status = useObservable(note.status);
  // The server's view says which kind of note it is and where it lies; offline, the last one does.
  const view = useQuery({
    queryKey: ["note", note.id],
    queryFn: async () => (await hall.notes.show(note.id)).value,
    enabled: status.refusal === null || ["not-found", "other-engine", "too-large"].includes(status.refusal),
    retry: (failures, error) => failures < 5 && !(error instanceof Problem && !error.passing),
  });
  if (view.data?.engine === "automerge") return <Elsewhere view={view.data} />;
  // The view says what a note is called that is kept in another way.
  if (status.refusal === "other-engine" && note.blank && view.isPending) return <Loading what="the note" />;
  const known = !note.blank || ["saved", "saving", "read-only"].includes(status.state);
  const writable = isWritable(status);
  const format = view.data?.format ?? formatOf(note) ?? (status.refusal ? "rich" : undefined);
  return (
    <Stack gap="sm" className="note">
      <Group justify="space-between" wrap="nowrap" gap="sm" className="note-bar">
        <Back room={view.data?.room_id ?? null} />
        <Group gap="sm" wrap="nowrap">
          <Here note={note} self={person.id} />
          {!(status.refusal && note.blank) && <SaveState status={status} />}
          {known && <NoteMenu note={note} own={view.data?.owner_id === person.id} />}
        </Group>
      </Group>
      {status.refusal && (
        <Refused
          thing="note"
          refusal={status.refusal}
          text={note.blank ? undefined : textOf(note)}
          remove={status.refusal === "too-large" ? undefined : () => void navigate({ to: "/notes" }).then(() => hall.notes.discard(note.id))}
        />
      )}
      {status.nearlyFull && !status.refusal && <NearlyFull thing="note" />}
      {!known && status.state === "offline" && (
        <Text className="quiet" role="note">
          This note was not opened on this device before. It appears when the server can be reached again.
        </Text>
      )}
      {!known && status.state === "connecting" && <Loading what="the note" />}
      {known && (
        <article className="sheet page" aria-label="Note">
          <TitleField note={note} writable={writable} />
          {format === "plain" && <PlainEditor note={note} writable={writable} />}
          {format === "rich" && <RichEditor note={note} person={person} writable={writable} />}
          {format === undefined && <Loading what="the text" />}
        </article>
      )}
    </Stack>
  );
}

/** A note that is no document of this page's kind. */
function Elsewhere({ view }: { view: NoteSummary }) {
  return (
    <Stack gap="sm" className="note">
      <Group justify="space-between" wrap="nowrap" gap="sm" className="note-bar">
        <Back room={view.room_id ?? null} />
      </Group>
      <Notice role="status" tone="wait" title={`This page cannot show “${view.title || "Untitled"}”`}>
        <Text size="sm">
          It is not deleted, and what it says is safe: it is kept in Automerge, which this page does not have. An app that
          has it shows the note.
        </Text>
      </Notice>
    </Stack>
  );
}

function Back({ room }: { room: string | null }) {
  const content = (
    <>
      <IconArrowLeft size={16} aria-hidden /> {room ? "Room" : "Notes"}
    </>
  );
  if (room === null) {
    return (
      <Link to="/notes" className="back">
        {content}
      </Link>
    );
  }
  return (
    <Link to="/rooms/$roomId" params={{ roomId: room }} className="back">
      {content}
    </Link>
  );
}

function TitleField({ note, writable }: { note: Note; writable: boolean }) {
  const [title, setTitle] = useState(note.title);
  useEffect(() => note.onTitle(setTitle), [note]);
  useEffect(() => {
    document.title = `${title || "Untitled"} · Studyhall`;
    return () => {
      document.title = "Studyhall";
    };
  }, [title]);
  return (
    <TextInput
      aria-label="Title"
      placeholder="Untitled"
      variant="unstyled"
      value={title}
      readOnly={!writable}
      maxLength={200}
      onChange={(event) => {
        note.title = event.currentTarget.value;
      }}
      classNames={{ input: "title-field" }}
    />
  );
}
