/**
 * Creations that wait for the server: kept on this device, posted in the order in which
 * they were made, one at a time over all tabs, each until it is answered. The id is made
 * here and a repeated create is one create, so an answer that got lost costs nothing.
 * Knows nothing of documents: their content follows over the socket.
 */
import type { Exclusive } from "./locks.js";
import { isPassing, Problem } from "./problem.js";
import type { NewNote } from "./rest.js";
import { getJson, listJson, putJson, type Storage } from "./storage.js";

export interface Waiting {
  note: NewNote;
  made_at: string;
  /** Set when the server said no for good; the content stays here to be copied. */
  refused?: { code: string; detail: string };
}

export interface OutboxOptions {
  storage: Storage;
  /** Where the entries lie, ending in `/`. */
  prefix: string;
  exclusive: Exclusive;
  post: (note: NewNote) => Promise<unknown>;
  now?: () => number;
}

export class Outbox {
  private readonly listeners = new Set<(id: string) => void>();
  private last = 0;

  constructor(private readonly options: OutboxOptions) {}

  async add(note: NewNote): Promise<void> {
    // Two of one millisecond keep their order.
    this.last = Math.max((this.options.now ?? Date.now)(), this.last + 1);
    const key = `${this.options.prefix}${String(this.last).padStart(15, "0")}-${note.id}`;
    await putJson(this.options.storage, key, { note, made_at: new Date(this.last).toISOString() } satisfies Waiting);
  }

  async list(): Promise<Waiting[]> {
    const entries = await listJson<Waiting>(this.options.storage, this.options.prefix);
    return entries.map(([, entry]) => entry);
  }

  async find(id: string): Promise<Waiting | undefined> {
    return (await this.list()).find((entry) => entry.note.id === id);
  }

  async forget(id: string): Promise<void> {
    for (const key of await this.options.storage.list(this.options.prefix)) {
      if (key.endsWith(`-${id}`)) await this.options.storage.delete(key);
    }
  }

  /** Calls `listener` with the id of each entry that was answered, either way. */
  onAnswer(listener: (id: string) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Posts what waits. Resolves when nothing is left that can be posted now. */
  flush(): Promise<void> {
    return this.options.exclusive(`studyhall:outbox:${this.options.prefix}`, async () => {
      for (const key of await this.options.storage.list(this.options.prefix)) {
        const entry = await getJson<Waiting>(this.options.storage, key);
        if (!entry || entry.refused) continue;
        if (!(await this.deliver(key, entry))) return;
      }
    });
  }

  private async deliver(key: string, entry: Waiting): Promise<boolean> {
    try {
      await this.options.post(entry.note);
      await this.options.storage.delete(key);
    } catch (error) {
      if (!(error instanceof Problem) || isPassing(error) || error.status === 401) return false;
      const refused = { code: error.code, detail: error.message };
      await putJson(this.options.storage, key, { ...entry, refused } satisfies Waiting);
    }
    for (const listener of this.listeners) listener(entry.note.id);
    return true;
  }
}
