/** A device that does not take what it is given, and people who leave before all of it is sent. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { cannotRestart } from "./hall.js";
import { openHall, somebody } from "./people.js";

const hall = await openHall("--debug-doors");

/** From now on the browser gives up the next so many writes of notes, as it does when its disk is full. */
async function diskFull(person, writes) {
  await person.page.evaluate((refused) => (window.refusedWrites = refused), writes);
}

/** Somebody with a note, at a browser whose disk can be full. */
async function adaAtHerNote() {
  const ada = await somebody(hall, "Ada");
  await ada.page.addInitScript(() => {
    const { add } = IDBObjectStore.prototype;
    IDBObjectStore.prototype.add = function (...given) {
      const request = add.apply(this, given);
      if (this.name === "updates" && window.refusedWrites > 0) {
        window.refusedWrites -= 1;
        request.addEventListener("success", () => this.transaction.abort());
      }
      return request;
    };
  });
  await ada.page.goto("/notes");
  await ada.makeNote("Entropy");
  await ada.write("before. ");
  await ada.seesState("Saved");
  await ada.keepsTheApp();
  return ada;
}

test("a disk that is full for a moment costs nothing of what is typed offline", async () => {
  const ada = await adaAtHerNote();
  await ada.context.setOffline(true);
  await ada.seesConnection("Offline");
  await diskFull(ada, 1);
  await ada.write("one two three");
  await ada.seesState("Offline: 13 edits kept here");
  await ada.page.reload();
  await ada.seesText("before. one two three");
  await ada.seesState("Offline: 13 edits kept here");

  await diskFull(ada, 1_000);
  await ada.write(" four");
  await ada.seesState("18 edits not kept here, leave this page open");
  await diskFull(ada, 0);
  await ada.seesState("Offline: 18 edits kept here");
  await ada.page.reload();
  await ada.seesText("before. one two three four");
  await ada.context.setOffline(false);
  await ada.seesState("Saved");
  const id = new URL(ada.page.url()).pathname.split("/").at(-1);
  assert.equal((await ada.asks(`/notes/${id}`)).text, "before. one two three four");
});

test("the words of who leaves a note before the server has let them in are sent all the same", async () => {
  const ada = await adaAtHerNote();
  const id = new URL(ada.page.url()).pathname.split("/").at(-1);
  await ada.page.goto("/notes");
  await ada.page.route("**/api/v1/auth/ws-ticket", async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    await route.continue();
  });
  await ada.openNote("Entropy");
  await ada.seesText("before.");
  await ada.write("words of Ada");
  await ada.goTo("Notes");
  const row = ada.page.getByRole("link", { name: "Entropy" });
  await row.filter({ hasText: "12 unsaved" }).waitFor();
  await row.filter({ hasNotText: "unsaved" }).waitFor();
  assert.equal((await ada.asks(`/notes/${id}`)).text, "before. words of Ada");
  assert.deepEqual(ada.errors, []);
});

test("what is acknowledged after its note was left is not said to be unsaved", { skip: cannotRestart }, async (t) => {
  if (!(await hall.knock("journal/release"))) return t.skip("this server has no debug doors");
  const ada = await adaAtHerNote();
  await hall.knock("journal/hold");
  await ada.write("late words");
  await ada.seesState(/^Saving/);
  await ada.goTo("Notes");
  const row = ada.page.getByRole("link", { name: "Entropy" });
  await row.filter({ hasText: "10 unsaved" }).waitFor();
  await hall.knock("journal/release");
  await row.filter({ hasNotText: "unsaved" }).waitFor();
  await ada.signOut();
  await ada.page.getByRole("heading", { name: "Sign in" }).waitFor();
  assert.deepEqual(ada.errors, []);
});
