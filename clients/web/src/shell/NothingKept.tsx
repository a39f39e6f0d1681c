/** Said on every screen where the browser gives the page no room: what that costs, and what to do. */
import { Box, Text } from "@mantine/core";
import { useHall } from "../hall";
import { Notice } from "../parts/Notice";

export function NothingKept() {
  if (useHall().keeps) return null;
  return (
    <Box mb="md">
      <Notice role="status" tone="wait" title="This browser keeps nothing for this page">
        <Text size="sm">
          You can work while you are online. What you write offline is lost when this page is closed or loaded again, and then
          you sign in anew. To keep your notes on this device, allow this site to store data, or leave the private window, and
          reload.
        </Text>
      </Notice>
    </Box>
  );
}
