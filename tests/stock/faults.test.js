// Faults of reliability.md that a stock client sees: F10 (disk full), F14 (frames lost, doubled, out of
// order), F15 (SIGTERM under load).
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import WebSocket, { WebSocketServer } from "ws";
import { Socket, agree, clients, yWebsocketClients } from "./clients.js";
import { cast } from "./hall.js";
import { until } from "./until.js";

const skipAlone = process.env.STUDYHALL_STOCK_MONGODB ? "one process on SQLite" : false;

test("a second process on the same folder says what to do, and the first goes on", { skip: skipAlone }, async (t) => {
  const { hall, ada } = await cast(t, ["ada"]);
  const args = ["serve", "--data", hall.data, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
  const second = spawnSync(process.env.STUDYHALL_BIN, args, { timeout: 10_000 });
  assert.equal(second.status, 1);
  assert.match(String(second.stderr), /another process serves .*studyhall\.db/);
  await ada.note();
  await hall.kill();
  await hall.start(); // what was killed holds nothing
});

test("F15: SIGTERM while people type: 1012 for everybody, exit 0, nothing acknowledged is lost", async (t) => {
  const { hall, ada, ben } = await cast(t, ["ada", "ben"]);
  const note = await ada.noteWith([ben]);
  const codes = [];
  class Listening extends Socket {
    constructor(...args) {
      super(...args);
      // Only of sockets that were open: attempts to come back meanwhile count for nothing.
      this.on("open", () => this.on("close", (code) => codes.push(code)));
    }
  }
  const sit = (n) => clients[n % 4].sit(t, n % 2 ? ben : ada, note, { WebSocketPolyfill: Listening });
  const desks = await Promise.all(Array.from({ length: 12 }, (_, n) => sit(n)));
  await Promise.all(desks.map((desk) => desk.synced()));
  let count = 0;
  const acknowledged = new Set();
  const typing = desks.map((desk, n) => {
    const typed = [];
    desk.provider.on("unsyncedChanges", ({ number }) => {
      if (number === 0) typed.forEach((word) => acknowledged.add(word));
    });
    return setInterval(() => {
      typed.push(`<${n}.${count++}>`);
      desk.write(typed.at(-1));
    }, 20);
  });
  await until(() => acknowledged.size > 100, "people are told that they are saved");
  const ended = hall.stop();
  await until(() => codes.length >= desks.length, () => `every socket closes, ${codes.length} did`, 30);
  typing.forEach(clearInterval);
  assert.equal(await ended, 0);
  await Promise.all(desks.map((desk) => desk.leave()));
  assert.deepEqual([...new Set(codes)], [1012]);
  const told = [...acknowledged];
  await hall.start();
  const { text } = await ada.send("GET", `/notes/${note.slice("note:".length)}`);
  assert.deepEqual(told.filter((word) => text.split(word).length !== 2), []);
  desks.forEach((desk) => desk.comeBack());
  await agree(desks, told);
});

test("lists show what was saved right before a stop, and soon what was saved before kill -9", async (t) => {
  const { hall, ada } = await cast(t, ["ada"]);
  const note = await ada.note({ text: "old" });
  const listed = async () => (await ada.send("GET", "/notes")).items[0].text;
  for (const end of ["stop", "kill"]) {
    const desk = await clients[0].sit(t, ada, note);
    await desk.synced();
    desk.write(`${end} `);
    await desk.saved();
    await hall[end]();
    desk.close();
    if (end === "stop" && !process.env.STUDYHALL_STOCK_MONGODB) assert.match(hall.verify(), /0 rows differed/);
    await hall.start();
    await until(async () => (await listed()).includes(`${end} `), () => `the list shows it after ${end}`, 20);
  }
});

test("F15: SIGTERM while requests are under way: all are answered, none with 5xx, and what was said is there", async (t) => {
  const { hall, ada, ben } = await cast(t, ["ada", "ben"]);
  const note = (await ada.note()).slice("note:".length);
  const [answers, made, put] = [[], [], []];
  let going = true;
  const ask = async (person, method, path, body) => {
    const answer = await person.ask(method, path, body);
    const said = await answer.json();
    answers.push(answer.status);
    return answer.ok ? said : null;
  };
  // Until nobody listens any more.
  const busy = (act) =>
    (async () => {
      for (let n = 0; going; n++) await act(n);
    })().catch(() => {});
  const people = Array.from({ length: 8 }, (_, k) => [
    busy(async (n) => (await ask(ada, "PUT", `/notes/${note}`, { text: `put ${k}.${n}` })) && put.push(`${k}.${n}`)),
    busy(async (n) => made.push((await ask(ben, "POST", "/notes", { title: `${k}.${n}` }))?.id)),
    busy(() => ask(ben, "GET", "/notes")),
  ]).flat();
  await until(() => answers.length > 200, "many are answered");
  const status = await hall.stop();
  going = false;
  await Promise.all(people);
  assert.equal(status, 0);
  assert.deepEqual(answers.filter((status) => status >= 500), []);
  await hall.start();
  for (const id of made.filter(Boolean)) assert.equal((await ben.send("GET", `/notes/${id}`)).id, id);
  const { rev } = await ada.send("GET", `/notes/${note}`);
  assert.ok(rev > 0 && put.length > 0);
});

// With the records on a server it is that server's disk.
const skip = process.env.STUDYHALL_STOCK_MONGODB ? "SQLite's disk" : false;

/** Cleo and Dan at a note of hers, on a disk that has just so many bytes left. */
async function nearlyFull(t, left) {
  const { hall } = await cast(t, []);
  await hall.stop();
  const disk = mkdtempSync(join(tmpdir(), "studyhall-disk-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=24m", "tmpfs", disk]); // needs root, as CI has
  t.after(async () => {
    await hall.kill();
    execFileSync("umount", [disk]);
    rmSync(disk, { recursive: true });
  });
  hall.data = join(disk, "data");
  await hall.start();
  const [cleo, dan] = [await hall.register("cleo"), await hall.register("dan")];
  const note = await cleo.noteWith([dan]);
  const [here, there] = [await clients[0].sit(t, cleo, note), await clients[2].sit(t, dan, note)];
  here.write("before ");
  await there.reads("before ");
  await here.saved();
  const { bavail, bsize } = statfsSync(disk);
  writeFileSync(join(disk, "ballast"), Buffer.alloc(bavail * bsize - left));
  return { hall, cleo, dan, note, here, there, frees: () => rmSync(join(disk, "ballast")) };
}

/** Writes until the disk says no: SQLite's log is reused while there is room in it. */
async function writesUntilFull(desk) {
  let paused = false;
  desk.provider.on("stateless", ({ payload }) => (paused ||= JSON.parse(payload).type === "saving-paused"));
  for (let n = 0; !paused && n < 400; n++) {
    desk.write("y".repeat(64 << 10));
    await new Promise(setImmediate);
    await until(() => paused || desk.provider.unsyncedChanges === 0, "saved, or told that it is not", 20);
  }
  assert.ok(paused, "people are told");
}

test("F10: the disk is full: nothing is acknowledged, reading goes on, and it works again without a restart", { skip }, async (t) => {
  const { hall, cleo, dan, note, here, there, frees } = await nearlyFull(t, 0);
  await writesUntilFull(here);
  const shown = there.words;
  here.write("while full ");
  assert.ok(here.provider.unsyncedChanges > 0);
  const late = await clients[3].sit(t, dan, note);
  await late.reads(shown);
  assert.ok(!there.words.includes("while full "), "nobody sees what is not saved");
  assert.ok(here.provider.unsyncedChanges > 0, "nothing is acknowledged");
  const ready = await hall.admin("GET", "/readyz");
  assert.equal(ready.status, 503);

  frees();
  await here.saved();
  await there.reads(here.words);
  assert.ok(there.words.includes("while full "));
  await hall.kill();
  await hall.start();
  const again = await clients[0].sit(t, cleo, note);
  await again.reads(here.words);
});

test("F10: what was saved before the disk was full is read by REST, too, and who comes later is told", { skip }, async (t) => {
  const { cleo, dan, note, here, there, frees } = await nearlyFull(t, 700 << 10);
  await writesUntilFull(here);
  const shown = there.words;
  assert.ok(shown.length > 64 << 10, "some of it was saved");
  const path = `/notes/${note.slice(5)}`;
  const answer = await dan.ask("GET", path);
  assert.equal((await answer.json()).text, shown);
  const told = [];
  const joiner = await clients[0].sit(t, dan, note);
  joiner.provider.on("stateless", ({ payload }) => told.push(JSON.parse(payload).type));
  await joiner.reads(shown);
  await until(() => told.includes("saving-paused"), "who comes now is told, too");
  frees();
  await here.saved();
  await until(() => told.includes("saving-resumed"), "and that it goes on");
  assert.equal((await cleo.send("GET", path)).text, here.words);
});

/** Stands between clients and the hall, and loses, doubles and swaps frames while it is bad. */
async function badLine(t, hall) {
  const line = { bad: true, seed: 7 };
  const chance = () => (line.seed = (line.seed * 48271) % 2147483647) / 2147483647;
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await once(server, "listening");
  t.after(() => server.close());
  server.on("connection", (near, request) => {
    const far = new WebSocket(`ws://127.0.0.1:${hall.ports[0]}${request.url}`);
    const pipe = (from, to) => {
      let kept = null;
      const pass = (data) => to.readyState === WebSocket.OPEN && to.send(data);
      const open = new Promise((resolve) => (to.readyState === WebSocket.OPEN ? resolve() : to.once("open", resolve)));
      from.on("message", async (data) => {
        await open;
        const luck = line.bad ? chance() : 1;
        if (luck < 0.15) return;
        if (luck < 0.3) pass(data);
        if (luck < 0.45 && kept === null) return void (kept = data);
        pass(data);
        if (kept !== null) pass(kept);
        kept = null;
      });
      from.on("close", () => to.close());
      from.on("error", () => to.terminate());
    };
    pipe(near, far);
    pipe(far, near);
  });
  line.sockets = `ws://127.0.0.1:${server.address().port}/sync`;
  line.cut = () => server.clients.forEach((socket) => socket.terminate());
  return line;
}

for (const { name, sit } of yWebsocketClients) {
  test(`F14: ${name}: frames are lost, doubled and out of order; after a reconnect all is there once`, async (t) => {
    const { hall, ada, ben } = await cast(t, ["ada", "ben"]);
    const note = await ada.noteWith([ben]);
    const line = await badLine(t, hall);
    const through = (person) => {
      const behind = Object.create(person);
      behind.hall = { sockets: line.sockets };
      behind.ticket = () => person.ticket();
      return behind;
    };
    const [here, there] = [await sit(t, through(ada), note), await sit(t, through(ben), note)];
    await until(() => here.provider.wsconnected && there.provider.wsconnected, "they are connected");
    const words = [];
    for (let n = 0; n < 200; n++) {
      const [one, other] = [`<a${n}>`, `<b${n}>`];
      here.write(one);
      there.write(other);
      words.push(one, other);
      await new Promise(setImmediate);
    }
    line.bad = false;
    line.cut();
    await agree([here, there], words);
    const { text } = await ada.send("GET", `/notes/${note.slice("note:".length)}`);
    assert.equal(text, here.words);
  });
}
