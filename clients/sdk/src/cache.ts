/**
 * The last answer to each question, so that lists open without a server. Knows nothing
 * of what was asked.
 */
import { Unreachable } from "./problem.js";
import { getJson, putJson, type Storage } from "./storage.js";

/** An answer, and whether it is an old one because the server cannot be reached. */
export interface Answer<T> {
  value: T;
  stale: boolean;
}

export class Cache {
  constructor(
    private readonly storage: Storage,
    private readonly prefix: string,
    private readonly reachable: () => boolean,
  ) {}

  async ask<T>(key: string, ask: () => Promise<T>): Promise<Answer<T>> {
    const kept = this.reachable() ? undefined : await this.kept<T>(key);
    if (kept !== undefined) return { value: kept, stale: true };
    try {
      const value = await ask();
      await this.keep(key, value);
      return { value, stale: false };
    } catch (error) {
      const old = error instanceof Unreachable ? await this.kept<T>(key) : undefined;
      if (old === undefined) throw error;
      return { value: old, stale: true };
    }
  }

  /** Keeps what the server said without being asked this. */
  keep<T>(key: string, value: T): Promise<void> {
    return putJson(this.storage, this.prefix + key, value);
  }

  /** Adds to a list that it gave before what the server said without being asked for the list. */
  async add<T extends { id: string }>(key: string, item: T): Promise<void> {
    const known = await this.kept<T[]>(key);
    if (known) await this.keep(key, [item, ...known.filter(({ id }) => id !== item.id)]);
  }

  /** Takes out of such a list what is not there any more. */
  async remove(key: string, id: string): Promise<void> {
    const known = await this.kept<{ id: string }[]>(key);
    if (known) await this.keep(key, known.filter((item) => item.id !== id));
  }

  /** The last answer. */
  kept<T>(key: string): Promise<T | undefined> {
    return getJson<T>(this.storage, this.prefix + key);
  }
}
