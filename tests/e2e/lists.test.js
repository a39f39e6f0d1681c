/** Lists of todos of `@studyhall/client` and the server's own edits of them: one layout, times in one spelling. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import WebSocket from "ws";
import { memory, Studyhall } from "../../clients/sdk/dist/index.js";
import { eventually } from "./eventually.js";
import { Hall } from "./hall.js";

/** Nobody listens there: whoever opens with it is offline. */
const NOWHERE = "http://127.0.0.1:9";
const credentials = (name) => {
  const username = `${name}${process.pid}l`;
  return { username, email: `${username}@example.org`, password: "a long sentence to remember" };
};

let server;
before(async () => {
  server = await Hall.open();
});
after(() => server?.close());

/** A device of one's own: what it keeps outlives the app. */
const device = (storage, url = server.url) => Studyhall.open({ url, storage, WebSocket });

/** Asks the REST API as a person. */
async function asks({ email, password }) {
  const headers = { "content-type": "application/json", "x-token-delivery": "body" };
  const answer = await fetch(`${server.url}/api/v1/auth/login`, { method: "POST", headers, body: JSON.stringify({ email, password }) });
  const { access_token } = await answer.json();
  return async (method, path, body) => {
    const authorization = `Bearer ${access_token}`;
    const options = { method, headers: { authorization, "content-type": "application/json" }, body: JSON.stringify(body) };
    const answered = await fetch(`${server.url}/api/v1${path}`, options);
    assert.ok(answered.ok, `${method} ${path}: ${answered.status}`);
    return answered.json();
  };
}

async function settle(...open) {
  await Promise.all(open.map((each) => each.settled()));
}

test("what the server writes into a list and what the client writes read the same on both sides", async () => {
  const ada = credentials("ada");
  const phone = await device(memory());
  await phone.register(ada);
  const rest = await asks(ada);
  const todos = await phone.todos.open();
  const { list } = todos;
  const made = await rest("POST", "/todos", { text: "of the server", due_date: "2030-01-09T10:00:00.500+02:00" });
  await rest("PUT", `/todos/${made.id}/complete`);
  await eventually(() => list.item(made.id)?.is_completed, Boolean, "the phone has it done");
  list.add({ text: "of the phone", due_date: "2030-01-09T10:00:00.500+02:00", assignee_id: made.owner_id });
  const first = list.add({ text: "first" });
  list.place(first, null);
  list.complete(first);
  await settle(todos);
  const { items } = await eventually(() => rest("GET", "/todos"), (page) => page.items.length === 3 && page.items[0].is_completed, "REST has all");
  const fields = ["id", "text", "assignee_id", "due_date", "is_completed", "completed_at", "created_at", "position"];
  const shown = items.map((todo) => Object.fromEntries(fields.map((field) => [field, todo[field]])));
  assert.deepEqual(shown, list.items.get());
  assert.equal(list.items.get()[1].due_date, "2030-01-09T08:00:00.5Z");
  await phone.close();
});

test("what a second device does offline to a todo that was moved goes after it, and nothing else does", async () => {
  const ada = credentials("eve");
  const phone = await device(memory());
  await phone.register(ada);
  const room = (await phone.rooms.create({ name: "Physics" })).id;
  const rest = await asks(ada);
  const [own, ours] = [await phone.todos.open(), await phone.todos.open({ room })];
  const id = own.list.add({ text: "draft", due_date: "2030-01-09T10:00:00.500Z" });
  own.list.complete(id);
  await settle(own, ours);

  const kept = memory();
  let tablet = await device(kept);
  await tablet.login({ email: ada.email, password: ada.password });
  let copy = await tablet.todos.open();
  await eventually(() => copy.list.item(id)?.is_completed, Boolean, "the tablet has it");
  await settle(copy);
  await tablet.close();

  assert.equal(await phone.todos.move(id, {}, { room }), true);
  ours.list.revise(id, { text: "ours", due_date: "2031-01-01T00:00:00Z" });
  own.list.add({ text: "stays" });
  await settle(own, ours);
  const ofRoom = async () => (await rest("GET", `/rooms/${room}/todos`)).items[0];
  await eventually(async () => (await rest("GET", "/todos")).items.map(({ text }) => text).sort().join(), (texts) => texts === "ours,stays", "it is in the room");
  assert.deepEqual(await ofRoom().then(({ due_date, is_completed }) => [due_date, is_completed]), ["2031-01-01T00:00:00Z", true]);

  tablet = await device(kept, NOWHERE);
  copy = await tablet.todos.open();
  assert.equal(copy.list.reopen(id), true, "it is still here, where nobody has heard of the move");
  await eventually(() => copy.status.get(), ({ unsaved, kept: safe }) => unsaved === 1 && safe, "the tablet keeps it");
  await tablet.close();
  tablet = await device(kept);
  copy = await tablet.todos.open();
  await settle(copy);
  await eventually(ofRoom, (todo) => !todo.is_completed, "it is not done after all");
  const { text, due_date } = await ofRoom();
  assert.deepEqual([text, due_date], ["ours", "2031-01-01T00:00:00Z"], "what the room changed stays");
  await eventually(() => ours.list.item(id), (todo) => !todo.is_completed, "the phone sees it");
  assert.equal(copy.list.item(id), null);
  await Promise.all([phone.close(), tablet.close()]);
});
