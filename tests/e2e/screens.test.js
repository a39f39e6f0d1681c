/** Every screen, in light and dark, narrow and wide: readable by everybody, nothing cut off. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Hall } from "./hall.js";
import { browser, somebody } from "./people.js";

const LOOKS = [
  { name: "narrow-light", viewport: { width: 360, height: 740 }, colorScheme: "light" },
  { name: "wide-dark", viewport: { width: 1440, height: 900 }, colorScheme: "dark" },
];

let hall;
before(async () => {
  hall = await Hall.open();
});
after(async () => {
  await browser.close();
  await hall?.close();
});

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
    await ada.signUp();
    await page.getByRole("heading", { name: "No rooms yet" }).waitFor();
    await seen("rooms-empty");
    await page.getByRole("button", { name: "New room" }).click();
    await page.getByRole("dialog", { name: "New room" }).waitFor();
    await seen("rooms-new");
    await page.keyboard.press("Escape");
    await ada.makeRoom("Biology", "Cells and what they do all day");
    await ada.inviteCode();
    await seen("room");
    await ada.makeNote("The cell");
    await ada.write("Mitochondria are the powerhouse of the cell.");
    await ada.seesState("Saved");
    await seen("note");
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
