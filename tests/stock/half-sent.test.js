// What is half sent, and never ends: by a person on many sockets, by strangers, in bodies of REST, on a line that is
// dead. It keeps little memory, not for long, and nobody else waits. Together, since each of them waits for its end.
import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:http";
import { connect } from "node:net";
import { describe, test } from "node:test";
import { clients } from "./clients.js";
import { MiB, halfSends, memory, opened, scene } from "./mallory.js";
import { until } from "./until.js";

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Others go on meanwhile, and memory has not grown by more than this. */
async function stays({ hall, goesOn }, before, most) {
  for (let time = 0; time < 20; time += 1) await goesOn();
  assert.ok(memory(hall) - before <= most, `memory grew by ${memory(hall) - before}`);
}

/** A million bytes announced, on so many connections of a person's, and most of them sent. */
function bodies(t, person, many) {
  const head = ["POST /api/v1/notes HTTP/1.1", "host: hall", "content-type: application/json", `authorization: Bearer ${person.access}`];
  const half = `${head.join("\r\n")}\r\ncontent-length: 1000000\r\n\r\n{"text":"${"x".repeat(900_000)}`;
  const lines = Array.from({ length: many }, () => connect(person.hall.ports[0], "127.0.0.1").on("error", () => {}));
  t.after(() => lines.forEach((line) => line.destroy()));
  for (const line of lines) line.write(half);
  return lines;
}

describe("half sent", { concurrency: true }, () => {
  test("messages of one person take that person's room, on however many sockets", async (t) => {
    const { hall, mallory, note, ...at } = await scene(t);
    const url = `${hall.sockets}/yjs/${note}?ticket=${await mallory.ticket()}`;
    const sockets = await opened(t, Array.from({ length: 200 }, () => url));
    await Promise.all(sockets.map((socket) => once(socket, "message")));
    const before = memory(hall);
    halfSends(sockets, 250_000);
    await stays({ hall, ...at }, before, 32 * MiB);
  });

  test("messages of strangers take a room of their own, and after a minute they are closed", async (t) => {
    const at = await scene(t, "--rate-limit", "on");
    const sockets = await opened(t, Array.from({ length: 1_000 }, () => `${at.hall.sockets}/hocuspocus`));
    const closed = sockets.map((socket) => once(socket, "close"));
    const [before, since] = [memory(at.hall), performance.now()];
    halfSends(sockets, 60_000);
    await stays(at, before, 40 * MiB);
    for (const [code, reason] of await Promise.all(closed)) assert.equal(`${code} ${reason}`, "1008 not-signed-in");
    assert.ok(performance.now() - since > 45_000, "a token may take a while");
    await at.goesOn();
  });

  test("bodies of one person take that person's room, on however many connections, until they are given up", async (t) => {
    const at = await scene(t, "--rate-limit", "on");
    const { hall, mallory, ada } = at;
    const before = memory(hall);
    const lines = bodies(t, mallory, 200);
    const answers = lines.map((line) => once(line, "data").then(([said]) => String(said).split("\r\n")[0]));
    await stays(at, before, 64 * MiB); // 12 MiB, and what 200 connections read ahead; all of it would be 172
    await ada.send("POST", "/notes", { text: "y".repeat(900_000) });
    for (const answer of await Promise.all(answers)) assert.match(answer, /^HTTP\/1\.1 (503|429) /);
    await until(() => memory(hall) - before <= 48 * MiB, "what was half sent is let go of");
    await mallory.send("POST", "/notes", { text: "z".repeat(900_000) });
  });

  test("a body that comes byte by byte keeps its person's others waiting no longer than one that stands still", async (t) => {
    const { hall, mallory } = await scene(t);
    const lines = bodies(t, mallory, 20);
    const drip = setInterval(() => lines.forEach((line) => line.destroyed || line.write("x")), 500);
    t.after(() => clearInterval(drip));
    await sleep(1_000);
    const headers = { "content-type": "application/json", authorization: `Bearer ${mallory.access}` };
    const note = { method: "POST", headers, body: JSON.stringify({ text: "y".repeat(100_000) }) };
    const signal = AbortSignal.timeout(20_000); // a request may take 30 s
    const { status } = await fetch(`http://127.0.0.1:${hall.ports[0]}/api/v1/notes`, { ...note, signal });
    assert.equal(status, 201);
  });

  test("an app that sends forty long notes side by side, on a line that is slow, has them all", async (t) => {
    const { hall, ada } = await scene(t);
    const headers = { "content-type": "application/json", authorization: `Bearer ${ada.access}` };
    const to = { port: hall.ports[0], path: "/api/v1/notes", method: "POST", headers };
    const sends = async (_, n) => {
      const note = request({ ...to, headers: { ...headers, "content-length": 900_011 } });
      note.write(`{"text":"${"y".repeat(500_000)}`);
      await sleep(1_500 + 50 * n); // all have begun by then
      note.end(`${"y".repeat(400_000)}"}`);
      const [answer] = await once(note, "response");
      return answer.statusCode;
    };
    const answers = await Promise.all(Array.from({ length: 40 }, sends));
    assert.deepEqual(answers, answers.map(() => 201));
  });

  test("who announces much and sends little takes no room: others' bodies do not wait, nor their own", async (t) => {
    const { hall, ada, mallory } = await scene(t);
    const people = await Promise.all(Array.from({ length: 20 }, (_, n) => hall.register(`greedy${n}`)));
    const pending = [];
    const sends = (path, person, size) => {
      const head = [`POST /api/v1${path} HTTP/1.1`, "host: hall", "content-type: application/json", size];
      if (person) head.push(`authorization: Bearer ${person.access}`);
      const line = connect(hall.ports[0], "127.0.0.1").on("error", () => {});
      t.after(() => line.destroy());
      line.on("data", (said) => pending.push(String(said)));
      line.write(`${head.join("\r\n")}\r\n\r\n${size.startsWith("content") ? '{"text":"x' : '5\r\n{"tex\r\n'}`);
    };
    for (const person of [...people, ...people, mallory]) sends("/notes", person, "content-length: 8380000");
    sends("/notes", mallory, "transfer-encoding: chunked");
    for (let n = 0; n < 280; n += 1) sends("/auth/refresh", null, "transfer-encoding: chunked");
    await sleep(1_000);
    for (const person of [ada, mallory]) await person.send("POST", "/notes", { text: "y".repeat(900_000) });
    const signIn = { email: "ben@example.org", password: "seven geese over the ben lake" };
    const streamed = new Blob([JSON.stringify(signIn)]).stream();
    const asJson = { method: "POST", headers: { "content-type": "application/json" }, duplex: "half" };
    const login = await fetch(`http://127.0.0.1:${hall.ports[0]}/api/v1/auth/login`, { ...asJson, body: streamed });
    assert.equal(login.status, 200);
    assert.deepEqual(pending, [], "all of that while they are waited for");
  });

  test("large messages on lines that are dead keep their person's other devices waiting for seconds, not minutes", async (t) => {
    const { hall, ada, note } = await scene(t);
    const url = `${hall.sockets}/yjs/${note}?ticket=${await ada.ticket()}`;
    const dead = await opened(t, [url, url]);
    await Promise.all(dead.map((socket) => once(socket, "message")));
    for (const socket of dead) socket.pause(); // no pong comes either
    halfSends(dead, 400_000);
    await sleep(500);
    const desk = await clients[0].sit(t, ada, await ada.note());
    await desk.synced();
    desk.write("x".repeat(400_000));
    await until(() => desk.provider.unsyncedChanges === 0, "it is saved", 50);
  });

  test("a request of which only half the head comes is not waited for, and one that comes in time is answered", async (t) => {
    const { hall } = await scene(t);
    const line = connect(hall.ports[0], "127.0.0.1");
    t.after(() => line.destroy());
    line.write("GET /api/v1/openapi.json HTTP/1.1\r\nhost: hall\r\n");
    await sleep(20_000);
    line.write("\r\n");
    const [said] = await once(line, "data");
    assert.match(String(said), /^HTTP\/1\.1 200 /);
    line.resume();
    const ended = once(line, "end");
    line.write("GET /api/v1/openapi.json HTTP/1.1\r\nhost: ");
    await ended;
  });
});
