/**
 * What can go wrong between a client and the server: either the server answered
 * with an RFC 9457 problem, or it could not be asked. Nothing else is an error here.
 */

export interface FieldProblem {
  pointer: string;
  detail: string;
}

/** The server was asked and said no. `message` is meant for people. */
export class Problem extends Error {
  override readonly name = "Problem";

  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
    readonly errors: FieldProblem[] = [],
    readonly retryAfter: number | null = null,
  ) {
    super(detail);
  }

  /** True when the same request may be accepted later as it is. */
  get passing(): boolean {
    return this.status >= 500 || this.status === 429 || this.status === 408;
  }

  /** From an answer and its body, which may be anything that came along the way. */
  static of(response: Response, said: unknown): Problem {
    const after = Number(response.headers.get("Retry-After"));
    const body = (typeof said === "object" && said !== null ? said : {}) as Record<string, any>;
    return new Problem(
      response.status,
      typeof body.code === "string" ? body.code : `http-${response.status}`,
      body.detail ?? body.title ?? `The server answered ${response.status}.`,
      Array.isArray(body.errors) ? body.errors : [],
      Number.isFinite(after) && after > 0 ? after : null,
    );
  }
}

/** The server could not be reached: no network, or no server. */
export class Unreachable extends Error {
  override readonly name = "Unreachable";
  constructor(cause?: unknown) {
    super("The server cannot be reached.", { cause });
  }
}

/** True when waiting and asking again is the right answer. */
export function isPassing(error: unknown): boolean {
  return error instanceof Unreachable || (error instanceof Problem && error.passing);
}
