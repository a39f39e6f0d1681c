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

/** What the device did not take is tried again after these pauses, the last of them as long as it is open. */
const PAUSES_MS = [500, 1_000, 2_000, 5_000, 10_000, 20_000, 30_000, 300_000];

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

  /** `documentKept` resolves when the document's own updates are on this device, and rejects when they are not. */
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
  /** Called when `kept` or `failing` changes by itself. */
  onWritten: () => void = () => {};
  /** The device did not take what was written last. */
  failing = false;
  private own = 0;
  private readonly covered: [string, Entry][] = [];
  /** How often what is to be written changed, and which of these changes were written. */
  private changes = 0;
  private writtenChanges = 0;
  private writing: Promise<void> | null = null;
  private failures = 0;
  private pause: ReturnType<typeof setTimeout> | undefined;
  private closed = false;

  constructor(
    private readonly storage: Storage,
    private readonly key: string,
    private carried: [string, Entry][],
    private readonly documentKept: () => Promise<unknown>,
  ) {}

  get total(): number {
    return this.carried.reduce((sum, [, entry]) => sum + entry.edits, this.own);
  }

  /** This device has the document, with every edit and their count: closing the page loses nothing. */
  get kept(): boolean {
    return this.writtenChanges === this.changes;
  }

  edited(): void {
    this.own += 1;
    this.changed();
  }

  /** The device did not take what somebody else wrote: it is tried again as an edit is. */
  refused(): void {
    if (this.closed) return;
    if (this.kept) this.changes += 1;
    if (this.writing || this.pause !== undefined) return;
    this.failing = true;
    this.later();
    this.onWritten();
  }

  /** Everything in the document was acknowledged. */
  settled(): void {
    if (this.total === 0 && this.carried.length === 0) return;
    this.own = 0;
    this.covered.push(...this.carried);
    this.carried = [];
    this.changed();
  }

  /** Resolves when the device has the count, or has not taken it just now. */
  async flushed(): Promise<void> {
    if (!this.closed) await this.write();
  }

  /** Writes what is to be written for the last time. */
  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.pause);
    await this.write();
  }

  private changed(): void {
    this.changes += 1;
    this.failures = 0;
    if (this.pause === undefined) void this.write();
  }

  private write(): Promise<void> {
    if (!this.writing && !this.kept) this.writing = this.writeChanges();
    return this.writing ?? Promise.resolve();
  }

  private async writeChanges(): Promise<void> {
    try {
      while (!this.kept) {
        const { changes } = this;
        await this.put();
        this.writtenChanges = changes;
      }
      this.failing = false;
      this.failures = 0;
    } catch {
      this.failing = true;
      this.later();
    }
    this.writing = null;
    this.onWritten();
  }

  private later(): void {
    clearTimeout(this.pause);
    this.pause = undefined;
    const wait = PAUSES_MS[Math.min(this.failures, PAUSES_MS.length - 1)];
    this.failures += 1;
    if (this.closed) return;
    this.pause = setTimeout(() => {
      this.pause = undefined;
      void this.write();
    }, wait);
  }

  private async put(): Promise<void> {
    const edits = this.own;
    if (edits === 0) await this.storage.delete(this.key);
    while (this.covered[0]) {
      const [key, entry] = this.covered[0];
      // Another tab that still writes has counted on meanwhile: leave it to that tab.
      if ((await getJson<Entry>(this.storage, key))?.edits === entry.edits) await this.storage.delete(key);
      this.covered.shift();
    }
    await this.documentKept();
    if (edits > 0) await putJson(this.storage, this.key, { edits });
  }
}
