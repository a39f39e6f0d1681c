/**
 * A list of todos: a room's, or one's own. Works without a server. Loaded when needed,
 * since documents and dragging are a good part of the app.
 */
import "./todos.css";
import { Button, Group, Text } from "@mantine/core";
import type { OpenTodos } from "@studyhall/client";
import { useState, type ReactNode } from "react";
import { useHall, useObservable } from "../hall";
import { Empty, Failure, Loading } from "../parts/Message";
import { NearlyFull, Refused } from "../parts/Refused";
import { SaveState } from "../parts/SaveState";
import { isElsewhere, isWritable } from "../parts/words";
import { useOpened } from "../parts/useOpened";
import { AddTodo } from "./AddTodo";
import { TodoRows } from "./TodoRows";

interface Props {
  title: ReactNode;
  room?: string;
}

export function TodoPane({ title, room }: Props) {
  const hall = useHall();
  const { opened, error } = useOpened(room ?? "own", () => hall.todos.open({ room }));
  if (error !== null || !opened) {
    return (
      <>
        {title}
        {error === null ? <Loading what="todos" /> : <Failure error={error} />}
      </>
    );
  }
  return <OpenList title={title} room={room} todos={opened} />;
}

function OpenList({ title, room, todos }: Props & { todos: OpenTodos }) {
  const status = useObservable(todos.status);
  const items = useObservable(todos.list.items);
  const [hidden, setHidden] = useState(false);
  const [gone, setGone] = useState<string | null>(null);
  const writable = isWritable(status);
  const known = !todos.blank || ["saved", "saving", "read-only"].includes(status.state);
  const done = items.filter((todo) => todo.is_completed).length;
  const text = () => items.map((todo) => `${todo.is_completed ? "[x]" : "[ ]"} ${todo.text}`).join("\n");
  return (
    <>
      <Group justify="space-between" gap="xs" wrap="nowrap" className="pane-bar">
        {title}
        {!isElsewhere(status) && <SaveState status={status} />}
      </Group>
      {status.nearlyFull && !status.refusal && <NearlyFull thing="list" />}
      {status.refusal && <Refused thing="list" refusal={status.refusal} text={items.length === 0 ? undefined : text()} />}
      {!known && status.state === "connecting" && <Loading what="todos" />}
      {items.length === 0 && status.refusal === null && (known || status.state === "offline") && (
        <Nothing known={known} inRoom={room !== undefined} />
      )}
      {items.length > 0 && (
        <TodoRows list={todos.list} items={hidden ? items.filter((todo) => !todo.is_completed) : items} room={room} writable={writable} onDelete={setGone} />
      )}
      {done > 0 && (
        <Button size="compact-sm" variant="subtle" c="var(--quiet)" className="hide-done" onClick={() => setHidden(!hidden)}>
          {hidden ? `Show what is done (${done})` : `Hide what is done (${done})`}
        </Button>
      )}
      {gone !== null && (
        <Text size="sm" role="status" className="quiet">
          “{gone}” was deleted. Whoever made it finds it in their trash.
        </Text>
      )}
      {writable && <AddTodo list={todos.list} />}
    </>
  );
}

function Nothing({ known, inRoom }: { known: boolean; inRoom: boolean }) {
  if (!known) {
    return <Empty title="Nothing here on this device yet">What you add is kept and joins the list when the server is back.</Empty>;
  }
  return (
    <Empty title="Nothing to do">
      {inRoom ? "What you add here is everybody's in the room." : "What you add here is yours alone."}
    </Empty>
  );
}
