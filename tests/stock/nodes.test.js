// Two nodes over MongoDB's wire, Redis and S3: one hall, whichever node people reach it through.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { parseEnv } from "node:util";
import { parse } from "yaml";
import { agree, clients, counting, hocuspocusClients, yWebsocketClients } from "./clients.js";
import { Hall } from "./hall.js";
import { installation, shows, showsOnceItCan } from "./installation.js";
import { mongo, redis, s3 } from "./services.js";
import { Typist, assertOnce, notOnce } from "./typist.js";
import { until } from "./until.js";

const rounds = process.env.STUDYHALL_LONG ? 20 : 4;

test("people on two nodes write together, with every client, and see each other's cursors", async (t) => {
  const { ada, ben, note } = await installation(t);
  const desks = [];
  for (const [place, client] of clients.entries()) {
    desks.push(await client.sit(t, place % 2 ? ben : ada, note));
  }
  await Promise.all(desks.map((desk) => desk.synced()));
  const words = [];
  for (let turn = 0; turn < 10; turn++) {
    desks.forEach((desk, place) => {
      words.push(`<${place}.${turn}>`);
      desk.write(words.at(-1));
    });
    await desks[turn % 4].saved();
  }
  await agree(desks, words);
  assert.equal(await shows(ada, note), desks[0].words);
  assert.equal(await shows(ben, note), desks[0].words);
  desks[0].awareness.setLocalStateField("user", "Ada, here");
  await desks[1].notices("user", "Ada, here");
  await desks[3].notices("user", "Ada, here");
});

for (const [isAway, apart, when] of [
  [false, 0, ""],
  [true, 0, ", while Redis is away"],
  [true, 25, ", while Redis is away, whose clock is 25 s ahead"],
]) {
  test(`who is thrown out, and who signs out, is out on the other node within a second${when}`, async (t) => {
    const { bus, here, there, ada, ben, note } = await installation(t, "--debug-doors");
    await there.admin("POST", `/debug/clock/${apart}`);
    // What the other node has told lately is not found by its own clock alone.
    await ben.roomWith([]);
    const path = `/notes/${note.slice("note:".length)}`;
    const { room_id: room } = await ada.send("GET", path);
    const desk = await hocuspocusClients[0].sit(t, ben, note);
    const kept = await yWebsocketClients[0].sit(t, ada.at(there), await ada.note({ text: "hers" }));
    await Promise.all([desk.synced(), kept.synced()]);
    if (isAway) await bus.kill();
    /** How long until the other node answers so; it is asked all the time, so that it remembers. */
    const took = async (person, path, status, began) => {
      await until(async () => (await person.at(there).ask("GET", path)).status === status, `${path} is ${status}`);
      return Date.now() - began;
    };
    let denied = 0;
    desk.provider.on("authenticationFailed", () => (denied = Date.now()));
    await took(ben, path, 200, 0);
    let began = Date.now();
    await ben.at(here).send("POST", `/rooms/${room}/leave`);
    const left = await took(ben, path, 404, began);
    await until(() => denied, "Ben is out of the room's note");
    let code = 0;
    let closed = 0;
    kept.provider.on("connection-close", (event) => ((code ||= event.code), (closed ||= Date.now())));
    const thrown = denied - began;
    await took(ada, "/auth/me", 200, 0);
    began = Date.now();
    await ada.logout();
    const signedOut = await took(ada, "/auth/me", 401, began);
    await until(() => code, "Ada's socket at the other node is closed");
    assert.equal(code, 4401);
    const times = { left, thrown, signedOut, closed: closed - began };
    t.diagnostic(`ms at the other node: ${JSON.stringify(times)}`);
    assert.ok(Object.values(times).every((time) => time < 1000), JSON.stringify(times));
  });
}

test(`kill -9 of one node or the other, ${rounds} rounds: nothing told is lost, nothing is doubled`, async (t) => {
  const { here, there, ada, ben, note } = await installation(t);
  const sit = (place) => clients[place % 4].sit(t, place % 3 ? ben : ada, note);
  const desks = await Promise.all(Array.from({ length: 12 }, (_, place) => sit(place)));
  const typists = desks.map((desk, place) => new Typist(desk, place));
  const typed = () => typists.flatMap((one) => one.typed);
  const told = new Set();
  for (let round = 0; round < rounds; round++) {
    await Promise.all(desks.map((desk) => desk.synced()));
    const typing = typists.map((one) => setInterval(() => one.type(), 100));
    const [before, toldBefore] = [typed().length, told.size];
    await until(() => typed().length > before + 60, "they type");
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 500)); // the random moment
    const victim = round % 2 ? here : there;
    await victim.kill();
    typing.forEach(clearInterval);
    // What anybody was told is saved, or was shown of somebody else, is in the store already.
    typists.flatMap((one) => [...one.acknowledged, ...one.shown]).forEach((word) => told.add(word));
    assert.ok(told.size > toldBefore, "people were told something in this round");
    const survivor = victim === here ? ben : ada;
    let missing;
    const all = async () => (missing = notOnce(await showsOnceItCan(survivor, note), told)).length === 0;
    await until(all, () => `round ${round}: at the other node exactly once: ${missing}`);
    await victim.start();
    await agree(desks, []);
    await until(() => notOnce(desks[0].words, typed()).length === 0, "all is there");
    await agree(desks, []);
  }
  let shown;
  await until(async () => (shown = await showsOnceItCan(ada, note)), "the note is shown");
  assertOnce(shown, typed(), "in the end, everything");
  t.diagnostic(`${typed().length} edits, ${told.size} told before a kill, ${rounds} kills, none lost, none doubled`);
});

test("F5: Redis is killed and forgets everything: nothing is lost, nobody is signed out", async (t) => {
  const { bus, ada, ben, note } = await installation(t);
  const desks = [await hocuspocusClients[0].sit(t, ada, note), await hocuspocusClients[1].sit(t, ben, note)];
  await Promise.all(desks.map((desk) => desk.synced()));
  desks[0].write("<before>");
  await agree(desks, ["<before>"]);
  await bus.kill();
  desks[0].write("<while away>");
  await desks[0].saved();
  // Who asks the other node gets what is saved, though it was told of nothing.
  assert.match(await shows(ben, note), /<while away>/);
  const began = Date.now();
  await agree(desks, ["<before>", "<while away>"]);
  assert.ok(Date.now() - began < 6500, "the other node looks at the log every 5 s");
  await ben.send("GET", "/auth/me");
  await bus.start();
  desks[1].write("<after>");
  await agree(desks, ["<before>", "<while away>", "<after>"]);
});

test("F5: people at both nodes type while Redis is killed, flushed, hung: all of it is there once, told or not", async (t) => {
  const { bus, ada, ben, note } = await installation(t);
  const sit = (place) => clients[place % 4].sit(t, place % 2 ? ben : ada, note);
  const desks = await Promise.all(Array.from({ length: 8 }, (_, place) => sit(place)));
  await Promise.all(desks.map((desk) => desk.synced()));
  const typists = desks.map((desk, place) => new Typist(desk, place));
  const typed = () => typists.flatMap((one) => one.typed);
  const typing = typists.map((one) => setInterval(() => one.type(), 100));
  t.after(() => typing.forEach(clearInterval));
  const more = (words) => {
    const before = typed().length;
    return until(() => typed().length > before + words, "they type");
  };
  for (const fault of ["kill", "start", "flush", "pause", "resume", "flush", "kill", "start"]) {
    await bus[fault]();
    await more(60);
  }
  typing.forEach(clearInterval);
  await until(() => notOnce(desks[0].words, typed()).length === 0, "all is there", 30);
  await agree(desks, []);
  for (const person of [ada, ben]) assertOnce(await showsOnceItCan(person, note), typed(), "by REST");
  t.diagnostic(`${typed().length} edits, none lost, none doubled`);
});

test("Redis is away, and large pastes come to the other node all at once: no client has a hole", async (t) => {
  const { bus, ada, ben, note } = await installation(t);
  const author = await hocuspocusClients[0].sit(t, ada, note);
  const readers = await Promise.all(clients.map((client) => client.sit(t, ben, note)));
  author.write("<before>");
  await agree([author, ...readers], ["<before>"]);
  await bus.kill();
  const pastes = Array.from({ length: 12 }, (_, n) => `<${n}${"x".repeat(60 << 10)}>`);
  for (const paste of pastes) {
    author.write(paste);
    await author.saved();
  }
  await agree([author, ...readers], pastes);
  author.write("<after>");
  await agree([author, ...readers], ["<after>"]);
});

test("F6: S3 dies, then hangs: writing goes on, and the node says what is away", async (t) => {
  const { store, here, ada, ben, note } = await installation(t);
  const desks = [await hocuspocusClients[0].sit(t, ada, note), await yWebsocketClients[0].sit(t, ben, note)];
  await Promise.all(desks.map((desk) => desk.synced()));
  const health = async () => (await here.admin("GET", "/readyz?verbose")).text();
  const words = [];
  for (const [fail, mend] of [["kill", "start"], ["pause", "resume"]]) {
    await store[fail]();
    words.push(`<${fail}>`);
    desks[0].write(words.at(-1));
    await desks[0].saved();
    await agree(desks, words);
    assert.equal(await shows(ben, note), desks[0].words);
    assert.match(await health(), /\[\+\] store ok\n.*\[~\] files away/s);
    assert.equal((await here.admin("GET", "/readyz")).status, 200, "it can save");
    await store[mend]();
    await until(async () => (await health()).includes("[+] files ok"), "files are there again");
  }
});

test("a node that sleeps through a compaction is not believed when it wakes", async (t) => {
  const { there, ada, ben, note } = await installation(t);
  const { Counting } = counting();
  const awake = await hocuspocusClients[0].sit(t, ada, note);
  const asleep = await hocuspocusClients[0].sit(t, ben, note, { WebSocketPolyfill: Counting });
  await Promise.all([awake.synced(), asleep.synced()]);
  awake.write("<before>");
  await agree([awake, asleep], ["<before>"]);
  there.program.kill("SIGSTOP");
  asleep.write("<in its sleep>");
  // Much is written meanwhile, so much that the log is compacted.
  for (let n = 0; n < 30; n++) {
    awake.write(`<${n}>${"x".repeat(60_000)}`);
    await awake.saved();
  }
  const compacted = async () =>
    /studyhall_sync_compactions_total [1-9]/.test(await (await ada.hall.admin("GET", "/metrics")).text());
  await until(compacted, "the log is compacted");
  there.program.kill("SIGCONT");
  await asleep.saved();
  await agree([awake, asleep], ["<before>", "<in its sleep>", "<29>"]);
  // A row shows the first MiB.
  assert.ok(awake.words.startsWith(await shows(ben, note)));
});

test("Redis is away: what is written and compacted between two looks at the log comes to who reads only", async (t) => {
  const { bus, ada, ben, note } = await installation(t);
  const [author, reader] = [await hocuspocusClients[0].sit(t, ada, note), await yWebsocketClients[0].sit(t, ben, note)];
  author.write("<before>");
  await agree([author, reader], ["<before>"]);
  await bus.kill();
  // The reader's node looks often enough to have an entry's key alone to look for.
  author.write("<away>");
  await agree([author, reader], ["<away>"]);
  for (const [round, much] of [30, 80].entries()) {
    for (let n = 0; n < much; n++) author.write(`<${round}.${n}>${"x".repeat(60_000)}`);
    await author.saved();
    const compacted = async () => Number(/compactions_total (\d+)/.exec(await metrics(ada.hall))?.[1] ?? 0) > round;
    await until(compacted, "the log is compacted", 30);
    await agree([author, reader], [`<${round}.${much - 1}>`]);
  }
});

test("a document at which nobody types asks the database one thing a look", async (t) => {
  const { there, ben } = await installation(t);
  const open = 40;
  for (let n = 0; n < open; n++) await (await yWebsocketClients[0].sit(t, ben, await ben.note())).synced();
  /** A connection is taken from the pool for each question. */
  const asked = async () => Number(/pool_wait_seconds_count (\d+)/.exec(await metrics(there))[1]);
  await new Promise((resolve) => setTimeout(resolve, 11_000)); // the first looks see the whole
  const before = await asked();
  await new Promise((resolve) => setTimeout(resolve, 20_000));
  const looks = open * 4;
  const questions = (await asked()) - before;
  t.diagnostic(`${questions} questions in 20 s, of ${open} open documents`);
  // And twice a second changes of access are read; once a minute each is looked at as a whole, and who has it open.
  assert.ok(questions < 1.6 * looks + 40, `${questions} questions for ${looks} looks`);
});

const metrics = async (hall) => (await hall.admin("GET", "/metrics")).text();

const at = (path) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");

/** The development profile, with a secret that has all that a URL would trip over. */
function profile() {
  return { ...parseEnv(at("deploy/docker/development.env")), S3_SECRET_KEY: "a/b@c:d%2Fe+f" };
}

/** What docker-compose.yml gives its nodes, with the servers of this test in place of its own. */
function composed(t, { database, bus, store }) {
  const development = profile();
  const { services } = parse(at("docker-compose.yml"), { merge: true });
  const dir = mkdtempSync(join(tmpdir(), "studyhall-secret-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const secret = join(dir, "secret");
  writeFileSync(secret, at(development.STUDYHALL_SECRET));
  const host = (service) => `127.0.0.1:${service.port}`;
  const servers = { "mongo:27017": host(database), "redis:6379": host(bus), "minio:9000": host(store) };
  const ready = (value) => {
    const variable = /\$\{(\w+):([?-])([^}]*)\}/g;
    const filled = String(value).replace(variable, (_, name, kind, text) => {
      assert.ok(kind === "-" || development[name], `the development profile has ${name}`);
      return development[name] ?? text;
    });
    return Object.entries(servers).reduce((all, [name, here]) => all.replace(name, here), filled);
  };
  const wanted = Object.entries(services.node1.environment).map(([name, value]) => [name, ready(value)]);
  return { ...Object.fromEntries(wanted), STUDYHALL_SECRET_FILE: secret };
}

test("a node that sleeps while much is written wakes up, catches up and writes", async (t) => {
  const { there, ada, ben, note } = await installation(t);
  const authors = await Promise.all([0, 1, 2, 3].map((n) => clients[n].sit(t, ada, note)));
  const asleep = await hocuspocusClients[0].sit(t, ben, note);
  await Promise.all([...authors, asleep].map((desk) => desk.synced()));
  const typists = authors.map((desk, place) => new Typist(desk, place));
  there.program.kill("SIGSTOP");
  const typing = typists.map((one) => setInterval(() => one.type(), 15));
  await until(() => typists.flatMap((one) => one.typed).length > 1500, "they type");
  typing.forEach(clearInterval);
  there.program.kill("SIGCONT");
  asleep.write("<awake>");
  await asleep.saved();
  const typed = typists.flatMap((one) => one.typed);
  await agree([...authors, asleep], ["<awake>"]);
  await until(() => notOnce(asleep.words, typed).length === 0, "all is there once");
  const dropped = async () => Number(/why="full"\} (\d+)/.exec(await (await there.admin("GET", "/metrics")).text())?.[1] ?? 0);
  const before = await dropped();
  asleep.write("<still>");
  await agree([...authors, asleep], ["<still>"]);
  assert.ok((await dropped()) - before < 1000, "the nodes do not keep each other busy");
});

test("a Redis that is full is told of by who is asked, and forgotten when there is room", async (t) => {
  const { bus, here, ada } = await installation(t);
  const cache = async () => /\[.\] cache .*/.exec(await (await here.admin("GET", "/readyz?verbose")).text())[0];
  assert.equal(await cache(), "[+] cache ok");
  await bus.tell("CONFIG SET maxmemory 1");
  assert.equal(await cache(), "[~] cache away or full: sign-ins may be refused");
  assert.equal((await here.admin("GET", "/readyz")).status, 200, "all else goes on");
  await bus.tell("CONFIG SET maxmemory 0");
  assert.equal(await cache(), "[+] cache ok");
  await ada.signsInAgain();
});

test("the compose file's own values make an installation of two nodes", async (t) => {
  const { S3_ACCESS_KEY: access, S3_SECRET_KEY: secret } = profile();
  const [database, bus, store] = await Promise.all([mongo(t), redis(t), s3(t, access, secret)]);
  const env = composed(t, { database, bus, store });
  const [here, there] = [await Hall.open(t, [], env), await Hall.open(t, [], env)];
  const health = await (await here.admin("GET", "/readyz?verbose")).text();
  assert.equal(health, "[+] store ok\n[+] bus ok\n[+] cache ok\n[+] files ok\n[+] accepting\n");
  const ada = await here.register("ada");
  const ben = (await here.register("ben")).at(there);
  const note = await ada.noteWith([ben]);
  const desks = [await hocuspocusClients[0].sit(t, ada, note), await yWebsocketClients[0].sit(t, ben, note)];
  await Promise.all(desks.map((desk) => desk.synced()));
  desks.forEach((desk, place) => desk.write(`<${place}>`));
  await agree(desks, ["<0>", "<1>"]);
});
