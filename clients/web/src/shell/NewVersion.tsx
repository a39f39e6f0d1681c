/**
 * The service worker: keeps the app on this device, and says when a newer version waits.
 * Never reloads by itself. Knows nothing of what the app does.
 */
import { Button, Group, Paper, Text } from "@mantine/core";
import { useRegisterSW } from "virtual:pwa-register/react";

export function NewVersion() {
  const { needRefresh, updateServiceWorker } = useRegisterSW();
  const [waiting, setWaiting] = needRefresh;
  if (!waiting) return null;
  return (
    <Paper role="status" shadow="md" withBorder p="sm" style={{ position: "fixed", bottom: 16, right: 16, zIndex: 200 }}>
      <Group gap="sm">
        <Text size="sm">A newer version is ready.</Text>
        <Button size="xs" onClick={() => void updateServiceWorker(true)}>
          Reload
        </Button>
        <Button size="xs" variant="default" onClick={() => setWaiting(false)}>
          Later
        </Button>
      </Group>
    </Paper>
  );
}
