// "Saved" is true: while the journal is held, nobody is told that an edit is saved and nobody sees it.
// Awareness does not wait for the journal; it follows the edit on the same socket, so whoever has seen
// the awareness would have seen the edit.
import assert from "node:assert/strict";
import test from "node:test";
import { clients, hocuspocusClients } from "./clients.js";
import { cast } from "./hall.js";
import { RawSocket } from "./raw.js";
import { until } from "./until.js";

for (const { name, sit } of hocuspocusClients) {
  test(`${name}: unsyncedChanges reaches 0 only after the save`, async (t) => {
    const { hall, ada, ben } = await cast(t, ["ada", "ben"], "--debug-doors");
    const note = await ada.noteWith([ben]);
    const [here, there] = [sit(t, ada, note), sit(t, ben, note)];
    await Promise.all([here.synced(), there.synced()]);
    await Promise.all([here.saved(), there.saved()]);

    await hall.holdJournal();
    here.write("held ");
    here.awareness.setLocalStateField("mark", "after the edit");
    await there.notices("mark", "after the edit");
    assert.equal(here.provider.unsyncedChanges, 1);
    assert.equal(there.words, "");

    await hall.releaseJournal();
    await there.reads("held ");
    await here.saved();
  });
}

test("y-websocket: the author's echo comes only after the save", async (t) => {
  const { hall, ada } = await cast(t, ["ada"], "--debug-doors");
  const note = await ada.note();
  const [here, there] = [await RawSocket.open(t, ada, note), await RawSocket.open(t, ada, note)];
  await Promise.all([here.step2(), there.step2()]);

  await hall.holdJournal();
  here.edit("held");
  here.mark("after the edit");
  await Promise.all([here.marked("after the edit"), there.marked("after the edit")]);
  assert.deepEqual([here.updates, there.updates], [[], []]);

  await hall.releaseJournal();
  await Promise.all([here.hasText("held"), there.hasText("held")]);
});

for (const { name, sit } of clients) {
  test(`${name}: who joins while an edit waits does not see it either`, async (t) => {
    const { hall, ada, ben } = await cast(t, ["ada", "ben"], "--debug-doors");
    const note = await ada.noteWith([ben]);
    const here = await sit(t, ada, note);
    await here.synced();
    await hall.holdJournal();
    here.write("held ");
    here.awareness.setLocalStateField("mark", "after the edit");
    const late = await sit(t, ben, note);
    await late.synced();
    await late.notices("mark", "after the edit");
    assert.equal(late.words, "");
    await hall.releaseJournal();
    await late.reads("held ");
  });
}

test("a REST write that waits for the journal is told in time that it cannot be done now", async (t) => {
  const { hall, ada } = await cast(t, ["ada"], "--debug-doors");
  const note = await ada.note();
  const path = `/notes/${note.slice("note:".length)}`;
  await hall.holdJournal();
  const began = Date.now();
  const answer = await ada.ask("PUT", path, { text: "held" });
  assert.equal(answer.status, 503);
  assert.ok(answer.headers.get("retry-after") > 0);
  assert.ok(Date.now() - began < 6500, `it took ${Date.now() - began} ms of 5 s`);
  assert.equal((await ada.send("GET", path)).text, "", "nobody is shown what is not saved");
  await hall.releaseJournal();
  await ada.send("PUT", path, { text: "held" });
  assert.equal((await ada.send("GET", path)).text, "held", "once, though it was asked for twice");
});

test("a PUT that was answered 503 and made all the same takes nobody's words when it is put again", async (t) => {
  const { hall, ada, ben } = await cast(t, ["ada", "ben"], "--debug-doors");
  const note = await ada.noteWith([ben], { text: "Shopping list." });
  const path = `/notes/${note.slice("note:".length)}`;
  await ada.send("GET", path);
  const desk = await clients[0].sit(t, ben, note);
  await desk.synced();
  const put = async () => (await ada.ask("PUT", path, { text: "Shopping list. Milk, eggs, bread and oats." })).status;
  await hall.holdJournal();
  assert.equal(await put(), 503);
  await hall.releaseJournal();
  await desk.reads("Shopping list. Milk, eggs, bread and oats.");
  desk.write(" Ben: and butter!");
  await desk.saved();
  assert.equal(await put(), 200);
  const { text } = await ada.send("GET", path);
  assert.equal(text, "Shopping list. Milk, eggs, bread and oats. Ben: and butter!");
});

test("one types a line, another PUTs a line that looks much like it: both are there", async (t) => {
  const { ada, ben } = await cast(t, ["ada", "ben"]);
  const note = await ada.noteWith([ben], { text: "Plan:" });
  const path = `/notes/${note.slice("note:".length)}`;
  await ada.send("GET", path);
  const desk = await clients[0].sit(t, ben, note);
  await desk.synced();
  desk.write("\n- eggs for Monday");
  await desk.saved();
  const { text } = await ada.send("PUT", path, { text: "Plan:\n- eggs for Friday" });
  assert.ok(text.includes("- eggs for Monday") && text.includes("- eggs for Friday"), text);
});

test("a PUT that was answered 503 and was not made is made when it is put again", async (t) => {
  const { hall, ada, ben } = await cast(t, ["ada", "ben"], "--debug-doors");
  const note = await ada.noteWith([ben], { text: "Plan:" });
  const path = `/notes/${note.slice("note:".length)}`;
  await ada.send("GET", path);
  const desk = await clients[0].sit(t, ben, note);
  const hers = await clients[1].sit(t, ada, note);
  await Promise.all([desk.synced(), hers.synced()]);
  await hall.holdJournal();
  desk.doc.getMap("pictures").set("one", new Uint8Array(4.1 * (1 << 20))); // nothing more may wait
  desk.awareness.setLocalStateField("said", "after it");
  await hers.notices("said", "after it");
  const put = async () => (await ada.ask("PUT", path, { text: "Plan:\n- eggs for Friday" })).status;
  await until(async () => (await put()) === 503, "there is no room for it");
  await hall.releaseJournal();
  await desk.saved();
  assert.equal(desk.words, "Plan:", "it was not made");
  desk.write("\n- eggs for Monday");
  await desk.saved();
  assert.equal(await put(), 200);
  const { text } = await ada.send("GET", path);
  assert.ok(text.includes("- eggs for Monday") && text.includes("- eggs for Friday"), text);
});

test("who runs it sees how much is not saved, and how long saving took", async (t) => {
  const { hall, ada } = await cast(t, ["ada"], "--debug-doors");
  const counted = async (line) => {
    const text = await (await hall.admin("GET", "/metrics")).text();
    return Number(new RegExp(`^studyhall_sync_${line} (\\S+)$`, "m").exec(text)?.[1]);
  };
  assert.equal(await counted("save_seconds_count"), 0, "said before anything is saved");
  const slow = async () => (await counted("save_seconds_count")) - (await counted('save_seconds_bucket{le="0.25"}'));
  const desk = await clients[0].sit(t, ada, await ada.note());
  await desk.synced();
  await desk.saved();
  assert.equal(await counted("unsaved_bytes"), 0);
  const before = await slow();

  await hall.holdJournal();
  const held = performance.now();
  desk.write("held ");
  await until(async () => (await counted("unsaved_bytes")) >= "held ".length, "it is not saved");
  await until(() => performance.now() - held > 400, "it takes a while");
  await hall.releaseJournal();
  await desk.saved();
  await until(async () => (await counted("unsaved_bytes")) === 0, "all is saved");
  assert.ok((await slow()) > before);
});

for (const { name, sit } of clients) {
  test(`${name}: what somebody types just before they leave is kept`, async (t) => {
    const { ada, ben } = await cast(t, ["ada", "ben"]);
    const note = await ada.noteWith([ben]);
    const said = [];
    for (let time = 0; time < 10; time += 1) {
      const desk = await sit(t, ada, note);
      await desk.synced();
      said.push(`word-${time}.`);
      desk.write(said.at(-1));
      desk.close();
    }
    const reader = await sit(t, ben, note);
    await reader.synced();
    await until(() => said.every((word) => reader.words.includes(word)), () => `all is there: ${reader.words}`);
  });
}
