/**
 * Rich notes of other apps, whose names the page's editor knows and whose order it does not: nobody who looks at one
 * changes it, whether they may write or not, and what is written in it can be read.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { XmlText } from "../../clients/node_modules/yjs/dist/yjs.mjs";
import { eventually, openHall } from "./people.js";
import { adaAndBen, appOf, element, marked } from "./rich.js";

const p = (...children) => element("paragraph", ...children);

/** What is in the note, what can be read of it, and how REST shows it where that differs. */
const SCENES = [
  ["a heading in a list item", () => element("bulletList", element("listItem", element("heading", "chapter four"), p("read it"))), ["chapter four", "read it"]],
  ["a list item that begins with a list", () => element("bulletList", element("listItem", element("bulletList", element("listItem", p("inner"))))), ["inner"]],
  ["paragraphs right in a list", () => element("bulletList", p("buy bread"), p("call Anna")), ["buy bread", "call Anna"]],
  ["a bold word in a code block", () => element("codeBlock", marked({ bold: {} }, "let", " x = 5")), ["let x = 5"]],
  ["text right in a quotation", () => element("blockquote", "to be or not"), ["to be or not"]],
  ["a paragraph in a paragraph", () => p(p("inner words")), ["inner words"]],
  ["a line break with text", () => p("one", element("hardBreak", "hidden"), "two"), ["one", "hidden", "two"]],
  ["an empty quotation", () => element("blockquote"), []],
  ["text right in the note", () => new XmlText("loose words"), ["loose words"]],
];

const hall = await openHall();
const { ada, ben, id, room } = await adaAndBen(hall, { format: "rich" });
const app = await appOf(hall, ada);
const note = await app.open(id);

const notice = () => ben.page.locator("main").getByRole("note");
const lines = () => ben.page.getByRole("document", { name: "Note text" });

/** The app writes this between two paragraphs, in place of all that was there. */
async function appWrites(...blocks) {
  note.text.doc.transact(() => {
    note.text.delete(0, note.text.length);
    note.text.insert(0, [p("top"), ...blocks, p("end")]);
  });
  await note.saved();
  return { xml: note.text.toString(), shown: (await app.send("GET", `/notes/${id}`)).text };
}

async function benReads(words) {
  await notice().filter({ hasText: "can be read here and not changed" }).waitFor();
  await eventually(() => lines().locator("p").allTextContents(), (now) => now.join("|") === words.join("|"), `Ben reads ${words}`);
}

/** After whatever Ben's page has to say has been said. */
async function isUnchanged({ xml, shown }) {
  note.text.insert(note.text.length, [p("and on")]);
  await lines().getByText("and on").waitFor();
  await note.saved();
  assert.equal(note.text.toString(), `${xml}<paragraph>and on</paragraph>`);
  note.text.delete(note.text.length - 1, 1);
  await note.saved();
  assert.equal(note.text.toString(), xml);
  assert.equal((await app.send("GET", `/notes/${id}`)).text, shown);
}

for (const [state, writes] of [["Saved", true], ["Read only", false]]) {
  test(`who opens a note whose parts are in another order (${state}) changes nothing and reads all of it`, async () => {
    await app.send("PUT", `/rooms/${room}`, { settings: { members_can_edit_notes: writes } });
    for (const [what, make, words] of SCENES) {
      await ben.goTo("Rooms");
      const before = await appWrites(make());
      await ben.page.goto(`/notes/${id}`);
      for (const time of ["at first", "after a reload"]) {
        await benReads(["top", ...words, "end"]);
        await ben.seesState(state);
        assert.equal(await ben.page.getByRole("alert").count(), 0, `${what}, ${time}: nothing is refused`);
        await isUnchanged(before);
        if (time === "at first") await ben.page.reload();
      }
    }
    assert.deepEqual(ben.errors, []);
    await ben.findsScreenAccessible("a note of which the lines are shown");
  });

  test(`what comes while the note is open (${state}) is shown as lines until it is in order again`, async () => {
    await app.send("PUT", `/rooms/${room}`, { settings: { members_can_edit_notes: writes } });
    await appWrites();
    await ben.page.goto(`/notes/${id}`);
    await ben.seesText("top");
    await ben.seesState(state);
    for (const [what, make, words] of SCENES) {
      if (writes) {
        await ben.write(" of Ben");
        await eventually(() => note.text.toString(), (now) => now.includes("end of Ben"), "Ben writes");
      }
      const before = await appWrites(make());
      await benReads(["top", ...words, "end"]);
      assert.equal(await ben.text.count(), 0, `${what}: there is nothing to write into`);
      await isUnchanged(before);
      note.text.delete(1, 1);
      await ben.seesText("topend");
      await ben.seesState(state);
      assert.equal(await ben.page.getByRole("alert").count(), 0, what);
    }
    assert.deepEqual(ben.errors, []);
  });
}

test("who may write takes out what is empty, by a button and not by looking, and writes on", async () => {
  await app.send("PUT", `/rooms/${room}`, { settings: { members_can_edit_notes: true } });
  await appWrites(element("blockquote", element("bulletList", element("listItem"))), new XmlText());
  await ben.page.goto(`/notes/${id}`);
  await benReads(["top", "", "end"]);
  await ben.page.getByRole("button", { name: "Take out what is empty" }).click();
  await ben.seesText("topend");
  await ben.write(" of Ben");
  await eventually(() => note.text.toString(), (now) => now === "<paragraph>top</paragraph><paragraph>end of Ben</paragraph>", "Ben writes");
  await ben.seesState("Saved");
});

test("of a note with a link to what is no text, at which the editor would end, the words can be read", async () => {
  const before = await appWrites(p(marked({ link: { href: 5 } }, "a link to nowhere")));
  await ben.page.goto(`/notes/${id}`);
  await notice().filter({ hasText: "that this page does not know (“link”)" }).waitFor();
  assert.deepEqual(await lines().locator("p").allTextContents(), ["top", "a link to nowhere", "end"]);
  await isUnchanged(before);
  // Nor does anything delete what comes later.
  const later = await appWrites(element("bulletList", p("buy bread")));
  await lines().getByText("buy bread").waitFor();
  await isUnchanged(later);
  note.close();
});
