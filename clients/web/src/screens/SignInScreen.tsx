/** Signing in, for the first time on this device or again after a login has ended. */
import { Stack, Text, Title } from "@mantine/core";
import { Link, useRouterState } from "@tanstack/react-router";
import { useHall, useWho } from "../hall";
import { AuthForm } from "../parts/AuthForm";
import { Notice } from "../parts/Notice";

export function SignInScreen() {
  const hall = useHall();
  const { person, over } = useWho();
  const next = useRouterState({ select: ({ location }) => location.href });
  return (
    <Stack>
      <Title order={1} size="h2">
        Sign in
      </Title>
      {over && (
        <Notice role="status" tone="wait">
          Your login has ended. Sign in again: what you wrote is still on this device.
        </Notice>
      )}
      <AuthForm
        button="Sign in"
        fields={[
          { name: "email", label: "Email", type: "email", autoComplete: "username", initial: person?.email },
          { name: "password", label: "Password", type: "password", autoComplete: "current-password" },
        ]}
        submit={({ email = "", password = "" }) => hall.login({ email, password })}
      >
        <Text ta="center" size="sm">
          New here?{" "}
          <Link to="/sign-up" state={{ next }} className="text-link">
            Create an account
          </Link>
        </Text>
      </AuthForm>
    </Stack>
  );
}
