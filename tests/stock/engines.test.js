// One person, two libraries: a laptop with a stock Hocuspocus client on Yjs documents, a phone with a stock
// automerge-repo client on Automerge ones. Both are offline for a while, the server is killed, and in the
// end each has what REST shows.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import test from "node:test";
import * as A from "@automerge/automerge";
import { updateText } from "@automerge/automerge-repo";
import * as Y from "yjs";
import { counting, hocuspocusClients, yWebsocketClients } from "./clients.js";
import { cast } from "./hall.js";
import { automergeNote, phone } from "./phones.js";
import { databaseOf, mongo } from "./services.js";
import { until } from "./until.js";

const [{ sit }] = hocuspocusClients;
const newId = () => randomBytes(12).toString("hex");
const fixtures = JSON.parse(readFileSync(new URL("../../schema/fixtures/automerge.json", import.meta.url)));

/** What a list says, in order, ✓ for what is done; from either library, or from REST. */
function said(todos) {
  const here = todos.filter(([, todo]) => !todo.moved_to);
  here.sort(([i, a], [j, b]) => a.position - b.position || (i < j ? -1 : 1));
  return here.map(([, todo]) => `${todo.text}${todo.completed ? " ✓" : ""}`).join(", ");
}

const inYjs = (desk) => said(Object.entries(desk.doc.getMap("todos").toJSON()));
const inAutomerge = (sheet) => said(Object.entries(sheet.handle.doc().todos));

async function atRest(person, path) {
  const { items } = await person.send("GET", path);
  return items.map((todo) => todo.text + (todo.is_completed ? " ✓" : "")).join(", ");
}

function yjsTodo(desk, text, position) {
  const todo = new Y.Map(Object.entries({ text, position, completed: null, created_at: new Date().toISOString() }));
  desk.doc.getMap("todos").set(newId(), todo);
}

function automergeTodo(sheet, text, position) {
  const id = newId();
  const created_at = new Date().toISOString();
  sheet.handle.change((doc) => (doc.todos[id] = { text, position, completed: null, created_at }));
  return id;
}

const stores = {
  SQLite: async () => [],
  "MongoDB's wire": async (t) => ["--store", databaseOf(await mongo(t), `engines_${process.pid}`)],
};

for (const [name, flags] of Object.entries(stores)) {
  test(`${name}: laptop and phone of one person, both offline, kill -9 in between: each is what REST shows`, async (t) => {
    const { hall, ada, ben } = await cast(t, ["ada", "ben"], ...(await flags(t)));
    await ada.send("PATCH", "/auth/me/settings", { engine: "automerge" });
    const room = await ada.roomWith([ben]);
    for (const text of ["read", "rest"]) await ada.send("POST", "/todos", { text, room_id: room });
    const { documents } = await ada.send("GET", "/auth/me");
    assert.equal(documents.todos.engine, "automerge");
    const notes = { laptop: await ada.note({ text: "laptop:" }), phone: await automergeNote(ada, { text: "phone:" }) };

    const laptop = { list: sit(t, ada, `todos:${room}`), note: sit(t, ada, notes.laptop) };
    await Promise.all([laptop.list.synced(), laptop.note.synced()]);
    const mobile = await phone(ada);
    const pocket = { list: await mobile.open(documents.todos.url), note: await mobile.open(notes.phone.document_url) };
    const milk = automergeTodo(pocket.list, "milk", 1);
    await pocket.list.saved();
    const all = async () => (await atRest(ada, "/todos")).split(", ");
    assert.deepEqual((await all()).sort(), ["milk", "read", "rest"]);

    await Promise.all([laptop.list.leave(), laptop.note.leave(), mobile.leave()]);
    yjsTodo(laptop.list, "offline on the laptop", 0.5);
    laptop.note.write(" typed offline");
    pocket.list.handle.change((doc) => {
      doc.todos[milk].completed = { at: new Date().toISOString(), by: ada.id };
      updateText(doc, ["todos", milk, "text"], "milk and eggs");
    });
    automergeTodo(pocket.list, "offline on the phone", 0.5);
    pocket.note.write(" typed offline");
    // Meanwhile others write, and she does from elsewhere.
    await ben.send("POST", "/todos", { text: "Ben's", room_id: room });
    await ada.send("POST", "/todos", { text: "by REST" });
    await ada.send("PUT", `/todos/${milk}`, { text: "Oat milk" });
    await ada.send("GET", `/notes/${notes.phone.id}`);
    await ada.send("PUT", `/notes/${notes.phone.id}`, { text: "my phone:" });
    await hall.kill();
    await hall.start();
    laptop.list.comeBack();
    laptop.note.comeBack();
    await mobile.comeBack();
    await Promise.all([laptop.list.saved(), laptop.note.saved(), pocket.list.saved(), pocket.note.saved()]);
    await hall.kill();
    await hall.start();

    const lists = { room: "offline on the laptop, read, rest, Ben's", own: "offline on the phone, Oat milk and eggs ✓, by REST" };
    const texts = { laptop: "laptop: typed offline", phone: "my phone: typed offline" };
    assert.equal(await atRest(ben, `/rooms/${room}/todos`), lists.room, "acknowledged, then killed");
    const rest = await all();
    for (const todo of lists.own.split(", ")) assert.ok(rest.includes(todo), `${todo} in ${rest}`);
    for (const [device, id] of [["laptop", notes.laptop.slice("note:".length)], ["phone", notes.phone.id]]) {
      assert.equal((await ada.send("GET", `/notes/${id}`)).text, texts[device]);
    }
    await until(() => inYjs(laptop.list) === lists.room, () => `the laptop has ${inYjs(laptop.list)}`);
    await until(() => inAutomerge(pocket.list) === lists.own, () => `the phone has ${inAutomerge(pocket.list)}`);
    await Promise.all([laptop.note.reads(texts.laptop), pocket.note.reads(texts.phone)]);
  });
}

test("two phones offline reorder and complete one list, and both have done it", async (t) => {
  const { hall, ada, ben } = await cast(t, ["ada", "ben"]);
  const room = await ada.roomWith([ben], {}, { engine: "automerge" });
  const ids = {};
  for (const text of ["read", "write", "rest"]) {
    ids[text] = (await ada.send("POST", "/todos", { text, room_id: room })).id;
  }
  const { documents } = await ben.send("GET", `/rooms/${room}`);
  const [one, other] = [await phone(ada), await phone(ben)];
  const [here, there] = [await one.open(documents.todos.url), await other.open(documents.todos.url)];
  const has = (sheet, list) => until(() => inAutomerge(sheet) === list, () => `has ${inAutomerge(sheet)}`);
  await Promise.all([has(here, "read, write, rest"), has(there, "read, write, rest")]);
  await Promise.all([one.leave(), other.leave()]);
  const done = (by) => ({ at: new Date().toISOString(), by: by.id });
  here.handle.change((doc) => {
    doc.todos[ids.rest].position = doc.todos[ids.read].position - 1;
    doc.todos[ids.read].completed = done(ada);
  });
  there.handle.change((doc) => {
    doc.todos[ids.write].position = doc.todos[ids.rest].position + 1;
    doc.todos[ids.write].completed = done(ben);
  });
  await hall.kill();
  await hall.start();
  await Promise.all([one.comeBack(), other.comeBack()]);
  const all = "rest, read ✓, write ✓";
  await Promise.all([has(here, all), has(there, all)]);
  await Promise.all([here.saved(), there.saved()]);
  assert.equal(await atRest(ben, `/rooms/${room}/todos`), all);
});

test("what REST does to a list or a timer is on its way to phones before it is answered", async (t) => {
  const { ada, ben } = await cast(t, ["ada", "ben"]);
  const room = await ada.roomWith([ben], {}, { engine: "automerge" });
  const { documents } = await ben.send("GET", `/rooms/${room}`);
  const mobile = await phone(ben);
  const [list, state] = [await mobile.open(documents.todos.url), await mobile.open(documents.state.url)];
  for (let round = 0; round < 5; round += 1) {
    const { id } = await ada.send("POST", "/todos", { text: `todo ${round}`, room_id: room });
    await until(() => list.handle.doc().todos[id]?.text === `todo ${round}`, "a string, as its own clients make it");
    await ada.send("PUT", `/todos/${id}/complete`);
    await until(() => String(list.handle.doc().todos[id].completed?.by) === ada.id, "it is done");
    await ada.send("DELETE", `/todos/${id}`);
    await until(() => !list.handle.doc().todos[id], "it is gone");
  }
  const { timer } = await ada.send("PUT", `/rooms/${room}/timer`, { action: "start" });
  const shown = () => state.handle.doc().state.timer;
  await until(() => String(shown()?.phase_started_at) === timer.phase_started_at, "the phone's clock runs");
  assert.equal(shown().duration_s, timer.duration_s);
  // A timer that a phone starts, offline or not, is the room's.
  const phase_started_at = new Date().toISOString();
  state.handle.change((doc) => {
    doc.state.timer = { phase: "short_break", phase_started_at, duration_s: 300, paused_remaining_s: null, cycle: 2 };
  });
  await state.saved();
  const now = await ada.send("GET", `/rooms/${room}/timer`);
  assert.deepEqual([now.timer.phase, now.timer.cycle], ["short_break", 2]);
});

test("a list that a phone began before it ever was online is the same list", async (t) => {
  const { ada } = await cast(t, ["ada"]);
  await ada.send("PATCH", "/auth/me/settings", { engine: "automerge" });
  const { url } = (await ada.send("GET", "/auth/me")).documents.todos;
  await ada.send("POST", "/todos", { text: "by REST" });
  const mobile = await phone(ada);
  await mobile.leave();
  const first = Uint8Array.from(Buffer.from(fixtures.first_changes.todos, "hex"));
  const [begun] = A.applyChanges(A.init(), [first]);
  const handle = mobile.repo.import(A.save(begun), { docId: url.slice("automerge:".length) });
  handle.change((doc) => (doc.todos[newId()] = { text: "made offline", position: 0, completed: null }));
  await mobile.comeBack();
  const sheet = await mobile.open(url);
  await sheet.saved();
  await until(() => inAutomerge(sheet) === "made offline, by REST", () => `has ${inAutomerge(sheet)}`);
  assert.equal(await atRest(ada, "/todos"), "made offline, by REST");
});

const mischief = {
  "values of the wrong type": (doc) => {
    doc.todos[newId()] = { text: 5, position: "first", completed: true, due_date: "tomorrow", assignee_id: ["me"] };
    doc.todos[newId()] = "a text";
    doc.todos[newId()] = null;
    doc.todos["not an id"] = { text: "not shown", position: 0 };
    return [""];
  },
  "huge strings": (doc) => {
    doc.todos[newId()] = { text: "x".repeat(20_000), position: 1000 };
    return ["x".repeat(2000)];
  },
  "ids of nobody": (doc) => {
    doc.todos[newId()] = { text: "of nobody", position: 1000, assignee_id: newId(), completed: { at: "never", by: newId() } };
    return ["of nobody ✓"];
  },
  "no list at all": (doc) => {
    doc.todos = "no map";
    return null;
  },
};

for (const [what, write] of Object.entries(mischief)) {
  test(`${what} in an Automerge list: it is shown without them, and goes on`, async (t) => {
    const { hall, ada, mallory } = await cast(t, ["ada", "mallory"]);
    const room = await ada.roomWith([mallory], {}, { engine: "automerge" });
    await ada.send("POST", "/todos", { text: "good", room_id: room });
    const { documents } = await ada.send("GET", `/rooms/${room}`);
    const sheet = await (await phone(mallory)).open(documents.todos.url);
    await until(() => sheet.handle.doc()?.todos, "the list is here");
    let more;
    sheet.handle.change((doc) => (more = write(doc)));
    await sheet.saved();
    const expected = more ? ["good", ...more].join(", ") : "";
    assert.equal(await atRest(ada, `/rooms/${room}/todos`), expected);
    for (const todo of (await ada.send("GET", `/rooms/${room}/todos`)).items) await ada.send("DELETE", `/todos/${todo.id}`);
    await ada.send("POST", "/todos", { text: "better", room_id: room });
    await hall.kill();
    await hall.start();
    assert.equal(await atRest(ada, `/rooms/${room}/todos`), "better");
  });
}

// What a client that only speaks Yjs is told of what is kept in Automerge, by whoever may see it, and by nobody else.
const yjsKinds = [...hocuspocusClients.map((client) => [client, refusedByHocuspocus]), ...yWebsocketClients.map((client) => [client, refusedByYWebsocket])];

for (const [{ name, sit: opens }, refused] of yjsKinds) {
  test(`${name}: a member is told that a room's list and state are in another library, a stranger that nothing is there`, async (t) => {
    const { ada, ben, eve } = await cast(t, ["ada", "ben", "eve"]);
    const room = await ada.roomWith([ben], {}, { engine: "automerge" });
    await ada.send("POST", "/todos", { text: "read", room_id: room });
    await ada.send("PATCH", "/auth/me/settings", { engine: "automerge" });
    await ada.send("GET", "/auth/me");
    for (const [person, document, reason] of [
      [ben, `todos:${room}`, "other-engine"],
      [ben, `room:${room}`, "other-engine"],
      [eve, `todos:${room}`, "not-found"],
      [eve, `room:${room}`, "not-found"],
      [ada, `todos:${ada.id}`, "other-engine"],
      [ben, `todos:${ada.id}`, "not-found"],
    ]) {
      assert.equal(await refused(t, opens, person, document), reason, `${document} to ${person === eve ? "a stranger" : "a member"}`);
    }
    assert.equal(await atRest(ben, `/rooms/${room}/todos`), "read");
  });
}

async function refusedByHocuspocus(t, opens, person, document) {
  let told;
  opens(t, person, document, { onAuthenticationFailed: ({ reason }) => (told = reason) });
  await until(() => told, "is told why");
  return told;
}

async function refusedByYWebsocket(t, opens, person, document) {
  const { attempts, Counting } = counting();
  const desk = await opens(t, person, document, { WebSocketPolyfill: Counting });
  const told = [];
  desk.provider.on("connection-close", (event) => event && told.push(`${event.code} ${event.reason}`));
  await until(() => told.length > 0, "is told why");
  const [code, reason] = told[0].split(" ");
  assert.equal(code, { "other-engine": "4409", "not-found": "4404" }[reason]);
  // Who knows no code comes again, and is refused before the upgrade: so it waits longer each time.
  if (desk.provider.shouldConnect) {
    await until(() => attempts.length > 1 && told.length > 1, "comes again");
    assert.equal(told[1].split(" ")[0], "1006");
  }
  desk.close();
  return reason;
}
