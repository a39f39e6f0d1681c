/** What else can be done with a todo: reorder it in steps, move it to another list, delete it. */
import { ActionIcon, Menu } from "@mantine/core";
import { IconArrowDown, IconArrowUp, IconDots, IconDoorEnter, IconTrash, IconUser } from "@tabler/icons-react";
import { useHall } from "../hall";
import { useRooms } from "../queries";

interface Props {
  id: string;
  name: string;
  /** The room whose list it is in. */
  room?: string;
  onUp?: () => void;
  onDown?: () => void;
  onDelete: () => void;
}

export function TodoMenu({ id, name, room, onUp, onDown, onDelete }: Props) {
  return (
    <Menu position="bottom-end" transitionProps={{ duration: 80 }}>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" c="var(--quiet)" aria-label={`More about “${name}”`}>
          <IconDots size={17} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item leftSection={<IconArrowUp size={16} />} disabled={!onUp} onClick={onUp}>
          Move up
        </Menu.Item>
        <Menu.Item leftSection={<IconArrowDown size={16} />} disabled={!onDown} onClick={onDown}>
          Move down
        </Menu.Item>
        <Lists id={id} room={room} />
        <Menu.Divider />
        <Menu.Item leftSection={<IconTrash size={16} />} onClick={onDelete}>
          Delete
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

/** The other lists that it can go to. */
function Lists({ id, room }: { id: string; room?: string }) {
  const hall = useHall();
  const rooms = useRooms().data?.value ?? [];
  const move = (to?: string) => void hall.todos.move(id, { room }, { room: to });
  return (
    <>
      {room !== undefined && (
        <Menu.Item leftSection={<IconUser size={16} />} onClick={() => move()}>
          Move to my own list
        </Menu.Item>
      )}
      {rooms
        .filter((other) => other.id !== room)
        .map((other) => (
          <Menu.Item key={other.id} leftSection={<IconDoorEnter size={16} />} onClick={() => move(other.id)}>
            Move to {other.name}
          </Menu.Item>
        ))}
    </>
  );
}
