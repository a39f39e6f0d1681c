// All the tests: those that fill the processor or the disk alone, the others two files at a time, since they mostly wait.
// `STOCK_AT_ONCE=1` for one at a time.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";

const ALONE = ["automerge-hostile", "automerge-limits", "greedy", "hostile", "pastes"].map((name) => `${name}.test.js`);
const all = readdirSync(import.meta.dirname).filter((name) => name.endsWith(".test.js")).sort();

async function run(files, atOnce) {
  const flags = ["--test", "--test-force-exit", `--test-concurrency=${atOnce}`, "--test-timeout=300000"];
  const tests = spawn(process.execPath, [...flags, ...files], { cwd: import.meta.dirname, stdio: "inherit" });
  const [code] = await once(tests, "exit");
  if (code !== 0) process.exit(code ?? 1);
}

await run(all.filter((name) => !ALONE.includes(name)), process.env.STOCK_AT_ONCE ?? 2);
await run(all.filter((name) => ALONE.includes(name)), 1);
