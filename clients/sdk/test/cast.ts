/**
 * The cast of the tests: a server in memory behind `fetch`, which can be taken away and
 * told what to answer, and a hall that talks to it. Knows the routes that a client uses
 * and opens no socket of its own.
 */
import { memory, type Storage } from "../src/storage.js";
import { localExclusive } from "../src/locks.js";
import { Studyhall } from "../src/studyhall.js";

export interface Request {
  method: string;
  path: string;
  body: Record<string, unknown> | undefined;
  authorization: string | null;
}

type Answer = [status: number, body?: unknown];

const json = { "Content-Type": "application/json" };

export class FakeServer {
  readonly requests: Request[] = [];
  down = false;
  /** Consulted before the routes; an answer of `undefined` leaves it to them. */
  script: (request: Request) => Answer | "lost" | undefined = () => undefined;
  readonly notes = new Map<string, Record<string, unknown>>();
  private issued = 0;
  private access = "";
  private refresh = "";

  fetch = (async (asked: globalThis.Request) => {
    if (this.down) throw new TypeError("fetch failed");
    const text = await asked.text();
    const request: Request = {
      method: asked.method,
      path: new URL(asked.url).pathname.replace("/api/v1", ""),
      body: text ? JSON.parse(text) : undefined,
      authorization: asked.headers.get("Authorization"),
    };
    this.requests.push(request);
    const scripted = this.script(request);
    const [status, body] = Array.isArray(scripted) ? scripted : this.route(request);
    // Done on the server, while the answer never arrives.
    if (scripted === "lost") throw new TypeError("fetch failed");
    return new Response(body === undefined ? null : JSON.stringify(body), { status, headers: json });
  }) as typeof fetch;

  /** The access token that was good until now is so no longer. */
  expireAccess(): void {
    this.access = "expired";
  }

  asked(method: string, path: string): Request[] {
    return this.requests.filter((each) => each.method === method && each.path === path);
  }

  private route(request: Request): Answer {
    const { method, path, body } = request;
    if (path === "/auth/login" || path === "/auth/register") return this.issue();
    if (path === "/auth/refresh") return body?.["refresh_token"] === this.refresh ? this.issue() : refused(401, "login-over");
    if (request.authorization !== `Bearer ${this.access}`) return refused(401, "unauthenticated");
    if (path === "/auth/me") return [200, ada];
    if (path === "/auth/logout") return [204];
    if (path === "/auth/ws-ticket") return [200, { ticket: "ticket" }];
    if (method === "POST" && path === "/notes") return this.createNote(body ?? {});
    if (method === "GET" && path === "/notes") return [200, { items: [...this.notes.values()], next_cursor: null }];
    if (method === "DELETE" && this.notes.delete(path.replace("/notes/", ""))) return [204];
    return refused(404, "not-found");
  }

  private createNote(body: Record<string, unknown>): Answer {
    const id = String(body["id"]);
    const known = this.notes.get(id);
    const view = known ?? { ...body, title: "", owner_id: ada.id, created_at: "2026-01-01", updated_at: "2026-01-01" };
    this.notes.set(id, view);
    return [known ? 200 : 201, view];
  }

  private issue(): Answer {
    this.issued += 1;
    this.access = `access-${this.issued}`;
    this.refresh = `refresh-${this.issued}`;
    const tokens = { access_token: this.access, refresh_token: this.refresh };
    return [200, { user: ada, token_type: "Bearer", expires_in: 900, ...tokens }];
  }
}

export const ada = {
  id: "a".repeat(24),
  rev: 1,
  email: "ada@example.org",
  username: "ada",
  display_name: "Ada",
  xp: 0,
  level: 1,
  role: "user",
  created_at: "2026-01-01T00:00:00Z",
  last_active: "2026-01-01T00:00:00Z",
  settings: { engine: "yjs" as const },
  documents: { todos: { name: `todos:${"a".repeat(24)}`, engine: "yjs" as const } },
};

export function refused(status: number, code: string): Answer {
  return [status, { code, detail: `no: ${code}`, status }];
}

/** A WebSocket that never opens; `wire.ts` has one that does. */
class SilentSocket extends EventTarget {
  readyState = 0;
  binaryType = "arraybuffer";
  send(): void {}
  close(): void {}
}

export function openHall(
  server: FakeServer,
  storage: Storage = memory(),
  exclusive = localExclusive(),
  socket: unknown = SilentSocket,
) {
  return Studyhall.open({
    url: "http://hall.test",
    storage,
    fetch: server.fetch,
    WebSocket: socket as typeof WebSocket,
    exclusive,
  });
}

export const credentials = { email: "ada@example.org", password: "a long sentence" };
