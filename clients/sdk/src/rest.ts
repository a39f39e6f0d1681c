/**
 * The REST routes that this client uses, with their shapes, over one `send` function.
 * Written by hand until the OpenAPI document is there; everything that the generated
 * types will replace is in this file. Knows nothing of logins, storage or documents.
 */

export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

export interface Person {
  id: string;
  username: string;
  display_name?: string | null;
  avatar_url?: string | null;
  level?: number;
  /** Only in one's own profile. */
  email?: string;
}

export interface Credentials {
  email: string;
  password: string;
}

export interface Registration extends Credentials {
  username: string;
  display_name?: string;
}

export interface LoginAnswer {
  user: Person;
  access_token: string;
  token_type: "Bearer";
  expires_in: number;
  /** Only with `X-Token-Delivery: body`. */
  refresh_token?: string;
}

export type Role = "owner" | "moderator" | "member";

export interface Participant {
  user_id: string;
  role: Role;
  joined_at: string;
  username?: string;
  display_name?: string | null;
}

export interface Room {
  id: string;
  name: string;
  description?: string | null;
  owner_id: string;
  type?: "personal" | "shared";
  max_participants?: number;
  participants?: Participant[];
  created_at: string;
}

export interface NewRoom {
  id?: string;
  name: string;
  description?: string;
  max_participants?: number;
}

export interface InviteCode {
  id: string;
  code: string;
  expires_at: string;
}

export interface NoteView {
  id: string;
  rev?: number | string;
  text?: string;
  title?: string | null;
  owner_id: string;
  room_id?: string | null;
  is_shared?: boolean;
  format?: "plain" | "rich";
  created_at: string;
  updated_at: string;
}

export interface NewNote {
  id: string;
  room_id?: string;
  is_shared?: boolean;
  format: "plain" | "rich";
}

export interface Ticket {
  ticket: string;
  expires_in?: number;
}

/** Asks the server; resolves with the body or throws `Problem` or `Unreachable`. */
export type Send = (method: string, path: string, body?: unknown) => Promise<unknown>;

/** The paths that carry no access token and are never repeated after a refresh. */
export const SIGN_IN_PATHS = new Set(["/auth/register", "/auth/login", "/auth/refresh"]);

export function routes(send: Send) {
  const get = <T>(path: string) => send("GET", path) as Promise<T>;
  const post = <T>(path: string, body?: unknown) => send("POST", path, body) as Promise<T>;

  /** Every page of a list, one after the other. */
  async function all<T>(path: string): Promise<T[]> {
    const items: T[] = [];
    let cursor: string | null = null;
    do {
      const at: string = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
      const page: Page<T> = await get(`${path}?limit=100${at}`);
      items.push(...page.items);
      cursor = page.next_cursor ?? null;
    } while (cursor !== null);
    return items;
  }

  return {
    register: (body: Registration) => post<LoginAnswer>("/auth/register", body),
    login: (body: Credentials) => post<LoginAnswer>("/auth/login", body),
    refresh: (refresh_token?: string) => post<LoginAnswer>("/auth/refresh", { refresh_token }),
    logout: () => post<void>("/auth/logout"),
    me: () => get<Person>("/auth/me"),
    person: (id: string) => get<Person>(`/users/${id}`),
    ticket: () => post<Ticket>("/auth/ws-ticket", { reusable: true }),

    rooms: () => all<Room>("/rooms"),
    room: (id: string) => get<Room>(`/rooms/${id}`),
    createRoom: (body: NewRoom) => post<Room>("/rooms", body),
    joinRoom: (code: string) => post<Room>("/rooms/join", { code }),
    leaveRoom: (id: string) => post<void>(`/rooms/${id}/leave`),
    participants: (id: string) => all<Participant>(`/rooms/${id}/participants`),
    inviteCode: (id: string) => post<InviteCode>(`/rooms/${id}/invite-codes`, {}),

    notes: () => all<NoteView>("/notes"),
    roomNotes: (id: string) => all<NoteView>(`/rooms/${id}/notes`),
    note: (id: string) => get<NoteView>(`/notes/${id}`),
    createNote: (body: NewNote) => post<NoteView>("/notes", body),
    deleteNote: (id: string) => send("DELETE", `/notes/${id}`) as Promise<void>,
  };
}

export type Routes = ReturnType<typeof routes>;
