// One person with many sockets: what they take is that person's, and no more than they may have.
import assert from "node:assert/strict";
import { once } from "node:events";
import test from "node:test";
import WebSocket from "ws";
import { AUTH, Attack, MiB, memory, scene } from "./mallory.js";
import { until } from "./until.js";

/** As many y-websocket sockets of Mallory's as these. */
async function opens(t, count, { mallory, note }) {
  const url = `${mallory.hall.sockets}/yjs/${note}?ticket=${await mallory.ticket()}`;
  const sockets = Array.from({ length: count }, () => new WebSocket(url).on("error", () => {}));
  t.after(() => sockets.forEach((socket) => socket.terminate()));
  const heard = sockets.map((socket) => new Promise((resolve) => socket.once("message", resolve)));
  await Promise.all(heard); // who hears of the document is in
  return sockets;
}

test("messages that one person has half sent take that person's room, on however many sockets", async (t) => {
  const { hall, goesOn, ...at } = await scene(t);
  const sockets = await opens(t, 200, at);
  const before = memory(hall);
  const half = Buffer.alloc(250_000, 1);
  half.set([0x82, 0xff]);
  half.writeBigUInt64BE(260_000n, 2);
  for (const socket of sockets) socket._socket.write(half);
  await until(() => sockets.every((socket) => socket._socket.bytesWritten >= half.length), "all of it is on its way");
  for (let time = 0; time < 20; time += 1) await goesOn();
  assert.ok(memory(hall) - before <= 32 * MiB, `memory grew by ${memory(hall) - before}`);
});

test("who has a thousand sockets gets no other, over any protocol, until one is gone; others do", async (t) => {
  const { hall, ada, mallory, note, goesOn } = await scene(t, "--rate-limit", "on");
  const sockets = await opens(t, 1_000, { mallory, note });
  const ticket = await mallory.ticket();

  const answer = await new Promise((resolve, reject) => {
    const socket = new WebSocket(`${hall.sockets}/yjs/${note}?ticket=${ticket}`);
    socket.on("unexpected-response", (_, response) => resolve(response)).on("open", reject);
  });
  assert.equal(answer.statusCode, 429);
  assert.equal(JSON.parse(await answer.setEncoding("utf8").reduce((all, some) => all + some, "")).code, "too-many-sockets");

  const turnedAway = async (path, greet = () => {}) => {
    const socket = new WebSocket(`${hall.sockets}/${path}`);
    t.after(() => socket.terminate());
    socket.on("open", () => greet(new Attack(socket, note, "hocuspocus")));
    const [code, reason] = await once(socket, "close");
    assert.equal(`${code} ${reason}`, "1013 too-many-sockets");
  };
  await turnedAway("hocuspocus", (line) => line.send(AUTH, 0, ticket, "4.8.0"));
  await turnedAway(`automerge?ticket=${ticket}`);

  await goesOn();
  await Attack.open(t, ada, note, "yjs");
  sockets[7].close();
  await until(() => sockets[7].readyState === WebSocket.CLOSED, "one is gone");
  await Attack.open(t, mallory, note, "hocuspocus");
});
