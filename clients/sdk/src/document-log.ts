/**
 * Keeps a Yjs document in any storage adapter, an update an entry, for platforms
 * without y-indexeddb. Entries have random names, so two processes that keep the
 * same document never overwrite each other. What comes after an update that was not
 * written is worth nothing without it: then all of the document is written as one entry.
 * Knows no content and no network.
 */
import * as Y from "yjs";
import { newId } from "./ids.js";
import type { DocumentLog, Storage } from "./storage.js";

const FOLD_AT = 200;

export function keepDocument(storage: Storage, key: string, doc: Y.Doc): DocumentLog {
  if (storage.document) return storage.document(key, doc);
  const origin = {};
  /** Entries whose content the document has. */
  const seen = new Set<string>();
  let waiting: Uint8Array[] = [];
  let holed = false;
  let last: Promise<void> = Promise.resolve();

  async function put(entry: Uint8Array): Promise<void> {
    const at = `${key}/${newId()}`;
    await storage.put(at, entry);
    seen.add(at);
  }

  async function writeWaiting(): Promise<void> {
    if (waiting.length === 0 && !holed) return;
    const entry = holed ? Y.encodeStateAsUpdate(doc) : Y.mergeUpdates(waiting);
    waiting = [];
    holed = true;
    await put(entry);
    holed = false;
  }

  function kept(): Promise<void> {
    last = last.then(writeWaiting, writeWaiting);
    return last;
  }

  const write = (update: Uint8Array, from: unknown) => {
    if (from === origin) return;
    waiting.push(update);
    kept().catch(() => log.onRefused?.());
  };

  /** Takes in what lies here and was not seen before. */
  async function take() {
    const keys = (await storage.list(`${key}/`)).filter((each) => !seen.has(each));
    const updates = (await Promise.all(keys.map((each) => storage.get(each)))).filter((each) => each !== undefined);
    Y.transact(doc, () => updates.forEach((update) => Y.applyUpdate(doc, update, origin)), origin, false);
    for (const each of keys) seen.add(each);
    return { keys, updates };
  }

  async function load(): Promise<void> {
    const { keys, updates } = await take();
    doc.on("update", write);
    // A device that cannot write can still show what it has.
    if (keys.length >= FOLD_AT) await fold(keys, updates).catch(() => undefined);
  }

  async function fold(keys: string[], updates: Uint8Array[]): Promise<void> {
    await put(Y.mergeUpdates(updates));
    for (const each of keys) await storage.delete(each);
  }

  const loaded = load();
  async function close(): Promise<void> {
    doc.off("update", write);
    await loaded;
    await kept().catch(() => undefined);
  }
  const log: DocumentLog = {
    loaded,
    refresh: take,
    kept,
    close,
    remove: async () => {
      await close();
      for (const each of await storage.list(`${key}/`)) await storage.delete(each);
    },
  };
  return log;
}
