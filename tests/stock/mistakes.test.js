// An operator's mistakes: what is wrong is said in words, where people look for it.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { Hall } from "./hall.js";
import { databaseOf, mongo, redis } from "./services.js";
import { until } from "./until.js";

const says = (hall, words) => until(() => words.test(hall.said), () => `${words}: ${hall.said}`);

test("a node with another secret, or another address, says so", async (t) => {
  const store = databaseOf(await mongo(t), "hall");
  const node = (address) => Hall.open(t, ["--store", store, "--public-url", address]);
  const first = await node("http://hall.test");
  const ada = await first.register("ada");
  await ada.send("GET", "/auth/me");
  assert.doesNotMatch(first.said, /--secret-file|--public-url/);

  // In a folder of its own it makes a secret of its own.
  const second = await node("http://hall.tset");
  await says(second, /sealed under another secret.*--secret-file/);
  assert.equal((await ada.at(second).ask("GET", "/auth/me")).status, 401);
  await says(second, /another address than http:\/\/hall\.tset.*--public-url/);
});

test("a Redis that wants a password, or another one, is told of in words", async (t) => {
  const bus = await redis(t);
  await bus.tell("CONFIG SET requirepass right");
  const at = (user) => {
    const dir = mkdtempSync(join(tmpdir(), "studyhall-bus-"));
    t.after(() => rmSync(dir, { recursive: true, force: true }));
    return Hall.open(t, ["--store", `sqlite:${dir}/hall.db`, "--bus", bus.url.replace("//", `//${user}`)]);
  };
  await says(await at(""), /Redis: it wants a password: redis:/);
  const wrong = await at(":wrong@");
  await says(wrong, /Redis: the user or the password in its URL is wrong/);
  assert.doesNotMatch(wrong.said, /:wrong/);
  assert.doesNotMatch((await at(":right@")).said, /Redis/);
});

test("what was never a store is not verified, and not made", async (t) => {
  const server = await mongo(t);
  const hall = await Hall.open(t, ["--store", databaseOf(server, "hall")]);
  assert.equal(await hall.stop(), 0);
  assert.match(hall.verify(), /0 documents/);
  hall.flags = ["--store", databaseOf(server, "hal")];
  for (const again of [1, 2]) assert.throws(() => hall.verify(), /there is no store to verify/, `${again}`);
});

test("a store that is migrated under a name that never was is made, and that is said", async (t) => {
  const store = databaseOf(await mongo(t), "hall");
  const migrate = () => execFileSync(process.env.STUDYHALL_BIN, ["migrate", "--store", store], { encoding: "utf8" });
  assert.match(migrate(), /^made: there was no store here yet/);
  assert.match(migrate(), /^nothing to do/);
});

test("a server that is stopped is not well, and so is none at all; both are said in words", async (t) => {
  const hall = await Hall.open(t, []);
  const health = () => {
    const admin = `127.0.0.1:${hall.ports[1]}`;
    const { status, stderr } = spawnSync(process.env.STUDYHALL_BIN, ["healthcheck", "--admin", admin], { encoding: "utf8" });
    return `${status} ${stderr}`;
  };
  assert.equal(health(), "0 ");
  hall.program.kill("SIGSTOP");
  assert.match(health(), /^1 .*has not answered within 5 s/s);
  hall.program.kill("SIGCONT");
  assert.equal(health(), "0 ");
  await hall.kill();
  assert.match(health(), /^1 .*nothing listens.*is the server running/s);
});
