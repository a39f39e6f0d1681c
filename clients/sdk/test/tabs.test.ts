/** Two tabs of one browser: no tab says "saved" of what another one left, and what it left is sent. */
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { localExclusive } from "../src/locks.js";
import { memory } from "../src/storage.js";
import { credentials, FakeServer, openHall } from "./cast.js";
import { Wire } from "./wire.js";

/** Tells all others of its name, as a browser's does; Node's own does not go by the tests' clock. */
class Channel {
  static open = new Set<Channel>();
  static lost = false;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  constructor(readonly name: string) {
    Channel.open.add(this);
  }
  postMessage(data: unknown): void {
    if (Channel.lost) return;
    for (const each of Channel.open) if (each !== this && each.name === this.name) queueMicrotask(() => each.onmessage?.({ data }));
  }
  close(): void {
    Channel.open.delete(this);
  }
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("BroadcastChannel", Channel);
  Channel.lost = false;
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  Channel.open.clear();
});

type Hall = Awaited<ReturnType<typeof openHall>>;

/** A tab with a network of its own; one that is killed says and hears nothing any more. */
async function openTab(server: FakeServer, storage = memory()) {
  const wire = new Wire();
  const network = { down: false };
  const fetch: typeof globalThis.fetch = (...asked) => (network.down ? Promise.reject(new TypeError("fetch failed")) : server.fetch(...asked));
  const before = new Set(Channel.open);
  const hall = await openHall({ fetch } as FakeServer, storage, localExclusive(), wire.socket);
  const goes = async (where: "offline" | "online") => {
    network.down = where === "offline";
    hall.retry();
    await vi.advanceTimersByTimeAsync(50);
    expect(hall.reach.get()).toBe(where);
  };
  const kill = () => {
    network.down = true;
    wire.letsIn = false;
    for (const channel of Channel.open) if (!before.has(channel)) channel.close();
  };
  return { hall, wire, storage, goes, kill };
}

/** Ada at two tabs, and a note that both and the server have. */
async function adaAtTwoTabs() {
  const server = new FakeServer();
  const second = await openTab(server);
  const first = await openTab(server, second.storage);
  await first.hall.login(credentials);
  await vi.advanceTimersByTimeAsync(50);
  const id = await first.hall.notes.create({ title: "of two tabs" });
  await vi.advanceTimersByTimeAsync(20_000);
  expect(await unsaved(first.hall)).toBe(0);
  const says = ({ wire }: typeof first) => wire.document(`note:${id}`).getText("content").toString();
  return { server, first, second, id, says };
}

async function unsaved(hall: Hall): Promise<number> {
  const { value } = await hall.notes.list();
  return value.reduce((sum, each) => sum + each.unsaved, 0);
}

it("shows what another tab writes offline, counts it, and sends it when that tab is gone", async () => {
  const { first, second, id, says } = await adaAtTwoTabs();
  const [one, two] = [await first.hall.notes.open(id), await second.hall.notes.open(id)];
  await vi.advanceTimersByTimeAsync(50);
  await Promise.all([first.goes("offline"), second.goes("offline")]);
  one.doc.getText("content").insert(0, "words of the first tab");
  await vi.advanceTimersByTimeAsync(50);
  expect(two.doc.getText("content").toString()).toBe("words of the first tab");
  for (const { status } of [one, two]) expect(status.get()).toMatchObject({ state: "offline", unsaved: 1, kept: true });
  first.kill();
  await second.goes("online");
  await vi.advanceTimersByTimeAsync(10_000);
  expect(says(second)).toBe("words of the first tab");
  expect(two.status.get()).toMatchObject({ state: "saved", unsaved: 0 });
  expect(await unsaved(second.hall)).toBe(0);
  await two.close();
  await second.hall.logout();
});

it.each(["told", "not told"])("does not say saved while another tab has something unsaved of it, and sends it if that one does not: %s", async (told) => {
  const { first, second, id, says } = await adaAtTwoTabs();
  first.wire.letsIn = false;
  const [one, two] = [await first.hall.notes.open(id), await second.hall.notes.open(id)];
  await vi.advanceTimersByTimeAsync(50);
  expect(two.status.get()).toMatchObject({ state: "saved" });
  Channel.lost = told === "not told";
  one.doc.getText("content").insert(0, "stuck");
  await vi.advanceTimersByTimeAsync(50);
  if (told === "told") expect(two.status.get()).toMatchObject({ state: "saving", unsaved: 1 });
  first.kill();
  await vi.advanceTimersByTimeAsync(told === "told" ? 3_000 : 61_000);
  expect(says(second)).toBe("stuck");
  expect(two.status.get()).toMatchObject({ state: "saved", unsaved: 0 });
  expect(await unsaved(second.hall)).toBe(0);
  await second.hall.close();
});

it("sends what another tab left of a note when it is closed here, whatever this one counts", async () => {
  const { first, second, id, says } = await adaAtTwoTabs();
  first.wire.letsIn = false;
  const [one, two] = [await first.hall.notes.open(id), await second.hall.notes.open(id)];
  await vi.advanceTimersByTimeAsync(50);
  Channel.lost = true;
  one.doc.getText("content").insert(0, "left behind");
  await vi.advanceTimersByTimeAsync(50);
  first.kill();
  await two.close();
  await vi.advanceTimersByTimeAsync(6_000);
  expect(says(second)).toBe("left behind");
  expect(await unsaved(second.hall)).toBe(0);
  await second.hall.close();
});

it("sends what another tab was closed with, from a place where nothing is open; not while that one writes", async () => {
  const { first, second, id, says } = await adaAtTwoTabs();
  const settled = vi.fn();
  second.hall.notes.onSettled(settled);
  const opened = vi.spyOn(second.wire.sessions, "add");
  first.wire.letsIn = false;
  const one = await first.hall.notes.open(id);
  for (const letter of "words") {
    one.doc.getText("content").insert(0, letter);
    await vi.advanceTimersByTimeAsync(2_000);
  }
  expect(opened).not.toHaveBeenCalled();
  first.kill();
  await vi.advanceTimersByTimeAsync(4_000);
  expect(says(second)).toBe("sdrow");
  expect(settled).toHaveBeenCalledOnce();
  expect(await unsaved(second.hall)).toBe(0);
  await second.hall.close();
});

it("posts a note that a tab made and was closed with", async () => {
  const { server, first, second } = await adaAtTwoTabs();
  await first.goes("offline");
  const id = await first.hall.notes.create({ title: "made in the first" });
  first.kill();
  await vi.advanceTimersByTimeAsync(10_000);
  expect([...server.notes.keys()]).toContain(id);
  expect(await unsaved(second.hall)).toBe(0);
  await second.hall.close();
});

it("leaves to a tab that writes what that one sends by itself", async () => {
  const { first, second, id, says } = await adaAtTwoTabs();
  const [one, two] = [await first.hall.notes.open(id), await second.hall.notes.open(id)];
  await vi.advanceTimersByTimeAsync(50);
  for (const letter of "abc") {
    one.doc.getText("content").insert(0, letter);
    await vi.advanceTimersByTimeAsync(50);
    expect(one.status.get().state).toBe("saved");
    expect(two.status.get().state).toBe("saved");
  }
  await vi.advanceTimersByTimeAsync(5_000);
  expect([says(first), says(second)]).toEqual(["cba", ""]);
  for (const note of [one, two]) await note.close();
  await vi.advanceTimersByTimeAsync(3_000);
  for (const { hall } of [first, second]) await hall.close();
  await vi.advanceTimersByTimeAsync(20_000);
  expect(vi.getTimerCount()).toBe(0);
});
