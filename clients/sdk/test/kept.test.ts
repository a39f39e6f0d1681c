/** A device that does not take a write, once or for long: it is said, and nothing that is typed after it is lost. */
import "fake-indexeddb/auto";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import * as Y from "yjs";
import { keepDocument } from "../src/document-log.js";
import { indexedDb, indexedDbIfAny } from "../src/indexed-db.js";
import { localExclusive, platformExclusive } from "../src/locks.js";
import { memory, type Storage } from "../src/storage.js";
import { UnsavedLedger } from "../src/unsaved.js";
import { credentials, FakeServer, openHall } from "./cast.js";
import { Wire } from "./wire.js";

vi.setConfig({ testTimeout: 20_000 });

/** A device's database takes as long as the machine that the tests run on. */
const eventually = (look: () => void | Promise<void>) => vi.waitFor(look, { timeout: 15_000 });

const NOTE = "user/ada/note/1";

/** Storage in memory that refuses as many writes as it is told. */
function failing() {
  const whole = memory();
  const disk = { refusals: 0, puts: 0 };
  const put = async (key: string, value: Uint8Array) => {
    if (!key.startsWith("user/")) return whole.put(key, value);
    disk.puts += 1;
    if (disk.refusals <= 0) return whole.put(key, value);
    disk.refusals -= 1;
    throw new Error("The disk is full.");
  };
  return { disk, storage: { ...whole, put } satisfies Storage };
}

/** Lets as many of the following writes into notes' databases be aborted, after they seemed to succeed. */
function abortWrites(times: number): void {
  const add = IDBObjectStore.prototype.add;
  vi.spyOn(IDBObjectStore.prototype, "add").mockImplementation(function (this: IDBObjectStore, ...given) {
    const request = add.apply(this, given);
    if (this.name !== "updates" || times <= 0) return request;
    times -= 1;
    request.addEventListener("success", () => this.transaction.abort());
    return request;
  });
}

async function read(storage: Storage): Promise<string> {
  const doc = new Y.Doc();
  const log = keepDocument(storage, NOTE, doc);
  await log.loaded;
  await log.close();
  return doc.getText("content").toString();
}

async function tick(times = 20): Promise<void> {
  for (; times > 0; times -= 1) await new Promise((resolve) => setTimeout(resolve, 1));
}

describe("what is typed after a write that failed", () => {
  const refuse = {
    "an app's storage": () => {
      const { disk, storage } = failing();
      return { storage, refuse: (times: number) => void (disk.refusals = times) };
    },
    IndexedDB: () => ({ storage: indexedDb(), refuse: abortWrites }),
  };
  afterEach(() => void vi.restoreAllMocks());

  it.each(Object.entries(refuse))("is kept with all that was typed before: %s", async (_name, given) => {
    const { storage, refuse } = given();
    const doc = new Y.Doc();
    const log = keepDocument(storage, NOTE, doc);
    await log.loaded;
    const content = doc.getText("content");
    content.insert(0, "one ");
    await log.kept();
    refuse(1);
    content.insert(4, "two ");
    await tick();
    content.insert(8, "three ");
    await log.kept();
    await log.close();
    expect(await read(storage)).toBe("one two three ");
  });

  it.each(Object.entries(refuse))("is said not to be kept as long as nothing is taken: %s", async (_name, given) => {
    const { storage, refuse } = given();
    const doc = new Y.Doc();
    const log = keepDocument(storage, NOTE.replace("1", "2"), doc);
    await log.loaded;
    refuse(1_000);
    doc.getText("content").insert(0, "one ");
    await expect(log.kept()).rejects.toThrow();
    await expect(log.kept()).rejects.toThrow();
    vi.restoreAllMocks();
    refuse(0);
    await log.kept();
    await log.remove();
  });
});

it("does not take a key for kept whose transaction was aborted", async () => {
  const storage = indexedDb();
  await storage.put("x", new Uint8Array([1]));
  const put = IDBObjectStore.prototype.put;
  vi.spyOn(IDBObjectStore.prototype, "put").mockImplementationOnce(function (this: IDBObjectStore, ...given) {
    const request = put.apply(this, given);
    request.addEventListener("success", () => this.transaction.abort());
    return request;
  });
  await expect(storage.put("x", new Uint8Array([2]))).rejects.toThrow();
  expect(await storage.get("x")).toEqual(new Uint8Array([1]));
});

describe("the count of a document", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  async function open(storage: Storage, documentKept: () => Promise<void> = async () => {}) {
    return new UnsavedLedger(storage, "user/ada/unsaved/").open("n", 1, documentKept);
  }

  it("says that nothing is kept, and tries again after a pause", async () => {
    const { storage, disk } = failing();
    const count = await open(storage);
    const told = vi.fn();
    count.onWritten = told;
    disk.refusals = 2;
    count.edited();
    await count.flushed();
    expect([count.kept, count.failing, told.mock.calls.length]).toEqual([false, true, 1]);
    await vi.advanceTimersByTimeAsync(5_000);
    expect([count.kept, count.failing, told.mock.calls.length]).toEqual([true, false, 3]);
  });

  it("is not kept while the document is not", async () => {
    let refused = true;
    const count = await open(memory(), () => (refused ? Promise.reject(new Error("full")) : Promise.resolve()));
    count.edited();
    await count.flushed();
    expect([count.kept, count.failing]).toEqual([false, true]);
    refused = false;
    await vi.advanceTimersByTimeAsync(500);
    expect([count.kept, count.failing]).toEqual([true, false]);
  });

  it("tries again ever more seldom, and leaves nothing running when it is closed", async () => {
    const { storage, disk } = failing();
    const count = await open(storage);
    disk.refusals = Infinity;
    count.edited();
    await vi.advanceTimersByTimeAsync(3_600_000);
    const { puts } = disk;
    expect(puts).toBeLessThan(25);
    expect(count.failing).toBe(true);
    // There is room again.
    disk.refusals = 0;
    await vi.advanceTimersByTimeAsync(300_000);
    expect([count.kept, count.failing, disk.puts]).toEqual([true, false, puts + 1]);
    disk.refusals = Infinity;
    count.edited();
    await count.close();
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(disk.puts).toBeLessThan(puts + 4);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("what somebody else writes while the device takes nothing", () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });
  const devices = {
    "an app's storage": () => {
      const { disk, storage } = failing();
      return { storage, refuse: (times: number) => void (disk.refusals = times) };
    },
    IndexedDB: () => ({ storage: indexedDb(), refuse: abortWrites }),
  };

  it.each(Object.entries(devices))("is said, and kept as soon as it takes it, with no edit here: %s", async (_name, given) => {
    const { storage, refuse } = given();
    const [server, wire] = [new FakeServer(), new Wire()];
    const open = () => openHall(server, storage, localExclusive(), wire.socket);
    const hall = await open();
    await hall.login(credentials);
    const id = await hall.notes.create({ title: "of two" });
    const note = await hall.notes.open(id);
    const seen: string[] = [];
    note.status.subscribe(({ kept, failing, unsaved }) => seen.push(`${kept} ${failing} ${unsaved}`));
    await eventually(() => expect(note.status.get()).toMatchObject({ state: "saved", kept: true }));
    refuse(3);
    // As if the session had brought it.
    const bens = new Y.Doc();
    Y.applyUpdate(bens, Y.encodeStateAsUpdate(note.doc));
    bens.getText("content").insert(0, "Ben's words");
    Y.applyUpdate(note.doc, Y.encodeStateAsUpdate(bens), "session");
    await eventually(() => expect(note.status.get()).toMatchObject({ kept: false, failing: true, unsaved: 0 }));
    await eventually(async () => {
      await vi.advanceTimersByTimeAsync(500);
      expect(note.status.get()).toMatchObject({ state: "saved", kept: true, failing: false });
    });
    // It is ended by its system: nothing is closed.
    server.down = true;
    const again = await open();
    const reopened = await again.notes.open(id);
    expect(reopened.doc.getText("content").toString()).toBe("Ben's words");
    await again.close();
    await hall.close();
  });
});

describe("a browser that does not open a note's database", () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  it("shows the note all the same, says that it is not kept, and keeps all of it when it opens one again", async () => {
    const [server, wire, storage] = [new FakeServer(), new Wire(), indexedDb()];
    const begin = () => openHall(server, storage, localExclusive(), wire.socket);
    const hall = await begin();
    await hall.login(credentials);
    const { open } = IDBFactory.prototype;
    let full = true;
    vi.spyOn(IDBFactory.prototype, "open").mockImplementation(function (this: IDBFactory, name, version) {
      if (!full || !name.includes(":note:")) return open.call(this, name, version);
      const request = new EventTarget() as IDBOpenDBRequest;
      queueMicrotask(() => request.onerror?.(new Event("error")));
      return request;
    });
    const id = await hall.notes.create({ title: "on a full disk" });
    const note = await hall.notes.open(id);
    note.doc.getText("content").insert(0, "one ");
    await eventually(() => expect(note.status.get()).toMatchObject({ state: "saved", kept: false, failing: true }));
    full = false;
    await eventually(async () => {
      await vi.advanceTimersByTimeAsync(500);
      expect(note.status.get()).toMatchObject({ state: "saved", kept: true, failing: false });
    });
    note.doc.getText("content").insert(4, "two");
    await eventually(() => expect(note.status.get()).toMatchObject({ state: "saved", kept: true }));
    await note.close();
    server.down = true;
    const again = await begin();
    const reopened = await again.notes.open(id);
    expect([reopened.title, reopened.doc.getText("content").toString()]).toEqual(["on a full disk", "one two"]);
    await again.close();
    await hall.close();
  });
});

describe("a browser that gives the page nothing", () => {
  const refuse = () => {
    throw new DOMException("The request was denied.", "SecurityError");
  };
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
  });

  it.each(["throws", "fails"])("has a storage that ends with the page, and nothing is said to be kept: its database %s", async (how) => {
    vi.spyOn(IDBFactory.prototype, "open").mockImplementation(() => {
      if (how === "throws") refuse();
      const request = new EventTarget() as IDBOpenDBRequest;
      setTimeout(() => request.onerror?.(new Event("error")));
      return request;
    });
    const server = new FakeServer();
    const hall = await openHall(server, await indexedDbIfAny());
    expect(hall.keeps).toBe(false);
    await hall.login(credentials);
    const note = await hall.notes.open(await hall.notes.create({ title: "passing" }));
    server.down = true;
    hall.retry();
    note.doc.getText("content").insert(0, "one");
    await eventually(() => expect(note.status.get()).toMatchObject({ state: "offline", unsaved: 2, kept: false, failing: true }));
    await hall.close();
  });

  it("does one at a time without its locks", async () => {
    vi.stubGlobal("navigator", { locks: { request: async () => refuse() } });
    const exclusive = platformExclusive();
    const order: string[] = [];
    const act = (name: string) => async () => {
      order.push(`${name} begins`);
      await tick(2);
      order.push(`${name} ends`);
      return name;
    };
    expect(await Promise.all([exclusive("x", act("one")), exclusive("x", act("two"))])).toEqual(["one", "two"]);
    expect(order).toEqual(["one begins", "one ends", "two begins", "two ends"]);
    await expect(exclusive("x", async () => refuse())).rejects.toThrow();
  });

  it("keeps as ever where there is a database", async () => {
    expect((await indexedDbIfAny()).passing).toBeUndefined();
  });
});

it("survives the end of an app whose disk was full for a moment", async () => {
  const server = new FakeServer();
  const { storage, disk } = failing();
  const hall = await openHall(server, storage);
  await hall.login(credentials);
  const id = await hall.notes.create({ title: "kept" });
  const note = await hall.notes.open(id);
  server.down = true;
  hall.retry();
  await tick();
  const content = note.doc.getText("content");
  const seen: string[] = [];
  note.status.subscribe(({ kept, failing }) => seen.push(kept ? "kept" : failing ? "failing" : "writing"));
  disk.refusals = 3;
  for (const word of ["one ", "two ", "three "]) {
    content.insert(content.length, word);
    await tick();
  }
  expect(seen).toContain("failing");
  await eventually(() => expect(note.status.get()).toMatchObject({ kept: true, failing: false, unsaved: 4 }));

  // It is ended by its system: nothing is closed.
  const again = await openHall(server, storage);
  const reopened = await again.notes.open(id);
  expect(reopened.doc.getText("content").toString()).toBe("one two three ");
  expect(reopened.status.get()).toMatchObject({ unsaved: 4, kept: true });
  await again.close();
  await hall.close();
});
