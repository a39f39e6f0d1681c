/** Said above a document that the server refuses: why, and how to take what it holds along. */
import { Button, CopyButton, Group, Text } from "@mantine/core";
import type { Refusal } from "@studyhall/client";
import { Notice } from "./Notice";
import { nearlyFull, refusalOf, type Thing } from "./words";

interface Props {
  thing: Thing;
  refusal: Refusal;
  /** What it holds, for the clipboard; nothing when there is nothing to take along. */
  text?: string;
  remove?: () => void;
}

export function Refused({ thing, refusal, text, remove }: Props) {
  const { title, detail } = refusalOf(thing, refusal);
  // Nothing has happened to it, as long as nothing was typed into it here.
  const calm = refusal === "other-engine" && text === undefined;
  return (
    <Notice role={calm ? "status" : "alert"} tone={calm ? "wait" : "stop"} title={title}>
      <Text size="sm">{detail}</Text>
      {text !== undefined && (
        <Group gap="xs" mt="sm">
          <CopyButton value={text}>
            {({ copied, copy }) => (
              <Button size="xs" variant="default" onClick={copy}>
                {copied ? "Copied" : "Copy the text"}
              </Button>
            )}
          </CopyButton>
          {remove && (
            <Button size="xs" variant="default" onClick={remove}>
              Remove from this device
            </Button>
          )}
        </Group>
      )}
    </Notice>
  );
}

/** Said before it is refused: there is time to begin another. */
export function NearlyFull({ thing }: { thing: Thing }) {
  const { title, detail } = nearlyFull(thing);
  return (
    <Notice role="status" tone="wait" title={title}>
      <Text size="sm">{detail}</Text>
    </Notice>
  );
}
