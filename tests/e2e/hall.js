/**
 * A server for the tests: the binary of STUDYHALL_BIN on free ports with a data folder of
 * its own, stopped and started again at will; or the one at STUDYHALL_URL, which is left
 * alone. Knows the command line and nothing of browsers.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { freePort } from "../stock/services.js";

const PATIENCE_MS = 60_000;

/** Words to skip a test with that needs to stop and start its server, or false. */
export const cannotRestart = process.env.STUDYHALL_BIN ? false : "STUDYHALL_BIN names no binary to start";

export class Hall {
  #child = null;
  #output = "";

  constructor(url, admin, data, flags) {
    this.flags = flags;
    this.url = url;
    this.admin = admin;
    this.data = data;
  }

  /** A server of the test's own, with these flags; without a binary the one that was named. */
  static async open(...flags) {
    if (!process.env.STUDYHALL_BIN) {
      if (!process.env.STUDYHALL_URL) throw new Error("Set STUDYHALL_BIN to the server's binary, or STUDYHALL_URL.");
      return new Hall(process.env.STUDYHALL_URL.replace(/\/+$/, ""), null, null, []);
    }
    const [port, admin] = [await freePort(), await freePort()];
    const data = await mkdtemp(join(tmpdir(), "studyhall-e2e-"));
    const hall = new Hall(`http://127.0.0.1:${port}`, `http://127.0.0.1:${admin}`, data, flags);
    await hall.start();
    return hall;
  }

  async start() {
    const address = (url) => new URL(url).host;
    const flags = ["--listen", address(this.url), "--admin-listen", address(this.admin), "--data", this.data];
    this.#child = spawn(process.env.STUDYHALL_BIN, ["serve", ...flags, "--rate-limit", "off", ...this.flags], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    const keep = (chunk) => (this.#output = (this.#output + chunk).slice(-4_000));
    this.#child.stdout.on("data", keep);
    this.#child.stderr.on("data", keep);
    const deadline = Date.now() + PATIENCE_MS;
    while (!(await this.#answers())) {
      if (this.#child.exitCode !== null || Date.now() > deadline) {
        throw new Error(`The server did not start. Its last words:\n${this.#output}`);
      }
      await pause(50);
    }
  }

  async stop() {
    const child = this.#child;
    this.#child = null;
    if (!child || child.exitCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), 10_000);
    await gone;
    clearTimeout(late);
  }

  /** Asks at a debug door of the admin address; false where there is none. */
  async knock(door) {
    const within = AbortSignal.timeout(PATIENCE_MS);
    return (await fetch(`${this.admin}/debug/${door}`, { method: "POST", signal: within })).ok;
  }

  async close() {
    await this.stop();
    if (this.data) await rm(this.data, { recursive: true, force: true });
  }

  async #answers() {
    for (const url of [`${this.admin}/livez`, `${this.url}/api/v1/openapi.json`]) {
      const answer = await fetch(url).catch(() => null);
      if (answer?.ok) return true;
    }
    return false;
  }
}
