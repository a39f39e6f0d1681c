/** The client where there is no JIT, no WebAssembly and no IndexedDB, as in React Native; ended without a goodbye. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import WebSocket from "ws";
import { memory, Studyhall } from "../../clients/sdk/dist/index.js";
import { cannotRestart, Hall } from "./hall.js";

const run = promisify(execFile);
const program = new URL("native.js", import.meta.url).pathname;

let server;
let folder;
before(async () => {
  server = await Hall.open();
  folder = await mkdtemp(join(tmpdir(), "studyhall-native-"));
});
after(async () => {
  await server?.close();
  if (folder) await rm(folder, { recursive: true, force: true });
});

async function phone(what, known = {}) {
  const env = { ...process.env, KNOWN: JSON.stringify(known) };
  const { stdout } = await run(process.execPath, ["--jitless", program, what, server.url, folder], { env, timeout: 90_000 });
  return JSON.parse(stdout);
}

test("todos, the timer and notes work, offline and over restarts of the app, and others see them", { skip: cannotRestart }, async () => {
  const known = await phone("begin");
  await server.stop();
  const offline = await phone("offline", known);
  assert.deepEqual(offline.todos, ["write", "read ✓"]);
  assert.equal(offline.timer.phase, "focus");
  await server.start();
  const back = await phone("back", { ...known, ...offline });
  assert.deepEqual(back, {
    todos: offline.todos,
    timer: offline.timer,
    text: "offline: made on a phone",
    title: "Made offline",
  });

  const ben = await Studyhall.open({ url: server.url, storage: memory(), WebSocket });
  const username = `ben${process.pid}n`;
  await ben.register({ username, email: `${username}@example.org`, password: "a long sentence to remember" });
  await ben.rooms.join(known.code);
  const todos = await ben.todos.open({ room: known.room });
  const state = await ben.rooms.open(known.room);
  await Promise.all([todos.settled(), state.settled()]);
  assert.deepEqual(todos.list.items.get().map(({ text }) => text), ["write", "read"]);
  assert.deepEqual(state.state.timer.get().timer, offline.timer);
  await ben.close();
});
