/** Notes in a list, and making one, which works offline. Of a room, or one's own. */
import { Badge, Button, Group, Text, Title } from "@mantine/core";
import type { NoteSummary } from "@studyhall/client";
import { IconPlus } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useRef } from "react";
import { useHall } from "../hall";
import { useNotes } from "../queries";
import { Empty, Failure, Loading, Stale } from "./Message";

interface Props {
  heading: string;
  level: 1 | 2;
  room?: string;
}

export function NoteList({ heading, level, room }: Props) {
  const hall = useHall();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const notes = useNotes(room);
  const making = useRef(false);
  const create = useMutation({
    mutationFn: () => hall.notes.create({ room }),
    onError: () => (making.current = false),
    onSuccess: async (noteId) => {
      void queries.invalidateQueries({ queryKey: ["notes"] });
      await navigate({ to: "/notes/$noteId", params: { noteId } });
    },
  });
  return (
    <>
      <Group justify="space-between">
        <Title order={level} size={level === 1 ? "h2" : "h3"}>
          {heading}
        </Title>
        <Button
          variant={level === 1 ? "filled" : "light"}
          leftSection={<IconPlus size={16} />}
          loading={create.isPending || create.isSuccess}
          onClick={() => {
            // The second click of two comes before the button shows that it was clicked.
            if (!making.current) create.mutate();
            making.current = true;
          }}
        >
          New note
        </Button>
      </Group>
      {create.error && <Failure error={create.error} />}
      {notes.isPending && <Loading what="notes" />}
      {notes.error && !notes.data && <Failure error={notes.error} retry={() => void notes.refetch()} />}
      {notes.data?.stale && <Stale />}
      {notes.data && <Rows notes={notes.data.value} label={heading} inRoom={room !== undefined} />}
    </>
  );
}

function Rows({ notes, label, inRoom }: { notes: NoteSummary[]; label: string; inRoom: boolean }) {
  if (notes.length === 0) {
    return (
      <Empty title="No notes yet">
        {inRoom ? "Notes made here are written together by everybody in the room." : "A note is yours until you share it."}
      </Empty>
    );
  }
  return (
    <ul className="rows sheet" aria-label={label}>
      {notes.map((note) => (
        <li key={note.id}>
          <Link to="/notes/$noteId" params={{ noteId: note.id }} className="row-link">
            <Group justify="space-between" wrap="nowrap">
              <div style={{ minWidth: 0 }}>
                <Text fw={600} truncate>
                  {note.title || "Untitled"}
                </Text>
                <Text size="sm" className="quiet" truncate>
                  {note.text?.trim().slice(0, 140) || day(note.updated_at)}
                </Text>
              </div>
              <Mark note={note} />
            </Group>
          </Link>
        </li>
      ))}
    </ul>
  );
}

function Mark({ note }: { note: NoteSummary }) {
  if (note.refused) return <Said color="red">Not accepted</Said>;
  if (note.unsaved > 0) return <Said color="yellow">{`${note.unsaved} unsaved`}</Said>;
  if (note.pending) return <Said color="yellow">Only here</Said>;
  return null;
}

function Said({ color, children }: { color: string; children: string }) {
  return (
    <Badge variant="outline" color={color} c="inherit" tt="none" fw={500} style={{ flexShrink: 0 }}>
      {children}
    </Badge>
  );
}

function day(time: string): string {
  return new Date(time).toLocaleDateString(undefined, { day: "numeric", month: "long", year: "numeric" });
}
