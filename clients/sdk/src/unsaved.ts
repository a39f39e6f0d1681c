/**
 * How many edits of which document only this device has. Each open document writes an entry
 * of its own, so two tabs never overwrite each other's count; an entry found at opening
 * is settled by the first full acknowledgement, because what it counts was loaded before.
 * Knows numbers only.
 */
import { getJson, listJson, putJson, type Storage } from "./storage.js";

interface Entry {
  edits: number;
}

export class UnsavedLedger {
  constructor(
    private readonly storage: Storage,
    private readonly prefix: string,
  ) {}

  /** Unsaved edits by the name of the document. */
  async counts(): Promise<Map<string, number>> {
    const counts = new Map<string, number>();
    for (const [key, entry] of await listJson<Entry>(this.storage, this.prefix)) {
      const name = key.slice(this.prefix.length).split("/")[0] ?? "";
      counts.set(name, (counts.get(name) ?? 0) + entry.edits);
    }
    return counts;
  }

  /** `documentKept` resolves when the document's own updates are on this device. */
  async open(name: string, writer: number, documentKept: () => Promise<unknown>): Promise<UnsavedCount> {
    const found = await listJson<Entry>(this.storage, `${this.prefix}${name}/`);
    return new UnsavedCount(this.storage, `${this.prefix}${name}/${writer}`, found, documentKept);
  }

  async forget(name: string): Promise<void> {
    for (const key of await this.storage.list(`${this.prefix}${name}/`)) await this.storage.delete(key);
  }
}

/** The count of one open document. */
export class UnsavedCount {
  /** Called when `kept` becomes true. */
  onKept: () => void = () => {};
  private own = 0;
  private written: Promise<unknown> = Promise.resolve();
  private writes = 0;
  private queued = false;

  constructor(
    private readonly storage: Storage,
    private readonly key: string,
    private carried: [string, Entry][],
    private readonly documentKept: () => Promise<unknown>,
  ) {}

  get total(): number {
    return this.carried.reduce((sum, [, entry]) => sum + entry.edits, this.own);
  }

  /** This device has every edit and their count: closing the page loses nothing. */
  get kept(): boolean {
    return this.writes === 0;
  }

  edited(): void {
    this.own += 1;
    this.write();
  }

  /** Everything in the document was acknowledged. */
  settled(): void {
    if (this.total === 0 && this.carried.length === 0) return;
    this.own = 0;
    const covered = this.carried;
    this.carried = [];
    this.write();
    this.queue(async () => {
      for (const [key, { edits }] of covered) {
        // Another tab that still writes has counted on meanwhile: leave it to that tab.
        if ((await getJson<Entry>(this.storage, key))?.edits === edits) await this.storage.delete(key);
      }
    });
  }

  /** Resolves when the device has the count. */
  async flushed(): Promise<void> {
    await this.written;
  }

  private write(): void {
    if (this.queued) return;
    this.queued = true;
    this.queue(async () => {
      this.queued = false;
      const edits = this.own;
      await this.documentKept();
      await (edits === 0 ? this.storage.delete(this.key) : putJson(this.storage, this.key, { edits }));
    });
  }

  private queue(act: () => Promise<void>): void {
    this.writes += 1;
    const done = () => {
      this.writes -= 1;
      if (this.kept) this.onKept();
    };
    this.written = this.written.then(act).then(done, done);
  }
}
