// Links, pictures and numbers of one person, in the stored copy of another: yrs does not write them as yjs
// does, and they are the same all the same.
import assert from "node:assert/strict";
import test from "node:test";
import * as Y from "yjs";
import { agree, clients, hocuspocusClients } from "./clients.js";
import { cast } from "./hall.js";

/** A line of a rich note. */
function line(doc, ...text) {
  const words = new Y.XmlText();
  const paragraph = new Y.XmlElement("paragraph");
  doc.getXmlFragment("default").insert(0, [paragraph]);
  paragraph.insert(0, [words]);
  words.insert(0, ...text);
}

const link = { href: "https://a.example", target: "_blank", rel: "noopener noreferrer", class: null };
const picture = { url: "https://a.example/x", alt: "x", width: 1, height: 2.5, tags: [{ b: 1, a: 2 }, null] };
const values = {
  "a link": (doc) => line(doc, "see here", { link }),
  "a picture in the text": (doc) => doc.getText("content").insertEmbed(0, picture),
  "a size": (doc) => doc.getText("content").insert(0, "x", { size: 1e21, "ä\u2028/": 1.5 }),
  "an object": (doc) => doc.getMap("meta").set("cover", picture),
  "numbers": (doc) => [-0, NaN, 12345678901234n, 7n, 0.1, 0.5, Date.now(), undefined, null].forEach((value, n) => {
    doc.getMap("all").set(`${n}`, value);
    doc.getArray("all of them").push([{ n, value }]);
  }),
  "a heading": (doc) => {
    const heading = new Y.XmlElement("heading");
    heading.setAttribute("level", 2);
    doc.getXmlFragment("default").insert(0, [heading]);
  },
};

for (const { name, sit } of clients) {
  test(`${name}: a stored copy of what others wrote is no forgery`, async (t) => {
    const { ada, ben } = await cast(t, ["ada", "ben"]);
    const note = await ada.noteWith([ben]);
    const author = await hocuspocusClients[0].sit(t, ada, note);
    await author.synced();
    for (const write of Object.values(values)) author.doc.transact(() => write(author.doc));
    await author.saved();
    const reader = await sit(t, ben, note);
    const refused = [];
    reader.provider.on("stateless", ({ payload }) => refused.push(payload));
    // As y-indexeddb does, at whatever moment it is ready.
    Y.applyUpdate(reader.doc, Y.encodeStateAsUpdate(author.doc), "stored");
    reader.write("<ben>");
    await agree([author, reader], ["<ben>"]);
    await reader.saved();
    assert.deepEqual(refused, []);
  });
}
