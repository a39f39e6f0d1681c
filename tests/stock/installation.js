// Nodes over MongoDB's wire, Redis and S3, and people who share a note across them.
import { nodes } from "./hall.js";
import { Line } from "./line.js";
import { databaseOf, mongo, redis, s3 } from "./services.js";

/** Two nodes, Ada at the first, Ben at the second, and a note that they share. */
export async function installation(t, ...flags) {
  const { urls, ...parts } = await components(t);
  return { ...parts, ...(await people(await nodes(t, [urls, urls], ...flags))) };
}

/** Three nodes with somebody at each, and a note that the three share. */
export async function installationOfThree(t) {
  const { urls, ...parts } = await components(t);
  const halls = await nodes(t, [urls, urls, urls]);
  const { ada, ben, note } = await people(halls);
  const cleo = (await halls[0].register("cleo")).at(halls[2]);
  const { room_id: room } = await ada.send("GET", `/notes/${note.slice("note:".length)}`);
  const { code } = await ada.send("POST", `/rooms/${room}/invite-codes`, {});
  await cleo.send("POST", "/rooms/join", { code });
  return { ...parts, halls, people: [ada, ben, cleo], room, note };
}

/** Two nodes again, and the second node reaches the database and Redis over lines that a test can hold. */
export async function installationOverLines(t) {
  const { urls, ...parts } = await components(t);
  const lines = { database: await Line.to(t, parts.database.port), bus: await Line.to(t, parts.bus.port) };
  const store = urls.store.replace(`:${parts.database.port}/`, `:${lines.database.port}/`);
  const bus = `redis://127.0.0.1:${lines.bus.port}`;
  return { ...parts, lines, ...(await people(await nodes(t, [urls, { ...urls, store, bus }]))) };
}

/** Two nodes that reach the database each over a line of its own. */
export async function installationWithLines(t) {
  const { urls, ...parts } = await components(t);
  const { port } = parts.database;
  const lines = [await Line.to(t, port), await Line.to(t, port)];
  const through = lines.map((line) => ({ ...urls, store: urls.store.replace(`:${port}/`, `:${line.port}/`) }));
  return { ...parts, lines, ...(await people(await nodes(t, through))) };
}

let installations = 0;

async function components(t) {
  const [database, bus, store] = await Promise.all([mongo(t), redis(t), s3(t)]);
  // A server that is kept has a database for each test.
  const records = databaseOf(database, `hall_${process.pid}_${++installations}`);
  const urls = { store: records, bus: bus.url, files: store.url };
  return { database, bus, store, urls };
}

async function people([here, there]) {
  const ada = await here.register("ada");
  const ben = (await here.register("ben")).at(there);
  const note = await ada.noteWith([ben]);
  return { here, there, ada, ben, note };
}

/** What REST shows of a note, at this node. */
export async function shows(person, note) {
  return (await person.send("GET", `/notes/${note.slice("note:".length)}`)).text;
}

/** The same, but nothing while the node says that it cannot be done now, as it may on a busy machine. */
export async function showsOnceItCan(person, note) {
  const answer = await person.ask("GET", `/notes/${note.slice("note:".length)}`);
  if (answer.status === 503) return "";
  if (!answer.ok) throw new Error(`${answer.url}: ${answer.status}`);
  return (await answer.json()).text;
}
