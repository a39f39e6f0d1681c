// Stock automerge-repo clients on Automerge notes: what they do with any other sync server, and what only
// this one promises: heads that it names are saved, and REST is one more writer.
import assert from "node:assert/strict";
import test from "node:test";
import { cast } from "./hall.js";
import { automergeNote, phone } from "./phones.js";
import { until } from "./until.js";

const text = async (person, note) => (await person.send("GET", `/notes/${note.id}`)).text;

/** Ada and Ben with a phone each, in a note of a room of theirs. */
async function two(t, fields = {}, settings = {}, ...flags) {
  const { hall, ada, ben } = await cast(t, ["ada", "ben"], ...flags);
  const room = await ada.roomWith([ben], settings);
  const note = await automergeNote(ada, { room_id: room, is_shared: true, ...fields });
  const [one, other] = [await phone(ada), await phone(ben)];
  const [here, there] = [await one.open(note.document_url), await other.open(note.document_url)];
  return { hall, ada, ben, room, note, one, other, here, there };
}

test("two people write, each sees the other, and the server's heads say what is saved", async (t) => {
  const { ada, note, here, there } = await two(t, { text: "Hello" });
  assert.equal(note.engine, "automerge");
  await Promise.all([here.reads("Hello"), there.reads("Hello")]);
  here.write(" from Ada");
  await there.reads("Hello from Ada");
  there.write(", and Ben 😀");
  await here.reads("Hello from Ada, and Ben 😀");
  await Promise.all([here.saved(), there.saved()]);
  assert.equal(await text(ada, note), "Hello from Ada, and Ben 😀");
});

test("offline on both sides, kill -9 in between: all of it merges, and REST shows the same", async (t) => {
  const { hall, ada, ben, note, one, other, here, there } = await two(t);
  here.write("together ");
  await there.reads("together ");
  await Promise.all([here.saved(), there.saved()]);
  const storage = one.storageId;
  await Promise.all([one.leave(), other.leave()]);
  for (const word of ["ada-1 ", "ada-2 ", "ada-3 "]) here.write(word);
  for (const word of ["ben-1 ", "ben-2 "]) there.write(word);
  // A PUT changes what its writer was shown.
  assert.equal(await text(ada, note), "together ");
  await ada.send("PUT", `/notes/${note.id}`, { text: "rest: together " });
  await hall.kill();
  await hall.start();
  assert.equal(await text(ada, note), "rest: together ");
  await one.comeBack();
  assert.equal(one.storageId, storage, "the storage is the same one");
  await here.saved();
  await hall.kill();
  await until(() => !one.online, "the phone notices");
  await hall.start();
  await Promise.all([until(() => one.online, "it comes back by itself"), other.comeBack()]);
  await Promise.all([here.has("ben-1 ben-2 "), there.has("ada-1 ada-2 ada-3 ")]);
  await Promise.all([here.saved(), there.saved()]);
  assert.equal(here.words, there.words);
  assert.ok(here.words.startsWith("rest: together "));
  assert.equal(await text(ben, note), here.words);
});

test("nothing is shown or called saved before it is durable", async (t) => {
  const { hall, here, there } = await two(t, {}, {}, "--debug-doors");
  here.write("first ");
  await Promise.all([there.reads("first "), here.saved()]);
  await hall.holdJournal();
  const before = here.savedHeads;
  here.write("second");
  let said = null;
  here.handle.on("ephemeral-message", ({ message }) => (said = message));
  there.handle.broadcast("behind the edit");
  await until(() => said, "what is not kept goes on");
  assert.deepEqual([there.words, here.savedHeads], ["first ", before]);
  await hall.releaseJournal();
  await Promise.all([there.reads("first second"), here.saved()]);
});

test("a text that is put merges, as operations, into what a phone writes", async (t) => {
  const { ada, ben, note, other, here, there } = await two(t, { text: "one two three" });
  await there.reads("one two three");
  await other.leave();
  there.write(" four");
  await ada.send("PUT", `/notes/${note.id}`, { text: "one TWO three" });
  await here.reads("one TWO three");
  await other.comeBack();
  await Promise.all([here.reads("one TWO three four"), there.reads("one TWO three four")]);
  await there.saved();
  assert.equal(await text(ben, note), "one TWO three four");
});

/** Waits out the second in which a change of access must have come to sockets. */
const aSecond = () => new Promise((resolve) => setTimeout(resolve, 1000));

test("who reads, then writes, then reads keeps their socket, and what was refused comes when it may", async (t) => {
  const settings = { members_can_edit_notes: false };
  const { ada, room, other, here, there } = await two(t, {}, settings);
  const allow = (may) => ada.send("PUT", `/rooms/${room}`, { settings: { members_can_edit_notes: may } });
  let code = 0;
  other.adapter.socket.addEventListener("close", (event) => (code ||= event.code));
  here.write("read me ");
  await there.reads("read me ");
  there.write("(mine) ");
  here.write("still ");
  await there.has("still ");
  await here.saved();
  assert.equal(here.words, "read me still ");
  assert.ok(!there.isSaved);
  await allow(true);
  await until(() => here.words.includes("(mine) "), "it comes within a second", 1);
  await there.saved();
  await allow(false);
  await aSecond();
  there.write("(late) ");
  here.write("on ");
  await there.has("on ");
  assert.ok(!here.words.includes("(late)") && !there.isSaved);
  await allow(true);
  await until(() => here.words.includes("(late) "), "and so does that", 1);
  await Promise.all([here.saved(), there.saved()]);
  assert.deepEqual([code, here.words], [0, there.words], "all on one socket");
});

test("who is signed out is out within a second, and hears nothing more", async (t) => {
  const { ada, ben, other, here, there } = await two(t);
  here.write("seen");
  await there.reads("seen");
  let code = 0;
  other.adapter.socket.addEventListener("close", (event) => (code ||= event.code));
  const began = performance.now();
  await ben.logout();
  await until(() => code, "the socket is closed", 1);
  assert.equal(code, 4401);
  assert.ok(performance.now() - began < 1000);
  here.write(", unseen");
  await here.saved();
  assert.equal(there.words, "seen");
  assert.equal((await ada.send("GET", "/auth/me")).id, ada.id, "nobody else is");
});

test("versions of a note: who wrote by the log, and what it said", async (t) => {
  const { ada, ben, note, there } = await two(t, { text: "one", title: "First" });
  await there.reads("one");
  there.handle.change((doc) => {
    doc.meta.title = "Second";
    doc.content = "one and two";
  });
  await there.saved();
  const { items } = await ada.send("GET", `/notes/${note.id}/history`);
  assert.equal(items[0].title, "Second");
  assert.ok(items[0].by.includes(ben.id), "by the log, not by what a client claims");
  const version = await ada.send("GET", `/notes/${note.id}/history/${items[0].version}`);
  assert.equal(version.text, "one and two");
});

test("who is removed gets nothing more, within a second, and keeps the rest of the socket", async (t) => {
  const { ada, ben, note, other, here, there } = await two(t);
  const own = await automergeNote(ben, { text: "mine" });
  const kept = await other.open(own.document_url);
  here.write("seen");
  await there.reads("seen");
  await ada.send("PUT", `/notes/${note.id}`, { is_shared: false });
  const asked = performance.now();
  await until(async () => !(await ben.ask("GET", `/notes/${note.id}`)).ok, "REST refuses as well", 1);
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, 1000 - (performance.now() - asked))));
  here.write(", unseen");
  await here.saved();
  kept.write(" still");
  await kept.saved();
  assert.equal(there.words, "seen");
  assert.ok(other.online);
});

test("who is let in again hears what was written meanwhile, without a word of their own, and is heard", async (t) => {
  const { ada, ben, note, here, there } = await two(t);
  here.write("seen");
  await there.reads("seen");
  await ada.send("PUT", `/notes/${note.id}`, { is_shared: false });
  await until(async () => !(await ben.ask("GET", `/notes/${note.id}`)).ok, "he is out", 1);
  await new Promise((resolve) => setTimeout(resolve, 1000)); // as long as a socket may need to hear of it
  there.write(" [ben, outside]");
  here.write(", unseen");
  await here.saved();
  await ada.send("PUT", `/notes/${note.id}`, { is_shared: true });
  await there.has(", unseen");
  await here.has("[ben, outside]");
  assert.equal(there.words, here.words);
});

test("who comes back while they are out is heard, and hears the others, once they are let in again", async (t) => {
  const { ada, ben, note, here, there } = await two(t);
  here.write("seen");
  await there.reads("seen");
  const path = `/notes/${note.id}`;
  const ways = [
    [() => ada.send("PUT", path, { is_shared: false }), () => ada.send("PUT", path, { is_shared: true })],
    [() => ada.send("DELETE", path), () => ada.send("POST", `/trash/${note.id}/restore`)],
  ];
  for (const [time, [goes, returns]] of ways.entries()) {
    await there.phone.leave();
    await goes();
    await until(async () => !(await ben.ask("GET", path)).ok, "he is out", 1);
    there.write(` [ben ${time}]`);
    await there.phone.comeBack();
    const mine = await there.phone.open((await automergeNote(ben)).document_url);
    mine.write("his phone is there");
    await mine.saved(); // it has asked for the other one before
    await returns();
    here.write(` [ada ${time}]`);
    await there.has(`[ada ${time}]`);
    await here.has(`[ben ${time}]`);
  }
});

test("a note that is deleted and restored lives on for who has it open, whether or not they type meanwhile", async (t) => {
  const { ada, ben, note, here, there } = await two(t);
  here.write("seen");
  await there.reads("seen");
  const path = `/notes/${note.id}`;
  for (const words of ["", " [ben, meanwhile]"]) {
    await ada.send("DELETE", path);
    await until(async () => !(await ben.ask("GET", path)).ok, "it is gone", 1);
    if (words) there.write(words);
    await new Promise((resolve) => setTimeout(resolve, 1000)); // what is typed is refused by then
    await ada.send("POST", `/trash/${note.id}/restore`);
    if (words) await until(async () => (await ada.send("GET", path)).text.includes(words), "his words are saved");
    const { text } = await ada.send("GET", path);
    await ada.send("PUT", path, { text: `${text} and${words.length}` });
    await there.has(` and${words.length}`);
    await here.has(` and${words.length}`);
  }
});

test("a document that is not there, is somebody else's, or is none of ours is unavailable", async (t) => {
  const { ada, ben } = await cast(t, ["ada", "ben"]);
  const note = await automergeNote(ada, { text: "private" });
  const yjs = await ben.send("POST", "/notes", {});
  assert.equal(yjs.document_url, null);
  const stranger = await phone(ben);
  await stranger.misses(note.document_url);
  await stranger.misses("automerge:4NMNnkMhL8jXrdJ9jamS58PAVdXu");
  const mine = await automergeNote(ben);
  const sheet = await stranger.open(mine.document_url);
  sheet.write("the socket is fine");
  await sheet.saved();
});

test("what is said to others and not kept reaches them once", async (t) => {
  const { ada, note, here, there } = await two(t);
  const third = await (await phone(ada)).open(note.document_url);
  here.write("?");
  await Promise.all([there.reads("?"), third.reads("?")]); // all are there
  const [heard, gone] = [[], []];
  for (const sheet of [there, third]) {
    sheet.handle.on("ephemeral-message", ({ message }) => heard.push(message));
    sheet.phone.repo.networkSubsystem.on("peer-disconnected", (peer) => gone.push(peer));
  }
  here.handle.broadcast({ cursor: 1 });
  here.handle.broadcast({ cursor: 2 });
  await until(() => heard.length >= 4, "both hear both");
  here.write("!");
  await Promise.all([there.reads("?!"), third.reads("?!")]);
  assert.deepEqual(heard.map(({ cursor }) => cursor).sort(), [1, 1, 2, 2]);
  // A stock client sends back what it hears, under the name of who said it: that costs nobody their socket.
  assert.deepEqual(gone, []);
});

test("a rich note is a Yjs document", async (t) => {
  const { ada } = await cast(t, ["ada"]);
  const answer = await ada.ask("POST", "/notes", { engine: "automerge", format: "rich" });
  assert.deepEqual([answer.status, (await answer.json()).code], [409, "rich-needs-yjs"]);
});
