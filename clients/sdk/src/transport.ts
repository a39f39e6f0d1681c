/**
 * Sends requests with the login's tokens and repeats one after a refresh. Every outcome
 * is told to the connection. Knows no route but those of signing in.
 */
import type { Clock } from "./clock.js";
import type { Connection } from "./connection.js";
import { Problem, Unreachable } from "./problem.js";
import { SIGN_IN_PATHS, type Send } from "./rest.js";
import type { Tokens } from "./tokens.js";

const PATIENCE_MS = 15_000;
/** What a proxy says for a server that does not answer. */
const NOBODY_THERE = new Set([502, 504]);

export interface TransportOptions {
  fetch: typeof fetch;
  tokens: Tokens;
  connection: Connection;
  clock: Clock;
  /** The login is over: the server refuses to renew it. */
  onLoginOver: () => void;
}

export function transport({ fetch, tokens, connection, clock, onLoginOver }: TransportOptions): Send {
  async function once(request: Request, access?: string): Promise<Response> {
    if (access) request.headers.set("Authorization", `Bearer ${access}`);
    // Not `AbortSignal.timeout`, which React Native has not.
    const patience = new AbortController();
    const timer: unknown = setTimeout(() => patience.abort(), PATIENCE_MS);
    (timer as { unref?: () => void }).unref?.();
    const asked = Date.now();
    try {
      const response = await fetch(request, { signal: patience.signal });
      if (NOBODY_THERE.has(response.status)) throw new Unreachable(response.status);
      connection.answered();
      clock.answered(response.headers.get("Date"), asked);
      return response;
    } catch (cause) {
      connection.silent();
      throw cause instanceof Unreachable ? cause : new Unreachable(cause);
    }
  }

  async function renew(generation: number): Promise<void> {
    try {
      await tokens.refresh(generation);
    } catch (error) {
      if (error instanceof Problem && !error.passing) onLoginOver();
      throw error;
    }
  }

  return async (request) => {
    if (SIGN_IN_PATHS.some((path) => request.url.endsWith(path))) {
      if (tokens.delivery === "body") request.headers.set("X-Token-Delivery", "body");
      return once(request);
    }
    const again = request.clone();
    const { access, generation } = await tokens.current();
    const response = await once(request, access);
    if (response.status !== 401) return response;
    await renew(generation);
    return once(again, (await tokens.current()).access);
  };
}
