/**
 * The REST routes that this client uses: openapi-fetch over the types generated from the
 * server's OpenAPI document (`npm run types`). Answers are values; refusals are thrown.
 * Knows nothing of logins, storage or documents.
 */
import createClient from "openapi-fetch";
import type { components, paths } from "../generated/openapi.js";
import { Problem } from "./problem.js";

type Schemas = components["schemas"];

export type Room = Schemas["RoomView"];
export type NewRoom = Schemas["PostRoom"];
/** A code that was made just now: only then it is shown. */
export type InviteCode = Schemas["InviteCodeView"] & { code: string };
export type NoteView = Schemas["NoteView"];
export type NewNote = Schemas["PostNote"] & { id: string; format: NoteView["format"] };
export type LoginAnswer = Schemas["SignedInView"];
export type Credentials = Schemas["Login"];
export type Registration = Schemas["Register"];
/** A version of a note: who wrote in it when. */
export type Version = Schemas["VersionView"];
export type VersionText = Schemas["VersionText"];
/** Something that can be brought back. */
export type Trashed = Schemas["TrashedView"];
/** Somebody in a room, as the room knows them. */
export type Member = Schemas["ParticipantView"];
/** Somebody in a room, with a name. */
export type Participant = Member & { display_name: string };
/** Whoever is signed in, as others see them; their own profile has more. */
export type Person = Pick<Schemas["MeView"], "id" | "username" | "display_name"> & Partial<Schemas["MeView"]>;

/** Sends a request as a login; throws `Unreachable` when nobody answers. */
export type Send = (request: Request) => Promise<Response>;

/** The paths that carry no access token and are never repeated after a refresh. */
export const SIGN_IN_PATHS = ["/api/v1/auth/register", "/api/v1/auth/login", "/api/v1/auth/refresh"];

const PAGE = 100;

interface Asked<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

async function answer<T>(asking: Promise<Asked<T>>): Promise<T> {
  const { data, error, response } = await asking;
  if (!response.ok) throw Problem.of(response, error);
  return data as T;
}

interface Page<T> {
  items: T[];
  next_cursor?: string | null;
}

/** Every page of a list, one after the other. */
async function all<T>(ask: (query: { limit: number; cursor?: string }) => Promise<Asked<Page<T>>>): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | undefined;
  do {
    const page = await answer(ask({ limit: PAGE, cursor }));
    items.push(...page.items);
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined);
  return items;
}

export function routes(baseUrl: string, send: Send) {
  const client = createClient<paths>({ baseUrl, fetch: send });
  const at = (id: string) => ({ params: { path: { id } } });
  return {
    register: (body: Registration) => answer(client.POST("/api/v1/auth/register", { body })),
    login: (body: Credentials) => answer(client.POST("/api/v1/auth/login", { body })),
    refresh: (refresh_token?: string) => answer(client.POST("/api/v1/auth/refresh", { body: { refresh_token } })),
    logout: (refresh_token?: string) => answer(client.POST("/api/v1/auth/logout", { body: { refresh_token } })),
    me: () => answer(client.GET("/api/v1/auth/me")),
    person: (id: string) => answer(client.GET("/api/v1/users/{id}", at(id))),
    ticket: () => answer(client.POST("/api/v1/auth/ws-ticket", { body: { reusable: true } })),

    rooms: () => all((query) => client.GET("/api/v1/rooms", { params: { query } })),
    room: (id: string) => answer(client.GET("/api/v1/rooms/{id}", at(id))),
    createRoom: (body: NewRoom) => answer(client.POST("/api/v1/rooms", { body })),
    joinRoom: (code: string) => answer(client.POST("/api/v1/rooms/join", { body: { code } })),
    leaveRoom: (id: string) => answer(client.POST("/api/v1/rooms/{id}/leave", at(id))),
    participants: async (id: string) => (await answer(client.GET("/api/v1/rooms/{id}/participants", at(id)))).items,
    inviteCode: async (id: string) =>
      (await answer(client.POST("/api/v1/rooms/{id}/invite-codes", { ...at(id), body: {} }))) as InviteCode,

    notes: () => all((query) => client.GET("/api/v1/notes", { params: { query } })),
    roomNotes: (id: string) => all((query) => client.GET("/api/v1/rooms/{id}/notes", { params: { path: { id }, query } })),
    note: (id: string) => answer(client.GET("/api/v1/notes/{id}", at(id))),
    createNote: (body: NewNote) => answer(client.POST("/api/v1/notes", { body })),
    deleteNote: (id: string) => answer(client.DELETE("/api/v1/notes/{id}", at(id))),
    versions: (id: string) =>
      all((query) => client.GET("/api/v1/notes/{id}/history", { params: { path: { id }, query } })),
    version: (id: string, version: number) =>
      answer(client.GET("/api/v1/notes/{id}/history/{version}", { params: { path: { id, version } } })),
    restoreVersion: (id: string, version: number) =>
      answer(client.POST("/api/v1/notes/{id}/restore", { ...at(id), body: { version } })),

    trash: () => all((query) => client.GET("/api/v1/trash", { params: { query } })),
    restoreTrashed: (id: string) => answer(client.POST("/api/v1/trash/{id}/restore", at(id))),
  };
}

export type Routes = ReturnType<typeof routes>;
