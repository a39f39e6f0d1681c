// Three nodes over MongoDB's wire, Redis and S3: one dies, one sleeps, and it is one hall.
import assert from "node:assert/strict";
import test from "node:test";
import { agree, clients, hocuspocusClients, yWebsocketClients } from "./clients.js";
import { installationOfThree, shows, showsOnceItCan } from "./installation.js";
import { Typist, assertInOrder, assertOnce, notOnce } from "./typist.js";
import { until } from "./until.js";

const rounds = process.env.STUDYHALL_LONG ? 6 : 2;

test(`of three nodes one is killed while another sleeps, ${rounds} rounds: what was told is there once`, async (t) => {
  const { halls, people, note } = await installationOfThree(t);
  const sit = (place) => clients[place % 4].sit(t, people[place % 3], note);
  const desks = await Promise.all(Array.from({ length: 9 }, (_, place) => sit(place)));
  await Promise.all(desks.map((desk) => desk.synced()));
  const typists = desks.map((desk, place) => new Typist(desk, place));
  const typed = () => typists.flatMap((one) => one.typed);
  const told = new Set();
  const hear = () => typists.flatMap((one) => [...one.acknowledged, ...one.shown]).forEach((word) => told.add(word));
  for (let round = 0; round < rounds; round++) {
    const [killed, asleep, awake] = [0, 1, 2].map((place) => (place + round) % 3);
    const typing = typists.map((one) => setInterval(() => one.type(), 150));
    const more = async (words) => {
      const before = typed().length;
      await until(() => typed().length >= before + words, "they type");
    };
    await more(60);
    halls[asleep].program.kill("SIGSTOP");
    await more(60);
    await halls[killed].kill();
    hear();
    // Nobody but the one that is left can say it.
    let missing;
    const all = async () => (missing = notOnce(await showsOnceItCan(people[awake], note), told)).length === 0;
    await until(all, () => `round ${round}: told and not there exactly once: ${missing}`);
    await halls[killed].start();
    await more(60);
    halls[asleep].program.kill("SIGCONT");
    await more(60);
    typing.forEach(clearInterval);
    hear();
    await until(() => notOnce(desks[0].words, typed()).length === 0, "all is there once", 30);
    await agree(desks, []);
  }
  const words = desks[0].words;
  assertOnce(words, typed(), "in the end, everything");
  assertInOrder(words, typists);
  for (const person of people) assert.equal(await shows(person, note), words);
  t.diagnostic(`${typed().length} edits, ${told.size} told, ${rounds} kills, ${rounds} sleeps, none lost, none doubled`);
  for (const hall of halls) assert.equal(await hall.stop(), 0);
  // It reads each log from its first entry, and fails where one is missing.
  assert.match(halls[0].verify("--rebuild"), /documents/);
  for (const hall of halls) assert.deepEqual(hall.errors, []);
});

test("who leaves a room is out on all three nodes within a second, and who signs out too", async (t) => {
  const { halls, people, room, note } = await installationOfThree(t);
  const [ada, ben, cleo] = people;
  const cut = [];
  for (const [place, hall] of halls.entries()) {
    const there = ben.at(hall);
    const [hocuspocus, yjs] = [hocuspocusClients[place % 2], yWebsocketClients[place % 2]];
    const [desk, other, hers] = [await hocuspocus.sit(t, there, note), await yjs.sit(t, there, note), await yjs.sit(t, cleo.at(hall), note)];
    await Promise.all([desk, other, hers].map((one) => one.synced()));
    cut.push({ left: [0, 0], signedOut: 0 });
    desk.provider.on("authenticationFailed", () => (cut[place].left[0] ||= Date.now()));
    other.provider.on("connection-close", () => (cut[place].left[1] ||= Date.now()));
    hers.provider.on("connection-close", () => (cut[place].signedOut ||= Date.now()));
  }
  const refused = async (person, path, status) => {
    const at = halls.map((hall) => person.at(hall));
    const is = async (one) => (await one.ask("GET", path)).status === status;
    await Promise.all(at.map((one) => until(() => is(one), `${path} is ${status}`)));
  };
  let began = Date.now();
  await ben.send("POST", `/rooms/${room}/leave`);
  await refused(ben, `/notes/${note.slice("note:".length)}`, 404);
  const times = { left: [Date.now() - began], signedOut: [] };
  await until(() => cut.every(({ left }) => left.every(Boolean)), "Ben's sockets are cut on all");
  times.left.push(...cut.flatMap(({ left }) => left.map((at) => at - began)));
  began = Date.now();
  await cleo.logout();
  await refused(cleo, "/auth/me", 401);
  times.signedOut.push(Date.now() - began);
  await until(() => cut.every(({ signedOut }) => signedOut), "Cleo's sockets are closed on all");
  times.signedOut.push(...cut.map(({ signedOut }) => signedOut - began));
  t.diagnostic(`ms: ${JSON.stringify(times)}`);
  assert.ok([...times.left, ...times.signedOut].every((time) => time < 1000), JSON.stringify(times));
  assert.ok(await shows(ada, note) !== undefined, "Ada is in");
});
