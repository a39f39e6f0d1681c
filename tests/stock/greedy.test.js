// Costly work: what is small on the wire and large to do. Whatever Mallory asks for, the others' words are
// saved and seen meanwhile, and memory stays within bounds.
import assert from "node:assert/strict";
import test from "node:test";
import * as Y from "yjs";
import { deletes } from "./attacks.js";
import { clients, hocuspocusClients } from "./clients.js";
import { AUTH, Attack, MiB, STEP1, STEP2, SYNC, UPDATE, memory, scene } from "./mallory.js";
import { until } from "./until.js";

const everySecond = (length) => Array.from({ length: length / 2 }, (_, n) => [2 * n, 1]);

/** Everything of one client that has written this. */
function written(client, write) {
  const doc = new Y.Doc();
  doc.clientID = client;
  write(doc);
  return Y.encodeStateAsUpdate(doc);
}

const text = (client, words) => written(client, (doc) => doc.getText("content").insert(0, words));

/** A note of so many blocks: a text of which every second character is gone. */
async function chequered(t, person, note, client, length) {
  const line = await Attack.open(t, person, note, "yjs");
  const heard = async (body) => {
    const before = line.heard;
    line.send(SYNC, UPDATE, body);
    await until(() => line.heard > before, "the echo", 60);
  };
  await heard(text(client, "x".repeat(length)));
  await heard(deletes(client, everySecond(length)));
  return line;
}

test("many characters deleted one by one in one message, in three notes", async (t) => {
  const { mallory, goesOn } = await scene(t);
  const notes = await Promise.all([1, 2, 3].map(() => mallory.note()));
  const done = Promise.all(notes.map((note, n) => chequered(t, mallory, note, 70 + n, 400_000)));
  for (let n = 0; n < 10; n++) await goesOn();
  await done;
  await goesOn();
});

test("a million blocks are more than a document may take, and cost nothing", async (t) => {
  const { hall, mallory, goesOn } = await scene(t);
  const note = await mallory.note();
  const line = await Attack.open(t, mallory, note, "hocuspocus");
  const before = line.heard;
  line.send(SYNC, UPDATE, text(70, "x".repeat(1_000_000)));
  await until(() => line.heard > before, "it is saved");
  const at = memory(hall);
  line.send(SYNC, UPDATE, deletes(70, everySecond(1_000_000)));
  await until(() => line.refused === 1, "it is refused");
  await goesOn();
  assert.ok(memory(hall) - at <= 32 * MiB, `memory grew by ${memory(hall) - at}`);
});

test("2,000 repeats of 20 bytes of somebody else's long text", async (t) => {
  const { ada, ben, mallory, goesOn } = await scene(t);
  const note = await ben.noteWith([ada, mallory]);
  await chequered(t, ada, note, 99, 200_000);
  const line = await Attack.open(t, mallory, note, "yjs");
  for (let n = 0; n < 2_000; n++) line.send(SYNC, UPDATE, text(99, "x"));
  for (let n = 0; n < 10; n++) await goesOn();
  await until(() => line.code !== null, "Mallory is sent away"); // 1013, unless she is deaf while she talks
});

test("one long repeat against a text in many pieces", async (t) => {
  const { ada, ben, mallory, goesOn } = await scene(t);
  const note = await ben.noteWith([ada, mallory]);
  await chequered(t, ada, note, 99, 200_000);
  const line = await Attack.open(t, mallory, note, "hocuspocus");
  const before = line.heard;
  line.send(SYNC, UPDATE, text(99, "x".repeat(200_000)));
  for (let n = 0; n < 3; n++) await goesOn();
  await until(() => line.heard > before, "an answer");
});

test("texts put into notes of many blocks, and 3,000 questions for what there is", async (t) => {
  const { mallory, goesOn } = await scene(t);
  const notes = await Promise.all([1, 2, 3].map(() => mallory.note()));
  const lines = await Promise.all(notes.map((note, n) => chequered(t, mallory, note, 70 + n, 200_000)));
  const put = (note) => mallory.send("PUT", `/notes/${note.slice(5)}`, { text: "hi" }).then(() => 200, (error) => error.message);
  const puts = notes.flatMap((note) => Array.from({ length: 20 }, () => put(note)));
  lines.forEach((line, n) => {
    const vector = Y.encodeStateVectorFromUpdate(text(70 + n, "x".repeat(200_000)));
    for (let asked = 0; asked < 1_000; asked++) line.send(SYNC, STEP1, vector);
  });
  for (let n = 0; n < 10; n++) await goesOn();
  const answers = await Promise.all(puts);
  assert.deepEqual(answers.filter((answer) => answer !== 200 && !/: 503 /.test(answer)), []);
});

test("20,000 questions of a reader for what there is, in the note that others write in", async (t) => {
  const { mallory, note, goesOn } = await scene(t);
  await chequered(t, mallory, note, 70, 200_000);
  const vector = Y.encodeStateVectorFromUpdate(text(70, "x".repeat(100_000)));
  const lines = await Promise.all([1, 2].map(() => Attack.open(t, mallory, note, "hocuspocus")));
  for (const line of lines) for (let asked = 0; asked < 10_000; asked++) line.send(SYNC, STEP1, vector);
  for (let n = 0; n < 10; n++) await goesOn();
  for (const line of lines) await line.answered();
});

test("sixty sockets that open a large note and read nothing", async (t) => {
  const { hall, mallory, goesOn } = await scene(t);
  const note = await mallory.note();
  const writer = await Attack.open(t, mallory, note, "yjs");
  const before = writer.heard;
  writer.send(SYNC, UPDATE, text(70, "x".repeat(12 * MiB)));
  await until(() => writer.heard > before, "the echo", 30);
  const at = memory(hall);
  for (let n = 0; n < 60; n++) {
    const deaf = await Attack.open(t, mallory, await mallory.note(), "hocuspocus");
    deaf.socket.pause();
    deaf.sendTo(note, 2, 0, await mallory.ticket(), "4.8.0");
    deaf.sendTo(note, SYNC, STEP1, Uint8Array.from([0]));
  }
  await goesOn();
  const desk = await clients[0].sit(t, mallory, note);
  await desk.synced(); // her own deaf sockets are not in her way
  const grown = memory(hall) - at;
  assert.ok(grown <= 160 * MiB, `sixty copies would be 720 MiB: memory grew by ${grown}`);
});

test("sockets that ping with large messages half sent keep nobody's from being read", async (t) => {
  const { ada, ben, mallory, goesOn } = await scene(t);
  const pinging = [];
  t.after(() => pinging.forEach(clearInterval));
  for (const person of [mallory, mallory, ben, ben]) {
    const line = await Attack.open(t, person, await person.note(), "yjs");
    for (let n = 0; n < 12_000; n++) line.socket.ping(Buffer.alloc(125));
    pinging.push(setInterval(() => {
      for (let n = 0; n < 50; n++) line.socket.ping(Buffer.alloc(125));
    }, 100));
  }
  const desk = await clients[0].sit(t, ada, await ada.note());
  await desk.synced();
  desk.doc.transact(() => desk.write("large ".repeat(1 << 19)));
  await until(() => !desk.provider.unsyncedChanges, "it is saved", 15);
  await goesOn();
});

test("twenty notes of many blocks opened at once take no more than their owner's share", async (t) => {
  const { hall, mallory, goesOn } = await scene(t);
  const many = written(70, (doc) => {
    const content = doc.getText("content");
    doc.transact(() => Array.from({ length: 200_000 }, () => content.insert(0, "x")));
  });
  const notes = [];
  for (let n = 0; n < 20; n++) {
    notes.push(await mallory.note());
    const line = await Attack.open(t, mallory, notes[n], "hocuspocus");
    const before = line.heard;
    line.send(SYNC, UPDATE, many);
    await until(() => line.heard > before, "it is saved", 30);
    line.socket.terminate();
    // A document that nobody looks at stays for a while.
    if (n % 5 === 4) await hall.kill().then(() => hall.start());
  }
  await goesOn();
  const at = memory(hall);
  const line = await Attack.open(t, mallory, await mallory.note(), "hocuspocus");
  const ticket = await mallory.ticket();
  for (const note of notes) line.sendTo(note, AUTH, 0, ticket, "4.8.0");
  await until(() => line.code !== null, "Mallory is sent away", 60);
  assert.equal(line.code, 1013);
  await goesOn();
  const grown = memory(hall) - at;
  assert.ok(grown <= 800 * MiB, `twenty of them would be 1.2 GiB: memory grew by ${grown / MiB} MiB`);
});

test("forty large texts put at once keep nobody else's from being put", async (t) => {
  const { ada, mallory, goesOn } = await scene(t);
  const random = (length) => Array.from({ length }, () => "abcdef "[Math.floor(Math.random() * 7)]).join("");
  const [hers, his] = [await mallory.note({ text: random(90_000) }), await ada.note({ text: random(70_000) })];
  const put = (person, note, text) => person.ask("PUT", `/notes/${note.slice(5)}`, { text }).then(({ status }) => status);
  const puts = Array.from({ length: 40 }, () => put(mallory, hers, random(90_000)));
  for (let n = 0; n < 3; n++) assert.equal(await put(ada, his, random(70_000)), 200);
  await goesOn();
  const answers = await Promise.all(puts);
  assert.deepEqual(answers.filter((status) => ![200, 409, 503].includes(status)), []);
});

// Lines are 9 MB each on the disk, which others' words wait for; letters take time to compute only.
for (const [what, share, fields] of [
  ["a million letters in Automerge", 0.25, { engine: "automerge", text: "words ".repeat(166_000) }],
  ["300,000 lines of a rich note", 1, { format: "rich", text: "a\n".repeat(300_000) }],
]) {
  test(`three new notes of ${what} at once do not keep others waiting`, async (t) => {
    const { mallory, goesOn } = await scene(t);
    const post = () => mallory.ask("POST", "/notes", fields).then(({ status }) => status);
    let statuses;
    const posts = Promise.all([post(), post(), post()]).then((answers) => (statuses = answers));
    const begun = Date.now();
    const took = [];
    while (!statuses) {
      const since = Date.now();
      await goesOn();
      took.push(Date.now() - since);
    }
    await posts;
    const [longest, all] = [Math.max(...took), Date.now() - begun];
    t.diagnostic(`${took.length} words in ${all} ms, the longest in ${longest} ms; ${statuses}`);
    assert.ok(longest <= share * all, `somebody waited ${longest} ms of ${all} ms`);
    assert.ok(statuses.includes(201), `${statuses}`);
    assert.deepEqual(statuses.filter((status) => ![201, 503].includes(status)), []);
  });
}

for (const [kind, junk] of [
  ["half characters", (doc) => doc.getText("content").insert(0, "\ufffd".repeat(5_000))],
  ["values", (doc) => doc.getArray("junk").insert(0, Array(5_000).fill(0))],
]) {
  const { name, sit } = hocuspocusClients[0];
  test(`${name}: who comes back after somebody took their client id for ${kind} is not told "saved"`, async (t) => {
    const { hall, ada, ben, mallory } = await scene(t);
    const note = await ben.noteWith([ada, mallory]);
    const desk = await sit(t, ada, note);
    await desk.synced();
    const own = desk.doc.clientID;
    await desk.leave();
    desk.write("precious");
    await hall.kill();
    await hall.start(); // whose the client id is, is forgotten
    const line = await Attack.open(t, mallory, note, "yjs");
    const before = line.heard;
    line.send(SYNC, STEP2, written(own, junk));
    await until(() => line.heard > before, "Mallory's echo");
    let refused = false;
    desk.provider.on("stateless", ({ payload }) => (refused ||= JSON.parse(payload).code === "foreign-client-id"));
    desk.comeBack();
    await until(() => refused, "Ada is told");
    await line.answered();
    assert.ok(desk.provider.unsyncedChanges > 0, "and not that it is saved");
  });
}
