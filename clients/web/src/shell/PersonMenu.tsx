/** Who is signed in, and signing out, which asks before anything unsaved is removed. */
import { Avatar, Button, Group, Menu, Modal, Stack, Text, UnstyledButton, VisuallyHidden } from "@mantine/core";
import { UnsavedWork, type Person } from "@studyhall/client";
import { IconLogout, IconTrash } from "@tabler/icons-react";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { nameOf, useHall, useReach } from "../hall";

export function PersonMenu({ person }: { person: Person }) {
  const hall = useHall();
  const navigate = useNavigate();
  const offline = useReach() === "offline";
  const [unsaved, setUnsaved] = useState<number | null>(null);

  async function signOut(discard: boolean) {
    try {
      await hall.logout({ discard });
      // The next person who signs in here does not land where this one was.
      await navigate({ to: "/" });
    } catch (error) {
      if (!(error instanceof UnsavedWork)) throw error;
      setUnsaved(error.edits);
    }
  }

  return (
    <>
      <Menu position="bottom-end" width={220} transitionProps={{ duration: 80 }}>
        <Menu.Target>
          <UnstyledButton style={{ borderRadius: "50%" }}>
            <VisuallyHidden>Account of {nameOf(person)}</VisuallyHidden>
            <Avatar name={nameOf(person)} alt="" aria-hidden color="moss" variant="filled" size={34} radius="xl" />
          </UnstyledButton>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Label>{nameOf(person)}</Menu.Label>
          <Menu.Item leftSection={<IconTrash size={16} />} renderRoot={(props) => <Link to="/trash" {...props} />}>
            Trash
          </Menu.Item>
          <Menu.Item leftSection={<IconLogout size={16} />} onClick={() => void signOut(false)}>
            Sign out
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <Modal
        opened={unsaved !== null}
        onClose={() => setUnsaved(null)}
        title="Sign out and lose unsaved work?"
        centered
        closeButtonProps={{ "aria-label": "Close" }}
      >
        <Stack>
          <Text>
            {unsaved === 1 ? "1 edit is" : `${unsaved} edits are`} kept on this device only. Signing out removes{" "}
            {unsaved === 1 ? "it" : "them"} for good.{" "}
            {offline ? "Go online first to save" : "You are online: wait a moment to save"}{" "}
            {unsaved === 1 ? "it" : "them"}.
          </Text>
          <Group justify="flex-end">
            <Button variant="default" onClick={() => setUnsaved(null)} data-autofocus>
              Stay signed in
            </Button>
            <Button color="red.9" onClick={() => void signOut(true)}>
              Sign out and remove
            </Button>
          </Group>
        </Stack>
      </Modal>
    </>
  );
}
