/** A person's own todos. Those of rooms are in their rooms. */
import { Stack } from "@mantine/core";
import { Todos } from "../parts/Later";

export function TodosScreen() {
  return (
    <Stack maw={780} mx="auto" component="section" aria-label="Your own todos">
      <Todos level={1} />
    </Stack>
  );
}
