// Hostile clients: whatever a member sends, the program stays up, the others write on, and memory does not
// grow by more than 32 MiB over all of it.
import assert from "node:assert/strict";
import { connect } from "node:net";
import test from "node:test";
import WebSocket from "ws";
import * as Y from "yjs";
import {
  awareness,
  frames,
  goodUpdate,
  intoNoType,
  malformed,
  manyClients,
  nestedUpdates,
  vectorBomb,
} from "./attacks.js";
import { clients } from "./clients.js";
import { AUTH, AWARENESS, Attack, MiB, STEP1, STEP2, SYNC, UPDATE, memory, scene } from "./mallory.js";
import { until } from "./until.js";

for (const protocol of ["yjs", "hocuspocus"]) {
  test(`${protocol}: malformed content closes its sender, and nobody else notices`, async (t) => {
    const { hall, mallory, note, goesOn } = await scene(t);
    const before = memory(hall);
    const attacks = [
      ...Object.values(malformed).flatMap((update) => [[SYNC, UPDATE, update], [SYNC, STEP2, update]]),
      [SYNC, STEP1, vectorBomb],
      [SYNC, 9, goodUpdate()],
      [77],
      ...(protocol === "hocuspocus" ? [[4, goodUpdate()], [6, "{}"]] : []),
    ];
    for (const attack of attacks) {
      const line = await Attack.open(t, mallory, note, protocol);
      line.send(...attack);
      await line.closed(1002);
    }
    const text = await Attack.open(t, mallory, note, protocol);
    text.socket.send("not binary");
    await text.closed(1002);
    const large = await Attack.open(t, mallory, note, protocol);
    large.socket.send(new Uint8Array(50 * MiB));
    await until(() => large.code !== null, "50 MiB close the socket");
    await goesOn();
    assert.ok(memory(hall) - before <= 32 * MiB, `memory grew by ${memory(hall) - before}`);
  });

  test(`${protocol}: awareness beyond its limits is dropped, and nobody else notices`, async (t) => {
    const { hall, mallory, note, here, goesOn } = await scene(t);
    const before = memory(hall);
    for (const update of Object.values(awareness)) {
      const line = await Attack.open(t, mallory, note, protocol);
      line.send(AWARENESS, update);
      await line.answered();
    }
    here.awareness.setLocalStateField("cursor", 1);
    await goesOn();
    assert.ok(here.awareness.getStates().size <= 50, "not 10,000 cursors");
    assert.ok(memory(hall) - before <= 32 * MiB, `memory grew by ${memory(hall) - before}`);
  });

  test(`${protocol}: a hole that never fills and a client id of somebody else's`, async (t) => {
    const { hall, mallory, note, here, there, goesOn } = await scene(t);
    const before = memory(hall);
    const line = await Attack.open(t, mallory, note, protocol);
    const doc = new Y.Doc();
    doc.getText("content").insert(0, "the update that is never sent");
    doc.on("update", (update) => line.send(SYNC, UPDATE, update));
    for (let n = 0; n < 60; n++) doc.getText("content").insert(0, "x".repeat(200 << 10));
    await line.answered();

    // Mallory writes what Ada would write next, under Ada's client id.
    const forged = new Y.Doc();
    Y.applyUpdate(forged, Y.encodeStateAsUpdate(here.doc));
    const vector = Y.encodeStateVector(forged);
    forged.clientID = here.doc.clientID;
    forged.getText("content").insert(0, "forged");
    const forger = await Attack.open(t, mallory, note, protocol);
    forger.send(SYNC, UPDATE, Y.encodeStateAsUpdate(forged, vector));
    await forger.answered();
    await goesOn();
    assert.ok(!there.words.includes("forged"));
    if (protocol === "hocuspocus") {
      await until(() => forger.refused === 1, "the forger is told");
      assert.ok(line.refused > 0, "what is above the hole is refused in the end");
    }
    assert.ok(memory(hall) - before <= 32 * MiB, `memory grew by ${memory(hall) - before}`);
  });

  test(`${protocol}: elements nested update by update, then deleted`, async (t) => {
    const { hall, mallory, note, goesOn } = await scene(t);
    const line = await Attack.open(t, mallory, note, protocol);
    for (const update of nestedUpdates(3_000)) line.send(SYNC, UPDATE, update);
    await line.answered();
    const doc = new Y.Doc();
    const reader = await clients[0].sit(t, mallory, note);
    await reader.synced();
    Y.applyUpdate(doc, Y.encodeStateAsUpdate(reader.doc));
    let depth = 0;
    for (let at = doc.getXmlFragment("default"); at.length > 0; at = at.get(0)) depth += 1;
    assert.ok(depth > 100 && depth <= 512, `${depth} levels`);
    reader.doc.getXmlFragment("default").delete(0, 1);
    await reader.saved();
    await goesOn();
    assert.equal(hall.program.exitCode, null);
  });
}

for (const protocol of ["yjs", "hocuspocus"]) {
  test(`${protocol}: what is put into no type is refused, and no co-editor is cut off`, async (t) => {
    const { mallory, note, here, there, goesOn } = await scene(t);
    const cut = [];
    here.provider.on("disconnect", () => cut.push("here"));
    there.provider.on("connection-close", () => cut.push("there"));
    const line = await Attack.open(t, mallory, note, protocol);
    for (let n = 0; n < 20; n++) line.send(SYNC, UPDATE, intoNoType(7_000 + n));
    await line.answered();
    await goesOn();
    assert.deepEqual(cut, []);
    if (protocol === "hocuspocus") await until(() => line.refused === 20, "each is refused");
  });
}

test("a client that asks again and again and reads nothing costs its own queue", async (t) => {
  const { hall, ada, mallory, note, here, there, goesOn } = await scene(t);
  const writer = await clients[0].sit(t, ada, note);
  await writer.synced();
  Y.applyUpdate(writer.doc, manyClients(5_000));
  await writer.saved();
  await until(() => here.words.length > 5_000 && there.words === here.words, "they have it too", 60);
  const before = memory(hall);
  const lines = await Promise.all(Array.from({ length: 6 }, () => Attack.open(t, mallory, note, "yjs")));
  for (const line of lines) {
    line.socket._socket.pause();
    for (let n = 0; n < 10_000; n++) line.send(SYNC, STEP1, Uint8Array.from([0]));
  }
  await goesOn();
  await goesOn();
  assert.ok(memory(hall) - before <= 32 * MiB, `memory grew by ${memory(hall) - before}`);
});

/** A Hocuspocus socket of nobody's, as bytes: it sends what it likes and says no token. */
async function stranger(t, hall) {
  const socket = connect(hall.ports[0], "127.0.0.1");
  t.after(() => socket.destroy());
  socket.on("error", () => {});
  const key = "dGhlIHNhbXBsZSBub25jZQ==";
  const head = ["GET /sync/hocuspocus HTTP/1.1", `Host: 127.0.0.1:${hall.ports[0]}`, "Connection: Upgrade"];
  head.push("Upgrade: websocket", "Sec-WebSocket-Version: 13", `Sec-WebSocket-Key: ${key}`);
  socket.write(`${head.join("\r\n")}\r\n\r\n`);
  await new Promise((resolve) => socket.once("data", resolve));
  return socket;
}

test("strangers' large messages are not read at all", async (t) => {
  const { hall, goesOn } = await scene(t);
  const before = memory(hall);
  for (let n = 0; n < 40; n++) {
    const socket = await stranger(t, hall);
    const head = Buffer.alloc(14);
    [head[0], head[1]] = [0x82, 0x80 | 127];
    head.writeBigUInt64BE(BigInt(16 * MiB), 2);
    socket.write(head);
    socket.write(Buffer.alloc(16 * MiB - 100));
  }
  await goesOn();
  assert.ok(memory(hall) - before <= 32 * MiB, `memory grew by ${memory(hall) - before}`);
});

test("large edits of eight people at once all arrive, while others leave theirs half sent", async (t) => {
  const { hall, ada, mallory, goesOn } = await scene(t);
  const notes = [];
  while (notes.length < 8) notes.push(await ada.note());
  for (let n = 0; n < 20; n++) {
    const note = await mallory.note();
    const line = await Attack.open(t, mallory, note, "yjs");
    const frame = frames.yjs(note, SYNC, UPDATE, new Uint8Array(9 * MiB));
    line.socket.send(frame.subarray(0, 8 * MiB), { fin: false });
    setTimeout(() => line.socket.terminate(), 300 + 50 * n);
  }
  const desks = [];
  for (let n = 0; n < 8; n++) {
    const desk = await clients[n % 2].sit(t, ada, notes[n]);
    await desk.synced();
    desk.doc.transact(() => desk.write("large ".repeat(1 << 20)));
    desks.push(desk);
  }
  await Promise.all(desks.map((desk) => until(() => !desk.provider.unsyncedChanges, "it is saved", 90)));
  await goesOn();
  assert.equal(hall.program.exitCode, null);
});

test("a person who leaves twenty large messages half sent takes nobody else's room", async (t) => {
  const { ada, mallory, goesOn } = await scene(t);
  const note = await mallory.note();
  const frame = frames.yjs(note, SYNC, UPDATE, new Uint8Array(9 * MiB));
  for (let n = 0; n < 20; n++) {
    const line = await Attack.open(t, mallory, note, "yjs");
    line.socket.send(frame.subarray(0, 8 * MiB), { fin: false });
  }
  for (const client of clients.slice(0, 2)) {
    const desk = await client.sit(t, ada, await ada.note());
    await desk.synced();
    desk.doc.transact(() => desk.write("large ".repeat(1 << 20)));
    await until(() => !desk.provider.unsyncedChanges, "it is saved", 15);
  }
  await goesOn();
});

test("what waits for a token is bounded by what it takes, however small its frames", async (t) => {
  const { hall, note, goesOn } = await scene(t);
  const before = memory(hall);
  const socket = new WebSocket(`${hall.sockets}/hocuspocus`);
  t.after(() => socket.terminate());
  let code = null;
  socket.on("close", (closed) => (code = closed));
  socket.on("error", () => {});
  await until(() => socket.readyState === WebSocket.OPEN, "the stranger's socket opens");
  const frame = frames.hocuspocus(note, AWARENESS, new Uint8Array());
  for (let n = 0; n < 400_000 && code === null; n++) {
    socket.send(frame);
    if (n % 1000 === 0) await new Promise(setImmediate);
  }
  await until(() => code === 1009, () => `it is closed, with ${code}`);
  await goesOn();
  assert.ok(memory(hall) - before <= 32 * MiB, `memory grew by ${memory(hall) - before}`);
});

test("one note under many addresses keeps no more above holes than one", async (t) => {
  const { hall, mallory, note, goesOn } = await scene(t);
  const before = memory(hall);
  const line = await Attack.open(t, mallory, note, "hocuspocus");
  const ticket = await mallory.ticket();
  const doc = new Y.Doc();
  doc.getText("content").insert(0, "the update that is never sent");
  const vector = Y.encodeStateVector(doc);
  doc.getText("content").insert(0, "x".repeat(500 << 10));
  const above = Y.encodeStateAsUpdate(doc, vector);
  for (let n = 0; n < 100; n++) {
    line.sendTo(`${note}\0${n}`, AUTH, 0, ticket, "4.8.0");
    line.sendTo(`${note}\0${n}`, SYNC, UPDATE, above);
  }
  await until(() => line.refused >= 98, () => `they are refused, ${line.refused} were`);
  await goesOn();
  assert.ok(memory(hall) - before <= 32 * MiB, `memory grew by ${memory(hall) - before}`);
});

test("100,000 names on one Hocuspocus socket", async (t) => {
  const { hall, mallory, note, goesOn } = await scene(t);
  const before = memory(hall);
  const line = await Attack.open(t, mallory, note, "hocuspocus");
  for (let n = 0; n < 100_000; n++) {
    line.sendTo(`note:${n.toString(16).padStart(24, "0")}`, SYNC, STEP1, Uint8Array.from([0]));
  }
  await line.answered();
  assert.equal(line.code, null, "what is attached already goes on");
  await goesOn();
  assert.ok(memory(hall) - before <= 32 * MiB, `memory grew by ${memory(hall) - before}`);
});

for (const { name, sit } of clients) {
  test(`${name}: a reader who is away for a while gets all of it, without a hole`, async (t) => {
    const { ada, note, here, goesOn } = await scene(t);
    const slow = await sit(t, ada, note);
    const socket = () => slow.provider.ws ?? slow.provider.configuration.websocketProvider.webSocket;
    await until(() => socket()?._socket, "the slow reader is connected");
    socket()._socket.pause();
    // More than the buffers of both ends of a connection hold.
    for (let n = 0; n < 40; n++) {
      here.write(`<slow ${n}>${"b".repeat(250 << 10)}`);
      await goesOn();
    }
    socket()._socket.resume();
    await until(() => slow.words === here.words, "the slow reader has all of it", 30);
    await goesOn();
  });
}
