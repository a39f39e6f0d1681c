// Who reads a note at one node and puts its text at another: what they were shown is known to both.
import assert from "node:assert/strict";
import test from "node:test";
import { hocuspocusClients } from "./clients.js";
import { cast } from "./hall.js";
import { installation, shows } from "./installation.js";
import { until } from "./until.js";

const pathOf = (note) => `/notes/${note.slice("note:".length)}`;

for (const [size, long] of [["a short note", ""], ["a long one", "\nAll work and no play.".repeat(10_000)]]) {
  test(`${size} that is read at one node and put at the other: what somebody typed meanwhile stays`, async (t) => {
    const { there, ada, ben, note } = await installation(t);
    const [path, old, mine] = [pathOf(note), `one two three${long}`, `ONE two three${long}`];
    await ada.send("PUT", path, { text: old });
    assert.equal((await ada.send("GET", path)).text, old);
    const desk = await hocuspocusClients[0].sit(t, ben, note);
    await desk.synced();
    desk.write(" BEN TYPED THIS");
    await desk.saved();
    const put = await ada.at(there).send("PUT", path, { text: mine });
    assert.equal(put.text, `${mine} BEN TYPED THIS`);
    // The same again may be a retry of somebody who never had the answer, whichever node it reaches.
    const again = await ada.send("PUT", path, { text: mine });
    assert.equal(again.text, `${mine} BEN TYPED THIS`);
    // It may be, too, when her app has asked for its list meanwhile.
    await ada.at(there).send("GET", "/notes");
    assert.equal((await ada.send("PUT", path, { text: mine })).text, `${mine} BEN TYPED THIS`);
    // Once she has opened it, she may take it out.
    await ada.at(there).send("GET", path);
    assert.equal((await ada.send("PUT", path, { text: mine })).text, mine);
  });
}

test("a todo that is listed at one node and put at the other: what somebody wrote meanwhile stays", async (t) => {
  const { there, here, ada, ben, note } = await installation(t);
  const { room_id: room } = await ada.send("GET", pathOf(note));
  const { id } = await ada.send("POST", "/todos", { text: "buy milk", room_id: room });
  const path = `/todos/${id}`;
  const { items } = await ben.at(here).send("GET", `/rooms/${room}/todos`);
  assert.equal(items[0].text, "buy milk");
  await ada.send("PUT", path, { text: "buy milk and honey" });
  for (const _ of ["first", "again"]) {
    assert.equal((await ben.at(there).send("PUT", path, { text: "Ben: buy milk" })).text, "Ben: buy milk and honey");
  }
});

test("an app that saves its text box at one node, then at the other, and its list at both: what somebody types stays", async (t) => {
  const { here, there, ada, ben, note } = await installation(t);
  const path = pathOf(note);
  let box = "Plan. ";
  await ada.send("PUT", path, { text: box });
  const desk = await hocuspocusClients[0].sit(t, ben, note);
  await desk.synced();
  for (let round = 0; round < 6; round += 1) {
    desk.write(`ben${round} `);
    await desk.saved();
    const [at, other] = round % 2 ? [here, there] : [there, here];
    await ada.at(other).send("GET", "/notes");
    box += `ada${round} `;
    const { text } = await ada.at(at).send("PUT", path, { text: box });
    for (let word = 0; word <= round; word += 1) {
      for (const who of ["ada", "ben"]) assert.equal(text.split(`${who}${word} `).length, 2, text);
    }
  }
});

test("a put whose answer never came comes again at the other node: it is made once", async (t) => {
  const { here, there, ada, ben, note } = await installation(t, "--debug-doors");
  const path = pathOf(note);
  await ada.send("PUT", path, { text: "bread" });
  await here.holdJournal();
  const text = "bread, milk and eggs";
  assert.equal((await ada.ask("PUT", path, { text })).status, 503, "it may be made, nobody knows");
  await here.releaseJournal();
  await until(async () => (await shows(ben, note)) === text, "it was made");
  const desk = await hocuspocusClients[0].sit(t, ben, note);
  await desk.synced();
  desk.write(" BEN: and butter!");
  await desk.saved();
  const again = await ada.at(there).send("PUT", path, { text });
  assert.equal(again.text, `${text} BEN: and butter!`);
});

test("Redis has lost what people were shown: both texts stay, nobody's words are taken", async (t) => {
  const { bus, here, there, ada, ben, note } = await installation(t);
  const path = pathOf(note);
  await ada.send("PUT", path, { text: "one two three" });
  const desk = await hocuspocusClients[0].sit(t, ben, note);
  await desk.reads("one two three");
  await ben.send("GET", path);
  await bus.kill();
  desk.write(" BEN TYPED THIS");
  await desk.saved();
  let { text } = await ada.at(there).send("PUT", path, { text: "one two three, ADA'S" });
  // No letter is lost; that words which stood in the same place run into each other is not well yet.
  for (const part of ["one two three BEN TYPED THIS", "one two three, ADA'S"]) assert.ok(holds(text, part), text);
  // At the node that she reads from she is known, as if it were alone.
  const read = (await ada.send("GET", path)).text;
  desk.write(" AND THIS");
  await desk.saved();
  const mine = read.replace("three", "3");
  text = (await ada.send("PUT", path, { text: mine })).text;
  assert.equal(text, `${mine} AND THIS`);

  await bus.start();
  const isBack = async (hall) => (await (await hall.admin("GET", "/readyz?verbose")).text()).includes("[+] bus ok");
  for (const hall of [here, there]) await until(() => isBack(hall), "Redis is back");
  await ada.send("PUT", path, { text: `${text}, and more` });
  // Ben was shown the note at the other node, before Redis forgot it.
  const bens = "one two three, BEN'S";
  const both = (await ben.at(here).send("PUT", path, { text: bens })).text;
  for (const part of [`${text}, and more`, bens]) assert.ok(holds(both, part), `${part} in ${both}`);
});

test("the server has begun again: who wrote alone puts what they mean, what somebody else wrote stays", async (t) => {
  const { hall, ada, ben } = await cast(t, ["ada", "ben"]);
  const signedIn = Math.floor(Date.now() / 1000);
  const words = "Plan for Monday\nbring teh slides\n- [ ] milk\n";
  const alone = await ada.note({ text: words });
  const shared = await ada.note({ room_id: await ada.roomWith([ben]), is_shared: true, text: words });
  for (const note of [alone, shared]) await ada.send("GET", pathOf(note));
  await ben.send("PUT", pathOf(shared), { text: `${words}BEN wrote this.\n` });
  await hall.stop();
  // Signing in and beginning are dated to the second.
  await until(() => Date.now() / 1000 >= signedIn + 1, "a second has passed");
  await hall.start();
  const mended = words.replace("teh", "the").replace("[ ]", "[x]");
  for (const _ of ["first", "again"]) {
    assert.equal((await ada.send("PUT", pathOf(alone), { text: mended })).text, mended);
  }
  const { text } = await ada.send("PUT", pathOf(shared), { text: mended });
  for (const part of [mended, "BEN wrote this."]) assert.ok(holds(text, part), `${part} in ${text}`);
});

/** Whether what is left of a text without some letters is this part. */
function holds(text, part) {
  let at = 0;
  return [...part].every((letter) => (at = text.indexOf(letter, at) + 1) > 0);
}

test("however much others put meanwhile: who wrote alone puts what they mean, and nobody's words are taken", async (t) => {
  const { ada, ben, cleo } = await cast(t, ["ada", "ben", "cleo"]);
  const room = await ada.roomWith([ben]);
  const paths = [];
  for (const [kind, more] of [["notes", {}], ["notes", { engine: "automerge" }], ["todos", {}]]) {
    const alone = await ada.send("POST", `/${kind}`, { text: "buy milk", ...more });
    const both = await ada.send("POST", `/${kind}`, { text: "buy milk", room_id: room, is_shared: true });
    paths.push([`/${kind}/${alone.id}`, `/${kind}/${both.id}`]);
  }
  for (const path of paths.flat()) {
    await ada.send("GET", path);
    await ada.send("PUT", path, { text: "buy milk today and eggs" });
  }
  for (const [, both] of paths) await ben.send("PUT", both, { text: "buy milk today and eggs, and bread", base: "buy milk today and eggs" });
  // More than is remembered of all together: in notes of their own, whose texts are let go one by one.
  for (let number = 0; number < 75; number += 1) await cleo.send("POST", "/notes", { text: "" }).then(({ id }) => cleo.send("PUT", `/notes/${id}`, { text: `${number} ${"x".repeat(1_000_000)}` }));
  for (const [alone, both] of paths) {
    for (const text of ["buy oat drink today and eggs", "buy oat drink today"]) assert.equal((await ada.send("PUT", alone, { text })).text, text, alone);
    assert.match((await ada.send("PUT", both, { text: "buy oat drink today and eggs" })).text, /bread/, both);
  }
});

test("two who have put the same text, of whom one writes on: the other goes on from what they put", async (t) => {
  const { ada, ben } = await cast(t, ["ada", "ben"]);
  const room = await ada.roomWith([ben]);
  for (const kind of ["notes", "todos"]) {
    const { id } = await ada.send("POST", `/${kind}`, { text: "shopping", room_id: room, is_shared: true });
    const path = `/${kind}/${id}`;
    let said = "shopping milk and eggs";
    for (const person of [ada, ben]) await person.send("GET", path).then(() => person.send("PUT", path, { text: said }));
    for (let number = 0; number < 12; number += 1) await ada.send("PUT", path, { text: (said += ` a${number}`) });
    const both = await ben.send("PUT", path, { text: "shopping milk and eggs bread" });
    assert.equal(both.text.split("milk").length, 2, both.text);
    for (const word of ["a0", "a11", "bread"]) assert.ok(both.text.includes(word), both.text);
  }
});

test("a put whose answer never came, and its writer typed on: what they typed is there once", async (t) => {
  const { hall, ada, ben } = await cast(t, ["ada", "ben"], "--debug-doors");
  const room = await ada.roomWith([ben]);
  const paths = [];
  for (const [kind, more] of [["notes", {}], ["notes", { engine: "automerge" }], ["todos", {}]]) {
    const { id } = await ada.send("POST", `/${kind}`, { text: "alpha", room_id: room, is_shared: true, ...more });
    paths.push(`/${kind}/${id}`);
  }
  await hall.holdJournal();
  const put = await Promise.all(paths.map((path) => ada.ask("PUT", path, { text: "alpha\nadalime", base: "alpha" })));
  assert.deepEqual(put.map(({ status }) => status), [503, 503, 503]);
  await hall.releaseJournal();
  for (const path of paths) {
    await until(async () => (await ben.send("GET", path)).text === "alpha\nadalime", "it was made after all");
    await ben.send("PUT", path, { text: "alpha\nadalime\nbenline", base: "alpha\nadalime" });
    // She knows nothing of that, corrects a letter, and goes on.
    const { text } = await ada.send("PUT", path, { text: "alpha\nadaline and more", base: "alpha" });
    assert.equal(text, "alpha\nadaline and more\nbenline", path);
  }
});
