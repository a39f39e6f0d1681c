/** Said above a note that the server refuses: why, and how to take the text along. */
import { Button, CopyButton, Group, Text } from "@mantine/core";
import type { Note, Refusal } from "@studyhall/client";
import { useNavigate } from "@tanstack/react-router";
import { useHall } from "../hall";
import { Notice } from "../parts/Notice";
import { textOf } from "./text";
import { REFUSALS } from "./words";

export function Refused({ note, refusal }: { note: Note; refusal: Refusal }) {
  const hall = useHall();
  const navigate = useNavigate();
  const { title, detail } = REFUSALS[refusal];

  async function remove() {
    await navigate({ to: "/notes" });
    await hall.notes.discard(note.id);
  }

  return (
    <Notice role="alert" tone="stop" title={title}>
      <Text size="sm">{detail}</Text>
      {!note.blank && (
        <Group gap="xs" mt="sm">
          <CopyButton value={textOf(note)}>
            {({ copied, copy }) => (
              <Button size="xs" variant="default" onClick={copy}>
                {copied ? "Copied" : "Copy the text"}
              </Button>
            )}
          </CopyButton>
          <Button size="xs" variant="default" onClick={() => void remove()}>
            Remove from this device
          </Button>
        </Group>
      )}
    </Notice>
  );
}
