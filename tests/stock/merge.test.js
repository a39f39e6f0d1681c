// Two people write one note together with every stock client: at once, apart, and through a crash.
import test from "node:test";
import { agree, clients } from "./clients.js";
import { cast } from "./hall.js";

for (const { name, sit } of clients) {
  test(`${name}: what one types, the other reads`, async (t) => {
    const { ada, ben } = await cast(t, ["ada", "ben"]);
    const note = await ada.noteWith([ben]);
    const [here, there] = [await sit(t, ada, note), await sit(t, ben, note)];
    await Promise.all([here.synced(), there.synced()]);
    here.write("one ");
    await there.reads("one ");
    there.write("two ");
    await here.reads("one two ");
  });

  test(`${name}: both write offline, both come back, both are equal`, async (t) => {
    const { ada, ben } = await cast(t, ["ada", "ben"]);
    const note = await ada.noteWith([ben]);
    const [here, there] = [await sit(t, ada, note), await sit(t, ben, note)];
    here.write("before ");
    await there.reads("before ");
    await Promise.all([here.leave(), there.leave()]);
    here.write("ada-offline ");
    there.write("ben-offline ");
    here.comeBack();
    there.comeBack();
    await agree([here, there], ["before ", "ada-offline ", "ben-offline "]);
    await Promise.all([here.saved(), there.saved()]);
  });

  test(`${name}: the server is killed, people write on, it returns`, async (t) => {
    const { hall, ada, ben } = await cast(t, ["ada", "ben"]);
    const note = await ada.noteWith([ben]);
    const [here, there] = [await sit(t, ada, note), await sit(t, ben, note)];
    here.write("shown ");
    await there.reads("shown ");
    await hall.kill();
    here.write("ada-alone ");
    there.write("ben-alone ");
    await hall.start();
    await agree([here, there], ["shown ", "ada-alone ", "ben-alone "]);
    const late = await sit(t, ada, note);
    await agree([here, late], ["shown ", "ada-alone ", "ben-alone "]);
  });
}

test("all four clients share one note", async (t) => {
  const { ada } = await cast(t, ["ada"]);
  const note = await ada.note();
  const desks = await Promise.all(clients.map(({ sit }) => sit(t, ada, note)));
  await Promise.all(desks.map((desk) => desk.synced()));
  desks.forEach((desk, number) => desk.write(`word-${number} `));
  await agree(desks, ["word-0 ", "word-1 ", "word-2 ", "word-3 "]);
});

test("a note starts with the text that it was posted with, for every client", async (t) => {
  const { ada } = await cast(t, ["ada"]);
  const note = await ada.note({ text: "Chapter one" });
  for (const { sit } of clients) await (await sit(t, ada, note)).reads("Chapter one");
});
