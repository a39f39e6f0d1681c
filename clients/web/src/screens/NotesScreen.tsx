/** A person's own notes, wherever they lie. */
import { Stack } from "@mantine/core";
import { NoteList } from "../parts/NoteList";

export function NotesScreen() {
  return (
    <Stack>
      <NoteList heading="Notes" level={1} />
    </Stack>
  );
}
