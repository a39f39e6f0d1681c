/**
 * Keeps a Yjs document in an IndexedDB database of its own, by y-indexeddb, which does
 * not look whether a write succeeded: here that is heard from the database, and after one
 * that failed all of the document is written as one entry; so it is with a database that
 * is opened late. Knows no content and no person.
 */
import * as Y from "yjs";
import { canOpen, completed, deleteDatabase } from "./indexed-db-requests.js";
import type { DocumentLog } from "./storage.js";

/** The store of y-indexeddb in which updates lie. */
const UPDATES = "updates";

export function keepInDatabase(name: string, doc: Y.Doc): DocumentLog {
  let holed = false;
  let closed = false;
  let opened = open();
  opened.catch(() => log.onRefused?.());
  let last: Promise<void> = Promise.resolve();

  async function open() {
    // The stock client does not hear that it has no database.
    await canOpen(name);
    const { IndexeddbPersistence, fetchUpdates } = await import("y-indexeddb");
    const stock = new IndexeddbPersistence(name, doc);
    const db = await stock._db;
    db.addEventListener("abort", () => {
      holed = true;
      log.onRefused?.();
    });
    // Somebody removes it, in another tab: it is not made again. The stock handler would throw at each edit.
    db.addEventListener("versionchange", () => void stock.destroy());
    // The browser gave it up: opening it again writes all of the document.
    db.addEventListener("close", () => {
      void stock.destroy();
      if (closed) return;
      opened = open();
      opened.catch(() => log.onRefused?.());
    });
    return { stock, db, fetch: () => fetchUpdates(stock) };
  }

  function kept(): Promise<void> {
    last = last.then(healed, healed);
    return last;
  }

  async function healed(): Promise<void> {
    opened = opened.catch(open);
    const { db } = await opened;
    // A transaction over the same store runs after all writes before it.
    const after = db.transaction(UPDATES);
    after.objectStore(UPDATES).count();
    await completed(after);
    if (!holed) return;
    holed = false;
    try {
      const whole = db.transaction(UPDATES, "readwrite");
      whole.objectStore(UPDATES).add(Y.encodeStateAsUpdate(doc));
      await completed(whole);
    } catch (error) {
      holed = true;
      throw error;
    }
  }

  async function close(): Promise<void> {
    closed = true;
    if (holed) await kept().catch(() => undefined);
    await opened.then(({ stock }) => stock.destroy(), () => undefined);
  }

  const log: DocumentLog = {
    // A note without its database can still be had from the server.
    loaded: opened.then(({ stock }) => stock.whenSynced, () => undefined),
    refresh: async () => (await opened).fetch(),
    kept,
    close,
    remove: async () => {
      await close();
      await deleteDatabase(name);
    },
  };
  return log;
}
