// What Rust and TypeScript share of Automerge (schema/fixtures), as the stock library reads it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import * as A from "@automerge/automerge";

const read = (name) => JSON.parse(readFileSync(new URL(`../../schema/fixtures/${name}`, import.meta.url)));
const bytes = (hex) => Uint8Array.from(Buffer.from(hex, "hex"));
const { first_changes: first, written } = read("automerge.json");

function begin(kind) {
  return A.applyChanges(A.init(), [bytes(first[kind])])[0];
}

test("a first change makes the root objects of its kind", () => {
  assert.deepEqual({ ...begin("note") }, { content: "", meta: {} });
  assert.deepEqual({ ...begin("todos") }, { todos: {}, moved: {} });
  assert.deepEqual({ ...begin("room") }, { state: {} });
});

test("what two devices put into documents that they began apart is all there", () => {
  const one = A.change(begin("todos"), (doc) => (doc.todos.a = { text: "of one" }));
  const other = A.change(begin("todos"), (doc) => (doc.todos.b = { text: "of the other" }));
  assert.deepEqual(Object.keys(A.merge(one, other).todos).sort(), ["a", "b"]);
});

test("a first change is one change of its own actor, at no time", () => {
  for (const [number, kind] of [["01", "note"], ["02", "todos"], ["03", "room"]]) {
    const change = A.decodeChange(bytes(first[kind]));
    assert.equal(change.actor, Buffer.from("studyhall first").toString("hex") + number);
    assert.deepEqual([change.seq, change.time, change.deps], [1, 0, []]);
  }
});

test("what the server writes reads as its clients expect it", () => {
  const of = (kind) => A.applyChanges(A.init(), written[kind].map(bytes))[0];
  const { todos } = of("todos");
  const [id] = Object.keys(todos);
  assert.equal(id, "010101010101010101010101");
  assert.equal(todos[id].text, "read 😀", "what people type is a string");
  assert.equal(todos[id].position, 1);
  assert.ok(A.isImmutableString(todos[id].due_date), "what is one value is one");
  assert.equal(String(todos[id].due_date), "2026-01-01T00:00:00Z");
  assert.deepEqual([String(todos[id].assignee_id), String(todos[id].completed.by)], [id, id]);
  const { state } = of("room");
  assert.equal(String(state.timer.phase), "focus");
  assert.equal(state.timer.duration_s, 1500);
});
