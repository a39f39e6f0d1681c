// The real servers that a hall's nodes share: FerretDB (MongoDB's wire), Redis, and versitygw (S3).
// `tests/services/build` gets them. Each is a process of the test's own and ends with it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Line } from "./line.js";
import { until } from "./until.js";

const built = process.env.STUDYHALL_SERVICES ?? new URL("../services/.bin", import.meta.url).pathname;

function program(name) {
  const found = [built, ...process.env.PATH.split(":")].map((folder) => join(folder, name)).find(existsSync);
  if (!found) throw new Error(`${name} is missing: run tests/services/build`);
  return found;
}

/** A port that nothing listens on. Not one of those that the system gives to connections (Linux: from 32768
 * on): one of the many to the database could have it before the server that it is for, or while that is away. */
export async function freePort() {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    const server = createServer().listen(port, "127.0.0.1");
    const isFree = await once(server, "listening").then(() => true, () => false);
    if (!isFree) continue;
    server.close();
    await once(server, "close");
    return port;
  }
}

function answers(port) {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

function standsStill(pid) {
  const threads = readdirSync(`/proc/${pid}/task`);
  return threads.every((thread) => /\) T /.test(readFileSync(`/proc/${pid}/task/${thread}/stat`, "utf8")));
}

/** A server of one test: it can die, hang, and come back where it was. */
class Service {
  constructor(t, name, args, port, env = {}) {
    Object.assign(this, { name, args, port, env });
    t.after(() => this.kill());
  }

  async start() {
    const env = { ...process.env, ...this.env };
    // FerretDB ends when its standard input does.
    this.process = spawn(program(this.name), this.args, { env, stdio: ["pipe", "pipe", "ignore"] });
    this.gone = once(this.process, "exit");
    createInterface(this.process.stdout).on("line", () => {});
    await until(() => answers(this.port), `${this.name} listens on ${this.port}`);
    return this;
  }

  async kill() {
    this.process?.kill("SIGKILL");
    await this.gone;
  }

  /** Until each of its threads stands still: on a busy machine they answer for some milliseconds after the signal. */
  async pause() {
    this.process.kill("SIGSTOP");
    await until(() => standsStill(this.process.pid), `${this.name} stands still`);
  }

  resume() {
    this.process.kill("SIGCONT");
  }
}

/** A server that was there before, behind a line of the test's own: whoever uses it sees it die, hang and come back. */
class Elsewhere {
  static async of(t, url) {
    const known = new URL(url);
    const line = await Line.to(t, Number(known.port || 27017), { host: known.hostname });
    known.host = `127.0.0.1:${line.port}`;
    known.searchParams.set("directConnection", "true"); // what a replica set says of itself leads past the line
    known.pathname = "";
    return Object.assign(new Elsewhere(), { line, port: line.port, url: String(known) });
  }

  async start() {
    this.line.server.listen(this.port, "127.0.0.1");
    await once(this.line.server, "listening");
    return this;
  }

  async kill() {
    this.line.release();
    this.line.server.close();
    this.line.cut();
  }

  async pause() {
    this.line.hold();
  }

  resume() {
    this.line.release();
  }
}

function folder(t) {
  const dir = mkdtempSync(join(tmpdir(), "studyhall-services-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

export async function mongo(t) {
  const port = await freePort();
  const args = ["-address", `127.0.0.1:${port}`, "-folder", folder(t)];
  if (process.env.STUDYHALL_TEST_MONGODB) return Elsewhere.of(t, process.env.STUDYHALL_TEST_MONGODB);
  const service = new Service(t, "ferretdb", args, port);
  service.url = `mongodb://127.0.0.1:${port}`;
  return service.start();
}

/** The URL of a database of this name there. */
export function databaseOf(server, name) {
  return Object.assign(new URL(server.url), { pathname: `/${name}` }).href;
}

export async function redis(t) {
  const port = await freePort();
  const args = ["--bind", "127.0.0.1", "--port", `${port}`, "--save", "", "--dir", folder(t), "--databases", "1024"];
  const service = new Service(t, "redis-server", args, port);
  service.url = `redis://127.0.0.1:${port}`;
  service.tell = async (command) => {
    const socket = connect(port, "127.0.0.1").on("error", () => {});
    socket.end(`${command}\r\n`);
    const [answer] = await once(socket, "data");
    if (!String(answer).startsWith("+OK")) throw new Error(`Redis: ${answer}`);
  };
  service.flush = () => service.tell("FLUSHALL");
  return service.start();
}

export async function s3(t, access = "hall", secret = "hall-secret") {
  const port = await freePort();
  const args = ["--quiet", "--port", `127.0.0.1:${port}`, "posix", folder(t)];
  const keys = { ROOT_ACCESS_KEY: access, ROOT_SECRET_KEY: secret };
  const service = new Service(t, "versitygw", args, port, keys);
  service.url = `s3://${access}:${secret}@127.0.0.1:${port}/hall?insecure`;
  return service.start();
}
