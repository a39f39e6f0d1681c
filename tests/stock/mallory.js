// Mallory: a member of a room who sends what no client sends, and the scene that she does it in.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import WebSocket from "ws";
import { frames } from "./attacks.js";
import { agree, clients } from "./clients.js";
import { cast } from "./hall.js";
import { until } from "./until.js";

export const [SYNC, AWARENESS, AUTH] = [0, 1, 2];
export const [STEP1, STEP2, UPDATE] = [0, 1, 2];
export const MiB = 1 << 20;

/** A socket of Mallory's, in one of the two protocols, that has synced like anybody. */
export class Attack {
  static async open(t, mallory, note, protocol) {
    const ticket = await mallory.ticket();
    const path = protocol === "yjs" ? `yjs/${note}?ticket=${ticket}` : "hocuspocus";
    const attack = new Attack(new WebSocket(`${mallory.hall.sockets}/${path}`), note, protocol);
    t.after(() => attack.socket.terminate());
    await until(() => attack.socket.readyState === WebSocket.OPEN, "Mallory's socket opens");
    if (protocol === "hocuspocus") attack.send(AUTH, 0, ticket, "4.8.0");
    attack.send(SYNC, STEP1, Uint8Array.from([0]));
    await until(() => attack.heard > 0, "Mallory hears the server");
    return attack;
  }

  heard = 0;
  code = null;
  refused = 0;

  constructor(socket, note, protocol) {
    Object.assign(this, { socket, note, protocol });
    socket.on("message", (data) => {
      this.heard += 1;
      // address, SyncStatus, 0
      if (protocol === "hocuspocus" && data.at(-2) === 8 && data.at(-1) === 0) this.refused += 1;
    });
    socket.on("close", (code) => (this.code = code));
    socket.on("error", () => {});
  }

  send(...body) {
    this.sendTo(this.note, ...body);
  }

  sendTo(address, ...body) {
    this.socket.send(frames[this.protocol](address, ...body));
  }

  closed(code) {
    return until(() => this.code !== null, `closed with ${code}`).then(() => {
      assert.equal(this.code, code);
    });
  }

  /** The server has read everything that was sent: it answers a Step1. */
  async answered() {
    const before = this.heard;
    this.send(SYNC, STEP1, Uint8Array.from([0]));
    await until(() => this.heard > before || this.code !== null, "an answer");
  }
}

/** Sockets at these addresses, open. */
export async function opened(t, urls) {
  const sockets = urls.map((url) => new WebSocket(url).on("error", () => {}));
  t.after(() => sockets.forEach((socket) => socket.terminate()));
  await until(() => sockets.every((socket) => socket.readyState === WebSocket.OPEN), "all of them are open");
  return sockets;
}

/** Sends on each the first bytes of a message, of which the rest never comes. */
export function halfSends(sockets, bytes) {
  const half = Buffer.alloc(bytes, 1);
  half.set([0x82, 0xff]);
  half.writeBigUInt64BE(BigInt(bytes + 10_000), 2);
  for (const socket of sockets) socket._socket.write(half);
}

const status = (hall, field) =>
  Number(readFileSync(`/proc/${hall.program.pid}/status`, "utf8").match(new RegExp(`${field}:\\s+(\\d+)`))[1]) * 1024;

/** Resident memory of the program, in bytes. */
export const memory = (hall) => status(hall, "VmRSS");

/** The most that it ever was, or since that was forgotten. */
export const peak = (hall) => status(hall, "VmHWM");
export const forgetPeak = (hall) => writeFileSync(`/proc/${hall.program.pid}/clear_refs`, "5");

/** From now on memory grows by no more than 32 MiB at any moment: looked at every 20 ms, and at its highest. */
export function watched(t, hall) {
  const before = memory(hall);
  let most = 0;
  forgetPeak(hall);
  const look = () => (most = Math.max(most, memory(hall) - before));
  const looking = setInterval(look, 20);
  t.after(() => clearInterval(looking));
  return () => {
    clearInterval(looking);
    look();
    const highest = Math.max(most, peak(hall) - before);
    assert.ok(highest <= 32 * MiB, `at its highest memory grew by ${highest}`);
  };
}

/** Ada and Ben write in a note; Mallory is a member of the room and attacks it. */
export async function scene(t, ...flags) {
  const { hall, ada, ben, mallory } = await cast(t, ["ada", "ben", "mallory"], ...flags);
  const note = await ada.noteWith([ben, mallory]);
  const [here, there] = [await clients[0].sit(t, ada, note), await clients[2].sit(t, ben, note)];
  let words = 0;
  const goesOn = async () => {
    assert.equal(hall.program.exitCode, null, "the program is up");
    const word = `<${words++}>`;
    here.write(word);
    await agree([here, there], [word]);
  };
  await goesOn();
  return { hall, ada, ben, mallory, note, here, there, goesOn };
}
