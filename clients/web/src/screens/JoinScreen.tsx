/** What an invite link opens: joining the room, after a person has said so. */
import { Button, Stack, Text, Title } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { useHall, useReach } from "../hall";
import { Failure } from "../parts/Message";

export function JoinScreen() {
  const { code } = useParams({ from: "/join/$code" });
  const hall = useHall();
  const offline = useReach() === "offline";
  const queries = useQueryClient();
  const navigate = useNavigate();
  const { mutate, isPending, error } = useMutation({
    mutationFn: () => hall.rooms.join(code),
    onSuccess: async (room) => {
      await queries.invalidateQueries({ queryKey: ["rooms"] });
      await navigate({ to: "/rooms/$roomId", params: { roomId: room.id } });
    },
  });
  return (
    <Stack maw={440}>
      <Title order={1} size="h2">
        You are invited
      </Title>
      <Text>Somebody sent you the code {code} for a room on Studyhall.</Text>
      {error && <Failure error={error} />}
      {offline && <Text className="quiet">Joining needs the server. It cannot be reached at the moment.</Text>}
      <Button onClick={() => mutate()} loading={isPending} disabled={offline}>
        Join the room
      </Button>
    </Stack>
  );
}
