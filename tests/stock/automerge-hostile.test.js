// Mallory speaks automerge-repo's protocol by hand: whatever she sends, the program stays up, the others
// write on, and memory does not grow by more than 32 MiB at any moment of it.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import test from "node:test";
import { deflateRawSync } from "node:zlib";
import * as A from "@automerge/automerge";
import { cbor, parseAutomergeUrl } from "@automerge/automerge-repo";
import { Line, next } from "./automerge-line.js";
import { cast } from "./hall.js";
import { MiB, watched } from "./mallory.js";
import { automergeNote, phone } from "./phones.js";
import { until } from "./until.js";

/** Ada and Ben write in a note; Mallory is a member of the room and attacks it, and so are these. */
async function scene(t, ...others) {
  const { hall, ada, ben, mallory, ...more } = await cast(t, ["ada", "ben", "mallory", ...others]);
  const accomplices = Object.values(more);
  const room = await ada.roomWith([ben, mallory, ...accomplices]);
  const note = await automergeNote(ada, { room_id: room, is_shared: true, text: "Hello" });
  const sheets = [];
  for (const person of [ada, ben]) sheets.push(await (await phone(person)).open(note.document_url));
  const [here, there] = sheets;
  let words = 0;
  const goesOn = async () => {
    assert.equal(hall.program.exitCode, null, "the program is up");
    here.write(` <${words++}>`);
    await there.reads(here.words);
    await here.saved();
  };
  await goesOn();
  return { hall, ada, ben, mallory, accomplices, note, here, there, goesOn };
}

const leb = (number) => (number < 128 ? [number] : [(number % 128) | 128, ...leb(Math.floor(number / 128))]);
const MAGIC = [0x85, 0x6f, 0x4a, 0x83];
const chunk = (kind, body) => Uint8Array.from([...MAGIC, 0, 0, 0, 0, kind, ...leb(body.length), ...body]);
const HEADER = MAGIC.length + 5;

const sleb = (number) => (number < 64 ? [number] : [(number % 128) | 128, ...sleb(Math.floor(number / 128))]);
const alone = (value) => [0x7f, ...leb(value)];
const run = (times, value) => [...sleb(times), value];

/** A change of a new actor's with these columns, compressed. */
function packed(columns, { deps = [randomBytes(32).toString("hex")], start = 1, others = [] } = {}) {
  const names = others.map((name) => Buffer.from(name, "hex"));
  const body = Buffer.concat([
    Buffer.from([deps.length, ...deps.flatMap((hash) => [...Buffer.from(hash, "hex")])]),
    Buffer.from([16, ...randomBytes(16), 1, ...leb(start), 0, 0, names.length]),
    ...names.flatMap((name) => [Buffer.from([name.length]), name]),
    Buffer.from([columns.length]),
    ...columns.map(([kind, { length }]) => Buffer.from([...leb(kind), ...leb(length)])),
    ...columns.map(([, bytes]) => Buffer.from(bytes)),
  ]);
  const checksum = createHash("sha256").update(Buffer.from([1, ...leb(body.length)])).update(body).digest().subarray(0, 4);
  const small = deflateRawSync(body);
  return Uint8Array.from(Buffer.concat([Buffer.from([...MAGIC, ...checksum, 2, ...leb(small.length)]), small]));
}

/** A change that puts so many zeros at a key, compressed to next to nothing; it stands on what nobody has. */
function puts(size, key = [0x7f, 1], on = {}) {
  const columns = [[0x15, [...key, 0x6b]], [0x34, [1]], [0x42, alone(1)], [0x56, alone(size * 16 + 7)]];
  return packed([...columns, [0x57, Buffer.alloc(size)], [0x70, alone(0)]], on);
}

/** The same on what is there, spelled as the library does not: all of it has to be read to be refused. */
function spells(size, doc) {
  return puts(size, [1, 1], { deps: A.getHeads(doc), start: next(doc) });
}

/** So many equal letters at the beginning of the text, spelled as the library does not. */
function letters(count, doc) {
  const { actor } = A.decodeChange(A.getAllChanges(doc)[0]);
  const start = next(doc);
  const columns = [
    [0x01, run(count, 1)],
    [0x02, run(count, 1)],
    [0x11, [0, 1, ...run(count - 1, 0)]],
    [0x13, [0x7f, 0, 0x7f, ...sleb(start), ...run(count - 2, 1)]], // two that stand alone would be written as one run
    [0x34, [0, ...leb(count)]],
    [0x42, run(count, 1)],
    [0x56, run(count, 0x16)],
    [0x57, Buffer.alloc(count, "a")],
    [0x70, run(count, 0)],
  ];
  return packed(columns, { deps: A.getHeads(doc), start, others: [actor] });
}

/** A change of one small operation with its key column as a run of one, which the library writes as itself. */
function respelled(change) {
  const body = Buffer.from(change.slice(HEADER + 1));
  const at = body.indexOf(Buffer.from([0x7f, 1, 0x6b])); // one value that stands alone: "k"
  body[at] = 1;
  const head = Buffer.from([1, ...leb(body.length)]);
  const checksum = createHash("sha256").update(head).update(body).digest().subarray(0, 4);
  return Uint8Array.from([...MAGIC, ...checksum, ...head, ...body]);
}

test("malformed content closes its sender, and nobody else notices", async (t) => {
  const { hall, mallory, note, goesOn } = await scene(t);
  const good = A.getLastLocalChange(A.from({ key: "value" }));
  const spoiled = Uint8Array.from(good);
  spoiled[spoiled.length - 1] ^= 1;
  const bomb = deflateRawSync(new Uint8Array(400 * MiB));
  const isModest = watched(t, hall);
  const changes = {
    "a change that is cut": good.slice(0, -3),
    "a checksum that is wrong": spoiled,
    "garbage": randomBytes(500),
    "400 MiB of zeros, compressed": chunk(2, bomb),
    "a length that is not there": Uint8Array.from([...good.slice(0, HEADER), ...leb(2 ** 40), 1]),
    "a whole document": A.save(A.from({ key: "value" })),
  };
  for (const [what, change] of Object.entries(changes)) {
    const line = await Line.in(t, mallory, note.document_url);
    line.brings(change);
    await line.closed(1002).catch((error) => assert.fail(`${what}: ${error.message}`));
  }
  const frames = {
    "no CBOR": randomBytes(100),
    "arrays in arrays": Uint8Array.from([0xa1, 0x61, 0x78, ...Array(100_000).fill(0x81), 0]),
    "a map of 2^60 fields": Uint8Array.from([0xbb, 0x10, 0, 0, 0, 0, 0, 0, 0, 0x61, 0x78]),
    "a filter with 2^31 probes": cbor.encode({
      type: "sync",
      senderId: "x",
      documentId: parseAutomergeUrl(note.document_url).documentId,
      data: Uint8Array.from([0x42, 0, 0, 1, 0, 8, 1, 8, 255, 255, 255, 255, 7, 0, 0]),
    }),
  };
  for (const [what, frame] of Object.entries(frames)) {
    const line = await Line.open(t, mallory, note.document_url, "x");
    line.socket.send(frame);
    await line.closed(1002).catch((error) => assert.fail(`${what}: ${error.message}`));
  }
  await goesOn();
  isModest();
});

test("dependencies that never come are kept within bounds, and not acknowledged", async (t) => {
  const { hall, mallory, note, here, goesOn } = await scene(t);
  const line = await Line.in(t, mallory, note.document_url);
  let doc = A.change(A.clone(line.doc), (doc) => A.splice(doc, ["content"], 0, 0, "lost"));
  const isModest = watched(t, hall);
  for (let n = 0; n < 200; n++) {
    doc = A.change(doc, (doc) => A.splice(doc, ["content"], 0, 0, randomBytes(4096).toString("hex")));
    line.brings(A.getLastLocalChange(doc));
  }
  await goesOn();
  const saved = line.messages.map((message) => A.decodeSyncMessage(message).heads);
  assert.ok(!saved.flat().includes(A.getHeads(doc)[0]), "nothing of it is called saved");
  assert.equal(line.code, null);
  assert.ok(!here.words.includes("lost"));
  isModest();
});

test("what a message grows to when it is inflated is bounded, also of what is kept aside", async (t) => {
  const { hall, mallory, note, goesOn } = await scene(t);
  const isModest = watched(t, hall);
  const many = await Line.in(t, mallory, note.document_url);
  const large = Array(30).fill(puts(15 * MiB));
  many.brings(...large);
  await many.closed(1002);
  const nowhere = await Line.open(t, mallory, note.document_url);
  nowhere.document = "nobody";
  nowhere.brings(...large);
  await until(() => nowhere.frames.some(({ type }) => type === "doc-unavailable"), "there is no such document");
  const one = await Line.in(t, mallory, note.document_url);
  for (let n = 0; n < 30; n++) one.brings(puts(4 * MiB));
  await one.heard();
  await goesOn();
  assert.equal(one.code, null);
  isModest();
});

test("what several people's messages grow to at once is bounded together", async (t) => {
  const { hall, mallory, accomplices, note, goesOn } = await scene(t, "moll", "mort");
  const isModest = watched(t, hall);
  const lines = [];
  for (const person of [mallory, ...accomplices]) lines.push(await Line.in(t, person, note.document_url));
  for (const size of [MiB / 2, 4 * MiB, 8 * MiB - 500]) {
    for (const change of [puts(size), spells(size, lines[0].doc)]) {
      for (let n = 0; n < 30; n++) for (const line of lines) line.brings(change);
      await Promise.all(lines.map((line) => line.heard()));
      await goesOn();
    }
  }
  assert.deepEqual(lines.map(({ code }) => code), [null, null, null]);
  isModest();
});

test("what is asked is not kept with all that came with it, and names are short", async (t) => {
  const { hall, mallory, note, goesOn } = await scene(t);
  const isModest = watched(t, hall);
  for (let n = 0; n < 12; n++) {
    const line = await Line.in(t, mallory, note.document_url);
    const size = 4 * MiB;
    const bloom = Uint8Array.from([...leb((size * 8) / 10), 10, 7, ...new Uint8Array(Math.ceil(((size * 8) / 10 | 0) * 10 / 8))]);
    line.sync(Uint8Array.from([0x42, 0, 0, 1, 0, ...leb(bloom.length), ...bloom, 0]));
    await goesOn();
  }
  const line = await Line.open(t, mallory, note.document_url);
  line.frame({ type: "request", documentId: "x".repeat(MiB), data: randomBytes(10) });
  await line.closed(1002);
  isModest();
});

test("a change that deletes one letter again and again is refused, and costs others nothing", async (t) => {
  const { hall, mallory, note, here, goesOn } = await scene(t);
  const line = await Line.in(t, mallory, note.document_url);
  const isModest = watched(t, hall);
  const gone = A.decodeChange(A.getLastLocalChange(A.change(A.clone(line.doc), (doc) => A.splice(doc, ["content"], 0, 1))));
  for (let n = 0; n < 20; n++) {
    const ops = Array.from({ length: 100_000 }, () => gone.ops[0]);
    line.brings(A.encodeChange({ ...gone, actor: randomBytes(16).toString("hex"), ops }));
  }
  const twice = { ...gone, actor: randomBytes(16).toString("hex"), ops: [gone.ops[0], gone.ops[0]] };
  line.brings(A.encodeChange(twice));
  await goesOn();
  assert.ok(here.words.startsWith("H"), `it reads ${here.words}`);
  assert.equal(line.code, null);
  isModest();
});

test("what the library writes in no such way is refused: a document with it could not be loaded again", async (t) => {
  const { ben, mallory, note, here, goesOn } = await scene(t);
  const line = await Line.in(t, mallory, note.document_url);
  const by = () => ({ actor: randomBytes(16).toString("hex") });
  const marks = A.change(A.clone(line.doc, by()), (doc) => A.mark(doc, ["content"], { start: 1, end: 4, expand: "both" }, "bold", true));
  const marked = A.decodeChange(A.getLastLocalChange(marks));
  line.brings(A.encodeChange({ ...marked, ...by(), ops: [...marked.ops].reverse() }));
  const own = by();
  const table = `${marked.startOp}@${own.actor}`;
  const ops = [
    { action: "makeTable", obj: "_root", key: "table", pred: [] },
    { action: "set", obj: table, key: "x", value: 1, datatype: "int", pred: [] },
  ];
  line.brings(A.encodeChange({ ...marked, ...own, ops }));
  // The run of one key that one operation has, written as a run of equal ones.
  const plain = A.encodeChange({ ...marked, ...by(), ops: [{ action: "set", obj: "_root", key: "k", value: 5, datatype: "int", pred: [] }] });
  line.brings(respelled(plain));
  await goesOn();
  const words = here.words;
  for (const doc of [here.handle.doc(), (await (await phone(ben)).open(note.document_url)).handle.doc()]) {
    assert.equal(A.load(A.save(doc)).content, words);
    assert.deepEqual([doc.table, doc.k, A.marks(doc, ["content"])], [undefined, undefined, []]);
  }
  // Marks as they should be are taken.
  line.brings(A.getLastLocalChange(marks));
  await until(() => A.marks(here.handle.doc(), ["content"]).length === 1, "the mark arrives");
  await goesOn();
});

test("counters that are left out keep nobody from opening the note, or from writing in it", async (t) => {
  const { ben, mallory, note, goesOn } = await scene(t);
  const line = await Line.in(t, mallory, note.document_url);
  const [end, deps] = [next(line.doc), A.getHeads(line.doc)];
  const put = { action: "set", obj: "_root", key: "k", value: 1, datatype: "int", pred: [] };
  const made = (fields) =>
    A.encodeChange({ actor: randomBytes(16).toString("hex"), seq: 1, time: 0, message: "", ops: [], deps, ...fields });
  for (const startOp of [end + 1, end + 1000]) line.brings(made({ startOp }));
  line.brings(made({ startOp: 50, deps: [] }));
  for (const startOp of [end + 1, 2 ** 26, 2 ** 31 - 3]) line.brings(made({ startOp, ops: [put] }));
  await goesOn();
  assert.equal(line.code, null);
  const opened = await (await phone(ben)).open(note.document_url);
  const loaded = A.load(A.save(opened.handle.doc()));
  assert.equal(loaded.content, opened.words);
  assert.equal(loaded.k, undefined);
  // Who has written nothing says so, and stays in step.
  const empty = made({ startOp: next(loaded), deps: A.getHeads(loaded) });
  line.brings(empty);
  const { hash } = A.decodeChange(empty);
  await until(() => A.getHeads(opened.handle.doc()).includes(hash), "a change of nothing arrives");
  await goesOn();
});

test("a frame of some KB that holds millions of operations costs no memory", async (t) => {
  const { hall, mallory, note, here, goesOn } = await scene(t);
  const line = await Line.in(t, mallory, note.document_url);
  const { words } = here;
  const isModest = watched(t, hall);
  for (let n = 0; n < 10; n++) {
    const change = letters(2_500_000, line.doc);
    assert.ok(change.length < 4096);
    line.brings(change);
  }
  await goesOn();
  assert.equal(here.words.slice(0, words.length), words);
  assert.ok([null, 1013].includes(line.code), "Mallory has had more looked at than anybody may");
  isModest();
});

test("operations on what is not there never reach anybody", async (t) => {
  const { hall, mallory, note, here, goesOn } = await scene(t);
  const line = await Line.in(t, mallory, note.document_url);
  const words = here.words;
  // Her own document has an object that nobody else's has.
  const apart = A.change(A.clone(line.doc), (doc) => (doc.secret = { list: [] }));
  const inside = A.change(A.clone(apart), (doc) => doc.secret.list.push("x"));
  const bent = { ...A.decodeChange(A.getLastLocalChange(inside)), seq: 1, deps: A.getHeads(line.doc) };
  line.brings(A.encodeChange({ ...bent, actor: randomBytes(16).toString("hex") }));
  await goesOn();
  assert.equal(here.words.startsWith(words), true);
  assert.equal(hall.program.exitCode, null);
  assert.equal(here.handle.doc().secret, undefined);
});

test("nobody sends as somebody else: not as their peer, not as their actor", async (t) => {
  const { mallory, note, here, there, goesOn } = await scene(t);
  const peer = here.phone.repo.networkSubsystem.peerId;
  const taken = await Line.open(t, mallory, note.document_url, peer);
  await taken.closed(1002);
  assert.equal(taken.frames.at(-1).type, "error");
  const heard = [];
  there.handle.on("ephemeral-message", ({ message }) => heard.push(message));
  const forged = await Line.in(t, mallory, note.document_url);
  const say = (words, fields) =>
    forged.frame({ type: "ephemeral", documentId: forged.document, data: cbor.encode(words), sessionId: words, count: 1, ...fields });
  say("as Ada", { senderId: peer });
  say("as Mallory", {});
  await until(() => heard.length > 0, "Ben hears Mallory");
  assert.deepEqual(heard, ["as Mallory"]);
  forged.frame({ type: "sync", documentId: forged.document, data: forged.messages[0], senderId: peer });
  await forged.closed(1002);
  // A change by Ada's actor that Ada has not made.
  const line = await Line.in(t, mallory, note.document_url);
  const history = A.getAllChanges(here.handle.doc()).map((change) => A.decodeChange(change));
  const { actor } = history.at(-1);
  const own = A.clone(here.handle.doc(), { actor });
  const forgery = A.change(own, (doc) => A.splice(doc, ["content"], 0, 0, "forged"));
  line.brings(A.getLastLocalChange(forgery));
  await goesOn();
  assert.ok(!here.words.includes("forged"));
});

test("unknown names without end leave the socket and the program as they were", async (t) => {
  const { hall, mallory, note, goesOn } = await scene(t);
  const line = await Line.in(t, mallory, note.document_url);
  const [, question] = A.generateSyncMessage(A.init(), A.initSyncState());
  const isModest = watched(t, hall);
  for (let n = 0; n < 20_000; n++) {
    line.frame({ type: "request", documentId: `nobody-${n}`, data: question });
  }
  await until(() => line.frames.filter(({ type }) => type === "doc-unavailable").length === 20_000, "all answered");
  await goesOn();
  isModest();
});
