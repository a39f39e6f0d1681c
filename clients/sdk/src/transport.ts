/**
 * Sends REST requests with the login's tokens and repeats one after a refresh. Every
 * outcome is told to the connection. Knows no route but those of signing in.
 */
import type { Connection } from "./connection.js";
import { Problem, Unreachable } from "./problem.js";
import { SIGN_IN_PATHS, type Send } from "./rest.js";
import type { Tokens } from "./tokens.js";

const PATIENCE_MS = 15_000;

export interface TransportOptions {
  url: string;
  fetch: typeof fetch;
  tokens: Tokens;
  connection: Connection;
  /** The login is over: the server refuses to renew it. */
  onLoginOver: () => void;
}

export function transport(options: TransportOptions): Send {
  const { tokens, connection } = options;

  async function once(method: string, path: string, body: unknown, access?: string): Promise<Response> {
    const headers: Record<string, string> = { Accept: "application/json" };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    if (access) headers["Authorization"] = `Bearer ${access}`;
    if (tokens.delivery === "body" && SIGN_IN_PATHS.has(path)) headers["X-Token-Delivery"] = "body";
    try {
      const response = await options.fetch(`${options.url}/api/v1${path}`, {
        method,
        headers,
        credentials: "same-origin",
        body: body === undefined ? undefined : JSON.stringify(body),
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
      // A proxy in front of a server that is down answers for it.
      if (response.status === 502 || response.status === 504) throw new Unreachable(response.status);
      connection.answered();
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
      if (error instanceof Problem && !error.passing) options.onLoginOver();
      throw error;
    }
  }

  return async (method, path, body) => {
    const signingIn = SIGN_IN_PATHS.has(path);
    let kept = await tokens.current();
    let response = await once(method, path, body, signingIn ? undefined : kept.access);
    if (response.status === 401 && !signingIn) {
      await renew(kept.generation);
      kept = await tokens.current();
      response = await once(method, path, body, kept.access);
    }
    if (!response.ok) throw await Problem.of(response);
    return response.status === 204 ? undefined : await response.json().catch(() => undefined);
  };
}
