// What a todo says when several write it at once, apart, where it was before, or by REST: nobody's words go
// that somebody else was told are saved.
import assert from "node:assert/strict";
import test from "node:test";
import * as A from "@automerge/automerge";
import { hocuspocusClients } from "./clients.js";
import { cast } from "./hall.js";
import { installation } from "./installation.js";
import { phone } from "./phones.js";
import { until } from "./until.js";

const [{ sit: hocuspocus }] = hocuspocusClients;

/** Ada, Ben, and a room of theirs with an Automerge list. */
async function home(t) {
  const { ada, ben } = await cast(t, ["ada", "ben"]);
  const room = await ada.roomWith([ben], {}, { engine: "automerge" });
  const url = async () => (await ada.send("GET", `/rooms/${room}`)).documents.todos.url;
  /** Ada makes a todo, which is on a phone of Ben's then. */
  const makes = async (text) => {
    const { id } = await ada.send("POST", "/todos", { text, room_id: room });
    const bens = await phone(ben);
    const sheet = await bens.open(await url());
    await until(() => sheet.handle.doc().todos[id], "the todo is on the phone");
    const types = (words) => sheet.handle.change((doc) => {
      A.splice(doc, ["todos", id, "text"], doc.todos[id].text.length, 0, words);
    });
    return { id, bens, sheet, types, url: `/todos/${id}` };
  };
  return { ada, ben, room, makes };
}

const targets = {
  "to a list of her own": async () => ({ is_shared: false }),
  "to another room": async (ada, ben) => ({ is_shared: true, room_id: await ben.roomWith([ada], {}, { engine: "automerge" }) }),
};

for (const [where, target] of Object.entries(targets)) {
  test(`what a phone types offline into a todo that Ada moved ${where} takes nothing from what she wrote there`, async (t) => {
    const { ada, ben, room, makes } = await home(t);
    const { bens, sheet, types, url } = await makes("buy milk");
    await bens.leave();
    types(" and honey");
    await ada.send("PUT", url, await target(ada, ben));
    await ada.send("PUT", url, { text: "Ada's urgent: buy milk" });
    await bens.comeBack();
    await sheet.saved();
    const text = async () => (await ada.send("GET", url)).text;
    await until(async () => (await text()).includes("honey"), "Ben's words are carried over");
    assert.equal(await text(), "Ada's urgent: buy milk and honey");
    // It goes back to where the phone is: all is there, once.
    await ada.send("PUT", url, { is_shared: true, room_id: room });
    assert.equal(await text(), "Ada's urgent: buy milk and honey");
  });
}

test("what a phone types offline into a todo that was moved is there once when two nodes carry it over", async (t) => {
  const { here, there, ada, ben } = await installation(t);
  const room = await ben.roomWith([ada], {}, { engine: "automerge" });
  const list = (await ada.send("GET", `/rooms/${room}`)).documents.todos.url;
  // Each node has the list open.
  const open = async (person) => {
    const mine = await phone(person);
    return [mine, await mine.open(list)];
  };
  await Promise.all([open(ada.at(here)), open(ada.at(there))]);
  for (let round = 0; round < 4; round += 1) {
    const { id } = await ada.send("POST", "/todos", { text: "buy milk", room_id: room });
    const [bens, sheet] = await open(round % 2 ? ben.at(here) : ben.at(there));
    await until(() => sheet.handle.doc().todos[id], "the todo is on the phone");
    await bens.leave();
    sheet.handle.change((doc) => A.splice(doc, ["todos", id, "text"], 8, 0, " and honey"));
    await ada.send("PUT", `/todos/${id}`, { is_shared: false });
    await ada.send("PUT", `/todos/${id}`, { text: "Ada's urgent: buy milk" });
    await bens.comeBack();
    await sheet.saved();
    const text = async () => (await ada.send("GET", `/todos/${id}`)).text;
    await until(async () => (await text()).includes("honey"), "Ben's words are carried over");
    // It goes back to where the words were typed.
    await ada.send("PUT", `/todos/${id}`, { is_shared: true, room_id: room });
    assert.equal(await text(), "Ada's urgent: buy milk and honey");
  }
});

test("what two type into one todo of a Yjs list offline, and what a third puts meanwhile, is all there", async (t) => {
  const { ada, ben, cleo } = await cast(t, ["ada", "ben", "cleo"]);
  const room = await ada.roomWith([ben, cleo]);
  const { id } = await ada.send("POST", "/todos", { text: "buy milk", room_id: room });
  const desks = [hocuspocus(t, ben, `todos:${room}`), hocuspocus(t, cleo, `todos:${room}`)];
  for (const desk of desks) await desk.synced();
  const text = (desk) => desk.doc.getMap("todos").get(id)?.get("text");
  await until(() => desks.every(text), "the list is here");
  for (const desk of desks) await desk.leave();
  text(desks[0]).insert(8, " and honey");
  text(desks[1]).insert(0, "Cleo: ");
  await ada.send("PUT", `/todos/${id}`, { text: "please buy milk", base: "buy milk" });
  for (const desk of desks) desk.comeBack();
  for (const desk of desks) await desk.saved();
  const shown = (await ada.send("GET", `/todos/${id}`)).text;
  for (const words of ["please", "Cleo: ", "buy milk and honey"]) assert.ok(shown.includes(words), shown);
  await until(() => desks.every((desk) => `${text(desk)}` === shown), "all see the same");
});

test("a text that a client writes as one value into a Yjs list merges with what was written where the todo went", async (t) => {
  const { ada, ben } = await cast(t, ["ada", "ben"]);
  const room = await ada.roomWith([ben]);
  const { id } = await ada.send("POST", "/todos", { text: "buy milk", room_id: room });
  const desk = hocuspocus(t, ben, `todos:${room}`);
  await desk.synced();
  const todos = desk.doc.getMap("todos");
  await until(() => todos.has(id), "the list is here");
  await desk.leave();
  todos.get(id).set("text", "buy milk and honey");
  await ada.send("PUT", `/todos/${id}`, { is_shared: false });
  await ada.send("PUT", `/todos/${id}`, { text: "Ada's urgent: buy milk" });
  desk.comeBack();
  await desk.saved();
  const text = async () => (await ada.send("GET", `/todos/${id}`)).text;
  await until(async () => (await text()).includes("honey"), "Ben's words are carried over");
  assert.equal(await text(), "Ada's urgent: buy milk and honey");
});

test("what a phone types after Ada has read a todo stays when she puts its text", async (t) => {
  const { ada, makes } = await home(t);
  const { sheet, types, url } = await makes("buy milk");
  const puts = async (text) => (await ada.send("PUT", url, { text })).text;
  await ada.send("GET", url);
  types(" and honey");
  await sheet.saved();
  assert.equal(await puts("Urgent: buy milk"), "Urgent: buy milk and honey");
  assert.equal(await puts("Urgent: buy milk"), "Urgent: buy milk and honey", "it may be a retry");
  types(", please");
  await sheet.saved();
  assert.equal(await puts("Very urgent: buy milk"), "Very urgent: buy milk and honey, please");
  // Once she has read it, she may take his words out.
  await ada.send("GET", url);
  assert.equal(await puts("Very urgent: buy milk"), "Very urgent: buy milk");
});

test("who writes a todo alone puts what they mean, and a phone shows it", async (t) => {
  const { ada, makes } = await home(t);
  const { id, sheet, url } = await makes("buy milk");
  const puts = async (text) => (await ada.send("PUT", url, { text })).text;
  for (const text of ["buy mlik", "buy milk", "something else", "buy milk", "milk"]) assert.equal(await puts(text), text);
  await until(() => sheet.handle.doc().todos[id].text === "milk", "the phone shows it");
});

test("what a phone types after Ada has listed her todos stays when she puts one's text", async (t) => {
  const { ada, room, makes } = await home(t);
  const { sheet, types, url } = await makes("buy milk");
  for (const list of ["/todos", `/rooms/${room}/todos`]) {
    const { text } = (await ada.send("GET", list)).items[0];
    types(" and honey");
    await sheet.saved();
    assert.equal((await ada.send("PUT", url, { text: `Ada: ${text}` })).text, `Ada: ${text} and honey`, list);
  }
});
