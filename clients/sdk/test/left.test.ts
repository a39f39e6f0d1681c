/** Who leaves a document while something of it is unsent is not shown there any more, and loses nothing. */
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { localExclusive } from "../src/locks.js";
import { memory } from "../src/storage.js";
import { credentials, FakeServer, openHall } from "./cast.js";
import { Wire } from "./wire.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Ada, online, and notes of hers that the server and this device have. */
async function adaWithNotes(count = 1) {
  const [server, wire, storage] = [new FakeServer(), new Wire(), memory()];
  const hall = await openHall(server, storage, localExclusive(), wire.socket);
  await hall.login(credentials);
  const ids: string[] = [];
  for (let made = 0; made < count; made += 1) ids.push(await hall.notes.create({ title: `note ${made}` }));
  await vi.advanceTimersByTimeAsync(3_000);
  await seesUnsaved(hall, 0);
  expect(wire.sessions.size).toBe(0);
  const says = (id: string) => wire.document(`note:${id}`).getText("content").toString();
  return { server, wire, storage, hall, ids, says };
}

type Hall = Awaited<ReturnType<typeof openHall>>;

async function seesUnsaved(hall: Hall, edits: number): Promise<void> {
  const { value } = await hall.notes.list();
  expect(value.reduce((sum, { unsaved }) => sum + unsaved, 0)).toBe(edits);
}

async function writeAndLeave(hall: Hall, id: string, words: string): Promise<void> {
  const note = await hall.notes.open(id);
  note.doc.getText("content").insert(0, words);
  await note.close();
}

it("sends what is written before the session is let in", async () => {
  const { wire, hall, ids, says } = await adaWithNotes();
  wire.letsIn = false;
  await writeAndLeave(hall, ids[0]!, "words of Ada");
  await seesUnsaved(hall, 1);
  const settled = vi.fn();
  hall.notes.onSettled(settled);
  await vi.advanceTimersByTimeAsync(3_000);
  expect(says(ids[0]!)).toBe("");
  wire.release();
  await vi.advanceTimersByTimeAsync(100);
  expect(says(ids[0]!)).toBe("words of Ada");
  expect(settled).toHaveBeenCalledOnce();
  await seesUnsaved(hall, 0);
  expect(wire.sessions.size).toBe(0);
  await hall.close();
});

it("hears the acknowledgement that comes after it was left", async () => {
  const { wire, hall, ids } = await adaWithNotes();
  const note = await hall.notes.open(ids[0]!);
  await note.settled();
  wire.acknowledges = false;
  note.doc.getText("content").insert(0, "late words");
  await vi.advanceTimersByTimeAsync(50);
  await note.close();
  await seesUnsaved(hall, 1);
  wire.release();
  await vi.advanceTimersByTimeAsync(100);
  await seesUnsaved(hall, 0);
  await hall.logout();
  await hall.close();
});

it("shows nobody in a document that was left, or that settles in the background", async () => {
  const { wire, hall, ids } = await adaWithNotes();
  expect(wire.seen.filter(([, state]) => state !== null)).toEqual([]);
  wire.acknowledges = false;
  const note = await hall.notes.open(ids[0]!);
  await vi.advanceTimersByTimeAsync(50);
  expect(wire.seen.at(-1)).toEqual([`note:${ids[0]}`, { user: { id: "a".repeat(24), name: "Ada" } }]);
  note.doc.getText("content").insert(0, "x");
  await note.close();
  await vi.advanceTimersByTimeAsync(50);
  expect(wire.seen.at(-1)).toEqual([`note:${ids[0]}`, null]);
  const again = await hall.notes.open(ids[0]!);
  await vi.advanceTimersByTimeAsync(50);
  expect(again.doc).toBe(note.doc);
  expect(wire.seen.at(-1)?.[1]).toMatchObject({ user: { name: "Ada" } });
  wire.release();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(again.status.get()).toMatchObject({ state: "saved", unsaved: 0 });
  await again.close();
  await hall.close();
});

it("keeps a few sessions and not for ever, and tries again later", async () => {
  const { wire, hall, ids, says } = await adaWithNotes(12);
  wire.acknowledges = false;
  for (const id of ids) {
    await writeAndLeave(hall, id, "kept");
    await vi.advanceTimersByTimeAsync(20);
  }
  expect(wire.sessions.size).toBeLessThanOrEqual(9);
  await vi.advanceTimersByTimeAsync(31_000);
  expect(wire.sessions.size).toBeLessThanOrEqual(1);
  await seesUnsaved(hall, 12);
  wire.release();
  await vi.advanceTimersByTimeAsync(120_000);
  expect(ids.map(says)).toEqual(ids.map(() => "kept"));
  await seesUnsaved(hall, 0);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(wire.sessions.size).toBe(0);
  await hall.close();
  await vi.advanceTimersByTimeAsync(3_000);
  expect(vi.getTimerCount()).toBe(0);
});

it("does not offer again and again what the server does not take", async () => {
  const { wire, hall, ids } = await adaWithNotes();
  wire.letsIn = false;
  await writeAndLeave(hall, ids[0]!, "not allowed");
  wire.scope = "readonly";
  wire.acknowledges = false;
  wire.letsIn = true;
  await vi.advanceTimersByTimeAsync(60_000);
  const opened = vi.spyOn(wire.sessions, "add");
  await vi.advanceTimersByTimeAsync(600_000);
  expect(opened).not.toHaveBeenCalled();
  await hall.close();
});

it("leaves nothing behind when somebody signs out meanwhile", async () => {
  const { wire, hall, ids, storage } = await adaWithNotes();
  wire.acknowledges = false;
  await writeAndLeave(hall, ids[0]!, "given up");
  await hall.logout({ discard: true });
  await vi.advanceTimersByTimeAsync(120_000);
  expect(await storage.list("user/")).toEqual([]);
  await hall.close();
  expect(vi.getTimerCount()).toBe(0);
});
