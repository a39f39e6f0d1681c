/** One todo: done or not, its words, until when, whose it is, and what else can be done with it. */
import { useSortable } from "@dnd-kit/sortable";
import { CSS } from "@dnd-kit/utilities";
import { Checkbox, Textarea, UnstyledButton, VisuallyHidden } from "@mantine/core";
import { useReducedMotion } from "@mantine/hooks";
import { LONGEST_TODO, type Todo, type TodoList } from "@studyhall/client";
import { IconGripVertical } from "@tabler/icons-react";
import { useState, type KeyboardEvent } from "react";
import { Assignee } from "./Assignee";
import { DueDate } from "./DueDate";
import { TodoMenu } from "./TodoMenu";
import { brief } from "./words";

interface Props {
  list: TodoList;
  todo: Todo;
  room?: string;
  writable: boolean;
  onDelete: (text: string) => void;
  onUp?: () => void;
  onDown?: () => void;
}

export function TodoRow({ list, todo, room, writable, onDelete, onUp, onDown }: Props) {
  const [editing, setEditing] = useState(false);
  const still = useReducedMotion();
  const { attributes, listeners, setNodeRef, setActivatorNodeRef, transform, transition, isDragging } = useSortable({ id: todo.id });
  const name = brief(todo.text);
  return (
    <li
      ref={setNodeRef}
      className="todo"
      data-done={todo.is_completed || undefined}
      data-dragging={isDragging || undefined}
      style={{ transform: CSS.Translate.toString(transform), transition: still ? undefined : transition }}
    >
      {writable && (
        <button ref={setActivatorNodeRef} type="button" className="todo-grip" {...attributes} {...listeners} aria-label={`Reorder “${name}”`}>
          <IconGripVertical size={16} aria-hidden />
        </button>
      )}
      <Checkbox
        checked={todo.is_completed}
        disabled={!writable}
        aria-label={`Done: ${name}`}
        onChange={(event) => (event.currentTarget.checked ? list.complete(todo.id) : list.reopen(todo.id))}
      />
      <div className="todo-words">
        {editing ? (
          <Words todo={todo} done={() => setEditing(false)} write={(text, was) => list.revise(todo.id, { text }, was)} />
        ) : (
          <UnstyledButton className="todo-text" disabled={!writable} onClick={() => setEditing(true)}>
            {writable && <VisuallyHidden>Change: </VisuallyHidden>}
            {todo.text.trim() || "(no text)"}
          </UnstyledButton>
        )}
      </div>
      <div className="todo-facts">
        <DueDate todo={todo} name={name} writable={writable} set={(due_date) => list.revise(todo.id, { due_date })} />
        {room !== undefined && (
          <Assignee todo={todo} name={name} room={room} writable={writable} set={(assignee_id) => list.revise(todo.id, { assignee_id })} />
        )}
        {writable && (
          <TodoMenu
            id={todo.id}
            name={name}
            room={room}
            onUp={onUp}
            onDown={onDown}
            onDelete={() => {
              list.remove(todo.id);
              onDelete(name);
            }}
          />
        )}
      </div>
    </li>
  );
}

/** The words while they are changed: kept by Enter or by leaving them, left as they were by Escape. */
function Words({ todo, write, done }: { todo: Todo; write: (text: string, was: string) => void; done: () => void }) {
  const [was] = useState(todo.text); // others may write into it meanwhile
  const [text, setText] = useState(was);

  function keep() {
    const said = text.trim();
    if (said !== "" && text !== was) write(said, was);
    done();
  }

  function onKeyDown(event: KeyboardEvent) {
    if (event.key === "Escape") done();
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    keep();
  }

  return (
    <Textarea
      aria-label="Todo"
      autosize
      autoFocus
      size="sm"
      maxLength={LONGEST_TODO}
      value={text}
      onChange={(event) => setText(event.currentTarget.value)}
      onFocus={(event) => event.currentTarget.setSelectionRange(text.length, text.length)}
      onBlur={keep}
      onKeyDown={onKeyDown}
    />
  );
}
