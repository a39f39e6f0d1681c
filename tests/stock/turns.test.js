// Nodes take turns at a document's log, whatever stands between them and the database, with and without Redis: people
// who type at one node do not keep those at another from being saved.
import assert from "node:assert/strict";
import test from "node:test";
import { agree, hocuspocusClients } from "./clients.js";
import { installationWithLines } from "./installation.js";
import { Typist, assertOnce } from "./typist.js";
import { until } from "./until.js";

/** So often each is to hear that all is saved that was typed up to a moment. */
const TIMES = 4;

for (const [what, delays, isBusDead] of [
  ["with the database far away", [100, 100], false],
  ["with the database far from one of them", [0, 100], false],
  ["with Redis dead and the database not near", [20, 20], true],
]) {
  test(`people who type without a pause at two nodes are saved at both, ${what}`, async (t) => {
    const { bus, lines, ada, ben, note } = await installationWithLines(t);
    const people = [ada, ben, ada, ben];
    const desks = await Promise.all(people.map((one, at) => hocuspocusClients[at % 2].sit(t, one, note)));
    await Promise.all(desks.map((desk) => desk.synced()));
    const typists = desks.map((desk, at) => new Typist(desk, at));
    if (isBusDead) await bus.kill();
    lines.forEach((line, at) => (line.delay = delays[at]));
    const typing = typists.map((one) => setInterval(() => one.type(), 200));
    t.after(() => typing.forEach(clearInterval));
    // Whoever types at the one sees what was typed at the other: so it was saved, though nobody has stopped.
    for (let time = 0; time < TIMES; time++) {
      const words = typists.map((one) => one.type());
      const seen = () => desks.every((desk, at) => desk.words.includes(words[at ^ 1]));
      await until(seen, `the words of moment ${time} are saved and seen at the other node`, 12);
    }
    typing.forEach(clearInterval);
    lines.forEach((line) => (line.delay = 0));
    const typed = typists.flatMap((one) => one.typed);
    await agree(desks, []);
    assertOnce(desks[0].words, typed, "everything");
    assert.ok(typed.length > 4 * TIMES);
  });
}
