/** People come together: invited, writing one note at the same time, and while one of them is offline. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually, openHall, somebody } from "./people.js";

const hall = await openHall();

/** Ada has a room with a note; Ben has joined and both have the note open. */
async function adaAndBen() {
  const ada = await somebody(hall, "Ada");
  const ben = await somebody(hall, "Ben");
  await ada.makeRoom("Biology", "Cells and what they do all day");
  const code = await ada.inviteCode();
  await ben.joinRoom(code, "Biology");
  await ada.page.reload();
  await ada.page.getByRole("list", { name: "People in this room" }).getByText("Ben").waitFor();
  await ada.makeNote("The cell");
  await ada.seesState("Saved");
  await ben.page.reload();
  await ben.openNote("The cell");
  await ben.seesState("Saved");
  return { ada, ben };
}

test("who is invited and has no account comes to the room after they have made one", async () => {
  const ada = await somebody(hall, "Ada");
  await ada.makeRoom("Geometry");
  const ben = await somebody(hall, "Ben", { account: false });
  await ben.page.goto(`/join/${await ada.inviteCode()}`);
  await ben.page.getByRole("link", { name: "Create an account" }).click();
  await ben.fillsSignUp();
  await ben.page.getByRole("button", { name: "Join the room" }).click();
  await ben.page.getByRole("heading", { name: "Geometry", level: 1 }).waitFor();
  // Whoever clicks twice means one note.
  await ben.page.getByRole("button", { name: "New note" }).dblclick();
  await ben.seesState("Saved");
  await ben.openRoom("Geometry");
  await ben.page.getByText("Untitled").first().waitFor();
  const made = await ben.asks(`/rooms/${ben.page.url().split("/").at(-1)}/notes`);
  assert.equal(made.items?.length, 1, JSON.stringify(made));
  assert.deepEqual([...ada.errors, ...ben.errors], []);
});

test("two people write one note and see each other's carets and names", async () => {
  const { ada, ben } = await adaAndBen();
  await ada.write("Mitochondria are the powerhouse");
  await ben.seesText("Mitochondria are the powerhouse");
  await ben.write(" of the cell.");
  await ada.seesText("Mitochondria are the powerhouse of the cell.");

  await ada.page.getByRole("list", { name: "Also here" }).getByRole("img", { name: "Ben" }).waitFor();
  await ben.page.getByRole("list", { name: "Also here" }).getByRole("img", { name: "Ada" }).waitFor();
  await ada.text.locator(".others-caret", { hasText: "Ben" }).waitFor();
  await ben.text.locator(".others-caret", { hasText: "Ada" }).waitFor();
  await ada.seesState("Saved");
  await ben.seesState("Saved");
  assert.equal(await ada.reads(), await ben.reads());
  await ada.picture("note");

  await ben.title.fill("The cell, page one");
  await eventually(() => ada.title.inputValue(), (title) => title === "The cell, page one", "Ada sees the new title");
  assert.deepEqual([...ada.errors, ...ben.errors], []);
});

test("one goes offline, both write, and in the end both have everything", async () => {
  const { ada, ben } = await adaAndBen();
  await ada.write("One.");
  await ben.seesText("One.");
  await ada.seesState("Saved");

  await ben.context.setOffline(true);
  await ben.seesConnection("Offline");
  await ben.seesState("Offline: nothing unsaved");
  await ben.write(" Ben was here.");
  await ben.seesState(/Offline: \d+ edits kept here/);
  await ben.picture("note-offline");
  await ada.text.click();
  await ada.page.keyboard.press("Control+Home");
  await ada.page.keyboard.type("Ada first. ");
  await ada.seesState("Saved");
  assert.ok(!(await ada.reads()).includes("Ben was here"));

  await ben.context.setOffline(false);
  await ben.seesConnection("Online");
  await ben.seesText("Ada first.");
  await ada.seesText("Ben was here.");
  await ben.seesState("Saved");
  const [adas, bens] = [await ada.reads(), await ben.reads()];
  assert.equal(adas, bens);
  assert.equal(adas, "Ada first. One. Ben was here.");
});

async function deletesTheNote(person) {
  await person.page.getByRole("button", { name: "More about this note" }).click();
  await person.page.getByRole("menuitem", { name: "Delete this note" }).click();
  await person.page.getByRole("dialog", { name: "Delete this note?" }).getByRole("button", { name: "Delete" }).click();
  await person.page.getByRole("heading", { name: "Notes", level: 1 }).waitFor();
}

test("a note that its owner deletes is refused in words to whoever has it open, is there again when it is brought back, and its text can be taken along", async () => {
  const { ada, ben } = await adaAndBen();
  await ben.write("Ben's words.");
  await ada.seesText("Ben's words.");
  await deletesTheNote(ada);
  await ben.seesState("Not saved");
  await ada.page.getByRole("button", { name: "Account of Ada" }).click();
  await ada.page.getByRole("menuitem", { name: "Trash" }).click();
  await ada.page.getByRole("button", { name: "Bring back “The cell”" }).click();
  await ada.page.getByRole("heading", { name: "The trash is empty" }).waitFor();
  await ben.seesState("Saved");
  await ben.page.locator("[aria-label=\"Note text\"][contenteditable=true]").waitFor();
  await ben.write(" And more.");
  await ben.seesText("Ben's words. And more.");
  await ada.goTo("Notes");
  await ada.openNote("The cell");
  await ada.seesText("Ben's words. And more.");

  await deletesTheNote(ada);
  await ben.seesState("Not saved");
  await ben.page.getByRole("alert").getByRole("button", { name: "Copy the text" }).waitFor();
  await ben.seesText("Ben's words. And more.");
  await ben.page.getByRole("alert").getByRole("button", { name: "Remove from this device" }).click();
  await ben.page.getByRole("heading", { name: "Notes", level: 1 }).waitFor();
  assert.deepEqual([...ada.errors, ...ben.errors], []);
});
