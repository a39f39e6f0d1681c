/** "Saved" is read off the wire: every Step2 and Update acknowledged, none too early. */
import { createEncoder, toUint8Array, writeVarInt, writeVarString, writeVarUint, writeVarUint8Array } from "lib0/encoding";
import { expect, it, vi } from "vitest";
import { Acks } from "../src/acks.js";

const NOTE = "note:1\0session";
const [STEP_1, STEP_2, UPDATE] = [0, 1, 2];

function sync(step: number, address = NOTE): Uint8Array {
  const encoder = createEncoder();
  writeVarString(encoder, address);
  writeVarUint(encoder, 0);
  writeVarUint(encoder, step);
  writeVarUint8Array(encoder, new Uint8Array([0, 0]));
  return toUint8Array(encoder);
}

function status(taken: 0 | 1, address = NOTE): ArrayBuffer {
  const encoder = createEncoder();
  writeVarString(encoder, address);
  writeVarUint(encoder, 8);
  writeVarInt(encoder, taken);
  return toUint8Array(encoder).slice().buffer;
}

it("is not acknowledged by the first answer to several updates that waited offline", () => {
  const acks = new Acks();
  for (const step of [STEP_1, UPDATE, UPDATE, STEP_2]) acks.sent(sync(step));
  const seen = [0, 1, 2].map(() => {
    acks.received(status(1));
    return acks.acknowledged(NOTE);
  });
  expect(seen).toEqual([false, false, true]);
});

it("needs our Step2 on this socket, whatever was acknowledged on the last one", () => {
  const acks = new Acks();
  acks.sent(sync(STEP_2));
  acks.received(status(1));
  expect(acks.acknowledged(NOTE)).toBe(true);
  acks.reset();
  acks.sent(sync(UPDATE));
  acks.received(status(1));
  expect(acks.acknowledged(NOTE)).toBe(false);
});

it("stays unacknowledged when the server says no, and tells", () => {
  const acks = new Acks();
  const refused = vi.fn();
  acks.listen(NOTE, { changed: () => {}, refused });
  acks.sent(sync(STEP_2));
  acks.sent(sync(UPDATE));
  acks.received(status(1));
  acks.received(status(0));
  expect(refused).toHaveBeenCalledOnce();
  expect(acks.acknowledged(NOTE)).toBe(false);
});

it("keeps documents on one socket apart, and ignores pings and unknown frames", () => {
  const acks = new Acks();
  acks.sent(sync(STEP_2, "note:a"));
  acks.sent(sync(STEP_2, "note:b"));
  acks.sent(new Uint8Array([10]));
  acks.received(new Uint8Array([9]).buffer);
  acks.received(status(1, "note:b"));
  acks.received(status(1, "note:c"));
  expect([acks.acknowledged("note:a"), acks.acknowledged("note:b")]).toEqual([false, true]);
});
