/** Signing in, for the first time on this device or again after a login has ended. */
import { Alert, Text, Title } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useHall, useWho } from "../hall";
import { AuthForm } from "../parts/AuthForm";

export function SignInScreen() {
  const hall = useHall();
  const { person, over } = useWho();
  return (
    <>
      <Title order={1} size="h2" mb="md">
        Sign in
      </Title>
      {over && (
        <Alert color="yellow" variant="light" mb="md" role="status">
          Your login has ended. Sign in again: what you wrote is still on this device.
        </Alert>
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
          <Link to="/sign-up" className="text-link">
            Create an account
          </Link>
        </Text>
      </AuthForm>
    </>
  );
}
