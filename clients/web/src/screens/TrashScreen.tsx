/** What a person deleted and can bring back. */
import { Button, Group, Stack, Text, Title } from "@mantine/core";
import type { Trashed } from "@studyhall/client";
import { IconArrowBackUp } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useHall, useReach } from "../hall";
import { Empty, Failure, Loading, Stale } from "../parts/Message";
import { useTrash } from "../queries";

export function TrashScreen() {
  const trash = useTrash();
  return (
    <Stack maw={780} mx="auto">
      <div>
        <Title order={1} size="h2">
          Trash
        </Title>
        <Text className="quiet">Notes that you deleted and todos that you made, whoever deleted them. They stay for thirty days.</Text>
      </div>
      {trash.isPending && <Loading what="the trash" />}
      {trash.error && !trash.data && <Failure error={trash.error} retry={() => void trash.refetch()} />}
      {trash.data?.stale && <Stale />}
      {trash.data?.value.length === 0 && <Empty title="The trash is empty">What you delete can be brought back from here.</Empty>}
      {trash.data && trash.data.value.length > 0 && (
        <ul className="rows sheet" aria-label="Trash">
          {trash.data.value.map((item) => (
            <Row key={`${item.kind}${item.id}`} item={item} />
          ))}
        </ul>
      )}
    </Stack>
  );
}

function Row({ item }: { item: Trashed }) {
  const hall = useHall();
  const queries = useQueryClient();
  const offline = useReach() === "offline";
  const back = useMutation({
    mutationFn: () => hall.trash.restore(item.id),
    onSuccess: () => queries.invalidateQueries(),
  });
  const title = item.title.trim() || "Untitled";
  return (
    <li style={{ padding: "12px 18px" }}>
      <Group justify="space-between" wrap="nowrap">
        <div style={{ minWidth: 0 }}>
          <Text fw={600} truncate>
            {title}
          </Text>
          <Text size="sm" className="quiet">
            {item.kind === "note" ? "Note" : "Todo"}, deleted on {day(item.deleted_at)}, here until {day(item.gone_at)}
          </Text>
        </div>
        <Button
          size="xs"
          variant="default"
          leftSection={<IconArrowBackUp size={14} />}
          disabled={offline}
          loading={back.isPending}
          onClick={() => back.mutate()}
          aria-label={`Bring back “${title}”`}
          style={{ flexShrink: 0 }}
        >
          Bring back
        </Button>
      </Group>
      {back.error && <Failure error={back.error} />}
    </li>
  );
}

function day(time: string): string {
  return new Date(time).toLocaleDateString(undefined, { day: "numeric", month: "short" });
}
