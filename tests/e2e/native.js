/**
 * A program that has what React Native has and no more: no WebAssembly, no IndexedDB, no
 * tabs, no text codecs, HTTP and storage of the app's own. Started as `node --jitless
 * native.js <what> <server> <folder>` by native.test.js; says what it found as JSON.
 */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { join } from "node:path";
import WebSocket from "ws";

const [, , what, url, folder] = process.argv;
assert.equal(typeof WebAssembly, "undefined", "started with --jitless");
// Node's own Request and Response, which React Native has too, are made with what is taken away here;
// its `fetch`, which is not used, looks for WebAssembly as they load.
process.on("unhandledRejection", (error) => {
  if (!/^WebAssembly is not defined/.test(error?.message)) throw error;
});
await new Response(await new Request("http://localhost", { method: "POST", body: "x" }).text()).text();
for (const name of ["BroadcastChannel", "TextDecoder", "TextEncoder", "structuredClone", "navigator"]) delete globalThis[name];
delete AbortSignal.timeout;
const { getRandomValues } = globalThis.crypto;
Object.defineProperty(globalThis, "crypto", { value: { getRandomValues: getRandomValues.bind(globalThis.crypto) } });
assert.equal(typeof indexedDB, "undefined");
const { Studyhall } = await import("../../clients/sdk/dist/index.js");

/** A file an entry: an adapter's four verbs. */
function files(root) {
  mkdirSync(root, { recursive: true });
  const path = (key) => join(root, encodeURIComponent(key));
  const keys = () => readdirSync(root).map(decodeURIComponent).sort();
  return {
    get: async (key) => (keys().includes(key) ? new Uint8Array(readFileSync(path(key))) : undefined),
    put: async (key, value) => writeFileSync(path(key), value),
    list: async (prefix) => keys().filter((key) => key.startsWith(prefix)),
    delete: async (key) => rmSync(path(key), { force: true }),
  };
}

/** Node's own `fetch` is built on WebAssembly. */
async function fetch(request, { signal }) {
  const body = await request.text();
  return new Promise((resolve, reject) => {
    const options = { method: request.method, headers: Object.fromEntries(request.headers), signal };
    const asked = httpRequest(request.url, options, async (answer) => {
      let text = "";
      for await (const chunk of answer.setEncoding("utf8")) text += chunk;
      resolve(new Response(text || null, { status: answer.statusCode, headers: answer.headers }));
    });
    asked.on("error", reject).end(body);
  });
}

/** Resolves with the first value of an observable that passes. */
function until(observable, passes) {
  return new Promise((resolve) => {
    const stop = observable.subscribe((value) => passes(value) && queueMicrotask(() => resolve(value) ?? stop()));
  });
}

const saved = ({ status }) => until(status, ({ state, unsaved }) => state === "saved" && unsaved === 0);
const keptHere = ({ status }) => until(status, ({ state, unsaved, kept }) => state === "offline" && unsaved > 0 && kept);
const shown = ({ list }) => list.items.get().map(({ text, is_completed }) => text + (is_completed ? " ✓" : ""));

const hall = await Studyhall.open({ url, storage: files(folder), fetch, WebSocket });
const acts = {
  async begin() {
    const username = `native${process.pid}`;
    await hall.register({ username, email: `${username}@example.org`, password: "a long sentence to remember" });
    const room = await hall.rooms.create({ name: "Biology" });
    const { code } = await hall.rooms.invite(room.id);
    const todos = await hall.todos.open({ room: room.id });
    todos.list.add({ text: "read" });
    todos.list.add({ text: "write" });
    const id = await hall.notes.create({ title: "The cell", room: room.id, format: "plain" });
    const note = await hall.notes.open(id);
    note.doc.getText("content").insert(0, "made on a phone");
    await Promise.all([saved(todos), saved(note)]);
    return { room: room.id, code, note: id };
  },

  async offline({ room, note: id }) {
    const todos = await hall.todos.open({ room });
    const [read, write] = todos.list.items.get();
    todos.list.complete(read.id);
    todos.list.place(write.id, null);
    const state = await hall.rooms.open(room);
    state.state.act("start");
    const note = await hall.notes.open(id);
    note.doc.getText("content").insert(0, "offline: ");
    const made = await hall.notes.create({ title: "Made offline", room });
    await Promise.all([todos, state, note].map(keptHere));
    return { made, todos: shown(todos), timer: state.state.timer.get().timer };
  },

  async back({ room, note: id, made }) {
    const open = [await hall.todos.open({ room }), await hall.rooms.open(room), await hall.notes.open(id), await hall.notes.open(made)];
    await Promise.all(open.map(saved));
    const [todos, state, note, other] = open;
    const timer = state.state.timer.get().timer;
    return { todos: shown(todos), timer, text: note.doc.getText("content").toString(), title: other.title };
  },
};

const found = await acts[what](JSON.parse(process.env.KNOWN ?? "{}"));
// No goodbye: an app is ended when its system likes.
process.stdout.write(JSON.stringify(found), () => process.exit(0));
