/** Making an account; whoever made one is signed in. */
import { Text, Title } from "@mantine/core";
import { Link } from "@tanstack/react-router";
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
          <Link to="/rooms" className="text-link">
            Sign in
          </Link>
        </Text>
      </AuthForm>
    </>
  );
}
