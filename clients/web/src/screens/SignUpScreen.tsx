/** Making an account; whoever made one is signed in, and goes on to where they were on their way to. */
import { Text, Title } from "@mantine/core";
import { Link, useRouter, useRouterState } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { useHall } from "../hall";
import { AuthForm, type Field } from "../parts/AuthForm";

const FIELDS: Field[] = [
  { name: "email", label: "Email", type: "email", autoComplete: "email" },
  {
    name: "username",
    label: "Username",
    type: "text",
    autoComplete: "username",
    description: "3 to 30 letters, digits, or _ . -",
    minLength: 3,
    maxLength: 30,
    pattern: "[A-Za-z0-9_.\\-]+",
  },
  { name: "display_name", label: "Name that others see", type: "text", autoComplete: "name", maxLength: 80 },
  {
    name: "password",
    label: "Password",
    type: "password",
    autoComplete: "new-password",
    description: "At least 8 characters; a long sentence is best.",
    minLength: 8,
    maxLength: 128,
  },
];

export function SignUpScreen() {
  const hall = useHall();
  const next = useNext();
  return (
    <>
      <Title order={1} size="h2" mb="md">
        Create an account
      </Title>
      <AuthForm
        button="Create account"
        fields={FIELDS}
        submit={({ email = "", username = "", display_name = "", password = "" }) =>
          hall.register({ email, username, display_name, password })
        }
      >
        <Text ta="center" size="sm">
          Been here before?{" "}
          <Link to={next} className="text-link">
            Sign in
          </Link>
        </Text>
      </AuthForm>
    </>
  );
}

function useNext(): string {
  return useRouterState({ select: ({ location }) => location.state.next ?? "/rooms" });
}

export function SignedUpScreen() {
  const { history } = useRouter();
  // Where that is is said by the address that this screen was reached at, and not by the next one.
  const next = useRef(useNext());
  useEffect(() => history.replace(next.current), [history]);
  return null;
}
