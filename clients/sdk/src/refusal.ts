/**
 * What a server's refusal of a document means, from the reason that it gave: for good,
 * with a cause that a person understands, or passing. Knows words only.
 */
import type { Refusal } from "./status.js";

export type Verdict = { kind: "for-good"; refusal: Refusal } | { kind: "token" } | { kind: "passing" };

const MEANINGS: [RegExp, Verdict][] = [
  [/4401|revoked|login[ -]over/, { kind: "for-good", refusal: "login-over" }],
  [/4404|deleted/, { kind: "for-good", refusal: "deleted" }],
  [/4409|other[ -]engine/, { kind: "for-good", refusal: "other-engine" }],
  [/not[ -]found/, { kind: "for-good", refusal: "not-found" }],
  [/4403|removed|forbidden|permission|denied|not[ -]allowed/, { kind: "for-good", refusal: "removed" }],
  [/too[ -]large|limit/, { kind: "for-good", refusal: "too-large" }],
  [/token|ticket|expired|unauth|not[ -]authenticated/, { kind: "token" }],
];

export function refusalOf(reason: string): Verdict {
  const said = reason.toLowerCase();
  return MEANINGS.find(([pattern]) => pattern.test(said))?.[1] ?? { kind: "passing" };
}
