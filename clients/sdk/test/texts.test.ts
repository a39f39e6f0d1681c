/** Texts that two people write at once. */
import { describe, expect, it } from "vitest";
import * as Y from "yjs";
import { rebased } from "../src/texts.js";
import { TodoList } from "../src/todo-list.js";
import { ada } from "./cast.js";

const ben = "b".repeat(24);

function made(base: string, mine: string, theirs: string): string {
  const changes = rebased(base, mine, theirs).toReversed();
  return changes.reduce((now, { from, to, inserted }) => now.slice(0, from) + inserted + now.slice(to), theirs);
}

/** A list of each of two people, with one todo. */
function lists(text: string) {
  const [adas, bens] = [new Y.Doc(), new Y.Doc()];
  const [one, other] = [new TodoList(adas, ada.id), new TodoList(bens, ben)];
  const id = one.add({ text });
  const meet = () => {
    Y.applyUpdate(adas, Y.encodeStateAsUpdate(bens));
    Y.applyUpdate(bens, Y.encodeStateAsUpdate(adas));
    expect(one.item(id)).toEqual(other.item(id));
    return one.item(id)!.text;
  };
  meet();
  return { one, other, id, meet, entry: adas.getMap("todos").get(id) as Y.Map<unknown> };
}

describe("of two who write one text", () => {
  it.each([
    ["buy milk", "buy milk and honey", "Urgent: buy milk", "Urgent: buy milk and honey"],
    ["buy milk", "Urgent: buy milk", "buy milk and honey", "Urgent: buy milk and honey"],
    ["tea", "coffee", "cocoa", "cocoa coffee"],
    ["tea", "teas", "tea, please", "teas, please"],
    ["one two three", "one three", "one two three four", "one three four"],
    ["one two three", "one two three four", "three", "three four"],
    ["one two three", "three", "one 2 three", "2 three"],
    ["one two three", "", "one 2 three", "2"],
    ["one", "one", "two", "two"],
    ["one", "two", "two", "two"],
    ["🦀 crab", "🦀 crab soup", "🐟 crab", "🐟 crab soup"],
  ])("%j: %j and %j make %j", (base, mine, theirs, both) => {
    expect(made(base, mine, theirs)).toBe(both);
  });

  it("who writes alone writes what they mean", () => {
    const texts = ["", "a", "a b", "b a", "a b a", "ab", "a  b", "🦀 b", "b 🐟", "🦀"];
    for (const base of texts) for (const mine of texts) expect(made(base, mine, base)).toBe(mine);
  });
});

it("what two have written into one todo offline is all there", () => {
  const { one, other, id, meet } = lists("buy milk");
  one.revise(id, { text: "Urgent: buy milk" });
  other.revise(id, { text: "buy milk and honey" });
  expect(meet()).toBe("Urgent: buy milk and honey");
});

it("who has had a todo open for a while keeps what others have saved into it meanwhile", () => {
  const { one, other, id, meet } = lists("buy milk");
  const was = one.item(id)!.text;
  other.revise(id, { text: "buy milk and honey" });
  meet();
  one.revise(id, { text: "Urgent: buy milk" }, was);
  expect(meet()).toBe("Urgent: buy milk and honey");
});

it("a text that some client has written as one value, or has put other things into, is written all the same", () => {
  const { one, id, meet, entry } = lists("buy milk");
  entry.set("text", "buy tea");
  one.revise(id, { text: "buy tea and honey" });
  expect(meet()).toBe("buy tea and honey");
  (entry.get("text") as Y.Text).insertEmbed(0, { image: "x" });
  one.revise(id, { text: "buy nothing" });
  expect(meet()).toBe("buy nothing");
  entry.set("text", 7);
  one.revise(id, { text: "buy all" });
  expect(meet()).toBe("buy all");
});
