/** `@studyhall/client` without a browser: tokens in the body, documents over `ws`. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import WebSocket from "ws";
import { memory, Studyhall } from "../../clients/sdk/dist/index.js";
import { eventually } from "./eventually.js";
import { cannotRestart, Hall } from "./hall.js";

let server;
let count = 0;
before(async () => {
  server = await Hall.open();
});
after(() => server?.close());

async function newcomer(name) {
  const hall = await Studyhall.open({ url: server.url, storage: memory(), WebSocket });
  count += 1;
  const username = `${name}${process.pid}c${count}`;
  await hall.register({ username, email: `${username}@example.org`, password: "a long sentence to remember" });
  return hall;
}

/** Resolves with the first value of an observable that passes. */
function until(observable, passes) {
  return new Promise((resolve) => {
    const stop = observable.subscribe((value) => {
      if (passes(value)) queueMicrotask(() => resolve(value) ?? stop());
    });
  });
}

const isSaved = ({ state, unsaved }) => state === "saved" && unsaved === 0;

function hears(note, words) {
  const content = note.doc.getText("content");
  return new Promise((resolve) => {
    const look = () => content.toString().includes(words) && resolve(content.unobserve(look));
    content.observe(look);
    look();
  });
}

async function roomOfTwo() {
  const [ada, ben] = [await newcomer("ada"), await newcomer("ben")];
  const room = await ada.rooms.create({ name: "Physics" });
  const { code } = await ada.rooms.invite(room.id);
  await ben.rooms.join(code);
  return { ada, ben, room };
}

test("two programs write one note and both know that it is saved", async () => {
  const { ada, ben, room } = await roomOfTwo();
  const id = await ada.notes.create({ title: "Waves", room: room.id });
  const adas = await ada.notes.open(id);
  await until(adas.status, isSaved);
  const bens = await ben.notes.open(id);
  await until(bens.status, isSaved);
  assert.equal(bens.title, "Waves");
  adas.doc.getText("content").insert(0, "light ");
  await hears(bens, "light");
  bens.doc.getText("content").insert(6, "and sound");
  await hears(adas, "light and sound");
  await Promise.all([until(adas.status, isSaved), until(bens.status, isSaved)]);
  await Promise.all([ada.close(), ben.close()]);
});

test("what was made without a server is there for others afterwards, once", { skip: cannotRestart }, async () => {
  const { ada, ben, room } = await roomOfTwo();
  await server.stop();
  const ids = [];
  for (const title of ["first", "second"]) ids.push(await ada.notes.create({ title, room: room.id }));
  const note = await ada.notes.open(ids[0]);
  note.doc.getText("content").insert(0, "made offline");
  await until(note.status, ({ state }) => state === "offline");
  assert.ok(note.status.get().unsaved > 0);
  await server.start();
  await until(note.status, isSaved);
  await until(ben.reach, (reach) => reach === "online");

  const bens = await ben.notes.open(ids[0]);
  await hears(bens, "made offline");
  assert.equal(bens.doc.getText("content").toString(), "made offline");
  // Of the second nobody has waited that it is saved.
  const listed = async () => (await ben.notes.list({ room: room.id })).value.map(({ id }) => id).sort();
  assert.deepEqual(await eventually(listed, (found) => found.length >= ids.length, "both are listed"), [...ids].sort());
  const second = await ben.notes.open(ids[1]);
  await new Promise((resolve) => {
    const stop = second.onTitle((title) => title === "second" && resolve(queueMicrotask(() => stop())));
  });
  await Promise.all([ada.close(), ben.close()]);
});
