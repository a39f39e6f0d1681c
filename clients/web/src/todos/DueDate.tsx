/** Until when a todo is to be done: shown, and set in a popover with the platform's own date field. */
import { ActionIcon, Button, Group, Popover, TextInput, UnstyledButton, VisuallyHidden } from "@mantine/core";
import type { Todo } from "@studyhall/client";
import { IconCalendarEvent } from "@tabler/icons-react";
import { useState } from "react";
import { dayOf, dueOf, dueOn } from "./words";

interface Props {
  todo: Todo;
  name: string;
  writable: boolean;
  set: (due: string | null) => void;
}

export function DueDate({ todo, name, writable, set }: Props) {
  const [asking, setAsking] = useState(false);
  const due = todo.due_date === null ? null : dueOf(todo.due_date);
  const late = due?.late && !todo.is_completed;
  const words = due && (
    <>
      <IconCalendarEvent size={14} aria-hidden /> {due.text} {late && <span className="late-word">late</span>}
    </>
  );
  if (!writable) return words && <span className="todo-due" data-late={late || undefined}>{words}</span>;
  const toggle = () => setAsking(!asking);
  return (
    <Popover opened={asking} onChange={setAsking} position="bottom-end" trapFocus returnFocus transitionProps={{ duration: 80 }}>
      <Popover.Target>
        {due ? (
          <UnstyledButton className="todo-due" data-late={late || undefined} onClick={toggle}>
            <VisuallyHidden>Due </VisuallyHidden>
            {words}
            <VisuallyHidden>: {name}</VisuallyHidden>
          </UnstyledButton>
        ) : (
          <ActionIcon variant="subtle" color="gray" c="var(--quiet)" onClick={toggle} aria-label={`Set a due date for “${name}”`}>
            <IconCalendarEvent size={17} />
          </ActionIcon>
        )}
      </Popover.Target>
      <Popover.Dropdown aria-label={`Due date of “${name}”`}>
        <Group gap="xs" align="flex-end">
          <TextInput
            type="date"
            label="Due"
            data-autofocus
            defaultValue={todo.due_date === null ? "" : dayOf(todo.due_date)}
            onChange={(event) => event.currentTarget.value !== "" && set(dueOn(event.currentTarget.value))}
            onKeyDown={(event) => event.key === "Enter" && setAsking(false)}
          />
          {due && (
            <Button
              variant="default"
              onClick={() => {
                set(null);
                setAsking(false);
              }}
            >
              No date
            </Button>
          )}
        </Group>
      </Popover.Dropdown>
    </Popover>
  );
}
