/** Every screen, in light and dark, narrow and wide: readable by everybody, nothing cut off. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { eventually, openHall, somebody } from "./people.js";

const LOOKS = [
  { name: "narrow-light", viewport: { width: 360, height: 740 }, colorScheme: "light" },
  { name: "wide-dark", viewport: { width: 1440, height: 900 }, colorScheme: "dark" },
];

const hall = await openHall();

for (const { name: look, ...options } of LOOKS) {
  test(`every screen is accessible and fits (${look})`, async () => {
    const ada = await somebody(hall, "Ada", { account: false, ...options });
    const { page } = ada;
    const seen = async (screen) => {
      await ada.findsScreenAccessible(`${screen} (${look})`);
      const [wide, inner] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
      assert.ok(wide <= inner, `${screen} (${look}) is ${wide} pixels wide`);
      await ada.picture(`${screen}-${look}`);
    };

    await page.goto("/rooms");
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    await seen("sign-in");
    await page.goto("/sign-up");
    await page.getByRole("heading", { name: "Create an account" }).waitFor();
    await seen("sign-up");
    await ada.signUp();
    await page.getByRole("heading", { name: "No rooms yet" }).waitFor();
    await seen("rooms-empty");
    await page.getByRole("button", { name: "New room" }).click();
    await page.getByRole("dialog", { name: "New room" }).waitFor();
    await seen("rooms-new");
    await page.keyboard.press("Escape");
    await ada.makeRoom("Biology", "Cells and what they do all day");
    await ada.inviteCode();
    await ada.addTodo("Read chapter 4, about what happens to cells of a plant that stands in salt water");
    await ada.addTodo("Draw it");
    await ada.complete("Draw it");
    await page.getByRole("button", { name: "Set a due date for “Draw it”" }).click();
    await page.getByRole("dialog").getByLabel("Due", { exact: true }).fill("2026-01-09");
    await seen("room-due");
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Start", exact: true }).click();
    await page.getByRole("status", { name: "Phase" }).filter({ hasText: "Focus" }).waitFor();
    await ada.seesListState("Saved");
    await seen("room");
    await ada.makeNote("The cell");
    await ada.write("Mitochondria are the powerhouse of the cell.");
    await ada.seesState("Saved");
    await seen("note");
    await page.getByRole("button", { name: "More about this note" }).click();
    await page.getByRole("menuitem", { name: "History" }).click();
    await page.getByText("This is how the note reads now.").waitFor();
    await seen("history");
    await page.goto("/todos");
    await page.getByRole("heading", { name: "Nothing to do" }).waitFor();
    await seen("todos-empty");
    await page.goto("/trash");
    await page.getByRole("heading", { name: "The trash is empty" }).waitFor();
    await seen("trash-empty");
    await page.goto("/notes");
    await page.getByRole("link", { name: "The cell" }).waitFor();
    await seen("notes");
    await page.goto("/rooms");
    await page.getByRole("link", { name: "Biology" }).waitFor();
    await seen("rooms");
    await page.goto("/notes/ffffffffffffffffffffffff");
    await page.getByRole("alert").waitFor();
    await seen("note-refused");
    await page.goto("/nowhere");
    await page.getByRole("heading", { name: "Nothing here" }).waitFor();
    await seen("not-found");
    await ada.context.setOffline(true);
    await ada.seesConnection("Offline");
    await ada.goTo("Rooms");
    await page.getByRole("link", { name: "Biology" }).waitFor();
    await seen("rooms-offline");
    assert.deepEqual(ada.errors, []);
  });
}

test("a room and a note are made with the keyboard alone", async () => {
  const ada = await somebody(hall, "Ada");
  const { keyboard } = ada.page;
  const focus = () =>
    ada.page.evaluate(() => {
      const { ariaLabel, textContent } = document.activeElement;
      return ariaLabel || textContent;
    });
  const tabTo = async (name) => {
    for (let steps = 0; steps < 30; steps += 1) {
      const focused = await focus();
      if (focused.includes(name) && focused.length < 40) return;
      await keyboard.press("Tab");
    }
    assert.fail(`the keyboard does not reach ${name}`);
  };
  await tabTo("New room");
  await keyboard.press("Enter");
  await ada.page.getByRole("dialog", { name: "New room" }).getByLabel("Name").waitFor();
  await keyboard.type("Chemistry");
  await keyboard.press("Enter");
  await ada.page.getByRole("heading", { name: "Chemistry", level: 1 }).waitFor();
  await tabTo("New note");
  await keyboard.press("Enter");
  await ada.text.waitFor();
  await tabTo("Title");
  await keyboard.type("Bonds");
  await keyboard.press("Tab");
  await keyboard.press("ArrowRight");
  assert.equal(await focus(), "Italic");
  await keyboard.press("Enter");
  await eventually(focus, (name) => name === "Note text", "the button gives the focus back to the text");
  await keyboard.type("ionic");
  await ada.text.locator("em", { hasText: "ionic" }).waitFor();
  await ada.seesState("Saved");
});

test("the first load is under 250 KB of compressed JavaScript, without the editor", async () => {
  const visitor = await somebody(hall, "Visitor", { account: false, serviceWorkers: "block" });
  const scripts = [];
  visitor.page.on("response", (response) => {
    if (response.request().resourceType() === "script") scripts.push(response.body());
  });
  await visitor.page.goto("/", { waitUntil: "networkidle" });
  await visitor.page.getByRole("heading", { name: "Sign in" }).waitFor();
  const bytes = (await Promise.all(scripts)).reduce((sum, body) => sum + gzipSync(body).length, 0);
  assert.ok(bytes > 50_000 && bytes < 250_000, `${bytes} bytes in ${scripts.length} scripts`);
});
