// The real binary on a folder of its own, and the people in it. `STUDYHALL_BIN` names the binary. Under
// `wire.js` each hall has a database, a bus and buckets of its own on servers that all share.
import { execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./services.js";
import { until } from "./until.js";

const binary = process.env.STUDYHALL_BIN;
if (!binary) throw new Error("STUDYHALL_BIN must name the studyhall binary (tests/run sets it)");

/** A hall and its cast: `const { hall, ada, ben } = await cast(t, ["ada", "ben"])`. */
export async function cast(t, names, ...flags) {
  const hall = await Hall.open(t, flags);
  const people = {};
  for (const name of names) people[name] = await hall.register(name);
  return { hall, ...people };
}

/** Nodes of one installation, by the URLs at which each reaches the same store, bus and files. */
export async function nodes(t, each, ...flags) {
  const dir = mkdtempSync(join(tmpdir(), "studyhall-secret-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const secret = join(dir, "secret");
  writeFileSync(secret, randomBytes(32));
  const shared = ["--secret-file", secret, "--public-url", "http://hall.test"];
  const opened = [];
  for (const { store, bus, files } of each) {
    const own = ["--store", store, "--bus", bus, "--files", files];
    opened.push(await Hall.open(t, [...own, ...shared, ...flags]));
  }
  return opened;
}

/** What is at the other end of a line to a node, for people to be `at`. */
export function through(line) {
  return { ports: [line.port], sockets: `ws://127.0.0.1:${line.port}/sync` };
}

let halls = 0;

/** The flags that name those, where the tests run so. */
function onServers() {
  const { STUDYHALL_STOCK_MONGODB: mongo, STUDYHALL_STOCK_REDIS: redis, STUDYHALL_STOCK_S3: s3 } = process.env;
  if (!mongo) return [];
  halls += 1;
  const at = (server, path) => Object.assign(new URL(server), { pathname: path }).href;
  const files = at(s3, `/hall-${process.pid}-${halls}`);
  return ["--store", at(mongo, `/stock_${process.pid}_${halls}`), "--bus", at(redis, `/${halls}`), "--files", files];
}

export class Hall {
  /** What has to end before the hall does. */
  goodbyes = [];

  static async open(t, flags, env = {}) {
    const hall = Object.assign(new Hall(), { env });
    hall.dir = mkdtempSync(join(tmpdir(), "studyhall-stock-"));
    hall.data = join(hall.dir, "data");
    hall.ports = [await freePort(), await freePort()];
    hall.flags = flags.includes("--store") || env.STUDYHALL_STORE ? flags : [...flags, ...onServers()];
    t.after(() => hall.close());
    await hall.start();
    return hall;
  }

  get sockets() {
    return `ws://127.0.0.1:${this.ports[0]}/sync`;
  }

  /** Starts the program, on the same ports and folder each time. */
  async start() {
    const log = openSync(this.logFile, "a");
    const limits = this.flags.includes("--rate-limit") ? [] : ["--rate-limit", "off"];
    const args = ["serve", ...limits, "--data", this.data, ...this.flags];
    const [port, adminPort] = this.ports;
    args.push("--listen", `127.0.0.1:${port}`, "--admin-listen", `127.0.0.1:${adminPort}`);
    this.program = spawn(binary, args, { stdio: ["ignore", log, log], env: { ...process.env, ...this.env } });
    this.gone = once(this.program, "exit");
    const ready = async () => {
      if (this.program.exitCode !== null) throw new Error(`the hall ended: ${this.said}`);
      return (await this.admin("GET", "/readyz").catch(() => null))?.ok;
    };
    await until(ready, () => `the hall is ready: ${this.said}`);
  }

  /** SIGTERM; what it exits with. */
  async stop() {
    this.program.kill("SIGTERM");
    const [code] = await this.gone;
    return code;
  }

  /** `kill -9`. */
  async kill() {
    this.program.kill("SIGKILL");
    await this.gone;
  }

  /** `studyhall verify` over a hall that is stopped; what it says, and an error when rows differ. */
  verify(...args) {
    const at = this.flags.indexOf("--store");
    const store = at < 0 ? [] : this.flags.slice(at, at + 2);
    return execFileSync(binary, ["verify", "--data", this.data, ...store, ...args], { encoding: "utf8" });
  }

  async close() {
    for (const end of this.goodbyes) end();
    this.program?.kill("SIGKILL");
    await this.gone;
    rmSync(this.dir, { recursive: true, force: true });
  }

  get logFile() {
    return join(this.dir, "log");
  }

  get said() {
    return readFileSync(this.logFile, "utf8").slice(-3000);
  }

  /** What the program has called an error, from its beginning. */
  get errors() {
    return readFileSync(this.logFile, "utf8").split("\n").filter((line) => line.includes('"level":"ERROR"'));
  }

  /** From here on nothing reaches the disk, until `releaseJournal`. Needs `--debug-doors`. */
  async holdJournal() {
    await expectOk(await this.admin("POST", "/debug/journal/hold"));
  }

  async releaseJournal() {
    await expectOk(await this.admin("POST", "/debug/journal/release"));
  }

  admin(method, path) {
    return fetch(`http://127.0.0.1:${this.ports[1]}${path}`, { method });
  }

  async register(name) {
    const person = new Person(this, name);
    const answer = await person.send("POST", "/auth/register", {
      email: `${name}@example.org`,
      username: name,
      password: `seven geese over the ${name} lake`,
    });
    person.signedIn(answer);
    return person;
  }
}

export class Person {
  constructor(hall, name) {
    this.hall = hall;
    this.name = name;
  }

  /** The same person and sign-in, at another node. */
  at(hall) {
    return Object.assign(new Person(hall, this.name), { ...this, hall });
  }

  /** The same person on another device: a sign-in of its own. */
  async signsInAgain() {
    const other = new Person(this.hall, this.name);
    const password = `seven geese over the ${this.name} lake`;
    other.signedIn(await other.send("POST", "/auth/login", { email: `${this.name}@example.org`, password }));
    return other;
  }

  signedIn({ user, access_token, refresh_token }) {
    this.id = user?.id ?? this.id;
    this.access = access_token;
    this.refreshToken = refresh_token ?? this.refreshToken;
  }

  /** One REST call, whatever comes of it. */
  ask(method, path, body, more = {}) {
    const headers = { "content-type": "application/json", "x-token-delivery": "body", ...more };
    if (this.access) headers.authorization = `Bearer ${this.access}`;
    const url = `http://127.0.0.1:${this.hall.ports[0]}/api/v1${path}`;
    return fetch(url, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  }

  /** One REST call; the answer's body, or an error that says what was refused. */
  async send(method, path, body) {
    return expectOk(await this.ask(method, path, body));
  }

  /** A fresh access token. */
  async refresh() {
    delete this.access;
    this.signedIn(await this.send("POST", "/auth/refresh", { refresh_token: this.refreshToken }));
    return this.access;
  }

  /** A ticket that lives as long as this login. */
  async ticket() {
    return (await this.send("POST", "/auth/ws-ticket", { reusable: true })).ticket;
  }

  logout() {
    return this.send("POST", "/auth/logout");
  }

  /** A new note's document name. */
  async note(fields = {}) {
    return `note:${(await this.send("POST", "/notes", fields)).id}`;
  }

  /** A room that these people have joined. */
  async roomWith(people, settings = {}, fields = {}) {
    const room = await this.send("POST", "/rooms", { name: `${this.name}'s room`, settings, ...fields });
    const { code } = await this.send("POST", `/rooms/${room.id}/invite-codes`, {});
    for (const person of people) await person.send("POST", "/rooms/join", { code });
    return room.id;
  }

  /** A note in a room that these people have joined. */
  async noteWith(people, fields = {}) {
    return this.note({ room_id: await this.roomWith(people), is_shared: true, ...fields });
  }
}

export async function expectOk(answer) {
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${answer.url}: ${answer.status} ${text}`);
  return text && answer.headers.get("content-type")?.includes("json") ? JSON.parse(text) : text;
}
