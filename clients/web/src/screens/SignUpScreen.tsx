/** Making an account; whoever made one is signed in. */
import { Text, Title } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useHall } from "../hall";
import { AuthForm, type Field } from "../parts/AuthForm";

const FIELDS: Field[] = [
  { name: "email", label: "Email", type: "email", autoComplete: "email" },
  { name: "username", label: "Username", type: "text", autoComplete: "username", minLength: 3 },
  { name: "display_name", label: "Name that others see", type: "text", autoComplete: "name" },
  {
    name: "password",
    label: "Password",
    type: "password",
    autoComplete: "new-password",
    description: "A long sentence is best.",
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
