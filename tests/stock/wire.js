// The whole suite with every hall on MongoDB's wire, Redis and S3 instead of SQLite and a folder:
//
//   node wire.js                            what `npm test` runs
//   node wire.js node --test a.test.js      another command
//
// One file after the other: all of them share a database.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mongo, redis, s3 } from "./services.js";

const ends = [];
const t = { after: (end) => ends.push(end) };
const [database, bus, store] = await Promise.all([mongo(t), redis(t), s3(t)]);
const servers = {
  STUDYHALL_STOCK_MONGODB: database.url,
  STUDYHALL_STOCK_REDIS: bus.url,
  STUDYHALL_STOCK_S3: store.url,
};
console.log(Object.values(servers).join("\n"));
const [command = "npm", ...args] = process.argv.slice(2);
const suite = spawn(command, args.length ? args : ["test"], { env: { STOCK_AT_ONCE: "1", ...process.env, ...servers }, stdio: "inherit" });
const [code] = await once(suite, "exit");
for (const end of ends.reverse()) await end();
process.exit(code ?? 1);
