/** What stands in a note is what people wrote, letter by letter, whichever app they wrote it in. */
import assert from "node:assert/strict";
import { test } from "node:test";
import WebSocket from "ws";
import { Text } from "../../clients/node_modules/yjs/dist/yjs.mjs";
import { memory, Studyhall } from "../../clients/sdk/dist/index.js";
import { eventually, openHall } from "./people.js";
import { adaAndBen as twoAt, appOf, element } from "./rich.js";

const hall = await openHall();

const adaAndBen = (note) => twoAt(hall, note);

async function open(person, id) {
  await person.page.goto(`/notes/${id}`);
  await person.text.waitFor();
  await person.seesState("Saved");
}

const has = (person, expected) =>
  eventually(() => person.text.inputValue(), (text) => text === expected, `${person.name} reads “${expected}”`);

async function press(person, ...keys) {
  for (const key of keys) await person.page.keyboard.press(key);
}

test("in a plain note each one's caret stays where they write, while the other writes before it", async () => {
  const { ada, ben, id } = await adaAndBen({ format: "plain", text: "one two" });
  await Promise.all([open(ada, id), open(ben, id)]);
  await Promise.all([has(ada, "one two"), has(ben, "one two")]);
  await ada.text.click();
  await press(ada, "Control+Home", "ArrowRight", "ArrowRight", "ArrowRight");
  await ada.page.keyboard.type(" and");
  await has(ben, "one and two");
  await ben.text.click();
  await press(ben, "Control+Home");
  await ben.page.keyboard.type("First: ");
  await has(ada, "First: one and two");
  await ada.page.keyboard.type(" a half");
  await has(ben, "First: one and a half two");
  await ben.page.keyboard.type("zero, ");
  await has(ada, "First: zero, one and a half two");
  await Promise.all([ada.seesState("Saved"), ben.seesState("Saved")]);
  assert.equal((await ada.asks(`/notes/${id}`)).text, "First: zero, one and a half two");
});

test("characters of two halves stay whole, and so do line breaks of another system", async () => {
  const { ada, ben, id } = await adaAndBen({ format: "plain", text: "😀 is it\r\nor not" });
  await Promise.all([open(ada, id), open(ben, id)]);
  await ada.text.click();
  // In place of an emoji one with the same first half, and one more before it.
  await press(ada, "Control+Home", "Shift+ArrowRight");
  await ada.page.keyboard.insertText("😃");
  await has(ben, "😃 is it\nor not");
  await press(ada, "Control+Home");
  await ada.page.keyboard.insertText("😁");
  await has(ben, "😁😃 is it\nor not");
  await ben.text.click();
  await press(ben, "Control+End");
  await ben.page.keyboard.type("!");
  await has(ada, "😁😃 is it\nor not!");
  await ada.seesState("Saved");
  await ben.seesState("Saved");
  assert.equal((await ada.asks(`/notes/${id}`)).text, "😁😃 is it\r\nor not!");
});

test("who composes a character is not disturbed, and what the other wrote meanwhile stays", async () => {
  const { ada, ben, id } = await adaAndBen({ format: "plain", text: "we say: " });
  await Promise.all([open(ada, id), open(ben, id)]);
  await ada.text.click();
  await press(ada, "Control+End");
  const keys = await ada.context.newCDPSession(ada.page);
  await keys.send("Input.imeSetComposition", { text: "ni", selectionStart: 2, selectionEnd: 2 });
  await ben.text.click();
  await press(ben, "Control+Home");
  await ben.page.keyboard.type("Today ");
  await ben.seesState("Saved");
  await keys.send("Input.imeSetComposition", { text: "ni h", selectionStart: 4, selectionEnd: 4 });
  await keys.send("Input.insertText", { text: "你好" });
  await has(ada, "Today we say: 你好");
  await ada.page.keyboard.type("!");
  await has(ben, "Today we say: 你好!");
});

test("who replaces words into which the other writes meanwhile takes out only the words that they saw", async () => {
  const { ada, ben, id } = await adaAndBen({ format: "plain", text: "one two three" });
  await Promise.all([open(ada, id), open(ben, id)]);
  await ada.text.click();
  await press(ada, "Control+Home", ...Array(4).fill("ArrowRight"), ...Array(3).fill("Shift+ArrowRight"));
  const keys = await ada.context.newCDPSession(ada.page);
  await keys.send("Input.imeSetComposition", { text: "ni", selectionStart: 2, selectionEnd: 2 });
  await ben.text.click();
  await press(ben, "Control+Home", ...Array(5).fill("ArrowRight"));
  await ben.page.keyboard.type("BEN");
  await ben.seesState("Saved");
  await keys.send("Input.insertText", { text: "你" });
  await has(ada, "one 你BEN three");
  await has(ben, "one 你BEN three");
});

test("undoing in a plain note takes back one's own words, whoever has typed since, and nothing of theirs", async () => {
  const { ada, ben, id } = await adaAndBen({ format: "plain", text: "start. " });
  await Promise.all([open(ada, id), open(ben, id)]);
  await ada.text.click();
  await press(ada, "Control+End");
  await ada.page.keyboard.insertText("alpha ");
  await has(ben, "start. alpha ");
  await ben.text.click();
  await press(ben, "Control+Home");
  await ben.page.keyboard.type("BEN ");
  await has(ada, "BEN start. alpha ");
  await press(ada, "Control+z");
  await has(ben, "BEN start. ");
  await press(ada, "Control+z");
  await has(ada, "BEN start. ");
  await press(ada, "Control+Shift+z");
  await has(ben, "BEN start. alpha ");

  // What was deleted comes back, and the caret is behind it.
  await press(ada, "Control+a", "Delete");
  await has(ben, "");
  await ben.page.keyboard.type("!");
  await has(ada, "!");
  await press(ada, "Control+z");
  await eventually(() => ben.text.inputValue(), (text) => text.includes("BEN start. alpha ") && text.length === 18, "all is back");
  await press(ada, "Control+y");
  await has(ben, "!");
  await press(ada, "Control+z");
  await ada.page.keyboard.type("omega");
  await eventually(() => ben.text.inputValue(), (text) => text.includes("BEN start. alpha omega"), "Ada goes on");
  assert.deepEqual([...ada.errors, ...ben.errors], []);
});

test("in a long plain note what others type is shown too, and each one's words are where they were typed", async () => {
  const lines = Array.from({ length: 600 }, (_, line) => `${line} the mitochondria are the powerhouse of the cell`).join("\n");
  const { ada, ben, id } = await adaAndBen({ format: "plain", text: lines });
  await Promise.all([open(ada, id), open(ben, id)]);
  for (const [person, key] of [[ada, "Control+Home"], [ben, "Control+End"]]) {
    await person.text.click();
    await press(person, key);
  }
  const typed = { ada: "Ada writes before it all. ", ben: " Ben goes on behind it." };
  await Promise.all([ada.page.keyboard.type(typed.ada), ben.page.keyboard.type(typed.ben)]);
  for (const person of [ada, ben]) await has(person, `${typed.ada}${lines}${typed.ben}`);
  await press(ben, "Control+z");
  await has(ada, `${typed.ada}${lines}`);
  await has(ben, `${typed.ada}${lines}`);
  assert.deepEqual([...ada.errors, ...ben.errors], []);
});

test("what an app puts into a plain text that is no text has its place, and everybody writes beside it", async () => {
  const { ada, ben, id } = await adaAndBen({ format: "plain", text: "plain words" });
  const app = await appOf(hall, ada);
  const { doc, saved, close } = await app.open(id);
  await open(ben, id);
  await ben.text.click();
  await press(ben, "Control+End");
  doc.getArray("content").insert(2, [{ x: 1 }, 5]);
  await has(ben, "pl\uFFFC\uFFFCain words");
  await ben.page.keyboard.type(" of Ben");
  await ben.seesState("Saved");
  await press(ben, "Control+Home", ...Array(6).fill("ArrowRight"));
  // Something before Ben's caret, and something at another place that goes again.
  doc.getArray("content").insert(0, ["not letters"]);
  await has(ben, "\uFFFCpl\uFFFC\uFFFCain words of Ben");
  await ben.page.keyboard.type("-");
  await ben.seesState("Saved");
  await saved();
  const shown = async () => (await ben.asks(`/notes/${id}`)).text;
  await eventually(shown, (text) => text === "plai-n words of Ben", "the server has what Ben sees");
  doc.getMap("meta").set("title", new Text("a text of its own"));
  await eventually(() => ben.title.inputValue(), (title) => title === "a text of its own", "Ben sees the title");
  doc.getMap("meta").get("title").insert(0, "now ");
  await eventually(() => ben.title.inputValue(), (title) => title === "now a text of its own", "Ben sees it change");
  assert.deepEqual(ben.errors, []);
  close();
});

/** A program of a person's own beside their page, at the note. */
async function program(person, id) {
  const app = await Studyhall.open({ url: hall.url, storage: memory(), WebSocket });
  await app.login({ email: person.email, password: person.password });
  const note = await app.notes.open(id);
  await eventually(() => note.status.get().state, (state) => state === "saved", "the program has the note");
  return { app, note, text: note.doc.getXmlFragment("default") };
}

const table = (words) => element("table", element("tableRow", element("tableCell", element("paragraph", words))));

test("to open a note changes nothing in it, and what the page does not know it does not delete", async () => {
  const { ada, ben, id } = await adaAndBen({ format: "rich" });
  const { app, note, text } = await program(ada, id);
  text.delete(0, text.length);
  text.insert(0, [element("codeBlock", "fn main() {}")]);
  await eventually(() => note.status.get().unsaved, (unsaved) => unsaved === 0, "it is saved");
  await open(ben, id);
  await ben.seesText("fn main() {}");
  await ben.write("// Ben");
  await eventually(() => text.toString(), (now) => now.includes("// Ben"), "Ben writes");
  assert.equal(text.length, 1, "there is one block, as before");

  // Another app has tables, and this page not.
  text.insert(1, [table("cells of a table")]);
  const notice = ben.page.getByRole("note").filter({ hasText: "“table”" });
  await notice.waitFor();
  const words = ben.page.getByRole("document", { name: "Note text" });
  await words.filter({ hasText: "cells of a table" }).waitFor();
  await ben.page.reload();
  await notice.waitFor();
  text.insert(0, [element("paragraph", "goes on")]);
  await words.filter({ hasText: "goes on" }).waitFor();
  assert.equal(text.toString().match(/<table>/g)?.length, 1, "the table is there");
  assert.deepEqual([...ada.errors, ...ben.errors], []);
  await app.close();
});

test("while nobody knows which kind of note it is, there is nothing to write into", async () => {
  const { ada, id } = await adaAndBen({ format: "plain", text: "" });
  await ada.page.route(`**/api/v1/notes/${id}`, (route) => route.fulfill({ status: 503, body: "" }));
  await ada.page.goto(`/notes/${id}`);
  await ada.seesState("Saved");
  await ada.page.getByRole("status", { name: "Loading the text" }).waitFor();
  assert.equal(await ada.text.count(), 0);
  await ada.page.unroute(`**/api/v1/notes/${id}`);
  await ada.text.waitFor();
  assert.equal(await ada.text.evaluate(({ tagName }) => tagName), "TEXTAREA");
});

test("of a note that the page cannot show it says so, and not that it was deleted", async () => {
  const { ada, ben, id } = await adaAndBen({ engine: "automerge", format: "plain", text: "words in Automerge" });
  await ada.page.reload();
  await ada.page.getByRole("link", { name: "The cell" }).click();
  for (const person of [ada, ben]) {
    if (person === ben) await ben.page.goto(`/notes/${id}`);
    const notice = person.page.getByRole("status").filter({ hasText: "This page cannot show “The cell”" });
    await notice.filter({ hasText: "not deleted" }).waitFor();
    assert.equal(await person.page.getByRole("alert").count(), 0);
  }
  await ada.findsScreenAccessible("a note in Automerge");

  // What is not there is still said not to be there, soon.
  await ben.page.goto(`/notes/${"0".repeat(24)}`);
  await ben.page.getByRole("alert").filter({ hasText: "This note is not there" }).waitFor();
});
