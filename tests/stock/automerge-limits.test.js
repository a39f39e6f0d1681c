// What is beyond a limit is left out, and costs its person nothing else: the socket stays, with all that is on it.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import test from "node:test";
import { deflateRawSync } from "node:zlib";
import * as A from "@automerge/automerge";
import { updateText } from "@automerge/automerge-repo";
import { Line, next } from "./automerge-line.js";
import { cast } from "./hall.js";
import { automergeNote, phone } from "./phones.js";
import { until } from "./until.js";

/** Ben's phone with a shared note and one of his own; how often its socket was closed. */
async function scene(t) {
  const { ada, ben, mallory } = await cast(t, ["ada", "ben", "mallory"]);
  const room = await ada.roomWith([ben, mallory]);
  const note = await automergeNote(ada, { room_id: room, is_shared: true, text: "Hello" });
  const mine = await automergeNote(ben, { text: "my own" });
  const device = await phone(ben);
  const closes = [];
  const heard = new WeakSet();
  const hear = () => {
    const { socket } = device.adapter;
    if (heard.has(socket)) return;
    heard.add(socket);
    socket.addEventListener("close", ({ code }) => closes.push(code));
  };
  device.repo.networkSubsystem.on("peer", hear);
  hear();
  const [shared, own] = [await device.open(note.document_url), await device.open(mine.document_url)];
  const goesOn = async () => {
    own.write("!");
    await own.saved();
    assert.deepEqual(closes, [], "his socket stays");
  };
  return { ada, mallory, note, shared, own, goesOn };
}

/** The first change of a new session. */
function change(fields) {
  return A.encodeChange({ actor: randomBytes(16).toString("hex"), seq: 1, time: 0, message: "", ...fields });
}

test("what stock clients do at length is saved", async (t) => {
  const { shared, goesOn } = await scene(t);
  const grid = (value) => (doc) => (doc.grid = Array.from({ length: 10_000 }, () => value()));
  for (const value of [() => false, () => null, () => "", () => ({})]) {
    shared.handle.change(grid(value));
    await shared.saved();
  }
  shared.handle.change((doc) => (doc.k = 1), { message: "m".repeat(5_000) });
  await shared.saved();
  await goesOn();
});

test("a change with too much beside it is not taken, and its person is not thrown out for it", async (t) => {
  const { shared, own, goesOn } = await scene(t);
  shared.handle.change((doc) => (doc.k = 1), { message: "m".repeat(100_000) });
  await goesOn();
  await goesOn();
  assert.equal(shared.isSaved, false, "nobody says that it is saved");
  assert.equal(own.isSaved, true);
});

test("a note that thousands of sessions have written is cleared by one of them", async (t) => {
  const { ada, mallory, note, shared, goesOn } = await scene(t);
  const line = await Line.in(t, mallory, note.document_url);
  const content = A.getObjectId(line.doc, "content");
  let [deps, startOp] = [A.getHeads(line.doc), next(line.doc)];
  for (let batch = 0; batch < 20; batch++) {
    const session = () => {
      const ops = [{ action: "set", obj: content, elemId: "_head", insert: true, value: "x", pred: [] }];
      const made = change({ startOp: startOp++, deps, ops });
      deps = [A.decodeChange(made).hash];
      return made;
    };
    line.brings(...Array.from({ length: 250 }, session));
  }
  await until(() => shared.words.length === 5_005, () => `ben has it: ${shared.words.length}`, 30);
  shared.handle.change((doc) => updateText(doc, ["content"], "cleared"));
  await shared.saved();
  await goesOn();
  assert.equal((await ada.send("GET", `/notes/${note.id}`)).text, "cleared");
});

test("somebody's thousands of changes side by side keep nobody from writing", async (t) => {
  const { ada, mallory, note, shared, goesOn } = await scene(t);
  const line = await Line.in(t, mallory, note.document_url);
  const [deps, startOp] = [A.getHeads(line.doc), next(line.doc)];
  for (let batch = 0; batch < 18; batch++) {
    const side = () => change({ startOp, deps, ops: [{ action: "set", obj: "_root", key: "k", value: 1, datatype: "int", pred: [] }] });
    line.brings(...Array.from({ length: 250 }, side));
  }
  for (const word of [" one", " two", " three"]) {
    shared.write(word);
    await shared.saved();
  }
  await goesOn();
  assert.match((await ada.send("GET", `/notes/${note.id}`)).text, /one.*two.*three/s);
  await ada.send("PUT", `/notes/${note.id}`, { text: "Ada's" });
  assert.ok(A.getHeads(shared.handle.doc()).length < 300);
});

/** The same change in a compressed chunk. */
function compressed(change) {
  let at = 9;
  while (change[at++] >= 128);
  const small = deflateRawSync(change.slice(at));
  const length = [];
  for (let left = small.length; length.push(left < 128 ? left : (left % 128) | 128) && left >= 128; left = Math.floor(left / 128));
  return Uint8Array.from([...change.slice(0, 8), 2, ...length, ...small]);
}

test("a few bytes that claim to be a book of one letter are left out; who sends as much as they type is heard", async (t) => {
  const { ada, mallory, note, shared, goesOn } = await scene(t);
  const line = await Line.in(t, mallory, note.document_url);
  const book = A.change(A.clone(line.doc), (doc) => A.splice(doc, ["content"], 0, 0, "a".repeat(400_000)));
  const change = compressed(A.getLastLocalChange(book));
  assert.ok(change.length < 5_000);
  line.brings(change);
  shared.write("!");
  await shared.saved();
  await goesOn();
  assert.equal((await ada.send("GET", `/notes/${note.id}`)).text, "Hello!");
  shared.handle.change((doc) => A.splice(doc, ["content"], 0, 0, "a".repeat(400_000)));
  await shared.saved();
  assert.equal((await ada.send("GET", `/notes/${note.id}`)).text.length, 400_006);
});

test("what is undone where the text was formatted since is saved, and all that comes after", async (t) => {
  const { ada, note, shared, goesOn } = await scene(t);
  shared.write(" wide world");
  await shared.saved();
  const before = shared.handle.heads();
  shared.handle.change((doc) => A.mark(doc, ["content"], { start: 0, end: 5, expand: "both" }, "bold", true));
  await shared.saved();
  shared.handle.changeAt(before, (doc) => A.splice(doc, ["content"], 0, 0, "U"));
  await shared.saved();
  shared.write(" and on");
  await shared.saved();
  await goesOn();
  assert.equal((await ada.send("GET", `/notes/${note.id}`)).text, "UHello wide world and on");
});

/** Whether a change is in a filter, which guesses right 99 times in a hundred. */
function isIn(bloom, hash) {
  let at = 0;
  const number = () => {
    for (let value = 0, shift = 0; ; shift += 7) {
      const byte = bloom[at++];
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  if (!bloom.length) return false;
  const [, , probes] = [number(), number(), number()];
  const bits = bloom.subarray(at);
  const size = 8 * bits.length;
  let [x, y, z] = [0, 4, 8].map((from) => Buffer.from(hash, "hex").readUInt32LE(from) % size);
  for (let probe = 0; probe < probes; probe++) {
    if (!(bits[x >> 3] & (1 << (x & 7)))) return false;
    [x, y] = [(x + y) % size, (y + z) % size];
  }
  return true;
}

/** What whoever has a document says to have, to a phone that shared nothing with it yet. */
const filterOf = (doc) => A.decodeSyncMessage(A.generateSyncMessage(doc, A.initSyncState())[1]).have[0].bloom;

test("a phone that typed 300 letters offline, the first of which is taken for ours, is saved, and all that comes after", async (t) => {
  const { ada, ben } = await cast(t, ["ada", "ben"]);
  const room = await ada.roomWith([ben]);
  const note = await automergeNote(ada, { room_id: room, is_shared: true, text: "Hello" });
  const [hers, his] = [await phone(ada), await phone(ben)];
  const [sheet, other] = [await hers.open(note.document_url), await his.open(note.document_url)];
  sheet.write(" wide");
  await sheet.saved();
  await other.reads("Hello wide");
  await hers.leave();
  for (let word = 0; word < 5; word++) other.write(` ${word}`);
  await other.saved();
  const bloom = filterOf(other.handle.doc());
  const first = (doc) => updateText(doc, ["content"], `${doc.content} off`);
  const actor = A.getActorId(sheet.handle.doc());
  const isTaken = (time) => isIn(bloom, A.getHeads(A.change(A.clone(sheet.handle.doc(), { actor }), { time }, first))[0]);
  const time = Array.from({ length: 20_000 }, (_, at) => at + 1).find(isTaken);
  sheet.handle.change(first, { time });
  for (let letter = 0; letter < 300; letter++) sheet.handle.change((doc) => A.splice(doc, ["content"], doc.content.length, 0, "q"));
  const told = [];
  sheet.handle.on("ephemeral-message", ({ message }) => told.push(message.code));
  await hers.comeBack();
  await sheet.saved();
  sheet.write(" and on");
  await sheet.saved();
  await other.reads(sheet.words);
  assert.equal((await ada.send("GET", `/notes/${note.id}`)).text, sheet.words);
  assert.deepEqual(told, []);
});
