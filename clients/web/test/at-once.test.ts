/** What two people of this page do to a note at the same time leaves nothing in it that only another app could mend. */
import { chainCommands, deleteSelection, joinBackward, lift, setBlockType, splitBlock, wrapIn } from "@tiptap/pm/commands";
import { Node, type NodeType } from "@tiptap/pm/model";
import { liftListItem, sinkListItem, splitListItem, wrapInList } from "@tiptap/pm/schema-list";
import { EditorState, TextSelection, type Command } from "@tiptap/pm/state";
import { initProseMirrorDoc, prosemirrorToYXmlFragment, updateYFragment } from "@tiptap/y-tiptap";
import { expect, test } from "vitest";
import { applyUpdate, Doc, encodeStateAsUpdate } from "yjs";
import { FIELD, SCHEMA } from "../src/editor/schema";
import { Fit, takeOutEmpty } from "../src/editor/strangers";
import { linesOf } from "../src/editor/text";
import { dice } from "./dice";

const type = (name: string) => SCHEMA.nodes[name] as NodeType;
const COMMANDS: Command[] = [
  wrapInList(type("bulletList")),
  wrapInList(type("orderedList")),
  wrapIn(type("blockquote")),
  setBlockType(type("heading"), { level: 1 }),
  setBlockType(type("paragraph")),
  setBlockType(type("codeBlock")),
  liftListItem(type("listItem")),
  sinkListItem(type("listItem")),
  lift,
  chainCommands(splitListItem(type("listItem")), splitBlock),
  chainCommands(deleteSelection, joinBackward),
];

const p = (text: string) => ({ type: "paragraph", content: [{ type: "text", text }] });
const START = Node.fromJSON(SCHEMA, {
  type: "doc",
  content: [
    p("top"),
    { type: "bulletList", content: ["one", "two", "three"].map((item) => ({ type: "listItem", content: [p(item)] })) },
    { type: "blockquote", content: [p("to be"), p("or not")] },
    p("end"),
  ],
});

/** Somebody selects, types, deletes and presses buttons; their editor writes each step. */
function edits(doc: Doc, steps: number, roll: (sides: number) => number): void {
  const text = doc.getXmlFragment(FIELD);
  const { doc: shown, meta } = initProseMirrorDoc(text, SCHEMA);
  let state = EditorState.create({ schema: SCHEMA, doc: shown });
  const place = () => state.doc.resolve(roll(state.doc.content.size + 1));
  for (let step = 0; step < steps; step += 1) {
    const from = place();
    state = state.apply(state.tr.setSelection(TextSelection.between(from, roll(3) ? from : place())));
    if (roll(3) === 0) state = state.apply(state.tr.insertText(`w${step}`));
    else if (!state.selection.empty && roll(2)) state = state.apply(state.tr.deleteSelection());
    else COMMANDS[roll(COMMANDS.length)]!(state, (transaction) => (state = state.apply(transaction)));
    doc.transact(() => updateYFragment(doc, text, state.doc, meta));
  }
}

test("two who write at once leave at the most something empty, which can be taken out without a letter", { timeout: 60_000 }, () => {
  let empty = 0;
  for (let round = 0; round < 1_000; round += 1) {
    const roll = dice(round * 7_919 + 1);
    const [ada, ben] = [new Doc(), new Doc()];
    [ada.clientID, ben.clientID] = [2 * round + 1, 2 * round + 2];
    prosemirrorToYXmlFragment(START, ada.getXmlFragment(FIELD));
    applyUpdate(ben, encodeStateAsUpdate(ada));
    for (const doc of [ada, ben]) edits(doc, 4, roll);
    applyUpdate(ada, encodeStateAsUpdate(ben));
    const text = ada.getXmlFragment(FIELD);
    const misfit = new Fit(text, SCHEMA).misfit();
    if (!misfit) continue;
    expect(misfit.kind, `round ${round}: ${text.toString()}`).toBe("empty");
    empty += 1;
    const lines = linesOf(text);
    takeOutEmpty(text, SCHEMA);
    expect(new Fit(text, SCHEMA).misfit()).toBeUndefined();
    expect(linesOf(text)).toEqual(lines);
  }
  expect(empty).toBeGreaterThan(5);
});
