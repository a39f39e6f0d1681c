/** The wire fixtures that Rust reads too: what stock providers sent, and what a server answers. */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { Acks } from "../src/acks.js";

interface Fixtures {
  clients: { library: string; address: string; frames: string[] }[];
  server: { name: string; hex: string }[];
}

const path = new URL("../../../schema/fixtures/hocuspocus.json", import.meta.url);
const fixtures = JSON.parse(readFileSync(path, "utf8")) as Fixtures;

function bytes(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, "hex"));
}

/** A frame without its address. */
function bodyOf(frame: string): Uint8Array {
  const all = bytes(frame);
  return all.slice(1 + all[0]!);
}

/** The server's frame of this name, to another address than the one it was recorded for. */
function answer(name: string, address: string): ArrayBuffer {
  const { hex } = fixtures.server.find((frame) => frame.name === name)!;
  const body = bodyOf(hex);
  const to = new TextEncoder().encode(address);
  return new Uint8Array([to.length, ...to, ...body]).buffer;
}

it.each(fixtures.clients)("counts every Step2 and Update of $library, and nothing else", ({ address, frames }) => {
  const acks = new Acks();
  // The recording ends with leaving the document, after which nothing is counted.
  const kept = frames.filter((frame) => bodyOf(frame)[0] !== 7);
  kept.forEach((frame) => acks.sent(bytes(frame)));
  let needed = 0;
  while (!acks.acknowledged(address) && needed < kept.length) {
    acks.received(answer("authenticated", address));
    acks.received(answer("not-saved", address));
    expect(acks.acknowledged(address)).toBe(false);
    acks.received(answer("saved", address));
    needed += 1;
  }
  const isContent = ([type, step]: Uint8Array) => type === 0 && (step === 1 || step === 2);
  expect(needed).toBe(kept.map(bodyOf).filter(isContent).length);
  expect(needed).toBeGreaterThan(0);
});
