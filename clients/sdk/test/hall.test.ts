/** The client as a program uses it, with a server that comes and goes. */
import { describe, expect, it } from "vitest";
import * as Y from "yjs";
import { memory } from "../src/storage.js";
import { UnsavedWork } from "../src/studyhall.js";
import { credentials, FakeServer, openHall, refused } from "./cast.js";

const posted = (server: FakeServer) => server.asked("POST", "/notes").map(({ body }) => body);

async function until(passes: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await passes()); tries += 1) {
    if (tries > 400) throw new Error("it never came true");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function signedIn(server = new FakeServer(), storage = memory()) {
  const hall = await openHall(server, storage);
  await hall.login(credentials);
  return { server, storage, hall };
}

describe("a note made offline", () => {
  it("survives a restart and is posted once, in order, without its text", async () => {
    const { server, storage, hall } = await signedIn();
    server.down = true;
    const ids = [];
    for (const title of ["one", "two", "three"]) ids.push(await hall.notes.create({ title }));
    const note = await hall.notes.open(ids[0]!);
    note.doc.getText("content").insert(0, "written offline");
    await note.close();
    await hall.close();

    const again = await openHall(server, storage);
    expect(again.who.get().person?.username).toBe("ada");
    const { value, stale } = await again.notes.list();
    expect(stale).toBe(true);
    expect(value.map(({ title }) => title).sort()).toEqual(["one", "three", "two"]);
    const reopened = await again.notes.open(ids[0]!);
    expect(reopened.doc.getText("content").toString()).toBe("written offline");
    expect(reopened.status.get()).toMatchObject({ state: "offline", unsaved: 2 });

    server.down = false;
    again.retry();
    await until(() => server.notes.size === 3);
    await until(() => reopened.status.get().state === "connecting");
    expect(posted(server).map((body) => body?.["id"])).toEqual(ids);
    expect(posted(server).every((body) => !("text" in body!))).toBe(true);
    await reopened.close();
    await again.close();
  });

  it("is one note when the answer to its creation was lost", async () => {
    const { server, hall } = await signedIn();
    server.script = ({ path, method }) => (path === "/notes" && method === "POST" ? "lost" : undefined);
    const id = await hall.notes.create({ title: "once" });
    await until(() => hall.reach.get() === "offline");
    server.script = () => undefined;
    hall.retry();
    await until(() => posted(server).length === 2);
    expect(posted(server).map((body) => body?.["id"])).toEqual([id, id]);
    expect(server.notes.size).toBe(1);
    await hall.close();
  });

  it("is refused in words and keeps its content", async () => {
    const { server, hall } = await signedIn();
    server.script = ({ path, method }) => (path === "/notes" && method === "POST" ? refused(403, "not-a-member") : undefined);
    const id = await hall.notes.create({ title: "mine", room: "b".repeat(24) });
    const note = await hall.notes.open(id);
    await until(() => note.status.get().state === "refused");
    expect(note.title).toBe("mine");
    await note.close();
    const { value } = await hall.notes.list();
    expect(value).toMatchObject([{ id, title: "mine", refused: "no: not-a-member" }]);
    await hall.notes.discard(id);
    expect((await hall.notes.list()).value).toEqual([]);
    await hall.close();
  });
});

describe("logging out", () => {
  it("asks before it removes unsaved work, then removes everything of that person", async () => {
    const { server, storage, hall } = await signedIn();
    server.down = true;
    await hall.notes.create({ title: "unsaved" });
    await expect(hall.logout()).rejects.toBeInstanceOf(UnsavedWork);
    expect(hall.who.get().person).not.toBeNull();
    await hall.logout({ discard: true });
    expect(hall.who.get().person).toBeNull();
    expect(await storage.list("user/")).toEqual([]);
    await hall.close();
  });

  it("is told to the server later when it happened offline", async () => {
    const { server, storage, hall } = await signedIn();
    server.down = true;
    await hall.logout();
    await hall.close();
    server.down = false;
    const again = await openHall(server, storage);
    await until(() => server.asked("POST", "/auth/logout").length === 1);
    await until(async () => (await storage.get("logout-owed")) === undefined);
    expect(again.who.get().person).toBeNull();
    await again.close();
  });

  it("that the server was never told of takes nothing of what is written after the next login", async () => {
    const { server, storage, hall } = await signedIn();
    server.script = ({ path }) => (path === "/auth/logout" ? refused(503, "unavailable") : undefined);
    await hall.logout();
    await hall.login(credentials);
    server.down = true;
    const note = await hall.notes.create({ title: "kept here" });
    await hall.close();

    server.script = () => undefined;
    const again = await openHall(server, storage);
    again.retry();
    await until(() => again.reach.get() === "offline");
    expect((await again.notes.list()).value).toMatchObject([{ id: note, title: "kept here" }]);
    server.down = false;
    again.retry();
    await until(() => posted(server).length === 1);
    expect(posted(server).map((body) => body?.["id"])).toEqual([note]);
    expect(again.who.get().person?.username).toBe("ada");
    await again.close();
  });
});

it("shows the last list when the server is away, and says that it is old", async () => {
  const { server, hall } = await signedIn();
  await hall.notes.create({ title: "known" });
  await until(() => server.notes.size === 1);
  expect((await hall.notes.list()).stale).toBe(false);
  server.down = true;
  const { value, stale } = await hall.notes.list();
  expect(stale).toBe(true);
  expect(value).toHaveLength(1);
  expect(value[0]?.title).toBe("known");
  await hall.close();
});

it("lists a note that the server has taken, and its room lists it, when the server is away since", async () => {
  const { server, hall } = await signedIn();
  const room = "c".repeat(24);
  server.script = ({ path }) => (path === `/rooms/${room}/notes` ? [200, { items: [], next_cursor: null }] : undefined);
  expect((await hall.notes.list()).value).toEqual([]);
  expect((await hall.notes.list({ room })).value).toEqual([]);
  const own = await hall.notes.create({ title: "mine" });
  const ours = await hall.notes.create({ title: "ours", room });
  await until(() => server.notes.size === 2);
  await until(async () => (await hall.notes.made()).length === 0);
  server.down = true;
  expect((await hall.notes.list()).value.map(({ id }) => id).sort()).toEqual([own, ours].sort());
  expect((await hall.notes.list({ room })).value).toMatchObject([{ id: ours, title: "ours", pending: false }]);
  await hall.close();
});

it("lists no note that was deleted when the server is away since, nor does its room", async () => {
  const { server, hall } = await signedIn();
  const room = "c".repeat(24);
  server.script = ({ path }) => (path === `/rooms/${room}/notes` ? [200, { items: [], next_cursor: null }] : undefined);
  const lists = async () => [await hall.notes.list(), await hall.notes.list({ room })].map(({ value }) => value.length);
  expect(await lists()).toEqual([0, 0]);
  const ours = await hall.notes.create({ title: "ours", room });
  await until(() => server.notes.size === 1);
  await until(async () => (await hall.notes.made()).length === 0);
  await hall.notes.delete(ours);
  server.down = true;
  expect(await lists()).toEqual([0, 0]);
  await hall.close();
});

it("opens a note once however often it is asked for, and closes it with the last", async () => {
  const { server, hall } = await signedIn();
  const id = await hall.notes.create({ title: "shared" });
  const [one, two] = await Promise.all([hall.notes.open(id), hall.notes.open(id)]);
  expect(one.doc).toBe(two.doc);
  await one.close();
  await one.close();
  two.title = "still open";
  expect(Y.encodeStateVector(two.doc).length).toBeGreaterThan(1);
  server.down = true;
  hall.retry();
  await until(() => hall.reach.get() === "offline");
  await two.close();
  const again = await hall.notes.open(id);
  expect(again.doc).not.toBe(two.doc);
  expect(again.title).toBe("still open");
  await again.close();
  await hall.close();
});
