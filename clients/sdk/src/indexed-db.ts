/**
 * The browser's storage adapter. Each person has a database of their own,
 * `studyhall:<user id>`, and one for each note, `studyhall:<user id>:note:<id>`
 * (y-indexeddb's), so that signing out can remove them whole. Knows no content.
 */
import { keepInDatabase } from "./indexed-db-document.js";
import { answered, completed, deleteDatabase } from "./indexed-db-requests.js";
import { memory, type Storage } from "./storage.js";

const SHARED = "studyhall";
const STORE = "bytes";

/** `user/<id>/rest` lives in `studyhall:<id>`; anything else in `studyhall`. */
function databaseOf(key: string): string {
  const match = /^user\/([^/]+)\//.exec(key);
  return match ? `${SHARED}:${match[1]}` : SHARED;
}

function openDatabase(name: string): Promise<IDBDatabase> {
  const request = indexedDB.open(name, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE);
  return answered(request);
}

/**
 * The browser's storage; where it gives none (blocked site data, some private windows),
 * one that ends with the page and says so.
 */
export async function indexedDbIfAny(): Promise<Storage> {
  const storage = indexedDb();
  try {
    await storage.list("");
    return storage;
  } catch {
    return { ...memory(), passing: true };
  }
}

export function indexedDb(): Storage {
  const open = new Map<string, Promise<IDBDatabase>>();

  function database(name: string): Promise<IDBDatabase> {
    let opening = open.get(name);
    if (!opening) {
      opening = openDatabase(name).then((db) => {
        const forget = () => open.delete(name);
        db.onclose = forget;
        db.onversionchange = () => {
          forget();
          db.close();
        };
        return db;
      });
      opening.catch(() => open.delete(name));
      open.set(name, opening);
    }
    return opening;
  }

  async function run<T>(key: string, mode: IDBTransactionMode, act: (store: IDBObjectStore) => IDBRequest<T>) {
    const db = await database(databaseOf(key));
    const transaction = db.transaction(STORE, mode);
    const [value] = await Promise.all([answered(act(transaction.objectStore(STORE))), completed(transaction)]);
    return value;
  }

  async function keys(prefix: string): Promise<string[]> {
    const range = IDBKeyRange.bound(prefix, `${prefix}\uffff`);
    return (await run(prefix, "readonly", (store) => store.getAllKeys(range))) as string[];
  }

  const remove = async (key: string) => void (await run(key, "readwrite", (store) => store.delete(key)));

  return {
    get: (key) => run(key, "readonly", (store) => store.get(key) as IDBRequest<Uint8Array | undefined>),
    put: async (key, value) => void (await run(key, "readwrite", (store) => store.put(value, key))),
    delete: remove,
    list: keys,
    drop: async (prefix) => {
      if (!/^user\/[^/]+\/$/.test(prefix)) return void (await Promise.all((await keys(prefix)).map(remove)));
      const name = databaseOf(prefix);
      const db = await open.get(name);
      open.delete(name);
      db?.close();
      const known = (await indexedDB.databases?.()) ?? [{ name }];
      const own = known.flatMap((each) => (each.name ? [each.name] : []));
      const doomed = own.filter((each) => each === name || each.startsWith(`${name}:`));
      await Promise.all(doomed.map(deleteDatabase));
    },
    document: (key, doc) => keepInDatabase(databaseOfDocument(key), doc),
  };
}

/** A document lies in a database of its own, beside that of its person. */
function databaseOfDocument(key: string): string {
  return `${databaseOf(key)}:${key.split("/").slice(2).join(":")}`;
}
