/** What the page's editor would delete is found before, as strictly as the editor's own binding, and nothing else is. */
import { Fragment, Slice, type Node } from "@tiptap/pm/model";
import { EditorState } from "@tiptap/pm/state";
import { initProseMirrorDoc } from "@tiptap/y-tiptap";
import { expect, test } from "vitest";
import { applyUpdate, Doc, encodeStateAsUpdate, Text, XmlElement, XmlHook, XmlText, type XmlFragment } from "yjs";
import { FIELD, SCHEMA } from "../src/editor/schema";
import { Fit, takeOutEmpty } from "../src/editor/strangers";
import { linesOf } from "../src/editor/text";
import { dice } from "./dice";

type Child = XmlElement | XmlText;
type Attributes = Record<string, unknown>;

const words = (...parts: (string | [string, Attributes])[]) => {
  const text = new XmlText();
  text.applyDelta(parts.map((part) => (typeof part === "string" ? { insert: part } : { insert: part[0], attributes: part[1] })));
  return text;
};

const el = (name: string, ...children: (Child | string)[]) => {
  const made = new XmlElement(name);
  made.insert(0, children.map((child) => (typeof child === "string" ? words(child) : child)));
  return made;
};

const having = (made: XmlElement, attributes: Attributes) => {
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value as string);
  return made;
};

const p = (...children: (Child | string)[]) => el("paragraph", ...children);
const noteOf = (...blocks: Child[]) => {
  const text = new Doc().getXmlFragment(FIELD);
  text.insert(0, blocks);
  return text;
};
const found = (text: XmlFragment) => {
  const misfit = new Fit(text, SCHEMA).misfit();
  return misfit && `${misfit.kind}: ${misfit.name}`;
};

/** Whether the binding shows a copy of this text as it is, and leaves it as it is. */
function isLeftAlone(text: XmlFragment): boolean {
  const copy = new Doc();
  applyUpdate(copy, encodeStateAsUpdate(text.doc!));
  const root = copy.getXmlFragment(FIELD);
  let touched = false;
  copy.on("update", () => (touched = true));
  let shown: Node;
  try {
    shown = initProseMirrorDoc(root, SCHEMA).doc;
  } catch {
    return false;
  }
  const { tr } = EditorState.create({ schema: SCHEMA });
  const { content } = tr.replace(0, tr.doc.content.size, new Slice(shown.content, 0, 0)).doc;
  return !touched && (root.length === 0 || content.eq(shown.content));
}

const OUT_OF_ORDER: [string, Child[], string][] = [
  ["a list item that begins with a heading", [el("bulletList", el("listItem", el("heading", "chapter four"), p("read it")))], "misplaced: listItem"],
  ["a list item that begins with a list", [el("bulletList", el("listItem", el("bulletList", el("listItem", p("inner")))))], "misplaced: listItem"],
  ["paragraphs right in a list", [el("bulletList", p("buy bread"), p("call Anna"))], "misplaced: bulletList"],
  ["a bold word in a code block", [el("codeBlock", words(["let", { bold: {} }], " x = 5"))], "misplaced: codeBlock"],
  ["text right in a quotation", [el("blockquote", "to be or not")], "misplaced: blockquote"],
  ["a paragraph in a paragraph", [p(p("inner words"))], "misplaced: paragraph"],
  ["a line break with text in it", [p("one", el("hardBreak", "hidden"), "two")], "misplaced: hardBreak"],
  ["a quotation with nothing in it", [el("blockquote")], "empty: blockquote"],
  ["a list with nothing in it", [el("orderedList", words())], "empty: orderedList"],
  ["text right in the note", [words("loose words")], "misplaced: text"],
  ["text without a letter right in the note", [words()], "empty: text"],
  ["a list item right in the note", [el("listItem", p("words"))], "misplaced: doc"],
  ["a line break right in the note", [el("hardBreak")], "misplaced: doc"],
  ["a note in a note", [el("doc", p("words"))], "misplaced: doc"],
  ["an element of another app", [el("table", el("tableRow", el("tableCell", p("words"))))], "unknown: table"],
  ["a mark of another app", [p(words(["bright", { highlight: {} }]))], "unknown: highlight"],
];

for (const [what, blocks, kind] of OUT_OF_ORDER) {
  test(`${what} is found, since the binding would not leave it alone`, () => {
    const text = noteOf(p("top"), ...blocks, p("end"));
    expect(isLeftAlone(text)).toBe(false);
    expect(found(text)).toBe(kind);
  });
}

test("whatever is found, nothing is changed, and all that is written in it can be read as lines", () => {
  for (const [, blocks] of OUT_OF_ORDER) {
    const text = noteOf(p("top"), ...blocks.map((block) => block.clone() as Child), p("end"));
    text.doc!.on("update", () => expect.unreachable("it was changed"));
    found(text);
    const lines = linesOf(text);
    expect([lines[0], lines.at(-1)]).toEqual(["top", "end"]);
    const letters = text.toString().replace(/<[^>]*>/g, "");
    expect(lines.join("")).toBe(letters);
  }
});

test("what the editor allows is not found", () => {
  const notes = [
    noteOf(),
    noteOf(p()),
    noteOf(p(words())),
    noteOf(p("a", el("hardBreak"), words("b", ["c", { bold: {}, italic: {} }]), "d"), el("horizontalRule")),
    noteOf(having(el("heading", "title"), { level: 2 }), el("heading", "of no level"), having(el("heading", "of another"), { level: 9 })),
    noteOf(having(p("of an app that aligns"), { textAlign: "center" })),
    noteOf(el("codeBlock", "let x"), el("codeBlock"), el("blockquote", p(), el("blockquote", p("deep")))),
    noteOf(having(el("orderedList", el("listItem", p("one"), el("bulletList", el("listItem", p("two")), el("listItem", p())))), { start: 3 })),
    noteOf(p(words(["linked", { "link--abcdefgh": { href: "https://example.org" } }], ["code", { code: {}, bold: {} }]))),
  ];
  for (const text of notes) {
    expect(isLeftAlone(text)).toBe(true);
    expect(found(text)).toBeUndefined();
  }
});

test("what is no text at all is found", () => {
  expect(found(noteOf(p(el("text"))))).toBe("unknown: text");
  const embedded = new XmlText();
  embedded.insertEmbed(0, { image: "a.png" });
  expect(found(noteOf(p(embedded)))).toBe("unknown: object");
  for (const value of [new XmlHook("hook"), new Text("words of another kind")]) {
    const text = noteOf(p("top"));
    text.insert(1, [value as unknown as XmlText]);
    expect(found(text)).toBe("unknown: object");
    const below = noteOf(p("top"));
    (below.get(0) as XmlElement).insert(0, [value.clone() as unknown as XmlText]);
    expect(found(below)).toBe("unknown: object");
    if (value instanceof Text) expect(linesOf(below)).toEqual(["words of another kind", "top"]);
  }
});

test("a link to what is no text, at which the editor would end, is found", () => {
  for (const href of [5, {}, ["https://example.org"], true]) {
    expect(found(noteOf(p(words(["here", { link: { href } }])))), JSON.stringify(href)).toBe("unknown: link");
  }
  expect(found(noteOf(p(words(["here", { link: { href: null } }]))))).toBeUndefined();
});

test("what is empty is taken out, with what is empty without it, and no letter", () => {
  const text = noteOf(p("top"), el("blockquote", el("bulletList", el("listItem"), el("listItem"))), words(), p("end"));
  expect(found(text)).toBe("empty: listItem");
  takeOutEmpty(text, SCHEMA);
  expect(text.toString()).toBe("<paragraph>top</paragraph><paragraph>end</paragraph>");
  const other = noteOf(el("blockquote"), el("blockquote", "words"), el("blockquote"));
  takeOutEmpty(other, SCHEMA);
  expect(found(other)).toBe("misplaced: blockquote");
  expect(linesOf(other)).toEqual(["words"]);
});

const NAMES = Object.keys(SCHEMA.nodes).filter((name) => name !== "text");
const MARKS = [...Object.keys(SCHEMA.marks), "highlight"];

function anyChild(roll: (sides: number) => number, depth: number): Child {
  if (depth === 0 || roll(4) === 0) {
    const parts = Array.from({ length: roll(3) }, (_, at): string | [string, Attributes] =>
      roll(3) > 0 ? `w${at}` : [`m${at}`, { [MARKS[roll(MARKS.length)]!]: {} }],
    );
    return words(...parts);
  }
  const children = Array.from({ length: roll(3) }, () => anyChild(roll, depth - 1));
  const usual = ["paragraph", "bulletList", "listItem", "blockquote"];
  return el(roll(3) > 0 ? usual[roll(usual.length)]! : NAMES[roll(NAMES.length)]!, ...children);
}

test("of notes put together by chance exactly those are found that the binding would not leave alone", { timeout: 60_000 }, () => {
  const roll = dice(6);
  const counts = { alone: 0, found: 0 };
  for (let round = 0; round < 1_500; round += 1) {
    const text = noteOf(...Array.from({ length: 1 + roll(2) }, () => (roll(2) ? anyChild(roll, 3) : p(anyChild(roll, 0)))));
    const alone = isLeftAlone(text);
    counts[alone ? "alone" : "found"] += 1;
    expect(found(text), `round ${round}: ${text.toString()}`)[alone ? "toBeUndefined" : "toBeDefined"]();
  }
  expect(Math.min(counts.alone, counts.found)).toBeGreaterThan(200);
});

test("a text that is tried again after each change is judged as one that is tried for the first time", { timeout: 60_000 }, () => {
  const roll = dice(7);
  const text = noteOf(p("top"), el("bulletList", el("listItem", p("one"))), el("blockquote", p("quote")));
  const fit = new Fit(text, SCHEMA);
  let changes = 0;
  text.doc!.on("beforeObserverCalls", (transaction) => {
    if (fit.changedBy(transaction)) changes += 1;
    expect(fit.misfit()?.message).toBe(new Fit(text, SCHEMA).misfit()?.message);
  });
  for (let round = 0; round < 1_000; round += 1) {
    let at: XmlFragment = text;
    for (let inner = at.length > 0 && at.get(roll(at.length)); inner instanceof XmlElement && roll(3); ) {
      at = inner;
      inner = at.length > 0 && at.get(roll(at.length));
    }
    const texts = at.toArray().filter((child) => child instanceof XmlText);
    if (roll(2) && texts[0]) texts[0].format(0, texts[0].length, { [MARKS[roll(MARKS.length)]!]: roll(2) ? {} : null });
    else if (at.length > 0 && (roll(2) || at.length > 4)) at.delete(roll(at.length), 1);
    else at.insert(roll(at.length + 1), [anyChild(roll, 2)]);
  }
  expect(changes).toBeGreaterThan(700);
  text.doc!.getText("title").insert(0, "not in the text");
  expect(fit.misfit()?.message).toBe(new Fit(text, SCHEMA).misfit()?.message);
});
