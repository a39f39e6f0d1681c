// Two nodes over MongoDB's wire, Redis and S3, and stock automerge-repo clients on each: one hall.
import assert from "node:assert/strict";
import test from "node:test";
import { installation } from "./installation.js";
import { automergeNote, phone } from "./phones.js";
import { until } from "./until.js";

/** A note and a room of Automerge documents, and a phone at each node. */
async function two(t) {
  const parts = await installation(t);
  // Two who have no shared room yet: a beginner may make one.
  const { here, there } = parts;
  const [ada, ben] = [await here.register("cleo"), (await here.register("dan")).at(there)];
  const room = await ada.roomWith([ben.at(here)], {}, { engine: "automerge" });
  const note = await automergeNote(ada, { room_id: room, is_shared: true });
  const { documents } = await ada.send("GET", `/rooms/${room}`);
  const [one, other] = [await phone(ada), await phone(ben)];
  const notes = [await one.open(note.document_url), await other.open(note.document_url)];
  const lists = [await one.open(documents.todos.url), await other.open(documents.todos.url)];
  return { ...parts, ada, ben, room, note, one, other, notes, lists };
}

const text = async (person, note) => (await person.send("GET", `/notes/${note.id}`)).text;

async function todos(person, room) {
  const { items } = await person.send("GET", `/rooms/${room}/todos`);
  return items.map((todo) => todo.text).sort();
}

/** Both phones have the same words, each of these once. */
async function agree(notes, words) {
  const once = (sheet) => words.every((word) => sheet.words.split(word).length === 2);
  await until(
    () => notes.every((sheet) => once(sheet) && sheet.words === notes[0].words),
    () => `agree on ${words}: ${notes.map((sheet) => JSON.stringify(sheet.words))}`,
  );
}

test("phones on two nodes write together, hear each other, and REST shows it at both", async (t) => {
  const { ada, ben, room, note, notes, lists } = await two(t);
  const words = [];
  for (let turn = 0; turn < 10; turn += 1) {
    notes.forEach((sheet, place) => {
      words.push(`<${place}.${turn}>`);
      sheet.write(words.at(-1));
    });
    lists[turn % 2].handle.change((doc) => {
      doc.todos[`${turn}`.padStart(24, "0")] = { text: `todo ${turn}`, position: turn, completed: null };
    });
    await notes[turn % 2].saved();
  }
  await agree(notes, words);
  await Promise.all([...notes, ...lists].map((sheet) => sheet.saved()));
  const all = Array.from({ length: 10 }, (_, turn) => `todo ${turn}`);
  for (const person of [ada, ben]) {
    assert.equal(await text(person, note), notes[0].words);
    assert.deepEqual(await todos(person, room), all);
  }
  await ben.send("POST", "/todos", { text: "by REST at the other node", room_id: room });
  const has = () => Object.values(lists[0].handle.doc().todos).some((todo) => todo.text === "by REST at the other node");
  await until(has, "the phone at the first node has it");
  let heard = null;
  notes[1].handle.on("ephemeral-message", ({ message }) => (heard = message));
  notes[0].handle.broadcast({ cursor: 7 });
  await until(() => heard, "what is not kept reaches the other node");
  assert.deepEqual(heard, { cursor: 7 });
});

test("a node is killed, then the other, while phones write: nothing saved is lost, all of it merges", async (t) => {
  const { here, there, ada, ben, note, one, other, notes } = await two(t);
  assert.equal(one.storageId, other.storageId, "both nodes are one storage");
  notes[0].write("<begin>");
  await agree(notes, ["<begin>"]);
  const words = ["<begin>"];
  for (const [victim, lost, place] of [[there, other, 1], [here, one, 0]]) {
    const survivor = place ? ada : ben;
    words.push(`<saved ${place}>`);
    notes[place].write(words.at(-1));
    await notes[place].saved();
    await victim.kill();
    await until(() => !lost.online, "the phone notices");
    assert.ok((await text(survivor, note)).includes(`<saved ${place}>`), "what was called saved is at the other node");
    notes.forEach((sheet, each) => {
      words.push(`<${each} while ${place} is away>`);
      sheet.write(words.at(-1));
    });
    await notes[1 - place].saved();
    await victim.start();
    await until(() => lost.online, "the phone comes back by itself");
    await agree(notes, words);
  }
  await Promise.all(notes.map((sheet) => sheet.saved()));
  for (const person of [ada, ben]) assert.equal(await text(person, note), notes[0].words);
});

test("who may not write, may not read, or is signed out at one node, is so at the other within a second", async (t) => {
  const { here, ada, ben, room, other, notes } = await two(t);
  notes[0].write("seen");
  await notes[1].reads("seen");
  let code = 0;
  other.adapter.socket.addEventListener("close", (event) => (code ||= event.code));
  await ada.send("PUT", `/rooms/${room}`, { settings: { members_can_edit_notes: false } });
  await new Promise((resolve) => setTimeout(resolve, 1000));
  notes[1].write(" refused");
  notes[0].write(" still");
  await until(() => notes[1].words.includes("still"), "he reads on");
  assert.equal(notes[0].words, "seen still");
  await ada.send("PUT", `/rooms/${room}`, { settings: { members_can_edit_notes: true } });
  await until(() => notes[0].words.includes("refused"), "what was refused comes", 1.5);
  assert.equal(code, 0, "on the same socket");
  const began = Date.now();
  await ben.at(here).logout();
  await until(() => code, "Ben's socket at the other node is closed");
  assert.equal(code, 4401);
  assert.ok(Date.now() - began < 1000, `it took ${Date.now() - began} ms`);
});
