// Documents that are full: who is refused is told so, deletions are taken, and what there is room for then is saved.
import assert from "node:assert/strict";
import test from "node:test";
import { splice } from "@automerge/automerge";
import { hocuspocusClients } from "./clients.js";
import { cast } from "./hall.js";
import { phone } from "./phones.js";
import { until } from "./until.js";

const letters = (number) => String.fromCharCode(97 + (number % 26));

// A client of the list, and what it was told.
async function sits(t, person, list) {
  const desk = await hocuspocusClients[0].sit(t, person, list);
  const told = [];
  desk.provider.on("stateless", ({ payload }) => told.push(JSON.parse(payload)));
  await desk.synced();
  const todos = desk.doc.getMap("todos");
  const isRefused = () => told.some(({ type, code }) => type === "refused" && code === "document-full");
  const isNearly = () => told.some(({ type }) => type === "document-nearly-full");
  return Object.assign(desk, { todos, isRefused, isNearly });
}

// Writes so much at a time until it is refused.
async function fills(t, person, list, bytes, first) {
  const desk = await sits(t, person, list);
  for (let number = first; !desk.isRefused(); number += 1) {
    desk.todos.set(`k${number}`, { text: letters(number).repeat(bytes) });
    await until(() => desk.provider.unsyncedChanges === 0 || desk.isRefused(), "saved or refused", 20);
  }
  desk.close();
}

test("a list that is full to the last bytes: small deletions are saved, and once it is emptied whoever was refused writes on", async (t) => {
  const { ada, ben } = await cast(t, ["ada", "ben"]);
  const room = await ada.roomWith([ben]);
  const list = `todos:${room}`;
  await fills(t, ada, list, 1_000_000, 0);
  await fills(t, ada, list, 50_000, 100);
  await fills(t, ada, list, 1_000, 200);
  const there = await sits(t, ben, list);
  // Time and again she makes a little room, and then writes more than fits.
  for (let round = 0; round < 6; round += 1) {
    const desk = await sits(t, ada, list);
    desk.todos.delete(`k${200 + round}`);
    await desk.saved();
    desk.todos.set("large", { text: "x".repeat(300_000) });
    await until(desk.isRefused, "it is refused");
    desk.close();
  }
  there.todos.set("his", { text: "y".repeat(200_000) });
  await until(there.isRefused, "his is refused too");
  const here = await sits(t, ada, list);
  here.doc.transact(() => [...here.todos.keys()].forEach((key) => here.todos.delete(key)));
  await here.saved();
  await there.saved();
  await until(() => here.todos.has("his"), "she has it");
});

test("who takes up all the room that deletions have above the limit takes nobody else's", async (t) => {
  const { ada, ben } = await cast(t, ["ada", "ben"]);
  const room = await ada.roomWith([ben]);
  const list = `todos:${room}`;
  const { id } = await ada.send("POST", "/todos", { text: "hers", room_id: room });
  const there = await sits(t, ben, list);
  for (let number = 0; number < 100; number += 1) there.todos.set(`small${number}`, { text: "x" });
  await there.saved();
  there.close();
  await fills(t, ben, list, 1_000_000, 0);
  await fills(t, ben, list, 1_000, 200);
  for (const bytes of [200_000, 20_000, 2_000, 200]) {
    const greedy = await sits(t, ben, list);
    for (let number = 0; !greedy.isRefused() && number < 40; number += 1) {
      const [small] = [...greedy.todos.keys()].filter((key) => key.startsWith("small"));
      greedy.doc.transact(() => {
        greedy.todos.delete(small);
        greedy.todos.set(`large${bytes}-${number}`, { text: letters(number).repeat(bytes) });
      });
      await until(() => greedy.provider.unsyncedChanges === 0 || greedy.isRefused(), "saved or refused", 20);
    }
    assert.ok(greedy.isRefused(), `${bytes} are refused`);
    greedy.close();
  }
  assert.equal((await ada.ask("DELETE", `/todos/${id}`)).status, 204);
  const here = await sits(t, ada, list);
  here.doc.transact(() => [...here.todos.keys()].forEach((key) => here.todos.delete(key)));
  await here.saved();
  assert.equal((await ada.ask("POST", "/todos", { text: "a new one", room_id: room })).status, 201);
});

test("an Automerge note that is full: who is refused is told so, and so is a PUT, at once", async (t) => {
  const { ada, ben } = await cast(t, ["ada", "ben"]);
  const room = await ada.roomWith([ben]);
  const note = await ada.send("POST", "/notes", { room_id: room, is_shared: true, engine: "automerge", text: "begin " });
  const here = await phone(ben);
  const open = await here.open(note.document_url);
  const told = [];
  open.handle.on("ephemeral-message", ({ message }) => told.push(message));
  const writes = (bytes) => open.handle.change((doc) => splice(doc, ["content"], doc.content.length, 0, letters(bytes).repeat(bytes)));
  for (let number = 0; number < 6; number += 1) {
    writes(430_000);
    await until(() => open.isSaved, "saved", 20);
  }
  writes(300_000);
  await until(() => told.length > 0, "he is told", 20);
  assert.deepEqual(told[0], { type: "refused", code: "document-full" });
  assert.ok(!open.isSaved);
  const head = await ada.ask("GET", `/notes/${note.id}`);
  await head.text();
  const put = await ada.ask("PUT", `/notes/${note.id}`, { text: "short" }, { "if-match": head.headers.get("etag") });
  assert.deepEqual([put.status, (await put.json()).code], [409, "document-full"]);
});

test("a note that is more than half full says so: to who writes, to who opens it later, and in REST", async (t) => {
  const { ada, ben } = await cast(t, ["ada", "ben"]);
  const room = await ada.roomWith([ben]);
  const { id, nearly_full: before } = await ada.send("POST", "/notes", { text: "much", room_id: room, is_shared: true });
  assert.equal(before, false);
  const here = await sits(t, ada, `note:${id}`);
  for (let number = 0; number < 11; number += 1) {
    here.doc.getMap("attachments").set(`k${number}`, letters(number).repeat(1_000_000));
    await here.saved();
    assert.equal(here.isNearly(), number >= 8, `after ${number + 1} MB`);
  }
  const there = await sits(t, ben, `note:${id}`);
  await until(there.isNearly, "who opens it later is told");
  await until(async () => (await ben.send("GET", `/notes/${id}`)).nearly_full, "REST says it");
});
