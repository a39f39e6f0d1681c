/**
 * The frame around every screen: who is here, where one can go, and whether the server
 * answers. Shows the sign-in screens instead while nobody is signed in.
 */
import { ActionIcon, Container, Group, useComputedColorScheme, useMantineColorScheme } from "@mantine/core";
import { IconMoon, IconSun } from "@tabler/icons-react";
import { Link, Outlet, useRouterState } from "@tanstack/react-router";
import { useWho } from "../hall";
import { SignInScreen } from "../screens/SignInScreen";
import { SignUpScreen } from "../screens/SignUpScreen";
import { NewVersion } from "./NewVersion";
import { NothingKept } from "./NothingKept";
import { PersonMenu } from "./PersonMenu";
import { ReachBadge } from "./ReachBadge";

export function App() {
  const { person, over } = useWho();
  const path = useRouterState({ select: (state) => state.location.pathname });
  if (!person || over) {
    return (
      <>
        <Container size={440} px="md" pt={{ base: 32, sm: 72 }} pb="xl">
          <Group justify="space-between" mb="xl">
            <Mark />
            <SchemeToggle />
          </Group>
          <NothingKept />
          <main id="main">{path === "/sign-up" && !over ? <SignUpScreen /> : <SignInScreen />}</main>
        </Container>
        <NewVersion />
      </>
    );
  }
  return (
    <>
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <header style={{ background: "var(--sheet)", borderBottom: "1px solid var(--line)" }}>
        <Container size={980} px="md" py={8}>
          <Group justify="space-between" wrap="nowrap" gap="xs">
            <Group gap="xs" wrap="nowrap">
              <Link to="/rooms" className="mark-link" style={{ color: "inherit", textDecoration: "none" }} aria-label="Studyhall">
                <Mark />
              </Link>
              <Group component="nav" gap={2} wrap="nowrap" aria-label="Main">
                <Link to="/rooms" className="nav-link">
                  Rooms
                </Link>
                <Link to="/notes" className="nav-link">
                  Notes
                </Link>
                <Link to="/todos" className="nav-link">
                  Todos
                </Link>
              </Group>
            </Group>
            <Group gap={6} wrap="nowrap">
              <ReachBadge />
              <SchemeToggle />
              <PersonMenu person={person} />
            </Group>
          </Group>
        </Container>
      </header>
      <Container size={980} px="md" py="lg" component="main" id="main" tabIndex={-1}>
        <NothingKept />
        <Outlet key={person.id} />
      </Container>
      <NewVersion />
    </>
  );
}

function Mark() {
  return (
    <Group gap={8} wrap="nowrap">
      <img src="/icon.svg" alt="" width={28} height={28} />
      <span className="mark">Studyhall</span>
    </Group>
  );
}

function SchemeToggle() {
  const { setColorScheme } = useMantineColorScheme();
  const dark = useComputedColorScheme("light") === "dark";
  return (
    <ActionIcon
      variant="subtle"
      color="gray"
      size="lg"
      aria-label={dark ? "Use light colours" : "Use dark colours"}
      onClick={() => setColorScheme(dark ? "light" : "dark")}
    >
      {dark ? <IconSun size={18} /> : <IconMoon size={18} />}
    </ActionIcon>
  );
}
