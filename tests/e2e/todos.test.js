/** Todos: two people on one list, one of them offline; by pointer and by keyboard; given, due, moved, deleted. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { cannotRestart } from "./hall.js";
import { eventually, openHall, somebody } from "./people.js";

const hall = await openHall();

/** A list as REST has it, in the words of `readsTodos`. */
async function rest(person, path) {
  const { items } = await person.asks(path);
  return items.map(({ text, is_completed }) => text + (is_completed ? " ✓" : "")).join(", ");
}

/** Ada has a room, Ben is in it; both look at its todos. */
async function adaAndBen(...todos) {
  const [ada, ben] = [await somebody(hall, "Ada"), await somebody(hall, "Ben")];
  await ada.makeRoom("Biology", "Cells and what they do all day");
  const room = new URL(ada.page.url()).pathname.split("/").at(-1);
  await ben.joinRoom(await ada.inviteCode(), "Biology");
  for (const todo of todos) await ada.addTodo(todo);
  await Promise.all([ben.seesTodos(todos.join(", ")), ada.seesListState("Saved"), ben.seesListState("Saved")]);
  return { ada, ben, room };
}

test("two people reorder and complete one list, one of them offline, and in the end it is one list", async () => {
  const { ada, ben, room } = await adaAndBen("read", "write", "rest", "repeat");
  await ben.context.setOffline(true);
  await ben.seesConnection("Offline");
  await ben.seesListState("Offline: nothing unsaved");

  await ben.drag("repeat", "read");
  await ben.seesTodos("repeat, read, write, rest");
  await ben.complete("write");
  await ben.addTodo("Ben's own");
  await ben.seesListState("Offline: 3 edits kept here");
  await ada.drag("read", "rest");
  await ada.seesTodos("write, rest, read, repeat");
  await ada.complete("rest");
  await ada.addTodo("Ada's own");
  await ada.seesListState("Saved");
  assert.equal(await rest(ada, `/rooms/${room}/todos`), "write, rest ✓, read, repeat, Ada's own");

  await ben.context.setOffline(false);
  await ben.seesConnection("Online");
  await eventually(
    () => ada.readsTodos(),
    (list) => list.includes("Ben's own") && list.startsWith("repeat, write ✓, rest ✓, read, "),
    "Ada has what both did",
  );
  const together = await ada.readsTodos();
  await ben.seesTodos(together);
  await Promise.all([ada.seesListState("Saved"), ben.seesListState("Saved")]);
  for (const each of [ada, ben]) assert.equal(await rest(each, `/rooms/${room}/todos`), together);
  assert.deepEqual([...ada.errors, ...ben.errors], []);
});

test("who has a todo open keeps what somebody else saves into it meanwhile, whether they write in it or not", async () => {
  const { ada, ben, room } = await adaAndBen("buy milk", "read", "rest");
  const opens = async (person, todo) => {
    await person.todos.getByRole("button", { name: `Change: ${todo}`, exact: true }).click();
    const box = person.todos.getByRole("textbox", { name: "Todo", exact: true });
    return { box, writes: async (words) => (await box.press("End"), await box.pressSequentially(words)) };
  };
  /** Ben's box is open while Ada's words are saved, and are on his page. */
  const leaves = async (todo, leave) => {
    const bens = await opens(ben, todo);
    const adas = await opens(ada, todo);
    await adas.writes(" today");
    await adas.box.press("Enter");
    await ada.seesListState("Saved");
    await ben.seesListState("Saved");
    await leave(bens);
  };
  const away = () => ben.page.getByRole("heading", { name: "Todos" }).first().click();
  await leaves("buy milk", away);
  await leaves("read", ({ box }) => box.press("Enter"));
  await leaves("rest", async ({ box, writes }) => (await writes(" well"), await box.press("Enter")));
  await ben.seesTodos("buy milk today, read today, rest today well");
  await ben.seesListState("Saved");
  assert.equal(await rest(ada, `/rooms/${room}/todos`), "buy milk today, read today, rest today well");

  await ben.context.setOffline(true);
  await ben.seesConnection("Offline");
  for (const [person, words] of [[ben, " aloud"], [ada, " twice"]]) {
    const { box, writes } = await opens(person, "read today");
    await writes(words);
    await box.press("Enter");
  }
  await ben.context.setOffline(false);
  const both = (list) => list.includes("aloud") && list.includes("twice");
  await eventually(() => ada.readsTodos(), both, "what both wrote into one todo is there");
  assert.deepEqual([...ada.errors, ...ben.errors], []);
});

test("what is done to a list without a server survives a reload and is there for others afterwards", { skip: cannotRestart }, async () => {
  const { ada, ben, room } = await adaAndBen("read");
  await ada.keepsTheApp();
  await hall.stop();
  await ada.seesConnection("Offline");
  await ada.complete("read");
  await ada.addTodo("write");
  await ada.seesListState("Offline: 2 edits kept here");
  await ada.page.reload();
  await ada.seesTodos("read ✓, write");
  await ada.seesListState("Offline: 2 edits kept here");
  // Her own list was never opened before: it begins here.
  await ada.goTo("Todos");
  await ada.addTodo("buy paper");
  await ada.seesListState("Offline: 1 edit kept here");

  await hall.start();
  await ada.seesListState("Saved");
  await ben.seesTodos("read ✓, write");
  assert.equal(await rest(ben, `/rooms/${room}/todos`), "read ✓, write");
  assert.match(await rest(ada, "/todos"), /^(?=.*buy paper)(?=.*read ✓, write)/);
  assert.deepEqual([...ada.errors, ...ben.errors], []);
});

test("a list is changed with the keyboard alone", async () => {
  const ada = await somebody(hall, "Ada");
  await ada.goTo("Todos");
  for (const todo of ["read", "write", "rest"]) await ada.addTodo(todo);
  const { keyboard } = ada.page;
  const said = ada.page.locator("[id^=DndLiveRegion]");

  await ada.todos.getByRole("button", { name: "Reorder “rest”" }).focus();
  await keyboard.press("Space");
  await said.filter({ hasText: "“rest” is over place 3 of 3." }).waitFor();
  // The library hears the arrow keys from the page's next turn on: nobody is faster, but a program is.
  await ada.page.evaluate(() => new Promise((turn) => setTimeout(turn)));
  await keyboard.press("ArrowUp");
  await said.filter({ hasText: "“rest” is over place 2 of 3." }).waitFor();
  await keyboard.press("ArrowUp");
  await said.filter({ hasText: "“rest” is over place 1 of 3." }).waitFor();
  await keyboard.press("Space");
  await ada.seesTodos("rest, read, write");

  await ada.todos.getByRole("button", { name: "More about “read”" }).press("Enter");
  await ada.page.getByRole("menuitem", { name: "Move down" }).press("Enter");
  await ada.seesTodos("rest, write, read");

  await ada.todos.getByRole("button", { name: "Change: write" }).press("Enter");
  const words = ada.todos.getByRole("textbox", { name: "Todo", exact: true });
  await words.press("Escape");
  await ada.seesTodos("rest, write, read");
  await ada.todos.getByRole("button", { name: "Change: write" }).press("Enter");
  await words.pressSequentially(" it down");
  await words.press("Enter");
  await ada.todos.getByRole("checkbox", { name: "Done: write it down" }).press("Space");
  await ada.seesTodos("rest, write it down ✓, read");
  await ada.seesListState("Saved");
  assert.equal(await rest(ada, "/todos"), "rest, write it down ✓, read");
  assert.deepEqual(ada.errors, []);
});

test("a todo is given to somebody, due on a day, and both see it; it moves to one's own list; it comes back from the trash", async () => {
  const { ada, ben, room } = await adaAndBen("Read chapter 4", "Draw the cell", "Ask about osmosis", "Flash cards");
  await ada.makeNote("The cell");
  await ada.write("Mitochondria are the powerhouse of the cell.");
  await ada.seesState("Saved");
  await ada.openRoom("Biology");
  await ada.todos.getByRole("button", { name: "Give “Draw the cell” to somebody" }).click();
  await ada.page.getByRole("menuitemradio", { name: "Ben" }).click();
  await ben.page.reload();
  await ben.todos.getByRole("button", { name: "Given to Ben: Draw the cell" }).waitFor();
  await ben.todos.getByRole("button", { name: "Set a due date for “Flash cards”" }).click();
  await ben.page.getByRole("dialog").getByLabel("Due", { exact: true }).fill("2030-01-09");
  await ben.page.keyboard.press("Enter");
  await ada.todos.getByRole("button", { name: "Due Jan 9, 2030 : Flash cards" }).waitFor();
  await ada.complete("Read chapter 4");
  await ada.seesListState("Saved");
  await ada.page.getByRole("button", { name: "Start", exact: true }).click();
  await ada.page.getByRole("status", { name: "Phase" }).filter({ hasText: "Focus" }).waitFor();
  await ada.page.getByRole("region", { name: "Timer of this room" }).getByText("Saved").waitFor();
  await ada.picture("todos");
  const listed = async () => (await ada.asks(`/rooms/${room}/todos`)).items;
  const shown = (text) => eventually(listed, (items) => items.some((todo) => todo.text === text), `REST has ${text}`);
  await shown("Flash cards");
  const [, draw, , cards] = await listed();
  assert.equal(draw.assignee_id, (await ben.asks("/auth/me")).id);
  assert.equal(cards.due_date, "2030-01-09T00:00:00Z");

  await ada.choose("Ask about osmosis", "Move to my own list");
  await ben.seesTodos("Read chapter 4 ✓, Draw the cell, Flash cards");
  await ada.goTo("Todos");
  await ada.seesTodos("Ask about osmosis");
  const own = async () => (await ada.asks("/todos")).items.filter((todo) => !todo.room_id);
  await eventually(own, (items) => items.some((todo) => todo.text === "Ask about osmosis"), "its row is in her own list");
  await ada.choose("Ask about osmosis", "Delete");
  await ada.todos.getByText("“Ask about osmosis” was deleted.").waitFor();
  await ada.seesListState("Saved");
  await ada.page.getByRole("button", { name: "Account of Ada" }).click();
  await ada.page.getByRole("menuitem", { name: "Trash" }).click();
  await ada.findsScreenAccessible("trash");
  await ada.page.getByRole("button", { name: "Bring back “Ask about osmosis”" }).click();
  await ada.page.getByRole("heading", { name: "The trash is empty" }).waitFor();
  await ada.goTo("Todos");
  await ada.seesTodos("Ask about osmosis");
  assert.deepEqual([...ada.errors, ...ben.errors], []);
});

test("of a room's list and timer that the page cannot show it says so, and not that they were deleted", async () => {
  const ada = await somebody(hall, "Ada");
  const room = await ada.posts("/rooms", { name: "Phones", engine: "automerge" });
  await ada.posts("/todos", { text: "read", room_id: room.id });
  await ada.page.goto(`/rooms/${room.id}`);
  const says = (part, words) => ada.page.getByRole("region", { name: part }).getByRole("status").filter({ hasText: words }).waitFor();
  await says("Todos of this room", "This page cannot show this list");
  await says("Timer of this room", "This page cannot show this timer");
  await ada.page.getByText("kept in Automerge").first().waitFor();
  assert.equal(await ada.page.getByRole("alert").count(), 0);
  assert.equal(await ada.page.getByText(/deleted|not shared|Not saved/).count(), 0);
  await ada.findsScreenAccessible("a room in Automerge");
});
