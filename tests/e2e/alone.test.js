/** One person and a server that is not always there; and what signing out leaves behind. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { cannotRestart } from "./hall.js";
import { anotherTab, eventually, openHall, somebody } from "./people.js";

const hall = await openHall();

test("with the server down the page and the note open, and what is written is saved later", { skip: cannotRestart }, async () => {
  const ada = await somebody(hall, "Ada");
  await ada.goTo("Notes");
  await ada.makeNote("Thermodynamics");
  await ada.write("Heat flows from warm to cold.");
  await ada.seesState("Saved");
  await ada.keepsTheApp();

  await hall.stop();
  await ada.seesConnection("Offline");
  await ada.page.reload();
  await ada.page.getByRole("button", { name: "Account of Ada" }).waitFor();
  await ada.seesText("Heat flows from warm to cold.");
  assert.equal(await ada.title.inputValue(), "Thermodynamics");
  await ada.write(" Never back.");
  await ada.seesState(/Offline: 12 edits kept here/);
  await ada.page.reload();
  await ada.seesText("Heat flows from warm to cold. Never back.");
  await ada.seesState(/Offline: 12 edits kept here/);

  await ada.goTo("Notes");
  await ada.page.getByRole("button", { name: "New note" }).click();
  await ada.title.fill("Made without a server");
  await ada.write("Entropy grows.");
  await ada.seesState(/Offline: \d+ edits kept here/);

  await hall.start();
  await ada.seesConnection("Online");
  await ada.seesState("Saved");
  await ada.goTo("Notes");
  const notes = ada.page.getByRole("list", { name: "Notes" });
  await eventually(() => notes.getByText(/unsaved|Only here/).count(), (count) => count === 0, "nothing is unsaved");

  const elsewhere = await somebody(hall, "Ada", { account: false });
  Object.assign(elsewhere, { email: ada.email, password: ada.password });
  await elsewhere.page.goto("/notes");
  await elsewhere.signIn();
  await elsewhere.openNote("Thermodynamics");
  await elsewhere.seesText("Heat flows from warm to cold. Never back.");
  await elsewhere.goTo("Notes");
  await elsewhere.openNote("Made without a server");
  await elsewhere.seesText("Entropy grows.");
  assert.deepEqual(ada.errors, []);
});

test("signing out removes the local databases, and asks before it removes unsaved work", async () => {
  const ada = await somebody(hall, "Ada");
  await ada.goTo("Notes");
  await ada.makeNote("Mine alone");
  await ada.write("A thought.");
  await ada.seesState("Saved");
  const kept = await ada.databases();
  assert.equal(kept.filter((name) => /^studyhall:[0-9a-f]{24}/.test(name)).length, 2, kept.join());

  await ada.context.setOffline(true);
  await ada.seesConnection("Offline");
  await ada.write(" Another one.");
  await ada.seesState(/kept here/);
  await ada.signOut();
  await ada.page.getByRole("dialog").getByRole("button", { name: "Stay signed in" }).click();
  await ada.seesText("A thought. Another one.");
  await ada.context.setOffline(false);
  await ada.seesState("Saved");

  await ada.signOut();
  await ada.page.getByRole("heading", { name: "Sign in" }).waitFor();
  await eventually(
    () => ada.databases(),
    (names) => names.every((name) => name === "studyhall"),
    "no database of Ada is left",
  );
  await ada.page.reload();
  await ada.page.getByRole("heading", { name: "Sign in" }).waitFor();
  await ada.signIn();
  await ada.goTo("Notes");
  await ada.openNote("Mine alone");
  await ada.seesText("A thought. Another one.");
  assert.deepEqual(ada.errors, []);
});

test("two tabs of one person write offline and come back with everything, and sign out together", async () => {
  const ada = await somebody(hall, "Ada");
  await ada.goTo("Notes");
  await ada.makeNote("Two tabs");
  await ada.seesState("Saved");
  const tab = await anotherTab(ada);
  await tab.seesState("Saved");

  await ada.context.setOffline(true);
  await Promise.all([ada.seesConnection("Offline"), tab.seesConnection("Offline")]);
  await ada.write("From the first. ");
  await tab.write("From the second. ");
  for (const each of [ada, tab]) await each.seesState("Offline: 33 edits kept here");
  await ada.context.setOffline(false);
  for (const each of [ada, tab]) {
    await each.seesText("From the first.");
    await each.seesText("From the second.");
    await each.seesState("Saved");
  }
  assert.equal(await ada.reads(), await tab.reads());

  await ada.signOut();
  await tab.page.getByRole("heading", { name: "Sign in" }).waitFor();
  await eventually(() => tab.databases(), (names) => names.join() === "studyhall", "no database of Ada is left");
  assert.deepEqual([...ada.errors, ...tab.errors], []);
});
