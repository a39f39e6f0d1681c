/** Two tabs of one browser: what one of them wrote is in the other one's keeping too. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { anotherTab, eventually, openHall, somebody } from "./people.js";

const hall = await openHall();

/** Ada with a saved note, and the text that the server has of it. */
async function adaAtHerNote() {
  const ada = await somebody(hall, "Ada");
  await ada.goTo("Notes");
  await ada.makeNote("Optics");
  await ada.write("before. ");
  await ada.seesState(/^Saved/);
  const id = new URL(ada.page.url()).pathname.split("/").at(-1);
  return { ada, saved: async (reader) => (await reader.asks(`/notes/${id}`)).text };
}

test("what is written offline in a tab that is closed is in the other tab, and sent from there", async () => {
  const { ada, saved } = await adaAtHerNote();
  const tab = await anotherTab(ada);
  await tab.seesState(/^Saved/);
  await ada.context.setOffline(true);
  await Promise.all([ada.seesConnection("Offline"), tab.seesConnection("Offline")]);
  await ada.write("words of the first tab");
  await tab.seesText("before. words of the first tab");
  for (const each of [ada, tab]) await each.seesState("Offline: 22 edits kept here");
  await ada.page.close();
  await tab.context.setOffline(false);
  await tab.seesState(/^Saved/);
  assert.equal(await saved(tab), "before. words of the first tab");
  await tab.goTo("Notes");
  await tab.page.getByRole("link", { name: "Optics" }).filter({ hasNotText: "unsaved" }).waitFor();
  await tab.signOut();
  await tab.page.getByRole("heading", { name: "Sign in" }).waitFor();
  assert.deepEqual([...ada.errors, ...tab.errors], []);
});

test("what a tab was closed with before it was let in is sent by one that shows another place", async () => {
  const { ada, saved } = await adaAtHerNote();
  await ada.goTo("Notes");
  const tab = await anotherTab(ada);
  // This tab's session is never let in.
  await tab.page.route("**/api/v1/auth/ws-ticket", () => {});
  await tab.openNote("Optics");
  await tab.seesText("before.");
  await tab.write("words of Ada");
  await tab.seesState("Connecting: 12 edits kept here");
  await tab.page.close();
  await eventually(() => saved(ada), (text) => text === "before. words of Ada", "the server has it");
  await ada.page.getByRole("link", { name: "Optics" }).filter({ hasNotText: "unsaved" }).waitFor();
  assert.deepEqual([...ada.errors, ...tab.errors], []);
});
