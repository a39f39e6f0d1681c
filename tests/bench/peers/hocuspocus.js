// @hocuspocus/server with extension-sqlite, as its documentation starts it: node hocuspocus.js PORT DIR
import { mkdirSync } from "node:fs";
import { SQLite } from "@hocuspocus/extension-sqlite";
import { Server } from "@hocuspocus/server";

const [port, dir] = process.argv.slice(2);
mkdirSync(dir, { recursive: true });
const server = new Server({
  port: Number(port),
  address: "127.0.0.1",
  quiet: true,
  timeout: 600000, // the readers of the bench say nothing for longer than its default allows
  stopOnSignals: true,
  extensions: [new SQLite({ database: `${dir}/hocuspocus.sqlite` })],
});
server.listen();
