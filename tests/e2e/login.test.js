/** A login over time: its tokens renew by themselves, and it can be ended from elsewhere. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { cannotRestart } from "./hall.js";
import { anotherTab, eventually, openHall, somebody } from "./people.js";

const hall = await openHall("--access-ttl", "2");

/** What the server answers to this page's cookies. */
const statusOf = (page, method, path) =>
  page.evaluate(async ([verb, url]) => (await fetch(url, { method: verb })).status, [method, path]);

test("tokens renew by themselves, once over two tabs", { skip: cannotRestart }, async () => {
  const ada = await somebody(hall, "Ada");
  const tab = await anotherTab(ada);
  const refreshed = [];
  ada.context.on("request", (request) => request.url().endsWith("/auth/refresh") && refreshed.push(request));
  await eventually(() => statusOf(ada.page, "GET", "/api/v1/auth/me"), (status) => status === 401, "the access token ends");
  await Promise.all([ada.makeRoom("Algebra"), tab.goTo("Notes")]);
  await tab.makeNote("Groups");
  await tab.seesState("Saved");
  assert.ok(refreshed.length >= 1);
  assert.deepEqual([...ada.errors, ...tab.errors], []);
});

test("a login that is ended elsewhere asks to sign in again, and keeps what was written", { skip: cannotRestart }, async () => {
  const ada = await somebody(hall, "Ada");
  await ada.goTo("Notes");
  await ada.makeNote("Left open");
  await ada.write("Still here.");
  await ada.seesState("Saved");

  const elsewhere = await somebody(hall, "Ada", { account: false });
  Object.assign(elsewhere, { email: ada.email, password: ada.password });
  await elsewhere.page.goto("/notes");
  await elsewhere.signIn();
  assert.equal(await statusOf(elsewhere.page, "POST", "/api/v1/auth/logout-all"), 204);

  await ada.page.getByRole("heading", { name: "Sign in" }).waitFor();
  await ada.page.getByText("Your login has ended").waitFor();
  const kept = await ada.databases();
  assert.equal(kept.filter((name) => name.includes(":note:")).length, 1, kept.join());
  await ada.signIn();
  await ada.seesText("Still here.");
  await ada.write(" And on.");
  await ada.seesState("Saved");
  assert.deepEqual(ada.errors, []);
});
