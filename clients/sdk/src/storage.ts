/**
 * Where a client keeps bytes between visits: an adapter with four verbs, one in
 * memory, and JSON on top. Knows neither what is kept nor who is signed in; keys are
 * paths, and everything of one person lies under `user/<id>/`.
 */
import { decodeUtf8, encodeUtf8 } from "lib0/string";
import type * as Y from "yjs";

/** A document's updates kept on this device. */
export interface DocumentLog {
  /** Resolves when what was kept is in the document. */
  loaded: Promise<unknown>;
  /** Takes into the document what others have kept of it since, as an update that is not local. */
  refresh(): Promise<unknown>;
  /** Resolves when every update up to now is kept; what was not written before is written now. Rejects when it is not. */
  kept(): Promise<unknown>;
  /** Called when the device did not take an update that nobody waits for: it is written when somebody asks again. */
  onRefused?: () => void;
  close(): Promise<void>;
  /** Closes it and removes what was kept. */
  remove(): Promise<void>;
}

export interface Storage {
  /** What is put here is gone with the page: nothing is said to be kept. */
  readonly passing?: boolean;
  get(key: string): Promise<Uint8Array | undefined>;
  put(key: string, value: Uint8Array): Promise<void>;
  /** Keys that begin with `prefix`, in order. */
  list(prefix: string): Promise<string[]>;
  delete(key: string): Promise<void>;
  /** Removes everything under `prefix`; an adapter may do it in one stroke. */
  drop?(prefix: string): Promise<void>;
  /** Keeps a document under `key`, where the platform has something made for it. */
  document?(key: string, doc: Y.Doc): DocumentLog;
}

/** Keeps everything until the process ends. */
export function memory(): Storage {
  const entries = new Map<string, Uint8Array>();
  return {
    get: async (key) => entries.get(key),
    put: async (key, value) => void entries.set(key, value),
    list: async (prefix) => [...entries.keys()].filter((key) => key.startsWith(prefix)).sort(),
    delete: async (key) => void entries.delete(key),
  };
}

export async function getJson<T>(storage: Storage, key: string): Promise<T | undefined> {
  const bytes = await storage.get(key);
  return bytes === undefined ? undefined : (JSON.parse(decodeUtf8(bytes)) as T);
}

export function putJson(storage: Storage, key: string, value: unknown): Promise<void> {
  return storage.put(key, encodeUtf8(JSON.stringify(value)));
}

export async function listJson<T>(storage: Storage, prefix: string): Promise<[string, T][]> {
  const keys = await storage.list(prefix);
  const values = await Promise.all(keys.map((key) => getJson<T>(storage, key)));
  return keys.flatMap((key, at) => (values[at] === undefined ? [] : [[key, values[at] as T]]));
}

export async function drop(storage: Storage, prefix: string): Promise<void> {
  if (storage.drop) return storage.drop(prefix);
  for (const key of await storage.list(prefix)) await storage.delete(key);
}
