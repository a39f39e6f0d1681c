/**
 * Parts of a screen that load when they are needed, since documents, dragging and the
 * clock are a good part of the app. Their titles stand from the beginning.
 */
import { Stack, Title } from "@mantine/core";
import { lazy, Suspense } from "react";
import { Loading } from "./Message";

const TodoPane = lazy(async () => ({ default: (await import("../todos/TodoPane")).TodoPane }));
const TimerCard = lazy(async () => ({ default: (await import("../timer/TimerCard")).TimerCard }));

interface Props {
  level: 1 | 2;
  room?: string;
}

export function Todos({ level, room }: Props) {
  const title = (
    <Title order={level} size={level === 1 ? "h2" : "h3"}>
      Todos
    </Title>
  );
  return (
    <Suspense
      fallback={
        <>
          {title}
          <Loading what="todos" />
        </>
      }
    >
      <TodoPane title={title} room={room} />
    </Suspense>
  );
}

export function RoomTimer({ room }: { room: string }) {
  return (
    <Stack gap="xs">
      <Title order={2} size="h4">
        Timer
      </Title>
      <Suspense fallback={<Loading what="the timer" />}>
        <TimerCard room={room} />
      </Suspense>
    </Stack>
  );
}
