/**
 * The states that every screen has besides its content: empty, loading, offline,
 * refused, error. Knows no screen.
 */
import { Button, Group, Skeleton, Stack, Text, Title } from "@mantine/core";
import { Problem, Unreachable } from "@studyhall/client";
import type { ReactNode } from "react";
import { useHall } from "../hall";
import { Notice } from "./Notice";

export function Loading({ what }: { what: string }) {
  return (
    <Stack gap="sm" role="status" aria-label={`Loading ${what}`} aria-busy="true">
      <Skeleton height={28} width="40%" />
      <Skeleton height={58} />
      <Skeleton height={58} />
    </Stack>
  );
}

export function Empty({ title, children }: { title: string; children: ReactNode }) {
  return (
    <div className="sheet" style={{ padding: "36px 24px", textAlign: "center" }}>
      <Title order={3} size="h4" mb={6}>
        {title}
      </Title>
      <Text className="quiet">{children}</Text>
    </div>
  );
}

/** What went wrong, in words, and what to do about it. */
export function Failure({ error, retry }: { error: unknown; retry?: () => void }) {
  const hall = useHall();
  const [title, detail] = explain(error, hall.keeps);
  const again = () => {
    hall.retry();
    retry?.();
  };
  return (
    <Notice role="alert" tone={error instanceof Unreachable ? "wait" : "stop"} title={title}>
      <Group justify="space-between" gap="sm">
        <Text size="sm">{detail}</Text>
        {retry && (
          <Button size="xs" variant="default" onClick={again}>
            Try again
          </Button>
        )}
      </Group>
    </Notice>
  );
}

function explain(error: unknown, keeps: boolean): [string, string] {
  if (error instanceof Unreachable) {
    return ["Offline", "This was not opened on this device before. It appears when the server can be reached again."];
  }
  if (error instanceof Problem && error.status === 404) {
    return ["Not here", "It does not exist, or it is not shared with you."];
  }
  if (error instanceof Problem) return ["The server said no", error.message];
  return ["Something went wrong", keeps ? "Reload the page. What you wrote is kept on this device." : "Reload the page."];
}

/** Said above content that comes from this device. */
export function Stale() {
  return (
    <Text size="sm" className="quiet" role="note">
      Shown as it was when this device was last online.
    </Text>
  );
}
