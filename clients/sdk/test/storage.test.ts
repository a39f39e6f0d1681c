/** Both adapters keep the same promises; the browser's has a database a person. */
import "fake-indexeddb/auto";
import { describe, expect, it } from "vitest";
import * as Y from "yjs";
import { keepDocument } from "../src/document-log.js";
import { indexedDb } from "../src/indexed-db.js";
import { drop, memory, type Storage } from "../src/storage.js";

const bytes = (...values: number[]) => new Uint8Array(values);
const ADA = "user/ada/";

describe.each<[string, () => Storage]>([
  ["memory", memory],
  ["IndexedDB", indexedDb],
])("storage in %s", (_name, open) => {
  it("gets, puts, lists in order and deletes", async () => {
    const storage = open();
    await storage.put("x/2", bytes(2));
    await storage.put("x/1", bytes(1));
    await storage.put("y/1", bytes(3));
    expect(await storage.list("x/")).toEqual(["x/1", "x/2"]);
    expect(await storage.get("x/1")).toEqual(bytes(1));
    await storage.delete("x/1");
    expect(await storage.get("x/1")).toBeUndefined();
    await drop(storage, "x/");
    expect([await storage.list("x/"), await storage.list("y/")]).toEqual([[], ["y/1"]]);
  });

  it("keeps a document over a restart, and what two tabs wrote", async () => {
    const storage = open();
    for (const word of ["one ", "two "]) {
      const doc = new Y.Doc();
      const log = keepDocument(storage, `${ADA}note/1`, doc);
      await log.loaded;
      doc.getText("content").insert(0, word);
      await log.kept();
      await log.close();
    }
    const doc = new Y.Doc();
    const log = keepDocument(storage, `${ADA}note/1`, doc);
    await log.loaded;
    expect(doc.getText("content").toString()).toBe("two one ");
    await log.remove();
    const empty = new Y.Doc();
    const none = keepDocument(storage, `${ADA}note/1`, empty);
    await none.loaded;
    expect(empty.getText("content").length).toBe(0);
    await none.remove();
  });
});

it.each<[string, () => Storage]>([
  ["memory", memory],
  ["IndexedDB", indexedDb],
])("takes what another tab kept into an open document, as nothing of its own: %s", async (_name, open) => {
  const storage = open();
  const [one, two] = [new Y.Doc(), new Y.Doc()];
  const logs = [one, two].map((doc) => keepDocument(storage, `${ADA}note/2`, doc));
  for (const log of logs) await log.loaded;
  const local: boolean[] = [];
  two.on("update", (_update, _origin, _doc, transaction: Y.Transaction) => local.push(transaction.local));
  for (const word of ["one ", "two "]) {
    one.getText("content").insert(0, word);
    await logs[0]!.kept();
    await logs[1]!.refresh();
    await logs[1]!.refresh();
  }
  expect(two.getText("content").toString()).toBe("two one ");
  expect(local).toEqual([false, false]);
  await logs[0]!.close();
  await logs[1]!.remove();
});

it("removes every database of one person and no other", async () => {
  const storage = indexedDb();
  await storage.put("shared", bytes(0));
  for (const person of ["ada", "ben"]) {
    await storage.put(`user/${person}/list`, bytes(1));
    const log = keepDocument(storage, `user/${person}/note/1`, new Y.Doc());
    await log.loaded;
    await log.close();
  }
  await drop(storage, ADA);
  const names = (await indexedDB.databases()).map(({ name }) => name).sort();
  expect(names).toEqual(["studyhall", "studyhall:ben", "studyhall:ben:note:1"]);
});
