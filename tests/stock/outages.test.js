// F2: the database dies and comes back. F3: it hangs, its sockets stay open and nothing is answered. Whoever
// asks is told in time that it cannot be done now, nothing is acknowledged, nothing piles up, and when it is
// there again everything is written.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { agree, clients } from "./clients.js";
import { installation, shows } from "./installation.js";
import { notOnce, Typist } from "./typist.js";
import { until } from "./until.js";

const outages = [
  { outage: "F2: the database is gone", fail: "kill", mend: "start", seconds: 8 },
  { outage: "F3: the database hangs", fail: "pause", mend: "resume", seconds: process.env.STUDYHALL_LONG ? 30 : 12 },
];
/** A request has 5 s from when its body is there; the rest is for a machine that is busy. */
const inTime = 6500;

/** Every route, as Cleo asks it: `[operation, path, body]`. She may lose her sign-in over it. */
async function requests(cleo) {
  const room = await cleo.roomWith([]);
  const note = await cleo.note({ room_id: room, is_shared: true });
  const code = await cleo.send("POST", `/rooms/${room}/invite-codes`, {});
  const paths = { "/users/{id}": cleo.id, "/notes/{id}": note.slice("note:".length), "/rooms/{id}": room };
  const bodies = {
    "POST /auth/register": { email: "eve@example.org", username: "eve", password: "nine geese over the lake" },
    "POST /auth/login": { email: "cleo@example.org", password: "seven geese over the cleo lake" },
    "POST /auth/refresh": { refresh_token: cleo.refreshToken },
    "POST /auth/ws-ticket": { reusable: true },
    "PUT /auth/me": { full_name: "Cleo" },
    "POST /rooms": { name: "another" },
    "PUT /rooms/{id}": { name: "renamed" },
    "POST /rooms/{id}/invite-codes": {},
    "POST /rooms/join": { code: code.code },
    "POST /notes": { text: "another" },
    "PUT /notes/{id}": { text: "over it" },
  };
  const { paths: described } = await cleo.send("GET", "/openapi.json");
  const operations = Object.entries(described).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replace("/api/v1", "")}`),
  );
  return operations.map((operation) => {
    const template = operation.split(" ")[1].replace("{code_id}", code.id);
    const path = Object.entries(paths).reduce((all, [from, id]) => all.replace(from, from.replace("{id}", id)), template);
    return [operation, path, bodies[operation]];
  });
}

/** What became of a request, and how long it took. */
async function ask(person, [operation, path, body]) {
  const began = Date.now();
  const answer = await person.ask(operation.split(" ")[0], path, body);
  await answer.text();
  const { status, headers } = answer;
  return { operation, status, retryAfter: headers.get("retry-after"), took: Date.now() - began };
}

/** Resident memory in KiB. */
function memory(hall) {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${hall.program.pid}/status`, "utf8"))[1]);
}

/** A node that knows Cleo, and one that has never seen her: what is not known must be asked. */
async function everythingAtBoth(cleo, there, wanted) {
  const asked = [cleo, cleo.at(there)].flatMap((person) => wanted.map((one) => ask(person, one)));
  return Promise.all(asked);
}

/** Not done, and said so in time, with when to come back. What needs no database may be done. */
function assertToldInTime(answers) {
  const needsNone = ["POST /auth/ws-ticket"];
  const wrong = answers.filter(({ operation, status, retryAfter, took }) => {
    const isRefused = status === 503 && retryAfter > 0;
    return took > inTime || !(isRefused || (status === 200 && needsNone.includes(operation)));
  });
  assert.deepEqual(wrong, []);
}

for (const { outage, fail, mend, seconds } of outages) {
  test(`${outage} for ${seconds} s: everybody is told in time, nothing piles up, nothing is lost`, async (t) => {
    const { database, here, there, ada, ben, note } = await installation(t);
    const cleo = await here.register("cleo");
    const wanted = await requests(cleo);
    const desks = await Promise.all(clients.map((client, place) => client.sit(t, place % 2 ? ben : ada, note)));
    const typists = desks.map((desk, place) => new Typist(desk, place));
    await Promise.all(desks.map((desk) => desk.synced()));
    const typing = typists.map((one) => setInterval(() => one.type(), 100));
    t.after(() => typing.forEach(clearInterval));
    const all = (words) => () => typists.every((one) => notOnce(one.desk.words, words).length === 0);
    await until(() => typists.every((one) => one.typed.length > 20), "they type");
    await until(all(typists.flatMap((one) => one.typed)), "they read one another");
    const heard = [];
    desks[0].provider.on("stateless", ({ payload }) => heard.push(JSON.parse(payload).type));

    const before = [here, there].map(memory);
    await database[fail]();
    const began = Date.now();
    // What was on its way when it went may still come back.
    assertToldInTime(await everythingAtBoth(cleo, there, wanted));
    const saved = typists.map((one) => one.saved);
    const shown = typists.map((one) => one.shown.length);
    while (Date.now() - began < seconds * 1000) assertToldInTime(await everythingAtBoth(cleo, there, wanted));
    assert.deepEqual(typists.map((one) => one.saved), saved, "nothing is acknowledged");
    assert.deepEqual(typists.map((one) => one.shown.length), shown, "nobody sees what could be lost");
    await until(() => heard.includes("saving-paused"), () => `people are told, heard ${heard}`);
    const grown = [here, there].map((hall, place) => memory(hall) / before[place]);
    t.diagnostic(`memory: ${grown.map((times) => `${((times - 1) * 100).toFixed(0)} %`).join(" and ")} more`);
    assert.ok(grown.every((times) => times < 1.2), `memory grew ${grown} times`);
    for (const hall of [here, there]) {
      assert.equal((await hall.admin("GET", "/readyz")).status, 503, "it cannot save");
      assert.equal((await hall.admin("GET", "/livez")).status, 200, "it lives");
      assert.equal((await hall.admin("GET", "/startupz")).status, 200, "it has begun");
    }

    await database[mend]();
    const ready = async (hall) => (await hall.admin("GET", "/readyz")).status === 200;
    for (const hall of [here, there]) await until(() => ready(hall), "it is ready again", 5);
    typing.forEach(clearInterval);
    await Promise.all(desks.map((desk) => desk.saved()));
    await until(all(typists.flatMap((one) => one.typed)), "everything that they typed is there, once");
    await agree(desks, []);
    assert.equal(heard.at(-1), "saving-resumed");
    for (const person of [ada, ben]) assert.equal(await shows(person, note), desks[0].words);
  });
}
