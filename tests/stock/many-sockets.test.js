// One person with many sockets: no more than they may have.
import assert from "node:assert/strict";
import { once } from "node:events";
import test from "node:test";
import WebSocket from "ws";
import { AUTH, Attack, opened, scene } from "./mallory.js";
import { until } from "./until.js";

test("who has a thousand sockets gets no other, over any protocol, until one is gone; others do", async (t) => {
  const { hall, ada, mallory, note, goesOn } = await scene(t, "--rate-limit", "on");
  const ticket = await mallory.ticket();
  const url = `${hall.sockets}/yjs/${note}?ticket=${ticket}`;
  const sockets = await opened(t, Array.from({ length: 1_000 }, () => url));
  await Promise.all(sockets.map((socket) => once(socket, "message"))); // who hears of the document is in

  const answer = await new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
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
