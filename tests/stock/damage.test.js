// F11 of reliability.md, on SQLite's files: a tail that was torn by a power cut, and bytes that the disk
// has flipped.
import assert from "node:assert/strict";
import { readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { agree, clients } from "./clients.js";
import { cast } from "./hall.js";
import { until } from "./until.js";

// With the records on a server they are that server's files.
const skip = process.env.STUDYHALL_STOCK_MONGODB ? "SQLite's files" : false;

/** What a counter of `/metrics` is at. */
async function counted(hall, name) {
  const text = await (await hall.admin("GET", "/metrics")).text();
  return Number(new RegExp(`^${name}\\S* (\\d+)`, "m").exec(text)?.[1] ?? 0);
}

const FRAME = 24 + 4096;

/** Where to cut a write-ahead log so that a transaction behind `from` lacks its end. */
function cutBehind(from, log) {
  for (let at = from, frames = 0; at + FRAME <= log.length; at += FRAME) {
    frames++;
    const commits = log.readUInt32BE(at + 4) > 0; // https://sqlite.org/fileformat2.html#walformat
    if (commits && frames > 2) return at + 1500; // in the middle of the frame that would have committed
    if (commits) frames = 0;
  }
  throw new Error("no transaction of three pages");
}

test("F11: a torn tail: it starts, says so, and all that came before is there", { skip }, async (t) => {
  const { hall, ada, ben } = await cast(t, ["ada", "ben"]);
  const note = await ada.noteWith([ben]);
  const desks = [await clients[0].sit(t, ada, note), await clients[1].sit(t, ben, note)];
  for (const desk of desks) await desk.synced();
  const before = Array.from({ length: 50 }, (_, n) => `<${n}>`);
  before.forEach((word, n) => desks[n % 2].write(word));
  await Promise.all(desks.map((desk) => desk.saved()));
  const log = join(hall.data, "studyhall.db-wal");
  const { size } = statSync(log);
  const last = `<${"long ".repeat(6000)}>`;
  desks[0].write(last);
  await desks[0].saved();
  await Promise.all(desks.map((desk) => desk.leave()));
  await hall.kill();
  // The disk as it was while the long word was being written, before anybody was told of it.
  truncateSync(log, cutBehind(size, readFileSync(log)));
  await hall.start();
  assert.equal(await counted(hall, "studyhall_store_unfinished_tails_total"), 1);
  assert.match(hall.said, /unfinished transaction/);
  const reader = await clients[2].sit(t, ben, note);
  await reader.synced();
  assert.deepEqual(before.filter((word) => reader.words.split(word).length !== 2), []);
  assert.ok(!reader.words.includes(last));
  desks.forEach((desk) => desk.comeBack());
  await agree([...desks, reader], [...before, last]);
});

test("F11: flipped bytes: that note answers a problem, it is said, and all else works", { skip }, async (t) => {
  const { hall, ada } = await cast(t, ["ada"]);
  const [hurt, sound] = [await ada.note({ title: "hurt" }), await ada.note({ title: "sound" })];
  const words = "these words are found on the disk";
  for (const note of [hurt, sound]) {
    const desk = await clients[0].sit(t, ada, note);
    desk.write(note === hurt ? words : "others");
    await desk.saved();
    await desk.leave();
  }
  assert.equal(await hall.stop(), 0);
  const file = join(hall.data, "studyhall.db");
  const bytes = readFileSync(file);
  let places = 0;
  for (let at = bytes.indexOf(words); at >= 0; at = bytes.indexOf(words, at + 1), places++) bytes[at + 5] ^= 0x10;
  assert.ok(places > 0, "the words are in the file");
  writeFileSync(file, bytes);
  await hall.start();
  const refused = await ada.send("GET", `/notes/${hurt.slice(5)}`).then(JSON.stringify, String);
  assert.match(refused, /: 5\d\d .*"code"/);
  const codes = [];
  const desk = await clients[2].sit(t, ada, hurt);
  desk.provider.on("connection-close", (event) => event && codes.push(event.code));
  await until(() => codes.length > 2, "its socket is closed, each time that it comes back");
  assert.deepEqual(codes.filter((code) => code !== 1013), [], "try later");
  assert.ok((await counted(hall, "studyhall_store_corrupt_total")) > 0);
  assert.match(hall.said, new RegExp(hurt));
  const there = await clients[1].sit(t, ada, sound);
  await there.reads("others");
  there.write("and more, ");
  await there.saved();
  const { items } = await ada.send("GET", "/notes");
  assert.ok(items.some(({ title }) => title === "sound"));
});
