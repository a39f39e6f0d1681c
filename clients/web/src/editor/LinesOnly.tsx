/** A rich note that the editor cannot show without changing it: its lines to read, and why. Writes nothing. */
import { Button, Stack, Text } from "@mantine/core";
import type { Note } from "@studyhall/client";
import { useEffect, useReducer } from "react";
import { FIELD, SCHEMA } from "./schema";
import { Fit, takeOutEmpty, type Misfit } from "./strangers";
import { linesOf } from "./text";

/** What is in the way of the editor: something in the note, or that it has failed. */
export type Obstacle = Misfit | "failed";

interface Props {
  note: Note;
  why: Obstacle;
  writable: boolean;
  /** Told what is in the way now, each time that the text changes. */
  found: (why: Obstacle | undefined) => void;
}

export function LinesOnly({ note, why, writable, found }: Props) {
  const text = note.doc.getXmlFragment(FIELD);
  const [, read] = useReducer((times: number) => times + 1, 0);
  const failed = why === "failed";
  useEffect(() => {
    const look = () => {
      read();
      // An editor that has failed is not begun again by what others write.
      if (!failed) found(new Fit(text, SCHEMA).misfit());
    };
    look();
    text.observeDeep(look);
    return () => text.unobserveDeep(look);
  }, [text, failed, found]);
  return (
    <Stack gap="sm">
      <Text className="quiet" role="note">
        {wordsOf(why)}
      </Text>
      {writable && why !== "failed" && why.kind === "empty" && (
        <Button size="xs" variant="default" onClick={() => takeOutEmpty(text, SCHEMA)} style={{ alignSelf: "start" }}>
          Take out what is empty
        </Button>
      )}
      <div className="prose" role="document" aria-label="Note text">
        {linesOf(text).map((line, at) => (
          <p key={at}>{line}</p>
        ))}
      </div>
    </Stack>
  );
}

const STAYS = "So that it stays as it is, the note can be read here and not changed.";

function wordsOf(why: Obstacle): string {
  if (why === "failed") {
    return "The editor has failed, and what it showed may not be what the note says: load the page again to write on.";
  }
  const name = `“${why.name.slice(0, 60)}”`;
  switch (why.kind) {
    case "unknown":
      return `Another app has put something into this note that this page does not know (${name}). ${STAYS}`;
    case "misplaced":
      return `Another app has put parts of this note together in a way that this page does not know (in ${name}). ${STAYS}`;
    case "empty":
      return `A part of this note has nothing in it, and this page cannot show it so (${name}). ${STAYS}`;
  }
}
