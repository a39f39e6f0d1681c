/** Lists of todos and timers on a device: without a server, over a restart, and merged. */
import { expect, it } from "vitest";
import * as Y from "yjs";
import { Clock } from "../src/clock.js";
import { RoomState } from "../src/room-state.js";
import { memory } from "../src/storage.js";
import { UnsavedWork } from "../src/studyhall.js";
import { ListFull } from "../src/todo-limits.js";
import { TodoList } from "../src/todo-list.js";
import type { OpenTodos } from "../src/todos.js";
import { ada, credentials, FakeServer, openHall } from "./cast.js";

const room = "c".repeat(24);
const ben = "b".repeat(24);

function shown(list: TodoList): string[] {
  return list.items.get().map(({ text, is_completed }) => (is_completed ? `${text} ✓` : text));
}

async function signedIn(storage = memory()) {
  const server = new FakeServer();
  const hall = await openHall(server, storage);
  await hall.login(credentials);
  server.down = true;
  return { server, storage, hall };
}

function meet(one: Y.Doc, other: Y.Doc): void {
  Y.applyUpdate(one, Y.encodeStateAsUpdate(other));
  Y.applyUpdate(other, Y.encodeStateAsUpdate(one));
}

it("a list that was never online works, survives a restart, and counts as unsaved", async () => {
  const { server, storage, hall } = await signedIn();
  const todos = await hall.todos.open({ room });
  const read = todos.list.add({ text: "read" });
  todos.list.add({ text: "write", due_date: "2026-03-01T00:00:00Z" });
  todos.list.complete(read);
  await todos.close();
  await hall.close();

  const again = await openHall(server, storage);
  const reopened: OpenTodos = await again.todos.open({ room });
  expect(shown(reopened.list)).toEqual(["read ✓", "write"]);
  expect(reopened.list.item(read)).toMatchObject({ is_completed: true, assignee_id: null });
  expect(reopened.list.completed(read)?.by).toBe(ada.id);
  expect(reopened.status.get()).toMatchObject({ unsaved: 3 });
  await expect(again.logout()).rejects.toEqual(new UnsavedWork(3));
  await reopened.close();
  await again.close();
});

it("two who begin one list apart, reorder it and complete it end with the same", () => {
  const [adas, bens] = [new Y.Doc(), new Y.Doc()];
  const [one, other] = [new TodoList(adas, ada.id), new TodoList(bens, ben)];
  const seen: string[][] = [];
  one.items.subscribe(() => seen.push(shown(one)));
  const [read, write] = [one.add({ text: "read" }), one.add({ text: "write" })];
  meet(adas, bens);
  one.place(write, null);
  one.complete(read);
  other.revise(read, { text: "read twice", assignee_id: ben });
  other.add({ text: "rest" });
  other.complete(write);
  meet(adas, bens);
  expect(shown(one)).toEqual(["write ✓", "read twice ✓", "rest"]);
  expect(one.items.get()).toEqual(other.items.get());
  expect(seen.at(-1)).toEqual(shown(one));
});

it("moves a todo between lists without a server, and back", async () => {
  const { hall } = await signedIn();
  const [own, ours] = [await hall.todos.open(), await hall.todos.open({ room })];
  const id = own.list.add({ text: "draft", due_date: "2026-03-01T00:00:00Z" });
  own.list.complete(id);
  const before = own.list.item(id)!;
  expect(await hall.todos.move(id, {}, { room })).toBe(true);
  expect([shown(own.list), shown(ours.list)]).toEqual([[], ["draft ✓"]]);
  expect(ours.list.item(id)).toEqual(before);
  expect(own.list.complete(id)).toBe(false);
  expect(await hall.todos.move(id, {}, { room })).toBe(false);
  ours.list.reopen(id);
  await hall.todos.move(id, { room }, {});
  expect([shown(own.list), shown(ours.list)]).toEqual([["draft"], []]);
  await Promise.all([own.close(), ours.close()]);
  await hall.close();
});

it("says no to what the server would not take, and changes nothing", () => {
  const doc = new Y.Doc();
  const list = new TodoList(doc, ada.id);
  const id = list.add({ text: "x".repeat(2_000) });
  const before = Y.encodeStateVector(doc);
  for (const text of ["", "x".repeat(2_001)]) {
    expect(() => list.add({ text })).toThrow(RangeError);
    expect(() => list.revise(id, { text })).toThrow(RangeError);
  }
  expect(() => list.revise(id, { due_date: "tomorrow" })).toThrow(RangeError);
  expect(() => list.revise(id, { assignee_id: "ben" })).toThrow(RangeError);
  expect(list.place(id, "f".repeat(24))).toBe(false);
  expect(Y.encodeStateVector(doc)).toEqual(before);
});

it("makes no more than a list can show", () => {
  const list = new TodoList(new Y.Doc(), ada.id);
  const todos = Array.from({ length: 5_000 }, (_, n) => [n.toString(16).padStart(24, "0"), new Y.Map([["position", n]])]);
  const doc = new Y.Doc();
  doc.transact(() => todos.forEach(([id, todo]) => doc.getMap("todos").set(id as string, todo)));
  const full = new TodoList(doc, ada.id);
  expect(() => full.add({ text: "one more" })).toThrow(ListFull);
  expect(full.items.get()).toHaveLength(5_000);
  expect(list.items.get()).toEqual([]);
});

it("a timer that two start apart is one of the two, whole, and junk is no timer", () => {
  let now = Date.UTC(2026, 0, 5, 10);
  const [adas, bens] = [new Y.Doc(), new Y.Doc()];
  const [one, other] = [new RoomState(adas, () => now), new RoomState(bens, () => now)];
  one.act("start");
  now += 60_000;
  other.configure({ focus_s: 50 * 60 });
  other.act("start");
  meet(adas, bens);
  const { timer, config } = one.timer.get();
  expect(other.timer.get()).toEqual({ timer, config });
  expect([25 * 60, 50 * 60]).toContain(timer?.duration_s);
  expect(timer?.phase_started_at).toBe(timer?.duration_s === 50 * 60 ? "2026-01-05T10:01:00Z" : "2026-01-05T10:00:00Z");
  expect(() => one.configure({ rounds: 0 })).toThrow(RangeError);
  adas.getMap("state").set("timer", { ...timer, duration_s: 1e9 });
  expect(one.timer.get().timer).toBeNull();
  one.act("start");
  expect(one.timer.get().timer?.cycle).toBe(1);
});

it("takes the server's time when the device's is plainly wrong, offline too", async () => {
  const storage = memory();
  let device = Date.UTC(2026, 0, 5, 10);
  const clock = new Clock(storage, () => device);
  const answered = (server: number) => clock.answered(new Date(server).toUTCString(), device);
  answered(device + 2_400);
  expect(clock.now()).toBe(device);
  answered(device - 600_000);
  expect(Math.abs(clock.now() - (device - 600_000))).toBeLessThan(1_000);
  const shownThen = clock.now() - device;
  answered(device - 600_900);
  expect(clock.now() - device).toBe(shownThen);
  clock.answered("no date", device);
  clock.answered(new Date(device).toUTCString(), device - 60_000);
  expect(clock.now() - device).toBe(shownThen);

  const later = new Clock(storage, () => device);
  await later.load();
  expect(later.now()).toBe(clock.now());
  device += 1;
  answered(device);
  expect(clock.now()).toBe(device);
});
