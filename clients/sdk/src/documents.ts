/**
 * A person's documents by name: opened once however often they are used, closed after the
 * last use, and settled in the background: who leaves a document while something of it is
 * unsent leaves its session behind for a while, unseen. Knows nothing of what is in them.
 */
import type { Awareness } from "y-protocols/awareness";
import type { Doc } from "yjs";
import type { Connection } from "./connection.js";
import type { OpenDocument } from "./document.js";
import type { Observable } from "./observable.js";
import type { Person } from "./rest.js";
import type { Socket } from "./socket.js";
import { settledOrLate, Staying } from "./staying.js";
import type { DocumentStatus } from "./status.js";
import type { Storage } from "./storage.js";
import type { UnsavedLedger } from "./unsaved.js";

/** A document in use. Every `open` is closed once. */
export interface DocumentHandle {
  readonly doc: Doc;
  readonly awareness: Awareness;
  readonly status: Observable<DocumentStatus>;
  /** True when this device holds nothing of it yet. */
  readonly blank: boolean;
  settled(): Promise<DocumentStatus>;
  close(): Promise<void>;
}

/** Whether the server knows a document: what is made offline waits to be posted. */
export type Creation = "posted" | "waiting" | "refused";

export interface DocumentsParts {
  person: Person;
  storage: Storage;
  /** Where this person's things lie, ending in `/`. */
  prefix: string;
  ledger: UnsavedLedger;
  socket: () => Promise<Socket>;
  connection: Connection;
  creationOf: (name: string) => Promise<Creation>;
  /** A document was closed before the server had all of it: `settle` later. */
  onUnsettled: () => void;
  tell: (name: string) => void;
}

interface InUse {
  opening: Promise<OpenDocument>;
  users: number;
}

interface Use {
  open: OpenDocument;
  entry: InUse;
}

export class Documents {
  private readonly inUse = new Map<string, InUse>();
  private readonly closing = new Map<string, Promise<void>>();
  private readonly staying = new Staying();
  /** What the server does not take for good is not offered again and again. */
  private readonly refused = new Set<string>();
  private readonly loadListeners: ((name: string, doc: Doc) => void)[] = [];
  private readonly settleListeners = new Set<() => void>();
  private closed = false;

  constructor(private readonly parts: DocumentsParts) {}

  /** Calls `listener` with each document that is loaded. */
  onLoad(listener: (name: string, doc: Doc) => void): void {
    this.loadListeners.push(listener);
  }

  /** Calls `listener` when the server has all of a document that nobody has open any more. */
  onSettled(listener: () => void): () => void {
    this.settleListeners.add(listener);
    return () => this.settleListeners.delete(listener);
  }

  /** Opens a document for somebody who looks at it and is seen there. */
  async open(name: string): Promise<DocumentHandle> {
    this.refused.delete(name);
    const use = await this.begin(name);
    const { person } = this.parts;
    if (use.open.awareness.getLocalState() === null) {
      use.open.show({ user: { id: person.id, name: person.display_name || person.username } });
    }
    return this.handle(use);
  }

  /** Opens a document for as long as `act` takes, unseen. */
  async use<T>(name: string, act: (open: DocumentHandle) => T | Promise<T>): Promise<T> {
    const open = this.handle(await this.begin(name));
    try {
      return await act(open);
    } finally {
      await open.close();
    }
  }

  /** Removes what this device holds of a document. */
  async discard(name: string): Promise<void> {
    const entry = this.inUse.get(name);
    this.inUse.delete(name);
    const open = entry ? await entry.opening : await this.load(name);
    await open.remove();
    await this.parts.ledger.forget(name);
  }

  /** A creation was answered: who has the document open goes on with it. */
  async answered(name: string): Promise<void> {
    const entry = this.inUse.get(name);
    if (!entry) return;
    const creation = await this.parts.creationOf(name);
    if (creation !== "waiting") (await entry.opening).posted(creation === "refused");
  }

  /** Unsaved edits by the name of the document. */
  unsaved(): Promise<Map<string, number>> {
    return this.parts.ledger.counts();
  }

  /** Another tab told of a document. False when nobody has it open here. */
  heard(name: string): boolean {
    const entry = this.inUse.get(name);
    entry?.opening.then(
      (open) => open.heard(),
      () => undefined,
    );
    return entry !== undefined;
  }

  /** Lets documents sync what only this device has, whoever left it. True when nothing is left that could. */
  async settle(): Promise<boolean> {
    for (const name of (await this.unsaved()).keys()) await this.look(name);
    for (const name of await this.unsettled()) if (!this.closed) await this.settleOne(name);
    return (await this.unsettled()).length === 0;
  }

  /** Lets a document that is open here take in what other tabs left of it; what cannot be read is tried again later. */
  private async look(name: string): Promise<void> {
    try {
      await (await this.inUse.get(name)?.opening)?.look();
    } catch {
      // Its own status counts it as unsaved.
    }
  }

  /** Documents that nobody has open and whose unsaved edits the server may take. */
  private async unsettled(): Promise<string[]> {
    const names: string[] = [];
    for (const [name, edits] of await this.unsaved()) {
      if (edits === 0 || this.inUse.has(name) || this.refused.has(name)) continue;
      if ((await this.parts.creationOf(name)) === "posted") names.push(name);
    }
    return names;
  }

  async close(): Promise<void> {
    this.closed = true;
    const open = [...this.inUse.values()];
    this.inUse.clear();
    await Promise.all(open.map(async ({ opening }) => (await opening).close()));
  }

  private async load(name: string): Promise<OpenDocument> {
    const { prefix, creationOf } = this.parts;
    const [{ OpenDocument }, socket] = await Promise.all([import("./document.js"), this.parts.socket()]);
    const creation = await creationOf(name);
    const key = prefix + name.replace(":", "/");
    const open = await OpenDocument.open(name, { ...this.parts, socket, key }, creation === "posted");
    if (creation === "refused") open.posted(true);
    for (const listener of this.loadListeners) listener(name, open.doc);
    return open;
  }

  private async begin(name: string): Promise<Use> {
    await this.closing.get(name);
    let entry = this.inUse.get(name);
    if (!entry) {
      entry = { opening: this.load(name), users: 0 };
      this.inUse.set(name, entry);
      entry.opening.catch(() => this.inUse.delete(name));
    }
    entry.users += 1;
    const open = await entry.opening;
    this.staying.end(open);
    return { open, entry };
  }

  private handle(use: Use): DocumentHandle {
    const { open } = use;
    let closed = false;
    const close = async () => {
      if (closed) return;
      closed = true;
      if (!this.isLast(use)) return open.flushed();
      if (!open.unsettled || this.parts.connection.reach.get() === "offline") return this.end(open);
      open.show(null);
      void this.endLater(use);
      await open.flushed();
    };
    return {
      doc: open.doc,
      awareness: open.awareness,
      status: open.status,
      get blank() {
        return open.blank;
      },
      settled: () => open.settled(),
      close,
    };
  }

  /** Ends a use. True when it was the last one of a document that is still open. */
  private isLast({ open, entry }: Use): boolean {
    entry.users -= 1;
    return entry.users === 0 && this.inUse.get(open.name) === entry;
  }

  /** Ends a document that was left as soon as the server has all of it, or when it has stayed too long. */
  private async endLater({ open, entry }: Use): Promise<void> {
    await this.staying.wait(open);
    if (entry.users > 0 || this.inUse.get(open.name) !== entry) return;
    await this.end(open);
    this.tellSettled(open);
  }

  private async settleOne(name: string): Promise<void> {
    const use = await this.begin(name);
    await settledOrLate(use.open);
    if (use.open.refused) this.refused.add(name);
    if (this.isLast(use)) await this.end(use.open);
    this.tellSettled(use.open);
  }

  private async end(open: OpenDocument): Promise<void> {
    this.inUse.delete(open.name);
    const done = open.close().finally(() => this.closing.delete(open.name));
    this.closing.set(open.name, done);
    await done;
    if (open.unsettled || (await this.isLeft(open.name))) this.parts.onUnsettled();
  }

  /** Another tab left something of it here, which this one may not have seen. */
  private async isLeft(name: string): Promise<boolean> {
    if (this.closed) return false;
    return this.unsettled().then(
      (names) => names.includes(name),
      () => false,
    );
  }

  private tellSettled(open: OpenDocument): void {
    if (!open.unsettled) for (const listener of [...this.settleListeners]) listener();
  }
}
