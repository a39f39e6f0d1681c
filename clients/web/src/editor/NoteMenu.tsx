/** What can be done with a note as a whole: look at what it was, and, its owner, delete it after being asked. */
import { ActionIcon, Button, Group, Menu, Modal, Stack, Text } from "@mantine/core";
import type { Note } from "@studyhall/client";
import { IconDots, IconHistory, IconTrash } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useHall, useReach } from "../hall";
import { Failure } from "../parts/Message";

export function NoteMenu({ note, own }: { note: Note; own: boolean }) {
  const hall = useHall();
  const navigate = useNavigate();
  const offline = useReach() === "offline";
  const [asking, setAsking] = useState(false);
  const remove = useMutation({
    mutationFn: () => hall.notes.delete(note.id),
    onSuccess: () => navigate({ to: "/notes" }),
  });
  return (
    <>
      <Menu position="bottom-end" transitionProps={{ duration: 80 }}>
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" c="inherit" aria-label="More about this note">
            <IconDots size={18} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item
            leftSection={<IconHistory size={16} />}
            renderRoot={(props) => <Link to="/notes/$noteId/history" params={{ noteId: note.id }} {...props} />}
          >
            History
          </Menu.Item>
          {own && (
            <Menu.Item leftSection={<IconTrash size={16} />} disabled={offline} onClick={() => setAsking(true)}>
              Delete this note
            </Menu.Item>
          )}
        </Menu.Dropdown>
      </Menu>
      <Modal
        opened={asking}
        onClose={() => setAsking(false)}
        title="Delete this note?"
        centered
        closeButtonProps={{ "aria-label": "Close" }}
      >
        <Stack>
          {remove.error && <Failure error={remove.error} />}
          <Text>It disappears for everybody who can see it. For thirty days you can bring it back from your trash.</Text>
          <Group justify="flex-end">
            <Button variant="default" onClick={() => setAsking(false)} data-autofocus>
              Keep it
            </Button>
            <Button color="red.9" loading={remove.isPending} onClick={() => remove.mutate()}>
              Delete
            </Button>
          </Group>
        </Stack>
      </Modal>
    </>
  );
}
