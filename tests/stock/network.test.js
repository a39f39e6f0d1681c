// F4: a slow network that loses packets. F13: networks that fall apart, between people and their node and
// between a node and what it shares with the other.
import assert from "node:assert/strict";
import test from "node:test";
import { agree, clients, hocuspocusClients, yWebsocketClients } from "./clients.js";
import { through } from "./hall.js";
import { installation, installationOverLines, shows, showsOnceItCan } from "./installation.js";
import { Line } from "./line.js";
import { assertInOrder, assertOnce, notOnce, Typist } from "./typist.js";
import { until } from "./until.js";

const isLong = Boolean(process.env.STUDYHALL_LONG);

/** People at desks, who type until `stop` and again from `start`. */
function typingAt(t, desks) {
  const typists = desks.map((desk, place) => new Typist(desk, place));
  let timers;
  const start = () => (timers = typists.map((one) => setInterval(() => one.type(), 100)));
  const stop = () => timers.forEach(clearInterval);
  start();
  t.after(stop);
  return { typists, start, stop };
}

/** Everything that they typed is at each desk and at both nodes, once, in their order. */
async function assertMerged({ ada, ben, note }, typists) {
  const typed = typists.flatMap((one) => one.typed);
  const missing = () => typists.flatMap((one) => notOnce(one.desk.words, typed));
  await until(() => missing().length === 0, () => `everywhere exactly once: ${missing().slice(0, 5)}`, 60);
  await Promise.all(typists.map((one) => one.desk.saved()));
  await agree(typists.map((one) => one.desk), []);
  const text = typists[0].desk.words;
  for (const person of [ada, ben]) assert.equal(await shows(person, note), text);
  assertInOrder(text, typists);
  return typed.length;
}

/** What somebody has typed since then is not called saved, and nobody else sees it. */
function assertUntold(typist, since, others) {
  assert.ok(typist.saved <= since, `${typist.saved} are called saved, ${since} can be`);
  for (const other of others) if (other !== typist) assertUnseen(typist.typed.slice(since), other);
}

function assertUnseen(words, reader) {
  const seen = new Set(reader.shown);
  assert.deepEqual(words.filter((word) => seen.has(word)), []);
}

test("F4: a slow network that loses 1 %: words keep their order, and what is called saved is saved", async (t) => {
  const hall = await installation(t);
  const { here, there, ada, ben, note } = hall;
  const bad = { delay: 60, jitter: 60, loss: 0.01 };
  const lines = [await Line.to(t, here.ports[0], bad), await Line.to(t, there.ports[0], bad)];
  const [far, farther] = [ada.at(through(lines[0])), ben.at(through(lines[1]))];
  const sit = (_, place) => clients[place % 4].sit(t, place % 2 ? farther : far, note);
  const desks = await Promise.all(Array.from({ length: 8 }, sit));
  await Promise.all(desks.map((desk) => desk.synced()));
  const { typists, start, stop } = typingAt(t, desks);
  const told = () => new Set(typists.flatMap((one) => [...one.acknowledged, ...one.shown]));
  for (let look = 1; look <= (isLong ? 30 : 10); look++) {
    await until(() => told().size > look * 40, () => `people are told, of ${told().size}`);
    const words = told();
    // Straight from the nodes: it is there already when somebody far away hears of it.
    for (const person of [ada, ben]) assertOnce(await showsOnceItCan(person, note), words, `look ${look}`);
    if (look % 5 > 0) continue;
    // Now and then a connection does not live through it. Nobody types meanwhile: what is typed offline
    // @hocuspocus/provider 3.4.4 sends twice and counts once, and it believes the answers one too many.
    stop();
    const online = desks.filter((_, place) => place % 2 === (look / 5) % 2);
    lines[(look / 5) % 2].cut();
    await until(() => online.every((desk) => !desk.online), "they are cut off");
    await Promise.all(online.map((desk) => desk.synced()));
    start();
  }
  stop();
  const count = await assertMerged(hall, typists);
  t.diagnostic(`${count} edits over a line of ${bad.delay} to ${bad.delay + bad.jitter} ms that stalls, none lost`);
});

test("F13: people who are cut off write on, and all of it merges when they are back", async (t) => {
  const hall = await installation(t);
  const { there, ada, ben, note } = hall;
  const line = await Line.to(t, there.ports[0]);
  const away = ben.at(through(line));
  const near = await hocuspocusClients[0].sit(t, ada, note);
  const far = await Promise.all(clients.map((client) => client.sit(t, away, note)));
  await Promise.all([near, ...far].map((desk) => desk.synced()));
  const { typists, stop } = typingAt(t, [near, ...far]);
  for (let round = 0; round < (isLong ? 10 : 2); round++) {
    const before = typists.map((one) => one.typed.length);
    line.hold();
    const [here, ...cutOff] = typists;
    await until(() => cutOff.every((one, place) => one.typed.length > before[place + 1] + 20), "they write on");
    await until(() => here.saved > before[0] + 20, "who is not cut off is told that it is saved");
    cutOff.forEach((one, place) => assertUntold(one, before[place + 1], [here]));
    cutOff.forEach((one) => assertUnseen(here.typed.slice(before[0]), one));
    // Once the network forgets the connections, once it remembers them.
    if (round % 2 === 0) line.cut();
    line.release();
    const offline = typists.flatMap((one) => one.typed);
    const merged = () => typists.every((one) => notOnce(one.desk.words, offline).length === 0);
    await until(merged, `round ${round}: what was written offline is everywhere`, 60);
  }
  stop();
  t.diagnostic(`${await assertMerged(hall, typists)} edits, none lost, none doubled`);
});

test("F13: a node that the other cannot tell, and that cannot reach the database, loses nothing", async (t) => {
  const hall = await installationOverLines(t);
  const { lines, there, ada, ben, note } = hall;
  const near = await Promise.all([hocuspocusClients[0].sit(t, ada, note), yWebsocketClients[0].sit(t, ada, note)]);
  const far = await Promise.all([hocuspocusClients[1].sit(t, ben, note), yWebsocketClients[1].sit(t, ben, note)]);
  const desks = [...near, ...far];
  await Promise.all(desks.map((desk) => desk.synced()));
  const { typists, stop } = typingAt(t, desks);
  const [here, alone] = [typists[0], typists[2]];
  const together = async (what) => {
    const typed = typists.flatMap((one) => one.typed);
    await until(() => typists.every((one) => notOnce(one.desk.words, typed).length === 0), what, 60);
  };
  await until(() => desks.every((desk) => desk.words.length > 100), "they write together");

  // The nodes do not hear each other: both append to one log, and find in it what they missed.
  lines.bus.hold();
  await together("without news each still reads the other");

  lines.database.hold();
  await until(async () => (await there.admin("GET", "/readyz")).status === 503, "it says that it cannot save");
  const before = typists.map((one) => one.typed.length);
  await until(() => here.saved > before[0] + 20, "the other node goes on");
  await until(() => alone.typed.length > before[2] + 20, "people write on");
  assertUntold(alone, before[2], typists);
  assertUntold(typists[3], before[3], typists);

  lines.database.release();
  lines.bus.release();
  await until(async () => (await there.admin("GET", "/readyz")).status === 200, "it is ready again", 30);
  await together("what was written on both sides is everywhere");
  stop();
  t.diagnostic(`${await assertMerged(hall, typists)} edits, none lost, none doubled`);
});

test("F13: who is put out is shown nothing more by a node that cannot ask the database for it", async (t) => {
  const { lines, here, ada, ben, note } = await installationOverLines(t);
  const path = `/notes/${note.slice("note:".length)}`;
  const { room_id: room } = await ada.send("GET", path);
  const near = await hocuspocusClients[0].sit(t, ada, note);
  const far = await Promise.all(clients.map((client) => client.sit(t, ben, note)));
  near.write("<before>");
  await agree([near, ...far], ["<before>"]);
  lines.database.hold();
  await ben.at(here).send("POST", `/rooms/${room}/leave`);
  // Told over Redis, which the node reaches.
  await new Promise((resolve) => setTimeout(resolve, 500));
  for (const word of ["<secret 1>", "<secret 2>", "<secret 3>"]) {
    near.write(word);
    await near.saved();
    await new Promise((resolve) => setTimeout(resolve, 2500));
  }
  lines.database.release();
  await until(async () => (await ben.ask("GET", path)).status === 404, "he is out", 30);
  for (const desk of far) assert.equal(desk.words, "<before>", desk.name);
});
