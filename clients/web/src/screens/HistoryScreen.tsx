/** What a note was: its versions, who wrote in them, and going back to one by an edit. */
import "./history.css";
import { Button, Group, Stack, Text, Title, UnstyledButton } from "@mantine/core";
import type { Version } from "@studyhall/client";
import { IconArrowBackUp, IconArrowLeft } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { Fragment, useState } from "react";
import { useHall, useReach } from "../hall";
import { Empty, Failure, Loading, Stale } from "../parts/Message";
import { Name } from "../parts/Name";
import { useVersion, useVersions } from "../queries";

export function HistoryScreen() {
  const { noteId } = useParams({ from: "/notes/$noteId/history" });
  const versions = useVersions(noteId);
  return (
    <Stack>
      <Link to="/notes/$noteId" params={{ noteId }} className="back">
        <IconArrowLeft size={16} aria-hidden /> Note
      </Link>
      <Title order={1} size="h2">
        History
      </Title>
      {versions.isPending && <Loading what="versions" />}
      {versions.error && !versions.data && <Failure error={versions.error} retry={() => void versions.refetch()} />}
      {versions.data?.stale && <Stale />}
      {versions.data?.value.length === 0 && <Empty title="No versions yet">What is written within five minutes becomes one version.</Empty>}
      {versions.data && versions.data.value.length > 0 && <Versions note={noteId} versions={versions.data.value} />}
    </Stack>
  );
}

function Versions({ note, versions }: { note: string; versions: Version[] }) {
  const [chosen, setChosen] = useState<number | null>(null);
  // The newest one's name changes while somebody writes: it is shown until another one is chosen.
  const shown = versions.find(({ version }) => version === chosen) ?? versions[0]!;
  return (
    <div className="history">
      <ul className="rows sheet versions" aria-label="Versions">
        {versions.map((version) => (
          <li key={version.version}>
            <UnstyledButton className="row-link" aria-current={version === shown} onClick={() => setChosen(version.version)}>
              <Text fw={600} size="sm">
                {moment(version.at)}
              </Text>
              <Text size="sm" className="quiet">
                <Authors of={version} />
              </Text>
            </UnstyledButton>
          </li>
        ))}
      </ul>
      <Shown note={note} version={shown} newest={shown === versions[0]} />
    </div>
  );
}

function Shown({ note, version, newest }: { note: string; version: Version; newest: boolean }) {
  const hall = useHall();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const offline = useReach() === "offline";
  const text = useVersion(note, version.version);
  const restore = useMutation({
    mutationFn: () => hall.notes.restore(note, version.version),
    onSuccess: async () => {
      await navigate({ to: "/notes/$noteId", params: { noteId: note } });
      await queries.invalidateQueries({ queryKey: ["note", note] });
    },
  });
  return (
    <Stack gap="sm" component="section" aria-label="This version">
      <Group justify="space-between" gap="xs">
        <div>
          <Title order={2} size="h4">
            {version.title || "Untitled"}
          </Title>
          <Text size="sm" className="quiet">
            {moment(version.at)}, <Authors of={version} />
          </Text>
        </div>
        {newest ? (
          <Text size="sm" className="quiet">
            This is how the note reads now.
          </Text>
        ) : (
          <Button leftSection={<IconArrowBackUp size={16} />} disabled={offline || text.data?.value.is_cut} loading={restore.isPending} onClick={() => restore.mutate()}>
            Go back to this version
          </Button>
        )}
      </Group>
      {restore.error && <Failure error={restore.error} />}
      {text.data?.value.is_cut && (
        <Text size="sm" className="quiet">
          This version was longer than the history keeps. Only its beginning is here, so the note cannot go back to it.
        </Text>
      )}
      {text.isPending && <Loading what="the version" />}
      {text.error && !text.data && <Failure error={text.error} retry={() => void text.refetch()} />}
      {text.data && (
        <div className="sheet version-text" role="region" aria-label="Text of this version" tabIndex={0}>
          {text.data.value.text || <span className="quiet">(no text)</span>}
        </div>
      )}
    </Stack>
  );
}

function Authors({ of: { by } }: { of: Version }) {
  return by.map((id, at) => (
    <Fragment key={id}>
      {at > 0 && ", "}
      <Name id={id} />
    </Fragment>
  ));
}

function moment(time: string): string {
  return new Date(time).toLocaleString(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
}
