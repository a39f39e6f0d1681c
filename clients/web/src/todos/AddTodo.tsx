/** Adding todos, one after the other: the field keeps the focus. */
import { Button, Group, TextInput } from "@mantine/core";
import { ListFull, LONGEST_TODO, type TodoList } from "@studyhall/client";
import { IconPlus } from "@tabler/icons-react";
import { useState, type FormEvent } from "react";

export function AddTodo({ list }: { list: TodoList }) {
  const [text, setText] = useState("");
  const [full, setFull] = useState<string | null>(null);

  function onSubmit(event: FormEvent) {
    event.preventDefault();
    const said = text.trim();
    if (said === "") return;
    try {
      list.add({ text: said });
      setText("");
      setFull(null);
    } catch (error) {
      if (!(error instanceof ListFull)) throw error;
      setFull(error.message);
    }
  }

  return (
    <form onSubmit={onSubmit}>
      <Group gap="xs" wrap="nowrap" align="flex-start">
        <TextInput
          aria-label="New todo"
          placeholder="What is to be done?"
          value={text}
          maxLength={LONGEST_TODO}
          error={full}
          onChange={(event) => setText(event.currentTarget.value)}
          autoComplete="off"
          style={{ flex: 1 }}
        />
        <Button type="submit" variant="light" leftSection={<IconPlus size={16} />}>
          Add
        </Button>
      </Group>
    </form>
  );
}
