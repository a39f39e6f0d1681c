/** What a note was: its versions, who wrote in them, and going back to one without losing what came after. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { cannotRestart } from "./hall.js";
import { eventually, openHall, somebody } from "./people.js";

const hall = await openHall("--debug-doors");

async function openHistory(person) {
  await person.page.getByRole("button", { name: "More about this note" }).click();
  await person.page.getByRole("menuitem", { name: "History" }).click();
  await person.page.getByRole("heading", { name: "History" }).waitFor();
}

test("a note goes back to what it was before somebody spoiled it, and that is an edit like any other", { skip: cannotRestart }, async (t) => {
  if (!(await hall.knock("clock/1"))) return t.skip("this server has no door to its clock");
  const [ada, ben] = [await somebody(hall, "Ada"), await somebody(hall, "Ben")];
  await ada.makeRoom("Biology");
  await ben.joinRoom(await ada.inviteCode(), "Biology");
  await ada.makeNote("The cell");
  await ada.write("Mitochondria are the powerhouse of the cell.");
  await ada.seesState("Saved");
  await ben.page.reload();
  await ben.openNote("The cell");
  await ben.seesText("Mitochondria");

  // What is written within five minutes is one version.
  await hall.knock("clock/360");
  await ben.text.click();
  await ben.page.keyboard.press("Control+A");
  await ben.page.keyboard.type("Ben was here.");
  await ben.seesState("Saved");
  await ada.seesText("Ben was here.");
  assert.equal(await ada.reads(), "Ben was here.");

  await openHistory(ada);
  const versions = ada.page.getByRole("list", { name: "Versions" }).getByRole("listitem");
  await eventually(() => versions.count(), (count) => count === 2, "there are two versions");
  await versions.nth(0).filter({ hasText: "Ben" }).waitFor();
  const text = ada.page.getByRole("region", { name: "Text of this version" });
  await text.filter({ hasText: "Ben was here." }).waitFor();
  await versions.nth(1).getByRole("button").click();
  await text.filter({ hasText: "Mitochondria are the powerhouse of the cell." }).waitFor();
  await ada.page.getByRole("region", { name: "This version" }).getByText(/, Ada$/).waitFor();
  await ada.findsScreenAccessible("history");
  await ada.picture("history");

  await ada.page.getByRole("button", { name: "Go back to this version" }).click();
  await ada.seesText("Mitochondria are the powerhouse of the cell.");
  await ben.seesText("Mitochondria are the powerhouse of the cell.");
  assert.equal(await ben.reads(), "Mitochondria are the powerhouse of the cell.");
  assert.equal(await ada.reads(), await ben.reads());
  await ben.write(" And Ben likes it.");
  await ada.seesText("And Ben likes it.");
  assert.deepEqual([...ada.errors, ...ben.errors], []);
});
