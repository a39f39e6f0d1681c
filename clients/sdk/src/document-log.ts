/**
 * Keeps a Yjs document in any storage adapter, an update an entry, for platforms
 * without y-indexeddb. Entries have random names, so two processes that keep the
 * same document never overwrite each other. Knows no content and no network.
 */
import * as Y from "yjs";
import { newId } from "./ids.js";
import type { DocumentLog, Storage } from "./storage.js";

const FOLD_AT = 200;

export function keepDocument(storage: Storage, key: string, doc: Y.Doc): DocumentLog {
  if (storage.document) return storage.document(key, doc);
  let last = Promise.resolve();
  const origin = {};

  const write = (update: Uint8Array, from: unknown) => {
    if (from !== origin) last = last.then(() => storage.put(`${key}/${newId()}`, update));
  };

  async function load(): Promise<void> {
    const keys = await storage.list(`${key}/`);
    const updates = (await Promise.all(keys.map((each) => storage.get(each)))).filter((each) => each !== undefined);
    Y.transact(doc, () => updates.forEach((update) => Y.applyUpdate(doc, update, origin)), origin);
    doc.on("update", write);
    if (keys.length < FOLD_AT) return;
    await storage.put(`${key}/${newId()}`, Y.mergeUpdates(updates));
    for (const each of keys) await storage.delete(each);
  }

  const loaded = load();
  async function close(): Promise<void> {
    doc.off("update", write);
    await loaded;
    await last;
  }
  return {
    loaded,
    kept: () => last,
    close,
    remove: async () => {
      await close();
      for (const each of await storage.list(`${key}/`)) await storage.delete(each);
    },
  };
}
