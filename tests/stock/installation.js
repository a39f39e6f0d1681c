// Two nodes over MongoDB's wire, Redis and S3, and two people who share a note across them.
import { nodes } from "./hall.js";
import { mongo, redis, s3 } from "./services.js";

/** Two nodes, Ada at the first, Ben at the second, and a note that they share. */
export async function installation(t, ...flags) {
  const [database, bus, store] = await Promise.all([mongo(t), redis(t), s3(t)]);
  const urls = { store: `${database.url}/hall`, bus: bus.url, files: store.url };
  const [here, there] = await nodes(t, 2, urls, ...flags);
  const ada = await here.register("ada");
  const ben = (await here.register("ben")).at(there);
  const note = await ada.noteWith([ben]);
  return { database, bus, store, here, there, ada, ben, note };
}

/** What REST shows of a note, at this node. */
export async function shows(person, note) {
  return (await person.send("GET", `/notes/${note.slice("note:".length)}`)).text;
}
