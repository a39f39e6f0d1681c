/**
 * Todos in their order, which is changed by dragging: with a pointer, or with the
 * keyboard (space, arrows, space), told to a screen reader in words.
 */
import { closestCenter, DndContext, KeyboardSensor, PointerSensor, useSensor, useSensors, type Announcements, type DragEndEvent } from "@dnd-kit/core";
import { arrayMove, SortableContext, sortableKeyboardCoordinates, verticalListSortingStrategy } from "@dnd-kit/sortable";
import { Button } from "@mantine/core";
import type { Todo, TodoList } from "@studyhall/client";
import { useState } from "react";
import { TodoRow } from "./TodoRow";
import { brief } from "./words";

/** Rows that are shown at first: a list may have thousands. */
const FIRST = 200;

interface Props {
  list: TodoList;
  items: readonly Todo[];
  room?: string;
  writable: boolean;
  onDelete: (text: string) => void;
}

export function TodoRows({ list, items, room, writable, onDelete }: Props) {
  const [limit, setLimit] = useState(FIRST);
  const sensors = useSensors(
    useSensor(PointerSensor, { activationConstraint: { distance: 4 } }),
    useSensor(KeyboardSensor, { coordinateGetter: sortableKeyboardCoordinates }),
  );
  const shown = items.slice(0, limit);
  const ids = shown.map(({ id }) => id);

  /** Puts a todo where another one of those that are shown is. */
  function put(id: string, at: number) {
    const order = arrayMove(ids, ids.indexOf(id), at);
    list.place(id, order[at - 1] ?? null);
  }

  function onDragEnd({ active, over }: DragEndEvent) {
    const at = over ? ids.indexOf(String(over.id)) : -1;
    if (at >= 0 && over?.id !== active.id) put(String(active.id), at);
  }

  return (
    <>
      <DndContext
        sensors={sensors}
        collisionDetection={closestCenter}
        onDragEnd={onDragEnd}
        accessibility={{ announcements: announcements(shown), screenReaderInstructions: INSTRUCTIONS }}
      >
        <SortableContext items={ids} strategy={verticalListSortingStrategy} disabled={!writable}>
          <ul className="rows sheet todos" aria-label="Todos">
            {shown.map((todo, at) => (
              <TodoRow
                key={todo.id}
                list={list}
                todo={todo}
                room={room}
                writable={writable}
                onDelete={onDelete}
                onUp={at > 0 ? () => put(todo.id, at - 1) : undefined}
                onDown={at < shown.length - 1 ? () => put(todo.id, at + 1) : undefined}
              />
            ))}
          </ul>
        </SortableContext>
      </DndContext>
      {items.length > limit && (
        <Button variant="default" onClick={() => setLimit(limit + 5 * FIRST)}>
          Show more of {items.length} todos
        </Button>
      )}
    </>
  );
}

const INSTRUCTIONS = {
  draggable: "Press space to pick this todo up, the arrow keys to move it, and space again to put it down. Escape leaves it where it was.",
};

function announcements(items: readonly Todo[]): Announcements {
  const named = (id: unknown) => `“${brief(items.find((todo) => todo.id === id)?.text ?? "")}”`;
  const place = (id: unknown) => `place ${items.findIndex((todo) => todo.id === id) + 1} of ${items.length}`;
  return {
    onDragStart: ({ active }) => `${named(active.id)} is picked up at ${place(active.id)}.`,
    onDragOver: ({ active, over }) => (over ? `${named(active.id)} is over ${place(over.id)}.` : `${named(active.id)} is over no place.`),
    onDragEnd: ({ active, over }) => (over ? `${named(active.id)} is put down at ${place(over.id)}.` : `${named(active.id)} stays where it was.`),
    onDragCancel: ({ active }) => `${named(active.id)} stays where it was.`,
  };
}
