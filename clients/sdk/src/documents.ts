/**
 * A person's documents by name: opened once however often they are used, closed with the
 * last use, and settled in the background. Knows nothing of what is in them.
 */
import type { Awareness } from "y-protocols/awareness";
import type { Doc } from "yjs";
import type { Connection } from "./connection.js";
import type { OpenDocument } from "./document.js";
import type { Observable } from "./observable.js";
import type { Person } from "./rest.js";
import type { Socket } from "./socket.js";
import type { DocumentStatus } from "./status.js";
import type { Storage } from "./storage.js";
import type { UnsavedLedger } from "./unsaved.js";

const SETTLE_MS = 30_000;

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
}

interface InUse {
  opening: Promise<OpenDocument>;
  users: number;
}

export class Documents {
  private readonly inUse = new Map<string, InUse>();
  private readonly closing = new Map<string, Promise<void>>();
  private readonly listeners: ((name: string, doc: Doc) => void)[] = [];

  constructor(private readonly parts: DocumentsParts) {}

  /** Calls `listener` with each document that is loaded. */
  onLoad(listener: (name: string, doc: Doc) => void): void {
    this.listeners.push(listener);
  }

  async open(name: string): Promise<DocumentHandle> {
    await this.closing.get(name);
    let entry = this.inUse.get(name);
    if (!entry) {
      entry = { opening: this.load(name), users: 0 };
      this.inUse.set(name, entry);
      entry.opening.catch(() => this.inUse.delete(name));
    }
    entry.users += 1;
    return this.handle(await entry.opening, entry);
  }

  /** Opens a document for as long as `act` takes. */
  async use<T>(name: string, act: (open: DocumentHandle) => T | Promise<T>): Promise<T> {
    const open = await this.open(name);
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

  /** Lets documents that are not open sync what only this device has. */
  async settle(): Promise<void> {
    for (const [name, edits] of await this.unsaved()) {
      const waits = edits === 0 || this.inUse.has(name) || (await this.parts.creationOf(name)) !== "posted";
      if (!waits) await this.use(name, settledOr(SETTLE_MS));
    }
  }

  async close(): Promise<void> {
    const open = [...this.inUse.values()];
    this.inUse.clear();
    await Promise.all(open.map(async ({ opening }) => (await opening).close()));
  }

  private async load(name: string): Promise<OpenDocument> {
    const { person, prefix, creationOf } = this.parts;
    const [{ OpenDocument }, socket] = await Promise.all([import("./document.js"), this.parts.socket()]);
    const creation = await creationOf(name);
    const key = prefix + name.replace(":", "/");
    const open = await OpenDocument.open(name, { ...this.parts, socket, key }, creation === "posted");
    if (creation === "refused") open.posted(true);
    open.awareness.setLocalStateField("user", { id: person.id, name: person.display_name || person.username });
    for (const listener of this.listeners) listener(name, open.doc);
    return open;
  }

  private handle(open: OpenDocument, entry: InUse): DocumentHandle {
    let closed = false;
    const close = async () => {
      if (closed) return;
      closed = true;
      entry.users -= 1;
      if (entry.users > 0 || this.inUse.get(open.name) !== entry) return;
      this.inUse.delete(open.name);
      const done = open.close().finally(() => this.closing.delete(open.name));
      this.closing.set(open.name, done);
      await done;
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
}

/** Waits until everything is acknowledged, but not for ever. */
function settledOr(ms: number) {
  return async (open: DocumentHandle): Promise<void> => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const patience = new Promise((resolve) => (timer = setTimeout(resolve, ms)));
    await Promise.race([open.settled(), patience]);
    clearTimeout(timer);
  };
}
