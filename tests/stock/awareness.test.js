// Who is here: awareness appears at once, goes with its socket, and expires when nobody renews it.
import assert from "node:assert/strict";
import test from "node:test";
import { agree, clients, yWebsocketClients } from "./clients.js";
import { cast } from "./hall.js";
import { RawSocket } from "./raw.js";
import { until } from "./until.js";

for (const { name, sit } of clients) {
  test(`${name}: a cursor appears, moves, and goes when its person leaves`, async (t) => {
    const { ada, ben } = await cast(t, ["ada", "ben"]);
    const note = await ada.noteWith([ben]);
    const [here, there] = [await sit(t, ada, note), await sit(t, ben, note)];
    here.awareness.setLocalStateField("cursor", 1);
    await there.notices("cursor", 1);
    here.awareness.setLocalStateField("cursor", 2);
    await there.notices("cursor", 2);
    await here.leave();
    await until(() => !there.awareness.getStates().has(here.doc.clientID), "the cursor is gone");
  });
}

test("a cursor that nobody renews expires after 30 s", async (t) => {
  const { ada } = await cast(t, ["ada"]);
  const note = await ada.note();
  const silent = await RawSocket.open(t, ada, note);
  const watcher = await RawSocket.open(t, ada, note);
  silent.mark("here");
  await watcher.marked("here");
  const id = silent.mine.clientID;
  // Its own expiry would prove nothing of the server's: look at what comes in only.
  const removed = new Promise((resolve) => {
    watcher.seen.on("update", (changes, origin) => {
      if (origin === watcher && changes.removed.includes(id)) resolve();
    });
  });
  clearInterval(watcher.seen._checkInterval);
  await Promise.race([removed, until(() => false, "the server removed the cursor", 60)]);
  assert.equal(silent.code, null, "the silent socket is still open");
});

test("50 y-websocket clients meet in one note: all see all, all read all", async (t) => {
  const { ada, ben } = await cast(t, ["ada", "ben"]);
  const note = await ada.noteWith([ben]);
  const [ayes, bees] = yWebsocketClients;
  const places = Array.from({ length: 50 }, (_, place) => place);
  const sit = (place) => (place % 2 ? ayes.sit(t, ada, note) : bees.sit(t, ben, note));
  const desks = await Promise.all(places.map(sit));
  await Promise.all(desks.map((desk) => desk.synced()));
  desks.forEach((desk, place) => desk.awareness.setLocalStateField("place", place));
  const placesSeen = (desk) => {
    return new Set([...desk.awareness.getStates().values()].map(({ place }) => place));
  };
  await until(
    () => desks.every((desk) => places.every((place) => placesSeen(desk).has(place))),
    () => `all see 50, they see ${desks.map((desk) => placesSeen(desk).size)}`,
  );
  desks.forEach((desk, place) => desk.write(`<${place}>`));
  await agree(desks, places.map((place) => `<${place}>`));
});
