/** The rooms of a person: opening one, making one, joining one with a code. */
import { Badge, Button, Group, Modal, Stack, Text, TextInput, Title } from "@mantine/core";
import type { Room } from "@studyhall/client";
import { IconDoorEnter, IconPlus } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState, type FormEvent } from "react";
import { useHall, useReach } from "../hall";
import { Empty, Failure, Loading, Stale } from "../parts/Message";
import { useRooms } from "../queries";

export function RoomsScreen() {
  const rooms = useRooms();
  const offline = useReach() === "offline";
  const [asking, setAsking] = useState<"create" | "join" | null>(null);
  return (
    <Stack>
      <Group justify="space-between">
        <Title order={1} size="h2">
          Rooms
        </Title>
        <Group gap="xs" className="actions">
          <Button
            variant="default"
            leftSection={<IconDoorEnter size={16} />}
            disabled={offline}
            onClick={() => setAsking("join")}
          >
            Join with a code
          </Button>
          <Button leftSection={<IconPlus size={16} />} disabled={offline} onClick={() => setAsking("create")}>
            New room
          </Button>
        </Group>
      </Group>
      {rooms.isPending && <Loading what="rooms" />}
      {rooms.error && !rooms.data && <Failure error={rooms.error} retry={() => void rooms.refetch()} />}
      {rooms.data?.stale && <Stale />}
      {rooms.data && <RoomList rooms={rooms.data.value} />}
      <Ask asking={asking} done={() => setAsking(null)} />
    </Stack>
  );
}

function RoomList({ rooms }: { rooms: Room[] }) {
  if (rooms.length === 0) {
    return <Empty title="No rooms yet">Make one and send its code to the people you study with.</Empty>;
  }
  return (
    <ul className="rows sheet" aria-label="Your rooms">
      {rooms.map((room) => (
        <li key={room.id}>
          <Link to="/rooms/$roomId" params={{ roomId: room.id }} className="row-link">
            <Group justify="space-between" wrap="nowrap">
              <div style={{ minWidth: 0 }}>
                <Text fw={600} truncate>
                  {room.name}
                </Text>
                {room.description && (
                  <Text size="sm" className="quiet" truncate>
                    {room.description}
                  </Text>
                )}
              </div>
              {room.participants && (
                <Badge variant="default" tt="none" fw={500} style={{ flexShrink: 0 }}>
                  {room.participants.length} of {room.max_participants}
                </Badge>
              )}
            </Group>
          </Link>
        </li>
      ))}
    </ul>
  );
}

function Ask({ asking, done }: { asking: "create" | "join" | null; done: () => void }) {
  const title = asking === "join" ? "Join a room" : "New room";
  return (
    <Modal opened={asking !== null} onClose={done} title={title} closeButtonProps={{ "aria-label": "Close" }}>
      {asking && <AskForm asking={asking} done={done} />}
    </Modal>
  );
}

function AskForm({ asking, done }: { asking: "create" | "join"; done: () => void }) {
  const hall = useHall();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const { mutate, isPending, error } = useMutation({
    mutationFn: (form: FormData) => {
      const said = (name: string) => String(form.get(name) ?? "").trim();
      if (asking === "join") return hall.rooms.join(said("code"));
      return hall.rooms.create({ name: said("name"), description: said("description") || undefined });
    },
    onSuccess: async (room) => {
      done();
      await queries.invalidateQueries({ queryKey: ["rooms"] });
      await navigate({ to: "/rooms/$roomId", params: { roomId: room.id } });
    },
  });

  function onSubmit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    mutate(new FormData(event.currentTarget));
  }

  return (
    <form onSubmit={onSubmit}>
      <Stack>
        {error && <Failure error={error} />}
        {asking === "join" ? (
          <TextInput name="code" label="Invite code" required withAsterisk={false} autoComplete="off" data-autofocus />
        ) : (
          <>
            <TextInput name="name" label="Name" required withAsterisk={false} maxLength={80} data-autofocus />
            <TextInput name="description" label="What you study there (optional)" maxLength={1000} />
          </>
        )}
        <Button type="submit" loading={isPending}>
          {asking === "join" ? "Join" : "Create room"}
        </Button>
      </Stack>
    </form>
  );
}
