/** An address that no screen has. */
import { Text, Title } from "@mantine/core";
import { Link } from "@tanstack/react-router";

export function NotFoundScreen() {
  return (
    <>
      <Title order={1} size="h2">
        Nothing here
      </Title>
      <Text mt="sm">
        This address leads nowhere.{" "}
        <Link to="/rooms" className="text-link">
          Go to your rooms
        </Link>
      </Text>
    </>
  );
}
