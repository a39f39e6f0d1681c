// F1: fifty people type, the server dies by `kill -9` at a random moment. What anybody was told is saved,
// or was shown of somebody else, is there when it returns, before any client has spoken again.
import assert from "node:assert/strict";
import test from "node:test";
import { agree, clients, hocuspocusClients } from "./clients.js";
import { cast, expectOk } from "./hall.js";
import { Typist, assertOnce } from "./typist.js";
import { until } from "./until.js";

const rounds = process.env.STUDYHALL_LONG ? 20 : 5;
const people = 50;
const perSecond = 20;

test(`kill -9 while ${people} people type, ${rounds} rounds: nothing told is lost`, async (t) => {
  const { hall, ada, ben } = await cast(t, ["ada", "ben"]);
  const note = await ada.noteWith([ben]);
  const sit = (place) => clients[place % 4].sit(t, place % 2 ? ben : ada, note);
  const desks = await Promise.all(Array.from({ length: people }, (_, place) => sit(place)));
  const typists = desks.map((desk, place) => new Typist(desk, place));
  let told = 0;
  for (let round = 0; round < rounds; round++) {
    await Promise.all(desks.map((desk) => desk.synced()));
    const typing = typists.map((one) => setInterval(() => one.type(), 1000 / perSecond));
    const before = told;
    await until(() => typists.some((one) => one.shown.length > 20), "they read one another");
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 1500)); // the random moment
    await hall.kill();
    typing.forEach(clearInterval);
    await Promise.all(desks.map((desk) => desk.leave()));
    const acknowledged = typists.flatMap((one) => one.acknowledged);
    const shown = typists.flatMap((one) => one.shown);
    told = new Set([...acknowledged, ...shown]).size;
    assert.ok(told > before, "people were told something in this round");
    await hall.start();
    const { text } = await ada.send("GET", `/notes/${note.slice("note:".length)}`);
    assertOnce(text, acknowledged, `round ${round}, acknowledged`);
    assertOnce(text, shown, `round ${round}, shown to somebody else`);
    desks.forEach((desk) => desk.comeBack());
    await agree(desks, []);
    await until(() => typists.every((one) => desks[0].words.includes(one.typed.at(-1))), "all is there");
    await agree(desks, []);
  }
  const everything = typists.flatMap((one) => one.typed);
  assertOnce(desks[0].words, everything, "in the end, everything");
  t.diagnostic(`${everything.length} edits, ${told} told before a kill, ${rounds} kills, none lost`);
});

test("kill -9 between what a restore keeps and what it changes: what was typed just before is a version", async (t) => {
  const { hall, ada, ben } = await cast(t, ["ada", "ben"], "--debug-doors");
  const note = await ada.noteWith([ben]);
  const path = `/notes/${note.slice("note:".length)}`;
  await ada.send("PUT", path, { text: "lake" });
  const texts = async () => {
    const { items } = await ada.send("GET", `${path}/history`);
    return Promise.all(items.map(async ({ version }) => (await ada.send("GET", `${path}/history/${version}`)).text));
  };
  const [{ version }] = (await ada.send("GET", `${path}/history`)).items;
  await expectOk(await hall.admin("POST", "/debug/clock/360"));
  const desk = hocuspocusClients[0].sit(t, ben, note);
  await desk.reads("lake");
  desk.write(" and what took Ben long");
  await desk.saved();
  assert.deepEqual(await texts(), ["lake and what took Ben long", "lake"]);
  await hall.holdJournal();
  const { status } = await ada.ask("POST", `${path}/restore`, { version });
  assert.equal(status, 503);
  await hall.kill();
  await hall.start();
  await desk.reads("lake and what took Ben long");
  desk.write("!");
  await desk.saved();
  assert.deepEqual(await texts(), ["lake and what took Ben long!", "lake and what took Ben long", "lake"]);
});

for (const format of ["plain", "rich"]) {
  test(`${format}: a put with its base that a kill cut off from its answer is put again and is there once`, async (t) => {
    const { hall, ada, ben } = await cast(t, ["ada", "ben"]);
    const room = await ada.roomWith([ben]);
    const at = `/notes/${(await ada.note({ room_id: room, is_shared: true, text: "Shopping\none", format })).slice("note:".length)}`;
    const base = (await ada.send("GET", at)).text;
    const adds = async (word) => {
      const { text } = await ben.send("GET", at);
      await ben.send("PUT", at, { text: `${text}\n${word}`, base: text });
    };
    const eggs = { text: `${base}\neggs`, base };
    await adds("milk");
    await ada.send("PUT", at, eggs); // suppose that the answer never came
    await adds("tea");
    await hall.kill();
    await hall.start();
    const lines = (await ada.send("PUT", at, eggs)).text.split("\n").sort();
    assert.deepEqual(lines, ["Shopping", "eggs", "milk", "one", "tea"]);
    // Whoever has seen it without, and puts the same, wants it again.
    const { text } = await ben.send("GET", at);
    await ben.send("PUT", at, { text: base, base: text });
    assert.equal((await ada.send("GET", at)).text, base);
    assert.equal((await ada.send("PUT", at, eggs)).text, eggs.text);
    // So does who has seen it only through another device that took it back.
    const laptop = await ada.signsInAgain();
    await laptop.send("PUT", at, { text: base, base: eggs.text });
    await hall.kill();
    await hall.start();
    assert.equal((await ada.send("PUT", at, eggs)).text, eggs.text);
    // And who has seen it without, whatever others write after that.
    await laptop.send("PUT", at, { text: base, base: eggs.text });
    assert.equal((await ada.send("GET", at)).text, base);
    await adds("salt");
    await hall.kill();
    await hall.start();
    const salted = (await ada.send("PUT", at, eggs)).text.split("\n").sort();
    assert.deepEqual(salted, ["Shopping", "eggs", "one", "salt"]);
    const { text: last } = await laptop.send("GET", at);
    await laptop.send("PUT", at, { text: base, base: last });
    // It is the last no more when she has put something else since, be it without saying from what.
    await ada.send("PUT", at, { text: base });
    await hall.kill();
    await hall.start();
    assert.equal((await ada.send("PUT", at, eggs)).text, eggs.text);
  });
}

for (const who of ["she", "somebody else"]) {
  test(`a box that ${who} has unticked is ticked again after a kill, though another box was ticked meanwhile`, async (t) => {
    const { hall, ada, ben } = await cast(t, ["ada", "ben"]);
    const room = await ada.roomWith([ben]);
    const empty = "[ ] call Cleo\n[ ] buy chalk";
    const { id } = await ada.send("POST", "/notes", { text: empty, room_id: room, is_shared: true });
    const at = `/notes/${id}`;
    const ticked = { text: "[x] call Cleo\n[ ] buy chalk", base: empty };
    await ada.send("PUT", at, ticked);
    await (who === "she" ? ada : ben).send("PUT", at, { text: empty, base: ticked.text });
    assert.equal((await ada.send("GET", at)).text, empty);
    await hall.kill();
    await hall.start();
    await ben.send("PUT", at, { text: "[ ] call Cleo\n[x] buy chalk", base: empty });
    assert.equal((await ada.send("PUT", at, ticked)).text, "[x] call Cleo\n[x] buy chalk");
  });
}
