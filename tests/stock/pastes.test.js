// A slow database and large pastes: who types a letter waits for nobody else's paste.
import assert from "node:assert/strict";
import test from "node:test";
import { clients } from "./clients.js";
import { cast } from "./hall.js";
import { databaseOf, mongo } from "./services.js";
import { until } from "./until.js";

test("a letter in one note is saved before the last of the pastes into others", async (t) => {
  const { ada } = await cast(t, ["ada"], "--store", databaseOf(await mongo(t), `pastes_${process.pid}`));
  const sit = async () => {
    const desk = await clients[0].sit(t, ada, await ada.note());
    await desk.synced();
    return desk;
  };
  const letters = await sit();
  const desks = [];
  while (desks.length < 8) desks.push(await sit());
  const isSaved = (desk) => !desk.provider.unsyncedChanges;
  desks.forEach((desk) => desk.doc.transact(() => desk.write("large ".repeat(1 << 20))));
  await until(() => desks.some(isSaved), "the first paste is saved", 60);
  letters.write("a letter");
  await until(() => isSaved(letters), "the letter is saved", 60);
  const waiting = desks.filter((desk) => !isSaved(desk)).length;
  t.diagnostic(`${waiting} of 8 pastes were not saved when the letter was`);
  assert.ok(waiting > 2, "the letter came with the pastes, or after them");
  await Promise.all(desks.map((desk) => until(() => isSaved(desk), "it is saved", 90)));
});
