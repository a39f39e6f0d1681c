// Tiptap, unmodified, in two editors on one rich note.
import "./browser.js";
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { Editor } from "@tiptap/core";
import { Bold } from "@tiptap/extension-bold";
import { Collaboration } from "@tiptap/extension-collaboration";
import { Document } from "@tiptap/extension-document";
import { Paragraph } from "@tiptap/extension-paragraph";
import { Text } from "@tiptap/extension-text";
import { closeBrowser } from "./browser.js";
import { hocuspocusClients } from "./clients.js";
import { cast } from "./hall.js";
import { until } from "./until.js";

after(closeBrowser);

function edit(t, desk) {
  const together = Collaboration.configure({ document: desk.doc });
  const extensions = [Document, Paragraph, Text, Bold, together];
  const editor = new Editor({ element: document.createElement("div"), extensions });
  t.after(() => editor.destroy());
  return editor;
}

for (const { name, sit } of hocuspocusClients) {
  test(`Tiptap over ${name}: two editors, one rich note, marks survive`, async (t) => {
    const { ada, ben } = await cast(t, ["ada", "ben"]);
    const note = await ada.noteWith([ben], { format: "rich" });
    const [here, there] = [sit(t, ada, note), sit(t, ben, note)];
    await Promise.all([here.synced(), there.synced()]);
    const [adas, bens] = [edit(t, here), edit(t, there)];

    adas.commands.setContent("<p>Photosynthesis needs <strong>light</strong>.</p>");
    const html = "<p>Photosynthesis needs <strong>light</strong>.</p>";
    await until(() => bens.getHTML() === html, () => `Ben's editor shows ${bens.getHTML()}`);

    bens.commands.insertContentAt(bens.state.doc.content.size, "<p>And water.</p>");
    await until(() => adas.getHTML() === `${html}<p>And water.</p>`, () => adas.getHTML());
    await Promise.all([here.saved(), there.saved()]);
    assert.deepEqual(adas.getJSON(), bens.getJSON());

    const { text } = await ada.send("GET", `/notes/${note.slice("note:".length)}`);
    assert.equal(text, "Photosynthesis needs light.\nAnd water.");
  });

  test(`Tiptap over ${name}: a rich note that was posted with text opens with it`, async (t) => {
    const { ada } = await cast(t, ["ada"]);
    const note = await ada.note({ format: "rich", text: "First line\nSecond line" });
    const desk = sit(t, ada, note);
    await desk.synced();
    const editor = edit(t, desk);
    const html = "<p>First line</p><p>Second line</p>";
    await until(() => editor.getHTML() === html, () => `the editor shows ${editor.getHTML()}`);
  });
}
