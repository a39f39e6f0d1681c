/** Lists of todos and timers as the server has them: the same steps leave the same document. */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import * as Y from "yjs";
import { TodoList, type Came, type Completed, type Todo, type TodoChange } from "../src/todo-list.js";
import { asTimer, asTimerConfig, remainingSeconds, timerAfter, type Timer, type TimerAction, type TimerConfig } from "../src/timer.js";

type Entries = Record<string, unknown>;

interface Step extends TodoChange {
  do: "make" | "revise" | "complete" | "reopen" | "place" | "remove" | "moved" | "receive";
  id: string;
  text: string;
  at: string;
  by: string;
  after: string | null;
  to: string;
  created_at: string;
  completed: Completed;
  came?: Came;
}

interface ListCase {
  name: string;
  before?: Record<string, Record<string, Entries>>;
  values?: Entries;
  steps: Step[];
  document: Entries;
  shown: Todo[];
}

interface TimerCase {
  name: string;
  config: TimerConfig;
  steps: { action: TimerAction; at: string; timer: Timer | null; left: [string, number][] }[];
}

function fixture<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../../../schema/fixtures/${name}`, import.meta.url), "utf8")) as T;
}

/** What somebody's program wrote into the document. */
function written({ before = {}, values = {} }: ListCase): Y.Doc {
  const doc = new Y.Doc();
  for (const [root, entries] of Object.entries(before)) {
    for (const [key, fields] of Object.entries(entries)) doc.getMap(root).set(key, new Y.Map(Object.entries(fields)));
  }
  for (const [key, value] of Object.entries(values)) doc.getMap("todos").set(key, value);
  return doc;
}

function take(doc: Y.Doc, step: Step): void {
  const { id, text, assignee_id, due_date } = step;
  const list = new TodoList(doc, step.by, () => Date.parse(step.at));
  const change = Object.fromEntries(Object.entries({ text, assignee_id, due_date }).filter(([, value]) => value !== undefined));
  const acts: Record<Step["do"], () => unknown> = {
    make: () => list.add({ text, assignee_id, due_date }, id),
    revise: () => list.revise(id, change),
    complete: () => list.complete(id),
    reopen: () => list.reopen(id),
    place: () => list.place(id, step.after),
    remove: () => list.remove(id),
    moved: () => list.moved(id, step.to),
    receive: () => list.receive({ ...step, position: 0 } as unknown as Todo, step.completed, step.came),
  };
  acts[step.do]();
}

const { lists } = fixture<{ lists: ListCase[] }>("todos.json");
it.each(lists)("a list: $name", (given) => {
  const doc = written(given);
  for (const step of given.steps) take(doc, step);
  expect({ todos: doc.getMap("todos").toJSON(), moved: doc.getMap("moved").toJSON() }).toEqual(given.document);
  expect(new TodoList(doc, "").items.get()).toEqual(given.shown);
});

const timers = fixture<{ timers: TimerCase[]; not_timers: unknown[]; not_configs: unknown[] }>("timer.json");
it.each(timers.timers)("a timer: $name", ({ config, steps }) => {
  let timer: Timer | null = null;
  for (const step of steps) {
    timer = timerAfter(timer, step.action, config, Date.parse(step.at));
    expect(timer).toEqual(step.timer);
    expect(asTimer(timer)).toEqual(timer);
    for (const [at, left] of step.left) expect(remainingSeconds(timer!, Date.parse(at))).toBe(left);
  }
});

it("takes nothing for a timer that is not within limits", () => {
  expect(timers.not_timers.map(asTimer).filter(Boolean)).toEqual([]);
  expect(timers.not_configs.map(asTimerConfig).filter(Boolean)).toEqual([]);
  expect(timers.not_timers.length * timers.not_configs.length).toBeGreaterThan(30);
});
