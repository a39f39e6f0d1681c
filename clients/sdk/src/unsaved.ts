/**
 * How many edits of which document only this device has. Each open document writes entries
 * of its own under `<name>/<writer>/<change>`, the newest of which counts, so two tabs never
 * overwrite each other's count, and who removes one removes no later one. What others wrote
 * is settled by a full acknowledgement of a document into which it was loaded.
 * Knows numbers only.
 */
import { listJson, putJson, type Storage } from "./storage.js";

interface Entry {
  edits: number;
}

/** What one writer has counted, and where that lies. */
interface Counted extends Entry {
  keys: string[];
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
    for (const [writer, { edits }] of await this.writers("")) {
      const name = writer.split("/")[0] ?? "";
      counts.set(name, (counts.get(name) ?? 0) + edits);
    }
    return counts;
  }

  /** `documentKept` resolves when the document's own updates are on this device, and rejects when they are not. */
  async open(name: string, writer: number, documentKept: () => Promise<unknown>): Promise<UnsavedCount> {
    const own = `${name}/${writer}`;
    const others = async () => {
      const writers = await this.writers(`${name}/`);
      writers.delete(own);
      return [...writers.values()];
    };
    return new UnsavedCount(this.storage, this.prefix + own, await others(), others, documentKept);
  }

  async forget(name: string): Promise<void> {
    for (const key of await this.storage.list(`${this.prefix}${name}/`)) await this.storage.delete(key);
  }

  /** What is counted by `<name>/<writer>`, under the keys that begin with `under`. */
  private async writers(under: string): Promise<Map<string, Counted>> {
    const writers = new Map<string, Counted>();
    // In order: the newest entry of a writer comes last.
    for (const [key, { edits }] of await listJson<Entry>(this.storage, this.prefix + under)) {
      const writer = key.slice(this.prefix.length).split("/").slice(0, 2).join("/");
      writers.set(writer, { edits, keys: [...(writers.get(writer)?.keys ?? []), key] });
    }
    return writers;
  }
}

/** The count of one open document. */
export class UnsavedCount {
  /** Called when `kept` or `failing` changes by itself. */
  onWritten: () => void = () => {};
  /** The device did not take what was written last. */
  failing = false;
  private own = 0;
  /** Where entries of this document lie, and those of others that are settled. */
  private readonly mine = new Set<string>();
  private readonly covered: string[] = [];
  /** What others counted is in the document. */
  private taken = false;
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
    private carried: readonly Counted[],
    private readonly others: () => Promise<Counted[]>,
    private readonly documentKept: () => Promise<unknown>,
  ) {}

  get total(): number {
    return this.carried.reduce((sum, { edits }) => sum + edits, this.own);
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

  /** What others have counted, as it was found last; null when that is nothing. */
  get found(): object | null {
    return this.carried.length > 0 ? this.carried : null;
  }

  /** Finds what others have counted by now. */
  async look(): Promise<void> {
    // What is being removed is not found again.
    await this.writing;
    const found = await this.others();
    if (this.closed) return;
    this.carried = found;
    this.taken = false;
  }

  /** The document was loaded after this was found: it has all of it. */
  took(found: object | null): void {
    if (found === this.carried) this.taken = true;
  }

  /** Everything in the document was acknowledged. */
  settled(): void {
    const taken = this.taken ? this.carried : [];
    if (this.own === 0 && taken.length === 0) return;
    this.own = 0;
    this.covered.push(...taken.flatMap(({ keys }) => keys));
    if (this.taken) this.carried = [];
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
    const key = `${this.key}/${String(this.changes).padStart(15, "0")}`;
    if (edits === 0) await this.dropOld();
    while (this.covered[0] !== undefined) {
      await this.storage.delete(this.covered[0]);
      this.covered.shift();
    }
    await this.documentKept();
    if (edits === 0) return;
    this.mine.add(key);
    await putJson(this.storage, key, { edits } satisfies Entry);
    await this.dropOld(key);
  }

  /** Removes this document's own entries, but the newest. */
  private async dropOld(newest?: string): Promise<void> {
    for (const key of this.mine) {
      if (key === newest) continue;
      await this.storage.delete(key);
      this.mine.delete(key);
    }
  }
}
