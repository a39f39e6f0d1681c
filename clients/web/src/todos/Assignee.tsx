/** Whose a room's todo is: shown, and given to somebody of the room. */
import { ActionIcon, Avatar, Menu, VisuallyHidden } from "@mantine/core";
import type { Participant, Todo } from "@studyhall/client";
import { IconUserPlus } from "@tabler/icons-react";
import { nameOf } from "../hall";
import { colourOf } from "../parts/colour";
import { useParticipants } from "../queries";

const NOBODY = "nobody";

interface Props {
  todo: Todo;
  name: string;
  room: string;
  writable: boolean;
  set: (assignee: string | null) => void;
}

export function Assignee({ todo, name, room, writable, set }: Props) {
  const participants = useParticipants(room);
  const people = participants.data?.value ?? [];
  const given = todo.assignee_id;
  const whose = given === null ? null : called(people, given);
  if (!writable) return whose && <Face id={given!} name={whose} />;
  return (
    // Somebody may have joined since the room was opened.
    <Menu position="bottom-end" transitionProps={{ duration: 80 }} onOpen={() => void participants.refetch()}>
      <Menu.Target>
        <ActionIcon
          variant="subtle"
          color="gray"
          c="var(--quiet)"
          radius="xl"
        >
          <VisuallyHidden>{whose ? `Given to ${whose}: ${name}` : `Give “${name}” to somebody`}</VisuallyHidden>
          {whose ? <Face id={given!} name={whose} /> : <IconUserPlus size={17} aria-hidden />}
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>Who does it</Menu.Label>
        <Menu.RadioGroup value={given ?? NOBODY} onChange={(chosen) => set(chosen === NOBODY ? null : chosen)}>
          {people.map((person) => (
            <Menu.RadioItem key={person.user_id} value={person.user_id} closeMenuOnClick>
              {nameOf(person)}
            </Menu.RadioItem>
          ))}
          <Menu.RadioItem value={NOBODY} closeMenuOnClick>
            Nobody in particular
          </Menu.RadioItem>
        </Menu.RadioGroup>
      </Menu.Dropdown>
    </Menu>
  );
}

function Face({ id, name }: { id: string; name: string }) {
  return (
    <Avatar
      size={24}
      radius="xl"
      variant="filled"
      name={name}
      title={name}
      alt=""
      aria-hidden
      styles={{ placeholder: { background: colourOf(id), color: "#fff", fontSize: 10 } }}
    />
  );
}

function called(people: Participant[], id: string): string {
  const person = people.find((each) => each.user_id === id);
  return person ? nameOf(person) : "somebody who is not in the room";
}
