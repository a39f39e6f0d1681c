/** The one word about a note, and the refusals behind it. */
import { expect, it } from "vitest";
import { refusalOf } from "../src/refusal.js";
import { statusOf, type Known, type DocumentState } from "../src/status.js";

const fine: Known = {
  reach: "online",
  posted: true,
  scope: "read-write",
  acknowledged: true,
  unsaved: 0,
  kept: true,
  failing: false,
  paused: false,
  nearlyFull: false,
  refusal: null,
};

it.each<[DocumentState, string, Partial<Known>]>([
  ["saved", "everything is acknowledged", {}],
  ["saving", "an update waits for its acknowledgement", { acknowledged: false, unsaved: 1 }],
  ["saving", "edits of an earlier visit are not covered yet", { unsaved: 3 }],
  ["saving", "its creation was not posted yet", { posted: false, scope: null }],
  ["saving", "the server cannot write at the moment", { acknowledged: false, unsaved: 2, paused: true }],
  ["connecting", "nobody let the session in yet", { scope: null, acknowledged: false }],
  ["offline", "the server cannot be reached, whatever the socket thinks", { reach: "offline" }],
  ["offline", "it was made without a server", { reach: "offline", posted: false, scope: null }],
  ["read-only", "the scope says so", { scope: "readonly" }],
  ["refused", "it was refused, even offline", { refusal: "deleted", reach: "offline" }],
])("is %s when %s", (state, _why, news) => {
  expect(statusOf({ ...fine, ...news }).state).toBe(state);
});

it("passes on how much is unsaved", () => {
  expect(statusOf({ ...fine, acknowledged: false, unsaved: 12, paused: true })).toMatchObject({ unsaved: 12, paused: true });
});

it.each([
  ["not-found", { kind: "for-good", refusal: "not-found" }],
  ["other-engine", { kind: "for-good", refusal: "other-engine" }],
  ["4404", { kind: "for-good", refusal: "deleted" }],
  ["4403 removed", { kind: "for-good", refusal: "removed" }],
  ["permission-denied", { kind: "for-good", refusal: "removed" }],
  ["not-authenticated", { kind: "token" }],
  ["Failed to get token during sendToken(): TypeError", { kind: "token" }],
  ["1012 restarting", { kind: "passing" }],
])("understands the reason %s", (reason, verdict) => {
  expect(refusalOf(reason)).toEqual(verdict);
});
