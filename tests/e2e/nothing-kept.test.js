/** A browser that keeps nothing for the page: it works online, and says what it cannot do. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openHall, somebody } from "./people.js";

const hall = await openHall();

/** How a browser says that there is no database. */
const refusals = {
  "answers with an error": () => {
    IDBFactory.prototype.open = () => {
      const request = new EventTarget();
      setTimeout(() => {
        request.error = new DOMException("no", "UnknownError");
        request.onerror?.(new Event("error"));
      }, 5);
      return request;
    };
  },
  throws: () => {
    const refused = () => {
      throw new DOMException("The user denied permission to access the database.", "SecurityError");
    };
    for (const name of ["indexedDB", "localStorage"]) Object.defineProperty(window, name, { get: refused });
    window.BroadcastChannel = refused;
    navigator.locks.request = async () => refused();
  },
};

for (const [how, refuse] of Object.entries(refusals)) {
  test(`without a database the page works online, and says that nothing is kept: ${how}`, async () => {
    const ada = await somebody(hall, "Ada", { account: false });
    await ada.context.addInitScript(refuse);
    await ada.signUp();
    // Such a browser takes no cookies either.
    assert.deepEqual(await ada.context.cookies(), []);
    const notice = ada.page.getByRole("status").filter({ hasText: "This browser keeps nothing" });
    await notice.waitFor();
    await ada.goTo("Notes");
    await ada.makeNote("Volatile");
    await ada.write("online. ");
    await ada.seesState("Saved, not kept on this device");
    const id = new URL(ada.page.url()).pathname.split("/").at(-1);
    await ada.findsScreenAccessible("a note that is not kept");

    await ada.context.setOffline(true);
    await ada.seesConnection("Offline");
    await ada.write("offline.");
    await ada.seesState("Offline: 8 edits not kept here, leave this page open");
    await ada.context.setOffline(false);
    await ada.seesState("Saved, not kept on this device");

    await ada.page.reload();
    await notice.waitFor();
    await ada.signIn();
    await ada.page.waitForURL(`**/notes/${id}`);
    await ada.seesText("online. offline.");
    await ada.seesState("Saved, not kept on this device");
    await ada.signOut();
    await ada.page.getByRole("heading", { name: "Sign in" }).waitFor();
    assert.deepEqual(ada.errors, []);
  });
}
