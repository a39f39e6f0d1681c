// Todos and stock clients: what two people do offline to one list is all there in the end, REST shows the
// same, and what REST changes is seen by who is connected.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import test from "node:test";
import * as Y from "yjs";
import { clients, hocuspocusClients } from "./clients.js";
import { cast } from "./hall.js";
import { until } from "./until.js";

const [{ sit: hocuspocus }] = hocuspocusClients;
const newId = () => randomBytes(12).toString("hex");

/** A list as an app keeps it. */
class List {
  constructor(desk) {
    this.desk = desk;
    this.map = desk.doc.getMap("todos");
  }

  add(text, position, fields = {}) {
    const id = newId();
    const todo = new Y.Map();
    const all = { text, position, completed: null, created_at: new Date().toISOString(), ...fields };
    for (const [field, value] of Object.entries(all)) todo.set(field, value);
    this.map.set(id, todo);
    return id;
  }

  set(id, field, value) {
    this.map.get(id).set(field, value);
  }

  complete(id, by) {
    this.set(id, "completed", { at: new Date().toISOString(), by });
  }

  /** `a b ✓` in order, ✓ for what is done. */
  get shown() {
    const todos = [...this.map].filter(([, todo]) => !todo.get("moved_to"));
    const place = ([id, todo]) => [todo.get("position"), id];
    todos.sort((a, b) => {
      const [[p, i], [q, j]] = [place(a), place(b)];
      return p - q || (i < j ? -1 : 1);
    });
    return todos.map(([, todo]) => todo.get("text") + (todo.get("completed") ? " ✓" : "")).join(", ");
  }

  shows(expected) {
    return until(() => this.shown === expected, () => `shows "${expected}", has "${this.shown}"`);
  }
}

async function rest(person, path) {
  const { items } = await person.send("GET", path);
  return items.map((todo) => todo.text + (todo.is_completed ? " ✓" : "")).join(", ");
}

for (const { name, sit } of clients) {
  test(`${name}: two offline reorder and complete one list, the server is killed, and all of it is there`, async (t) => {
    const { hall, ada, ben } = await cast(t, ["ada", "ben"]);
    const room = await ada.roomWith([ben]);
    for (const text of ["read", "write", "rest", "repeat"]) {
      await ada.send("POST", "/todos", { text, room_id: room });
    }
    const { items } = await ben.send("GET", `/rooms/${room}/todos`);
    const [read, write, rested, repeat] = items.map((todo) => todo.id);
    const place = (id) => items.find((todo) => todo.id === id).position;
    const desks = [await sit(t, ada, `todos:${room}`), await sit(t, ben, `todos:${room}`)];
    await Promise.all(desks.map((desk) => desk.synced()));
    const [adas, bens] = desks.map((desk) => new List(desk));
    await Promise.all([adas.shows("read, write, rest, repeat"), bens.shows("read, write, rest, repeat")]);

    await Promise.all(desks.map((desk) => desk.leave()));
    adas.set(repeat, "position", place(read) - 1);
    adas.complete(read, ada.id);
    const extra = adas.add("ada's own", place(repeat) + 1);
    bens.set(read, "position", (place(write) + place(rested)) / 2);
    bens.complete(write, ben.id);
    bens.set(rested, "text", "rest well");
    await hall.kill();
    await hall.start();
    desks.forEach((desk) => desk.comeBack());

    const all = "repeat, write ✓, read ✓, rest well, ada's own";
    await Promise.all([adas.shows(all), bens.shows(all)]);
    await Promise.all(desks.map((desk) => desk.saved()));
    assert.equal(await rest(ben, `/rooms/${room}/todos`), all);
    assert.equal((await ada.send("GET", `/todos/${extra}`)).owner_id, ada.id);
    await hall.kill();
    await hall.start();
    assert.equal(await rest(ada, `/rooms/${room}/todos`), all, "acknowledged, then killed: it is kept");
  });
}

test("a REST write is on its way to live clients before it is answered, and its writer reads it", async (t) => {
  const { ada } = await cast(t, ["ada"]);
  const desk = hocuspocus(t, ada, `todos:${ada.id}`);
  await desk.synced();
  const list = new List(desk);
  for (let round = 0; round < 20; round += 1) {
    const text = `todo ${round}`;
    const { id } = await ada.send("POST", "/todos", { text });
    await until(() => list.map.has(id), `the client has ${text}`);
    await ada.send("PUT", `/todos/${id}/complete`);
    assert.equal((await ada.send("GET", `/todos/${id}`)).is_completed, true);
    assert.ok((await ada.send("GET", "/todos")).items.at(-1).is_completed);
    await until(() => list.map.get(id).get("completed")?.by === ada.id, `${text} is done`);
    await ada.send("DELETE", `/todos/${id}`);
    await until(() => !list.map.has(id), `${text} is gone`);
  }
});

test("what was saved before the server was killed is found by its id, listed, and can be done", async (t) => {
  const { hall, ada, ben } = await cast(t, ["ada", "ben"]);
  const room = await ada.roomWith([ben]);
  const reads = [
    (id) => ada.send("GET", `/todos/${id}`),
    (id) => ben.send("PUT", `/todos/${id}/complete`),
    async (id) => (await ada.send("GET", "/todos")).items.find((todo) => todo.id === id),
    async (id) => (await ben.send("GET", "/todos?assigned=true")).items.find((todo) => todo.id === id),
  ];
  for (const [number, read] of reads.entries()) {
    const desk = hocuspocus(t, ada, `todos:${room}`);
    await desk.synced();
    const id = new List(desk).add(`saved ${number}`, number, { assignee_id: ben.id });
    await desk.saved();
    await hall.kill();
    desk.close();
    await hall.start();
    assert.equal((await read(id))?.text, `saved ${number}`);
  }
});

test("a list is its owner's or its room's members', and nobody else's", async (t) => {
  const { ada, ben, eve } = await cast(t, ["ada", "ben", "eve"]);
  const room = await ada.roomWith([ben]);
  const denied = (person, document) => {
    const desk = hocuspocus(t, person, document);
    let reason;
    desk.provider.on("authenticationFailed", (event) => (reason = event.reason));
    return until(() => reason, `${person.name} is refused ${document}`);
  };
  await denied(ben, `todos:${ada.id}`);
  for (const name of [`todos:${room}`, `room:${room}`, `todos:${newId()}`, `room:${newId()}`]) {
    await denied(eve, name);
  }
  for (const name of [`todos:${room}`, `room:${room}`]) {
    await hocuspocus(t, ben, name).synced();
  }
});

test("what a phone does offline to a todo that was moved meanwhile goes after it", async (t) => {
  const { ada, ben } = await cast(t, ["ada", "ben"]);
  const room = await ada.roomWith([ben]);
  const { id } = await ada.send("POST", "/todos", { text: "draft" });
  const phone = hocuspocus(t, ada, `todos:${ada.id}`);
  await phone.synced();
  const list = new List(phone);
  await list.shows("draft");
  await phone.leave();
  await ada.send("PUT", `/todos/${id}`, { is_shared: true, room_id: room });
  await ben.send("PUT", `/todos/${id}`, { text: "ours" });
  list.complete(id, ada.id);
  phone.comeBack();
  await phone.saved();
  await list.shows("");
  await until(async () => (await rest(ben, `/rooms/${room}/todos`)) === "ours ✓", "Ben sees that it is done");
  assert.equal(await rest(ada, "/todos"), "ours ✓", "once");
});

test("what a phone does offline to a todo that was moved twice meanwhile goes after it", async (t) => {
  const { ada, ben } = await cast(t, ["ada", "ben"]);
  const [first, second] = [await ada.roomWith([ben]), await ben.roomWith([ada])];
  const { id } = await ada.send("POST", "/todos", { text: "draft", room_id: first });
  const desk = hocuspocus(t, ben, `todos:${first}`);
  await desk.synced();
  const list = new List(desk);
  await list.shows("draft");
  await desk.leave();
  await ada.send("PUT", `/todos/${id}`, { is_shared: false });
  await ada.send("PUT", `/todos/${id}`, { is_shared: true, room_id: second });
  list.complete(id, ben.id);
  desk.comeBack();
  await desk.saved();
  await until(async () => (await rest(ada, `/rooms/${second}/todos`)) === "draft ✓", "it is done where it is");
});

test("what a phone does offline to a todo that went to another list and came back stays", async (t) => {
  const { ada, ben } = await cast(t, ["ada", "ben"]);
  const room = await ada.roomWith([ben]);
  // Which of two writes at once is kept depends on ids that are drawn: several times.
  for (let round = 0; round < 8; round += 1) {
    const { id } = await ada.send("POST", "/todos", { text: "draft", room_id: room });
    const desk = hocuspocus(t, ben, `todos:${room}`);
    await desk.synced();
    const list = new List(desk);
    await until(() => list.map.has(id), "the list is here");
    await desk.leave();
    list.set(id, "text", `Ben's words ${round}`);
    await ada.send("PUT", `/todos/${id}`, { is_shared: false });
    await ada.send("PUT", `/todos/${id}`, { is_shared: true, room_id: room });
    desk.comeBack();
    await desk.saved();
    const shown = async () => (await ada.send("GET", `/todos/${id}`)).text === `Ben's words ${round}`;
    await until(shown, "Ben's words are shown");
    desk.close();
  }
});

test("nobody reaches into another's list by a move that never was", async (t) => {
  const { ada, mallory } = await cast(t, ["ada", "mallory"]);
  const { id: adas } = await ada.send("POST", "/todos", { text: "Ada's" });
  const room = await mallory.roomWith([]);
  const { id } = await mallory.send("POST", "/todos", { text: "bait" });
  await mallory.send("PUT", `/todos/${id}`, { is_shared: true, room_id: room });
  const desk = hocuspocus(t, mallory, `todos:${mallory.id}`);
  await desk.synced();
  const list = new List(desk);
  await until(() => list.map.has(id), "the list is here");
  const forged = new Y.Map();
  forged.set("text", "Mallory's");
  forged.set("moved_to", `todos:${ada.id}`);
  const mark = new Y.Map();
  mark.set("was", {});
  desk.doc.transact(() => {
    list.map.set(adas, forged);
    desk.doc.getMap("moved").set(adas, mark);
    list.set(id, "text", "once");
  });
  // One carrying over ends before the next begins.
  for (const text of ["once", "twice"]) {
    list.set(id, "text", text);
    await until(async () => (await rest(mallory, `/rooms/${room}/todos`)) === text, `${text} is carried over`);
  }
  assert.equal(await rest(ada, "/todos"), "Ada's");
});

test("the timer is one clock, whoever starts it where", async (t) => {
  const { ada, ben } = await cast(t, ["ada", "ben"]);
  const room = await ada.roomWith([ben]);
  const desk = hocuspocus(t, ben, `room:${room}`);
  await desk.synced();
  const state = desk.doc.getMap("state");
  const { timer } = await ada.send("PUT", `/rooms/${room}/timer`, { action: "start" });
  await until(() => state.get("timer"), "Ben sees the timer");
  assert.deepEqual(state.get("timer"), timer);
  await desk.leave();
  state.set("timer", { ...timer, paused_remaining_s: 77 });
  desk.comeBack();
  await desk.saved();
  await until(
    async () => (await ada.send("GET", `/rooms/${room}/timer`)).timer?.paused_remaining_s === 77,
    "Ada sees that Ben has paused it",
  );
  for (const junk of [5, "soon", {}, { ...timer, duration_s: 1e9 }, { ...timer, cycle: -1 }, new Y.Text("x")]) {
    state.set("timer", junk);
    await desk.saved();
    assert.equal((await ada.send("GET", `/rooms/${room}/timer`)).timer, null);
  }
  await ada.send("PUT", `/rooms/${room}/timer`, { action: "start" });
  await until(() => state.get("timer")?.phase === "focus", "it can be started again");
});

test("what a client deletes is in the trash of who made it, and comes back", async (t) => {
  const { hall, ada, ben } = await cast(t, ["ada", "ben"]);
  const room = await ada.roomWith([ben]);
  const { id } = await ada.send("POST", "/todos", { text: "keep me", room_id: room });
  const desk = hocuspocus(t, ben, `todos:${room}`);
  await desk.synced();
  const list = new List(desk);
  await list.shows("keep me");
  list.map.delete(id);
  await desk.saved();
  await until(async () => (await ada.send("GET", "/trash")).items[0]?.id === id, "it is in Ada's trash");
  await hall.kill();
  await hall.start();
  await ada.send("POST", `/trash/${id}/restore`);
  await list.shows("keep me");
  assert.equal(await rest(ben, `/rooms/${room}/todos`), "keep me");
  assert.equal((await ada.send("GET", "/trash")).items.length, 0);
});

test("what was deleted before a kill is in the trash, with the rows made again by an operator or not", async (t) => {
  const { hall, ada, ben } = await cast(t, ["ada", "ben"]);
  const room = await ada.roomWith([ben]);
  for (const rebuild of [true, false]) {
    const { id } = await ada.send("POST", "/todos", { text: "precious", room_id: room });
    const desk = hocuspocus(t, ben, `todos:${room}`);
    await desk.synced();
    const list = new List(desk);
    await until(() => list.map.has(id), "the list is here");
    list.map.delete(id);
    await desk.saved();
    await hall.kill();
    desk.close();
    if (rebuild) hall.verify("--rebuild");
    await hall.start();
    assert.equal(await rest(ada, `/rooms/${room}/todos`), "");
    assert.deepEqual((await ada.send("GET", "/trash")).items.map((item) => item.id), [id]);
    await ada.send("POST", `/trash/${id}/restore`);
    assert.equal(await rest(ada, `/rooms/${room}/todos`), "precious");
    await ada.send("PUT", `/todos/${id}`, { is_shared: false }); // out of the way
  }
});

test("rows are what the documents say, and are made again when they are lost", async (t) => {
  const { hall, ada } = await cast(t, ["ada"]);
  await ada.send("POST", "/todos", { text: "one" });
  await ada.note({ text: "two" });
  const before = [await ada.send("GET", "/todos"), await ada.send("GET", "/notes")];
  assert.equal(await hall.stop(), 0);
  assert.match(hall.verify(), /2 documents, 0 rows differed/);
  assert.match(hall.verify("--rebuild"), /0 rows differed/);
  await hall.start();
  assert.deepEqual([await ada.send("GET", "/todos"), await ada.send("GET", "/notes")], before);
});

// A list that Mallory has written to is still a list.
const mischief = {
  "values of the wrong type": (list) => {
    const bad = new Y.Map();
    const fields = { text: 5, assignee_id: "?", due_date: {}, completed: true, created_at: [], position: "x" };
    for (const [field, value] of Object.entries(fields)) bad.set(field, value);
    list.map.set(newId(), bad);
    list.map.set(newId(), 5);
    list.map.set(newId(), new Y.Text("no map"));
    list.map.set("no id", new Y.Map());
    return [""];
  },
  "huge strings": (list) => {
    list.add("x".repeat(1_000_000), 1000);
    list.map.set("y".repeat(1_000_000), new Y.Map());
    return ["x".repeat(2000)];
  },
  "ids of nobody": (list) => {
    list.add("of nobody", 1000, { assignee_id: newId(), completed: { at: "never", by: newId() } });
    return ["of nobody ✓"];
  },
};

for (const [what, write] of Object.entries(mischief)) {
  test(`${what} in a list: it is shown without them, and goes on`, async (t) => {
    const { hall, ada, mallory } = await cast(t, ["ada", "mallory"]);
    const room = await ada.roomWith([mallory]);
    const { id } = await ada.send("POST", "/todos", { text: "good", room_id: room });
    const desk = hocuspocus(t, mallory, `todos:${room}`);
    await desk.synced();
    const expected = ["good", ...write(new List(desk))].join(", ");
    await desk.saved();
    assert.equal(await rest(ada, `/rooms/${room}/todos`), expected);
    await ada.send("PUT", `/todos/${id}`, { text: "better" });
    for (const todo of (await ada.send("GET", `/rooms/${room}/todos`)).items.slice(1)) {
      await ada.send("DELETE", `/todos/${todo.id}`);
    }
    assert.equal(await rest(ada, `/rooms/${room}/todos`), "better");
    await hall.kill();
    await hall.start();
    assert.equal(await rest(ada, `/rooms/${room}/todos`), "better");
  });
}

// FerretDB takes some milliseconds a row, and the first 5,000 todos of a list have one each.
const patience = process.env.STUDYHALL_STOCK_MONGODB ? 120 : 15;
// Seen: after four minutes its 5,000 rows are still not there.
const tooMany = process.env.STUDYHALL_STOCK_MONGODB ? "FerretDB is too slow for 5,000 rows" : false;

test("100,000 entries in a list: its first are shown, it can be emptied, others' lists do not notice", { skip: tooMany }, async (t) => {
  const { ada, mallory } = await cast(t, ["ada", "mallory"]);
  const room = await ada.roomWith([mallory]);
  const { id } = await ada.send("POST", "/todos", { text: "good", room_id: room });
  const desk = hocuspocus(t, mallory, `todos:${room}`);
  await desk.synced();
  const list = new List(desk);
  for (let chunk = 0; chunk < 20; chunk += 1) {
    desk.doc.transact(() => {
      for (let n = 0; n < 5000; n += 1) {
        const todo = new Y.Map();
        todo.set("position", 100);
        list.map.set(newId(), todo);
      }
    });
  }
  await desk.saved();
  await ada.send("POST", "/todos", { text: "in my own list" });
  assert.deepEqual((await rest(ada, "/todos")).split(", ").sort(), ["good", "in my own list"]);
  // A slow machine may say first that it cannot be done right now.
  let page;
  await until(async () => {
    const answer = await ada.ask("GET", `/rooms/${room}/todos`);
    page = await answer.json();
    return answer.ok;
  }, "the list is shown", patience);
  assert.deepEqual([page.items[0].id, page.items.length], [id, 20]);
  const full = await ada.ask("POST", "/todos", { text: "one more", room_id: room });
  assert.equal((await full.json()).code, "list-full");
  desk.doc.transact(() => {
    for (const key of [...list.map.keys()]) if (key !== id) list.map.delete(key);
  });
  await desk.saved();
  await until(async () => {
    const answer = await ada.ask("GET", `/rooms/${room}/todos`);
    return answer.ok && (await answer.json()).items.map(({ text }) => text).join() === "good";
  }, "only the good one is left", patience);
  await ada.send("POST", "/todos", { text: "again", room_id: room });
});
