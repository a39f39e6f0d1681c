/** "Saved" is true: nobody says it, and nobody else sees an edit, before it is durable. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { cannotRestart } from "./hall.js";
import { openHall, somebody } from "./people.js";

const hall = await openHall("--debug-doors");

test("while the journal is held an edit is being saved and nobody else sees it", { skip: cannotRestart }, async (t) => {
  if (!(await hall.knock("journal/release"))) return t.skip("this server has no debug doors");
  const [ada, ben] = [await somebody(hall, "Ada"), await somebody(hall, "Ben")];
  const cleo = await somebody(hall, "Cleo");
  await ada.makeRoom("Biology");
  const code = await ada.inviteCode();
  await ben.joinRoom(code, "Biology");
  await cleo.joinRoom(code, "Biology");
  await ada.makeNote("The cell");
  await ada.seesState("Saved");
  await ben.page.reload();
  await ben.openNote("The cell");
  await ben.seesState("Saved");

  await hall.knock("journal/hold");
  await ada.write("Not yet durable.");
  await ada.seesState(/^Saving/);
  // Awareness does not wait: Ben sees Cleo come, after Ada's edit was sent, and neither reads it.
  await cleo.page.reload();
  await cleo.openNote("The cell");
  await ben.page.getByRole("img", { name: "Cleo" }).waitFor();
  assert.equal(await ben.reads(), "");
  assert.equal(await cleo.reads(), "");
  assert.match(await ada.saveState.textContent(), /^Saving/);

  await hall.knock("journal/release");
  await ben.seesText("Not yet durable.");
  await cleo.seesText("Not yet durable.");
  await ada.seesState("Saved");
});
