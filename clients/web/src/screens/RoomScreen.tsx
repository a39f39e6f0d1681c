/** One room: its timer, notes and todos, who is in it, and how others get in. */
import { ActionIcon, Avatar, Button, CopyButton, Group, Stack, Text, Title, Tooltip } from "@mantine/core";
import type { Participant } from "@studyhall/client";
import { IconCheck, IconCopy, IconLogout2 } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { nameOf, useHall, useReach, useWho } from "../hall";
import { RoomTimer, Todos } from "../parts/Later";
import { Failure, Loading, Stale } from "../parts/Message";
import { NoteList } from "../parts/NoteList";
import { useParticipants, useRoom } from "../queries";

export function RoomScreen() {
  const { roomId } = useParams({ from: "/rooms/$roomId" });
  const room = useRoom(roomId);
  if (room.isPending) return <Loading what="the room" />;
  if (!room.data) return <Failure error={room.error} retry={() => void room.refetch()} />;
  const { value, stale } = room.data;
  return (
    <Stack gap="lg">
      <div>
        <Title order={1} size="h2">
          {value.name}
        </Title>
        {value.description && <Text className="quiet">{value.description}</Text>}
        {stale && <Stale />}
      </div>
      <div className="room-columns">
        <section className="room-timer" aria-label="Timer of this room">
          <RoomTimer key={roomId} room={roomId} />
        </section>
        <Stack gap="xl" className="room-work">
          <Stack component="section" aria-label="Notes of this room">
            <NoteList heading="Notes" level={2} room={roomId} />
          </Stack>
          <Stack gap="sm" component="section" aria-label="Todos of this room">
            <Todos key={roomId} level={2} room={roomId} />
          </Stack>
        </Stack>
        <Stack component="aside" gap="lg" aria-label="People and invitations">
          <People room={roomId} capacity={value.max_participants} />
          <Invite room={roomId} />
          <Leave room={roomId} owner={value.owner_id} />
        </Stack>
      </div>
    </Stack>
  );
}

function People({ room, capacity }: { room: string; capacity?: number }) {
  const people = useParticipants(room);
  const count = people.data?.value.length;
  return (
    <Stack gap="xs">
      <Title order={2} size="h4">
        People{" "}
        {count !== undefined && (
          <Text span className="quiet" size="sm">
            {capacity ? `${count} of ${capacity}` : count}
          </Text>
        )}
      </Title>
      {people.isPending && <Loading what="people" />}
      {people.error && !people.data && <Failure error={people.error} retry={() => void people.refetch()} />}
      {people.data && (
        <ul className="rows sheet" aria-label="People in this room">
          {people.data.value.map((person) => (
            <PersonRow key={person.user_id} person={person} />
          ))}
        </ul>
      )}
    </Stack>
  );
}

function PersonRow({ person }: { person: Participant }) {
  return (
    <li>
      <Group gap="sm" px="md" py={10} wrap="nowrap">
        <Avatar name={nameOf(person)} alt="" aria-hidden size={30} radius="xl" color="moss" variant="filled" />
        <Text truncate style={{ flex: 1 }}>
          {nameOf(person)}
        </Text>
        {person.role !== "member" && (
          <Text size="sm" className="quiet">
            {person.role}
          </Text>
        )}
      </Group>
    </li>
  );
}

function Invite({ room }: { room: string }) {
  const hall = useHall();
  const offline = useReach() === "offline";
  const invite = useMutation({ mutationFn: () => hall.rooms.invite(room) });
  return (
    <Stack gap="xs">
      <Title order={2} size="h4">
        Invite
      </Title>
      {invite.error && <Failure error={invite.error} />}
      {invite.data ? (
        <>
          <Group className="sheet" px="md" py={8} justify="space-between" wrap="nowrap">
            <Text ff="monospace" fw={600} fz="lg" aria-label="Invite code" role="text" style={{ letterSpacing: 1 }}>
              {invite.data.code}
            </Text>
            <Copy label="Copy the code" value={invite.data.code} />
          </Group>
          <Group justify="space-between" gap="xs">
            <Text size="sm" className="quiet">
              Good until {new Date(invite.data.expires_at).toLocaleDateString(undefined, { day: "numeric", month: "long" })}
            </Text>
            <CopyLink value={`${location.origin}/join/${invite.data.code}`} />
          </Group>
        </>
      ) : (
        <Button variant="default" loading={invite.isPending} disabled={offline} onClick={() => invite.mutate()}>
          Make an invite code
        </Button>
      )}
    </Stack>
  );
}

function Copy({ label, value }: { label: string; value: string }) {
  return (
    <CopyButton value={value}>
      {({ copied, copy }) => (
        <Tooltip label={copied ? "Copied" : label}>
          <ActionIcon variant="subtle" color="gray" aria-label={copied ? "Copied" : label} onClick={copy}>
            {copied ? <IconCheck size={16} /> : <IconCopy size={16} />}
          </ActionIcon>
        </Tooltip>
      )}
    </CopyButton>
  );
}

function CopyLink({ value }: { value: string }) {
  return (
    <CopyButton value={value}>
      {({ copied, copy }) => (
        <Button size="compact-sm" variant="subtle" c="var(--good)" onClick={copy}>
          {copied ? "Copied" : "Copy the link"}
        </Button>
      )}
    </CopyButton>
  );
}

function Leave({ room, owner }: { room: string; owner: string }) {
  const hall = useHall();
  const { person } = useWho();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const offline = useReach() === "offline";
  const leave = useMutation({
    mutationFn: () => hall.rooms.leave(room),
    onSuccess: async () => {
      await navigate({ to: "/rooms" });
      await queries.invalidateQueries();
    },
  });
  if (owner === person?.id) return null;
  return (
    <Stack gap="xs">
      {leave.error && <Failure error={leave.error} />}
      <Button
        variant="subtle"
        color="gray"
        c="inherit"
        leftSection={<IconLogout2 size={16} />}
        disabled={offline}
        loading={leave.isPending}
        onClick={() => leave.mutate()}
      >
        Leave this room
      </Button>
    </Stack>
  );
}
