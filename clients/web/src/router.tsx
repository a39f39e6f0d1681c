/**
 * Which address shows which screen: a table of contents. Somebody who is not signed in
 * sees the sign-in screen at any address and goes on to that address afterwards.
 */
import { createRootRoute, createRoute, createRouter, lazyRouteComponent, redirect } from "@tanstack/react-router";
import { Failure, Loading } from "./parts/Message";
import { HistoryScreen } from "./screens/HistoryScreen";
import { JoinScreen } from "./screens/JoinScreen";
import { NotFoundScreen } from "./screens/NotFoundScreen";
import { NotesScreen } from "./screens/NotesScreen";
import { RoomScreen } from "./screens/RoomScreen";
import { RoomsScreen } from "./screens/RoomsScreen";
import { SignedUpScreen } from "./screens/SignUpScreen";
import { TodosScreen } from "./screens/TodosScreen";
import { TrashScreen } from "./screens/TrashScreen";
import { App } from "./shell/App";

const root = createRootRoute({ component: App, notFoundComponent: NotFoundScreen });

const screens = [
  createRoute({
    getParentRoute: () => root,
    path: "/",
    beforeLoad: () => {
      throw redirect({ to: "/rooms" });
    },
  }),
  // Reached by somebody signed in: the sign-up screen has done its work.
  createRoute({ getParentRoute: () => root, path: "/sign-up", component: SignedUpScreen }),
  createRoute({ getParentRoute: () => root, path: "/rooms", component: RoomsScreen }),
  createRoute({ getParentRoute: () => root, path: "/rooms/$roomId", component: RoomScreen }),
  createRoute({ getParentRoute: () => root, path: "/join/$code", component: JoinScreen }),
  createRoute({ getParentRoute: () => root, path: "/notes", component: NotesScreen }),
  createRoute({
    getParentRoute: () => root,
    path: "/notes/$noteId",
    component: lazyRouteComponent(() => import("./screens/NoteScreen"), "NoteScreen"),
    pendingComponent: () => <Loading what="the note" />,
  }),
  createRoute({ getParentRoute: () => root, path: "/notes/$noteId/history", component: HistoryScreen }),
  createRoute({ getParentRoute: () => root, path: "/todos", component: TodosScreen }),
  createRoute({ getParentRoute: () => root, path: "/trash", component: TrashScreen }),
];

export function newRouter() {
  return createRouter({
    routeTree: root.addChildren(screens),
    defaultPreload: "intent",
    scrollRestoration: true,
    // A screen that fails says so where it is; the frame around it stays.
    defaultErrorComponent: ({ error }) => <Failure error={error} />,
  });
}

declare module "@tanstack/react-router" {
  interface HistoryState {
    /** Where somebody was on their way to when they were asked to sign up. */
    next?: string;
  }
  interface Register {
    router: ReturnType<typeof newRouter>;
  }
}
