/**
 * One open document: kept on this device, its session on the shared socket, its
 * awareness, and the one word about it. Opens without a server; attaches when the
 * server knows it. Knows nothing of what is in it, and no screen.
 */
import { Awareness } from "y-protocols/awareness";
import * as Y from "yjs";
import { coalesced } from "./coalesced.js";
import type { Connection } from "./connection.js";
import { keepDocument } from "./document-log.js";
import { Value, type Observable } from "./observable.js";
import { Session } from "./session.js";
import type { Socket } from "./socket.js";
import { sameStatus, statusOf, type Known, type DocumentStatus } from "./status.js";
import type { DocumentLog, Storage } from "./storage.js";
import type { UnsavedCount, UnsavedLedger } from "./unsaved.js";

export interface DocumentParts {
  storage: Storage;
  /** Where the document is kept. */
  key: string;
  ledger: UnsavedLedger;
  socket: Socket;
  connection: Connection;
  /** Tells other tabs that something of a document was kept here, or sent. */
  tell: (name: string) => void;
}

/** What another tab writes comes from the server, while there is a session; what does not come soon is loaded. */
const QUIET_MS = 2_000;

export class OpenDocument {
  readonly awareness: Awareness;
  private readonly value: Value<DocumentStatus>;
  private readonly session: Session;
  private readonly stops: (() => void)[] = [];
  private readonly ended: Promise<void>;
  private over = false;
  private quiet: ReturnType<typeof setTimeout> | undefined;

  private constructor(
    readonly name: string,
    readonly doc: Y.Doc,
    private readonly log: DocumentLog,
    private readonly count: UnsavedCount,
    private known: Known,
    private readonly parts: DocumentParts,
  ) {
    this.awareness = new Awareness(doc);
    this.show(null);
    this.value = new Value(statusOf(known), sameStatus);
    this.session = new Session(name, doc, this.awareness, parts.socket, (news) => this.learn(news));
    doc.on("update", this.onUpdate);
    count.onWritten = () => {
      this.learn({});
      if (count.kept) parts.tell(name);
    };
    const { reach } = parts.connection;
    this.stops.push(reach.subscribe((now) => this.learn({ reach: now })), () => doc.off("update", this.onUpdate));
    this.ended = new Promise((resolve) => this.stops.push(resolve));
    if (known.posted) this.session.open();
  }

  /** Loads what this device has; attaches if the server knows the document. */
  static async open(name: string, parts: DocumentParts, posted: boolean): Promise<OpenDocument> {
    const doc = new Y.Doc();
    const log = keepDocument(parts.storage, parts.key, doc);
    const counting = parts.ledger.open(name, doc.clientID, () => log.kept());
    log.onRefused = () => void counting.then((count) => count.refused(), () => undefined);
    const count = await counting;
    await log.loaded;
    // Another tab may have written between the one and the other.
    if (count.found) await log.refresh().then(() => count.took(count.found), () => undefined);
    const known: Known = {
      reach: parts.connection.reach.get(),
      posted,
      scope: null,
      acknowledged: false,
      ...heldHere(count, parts.storage),
      paused: false,
      nearlyFull: false,
      refusal: null,
    };
    return new OpenDocument(name, doc, log, count, known, parts);
  }

  get status(): Observable<DocumentStatus> {
    return this.value;
  }

  /** True when this device holds nothing of the document yet. */
  get blank(): boolean {
    return this.doc.store.clients.size === 0;
  }

  /** What others see of who is here: nothing, unless somebody looks at it. */
  show(state: Record<string, unknown> | null): void {
    this.awareness.setLocalState(state);
  }

  /** Something is on this device only, and the server may still take it. */
  get unsettled(): boolean {
    return this.value.get().unsaved > 0 && !this.refused;
  }

  /** The server takes nothing from here. */
  get refused(): boolean {
    const { state } = this.value.get();
    return state === "refused" || state === "read-only";
  }

  /** Resolves when this device has everything, or has not taken it just now. */
  flushed(): Promise<void> {
    return this.count.flushed();
  }

  /** The document's creation was answered: with nothing wrong, or refused. */
  posted(refused: boolean): void {
    if (this.known.posted) return;
    if (refused) return this.learn({ refusal: "not-accepted" });
    this.learn({ posted: true });
    this.session.open();
  }

  /** Resolves when everything here is acknowledged or refused, or the document is closed. */
  async settled(): Promise<DocumentStatus> {
    const settled = this.value.until(({ state }) => state === "saved" || state === "read-only" || state === "refused");
    return Promise.race([settled, this.ended.then(() => this.value.get())]);
  }

  /** Another tab kept something of it here, or has nothing unsaved of it any more. */
  heard(): void {
    clearTimeout(this.quiet);
    if (this.over) return;
    const ignored = () => undefined;
    if (this.known.scope === null) return void this.look().catch(ignored);
    void this.countOthers().catch(ignored);
    this.quiet = setTimeout(() => void this.look().catch(ignored), QUIET_MS);
  }

  /** Takes in what other tabs have kept of it here: it is unsaved as what is written in this one is. */
  readonly look = coalesced(async () => {
    await this.countOthers();
    const { found } = this.count;
    if (this.over || !found) return;
    await this.log.refresh();
    this.count.took(found);
    this.learn({});
  });

  private readonly countOthers = coalesced(async () => {
    if (this.over) return;
    await this.count.look();
    this.learn({});
  });

  /** Ends the session and keeps the document on this device. */
  async close(): Promise<void> {
    this.end();
    await this.count.close();
    await this.log.close();
    this.doc.destroy();
  }

  /** Ends the session and removes the document from this device. */
  async remove(): Promise<void> {
    this.end();
    await this.count.close();
    await this.log.remove();
    this.doc.destroy();
  }

  private end(): void {
    this.over = true;
    clearTimeout(this.quiet);
    for (const stop of this.stops.splice(0)) stop();
    this.session.close();
    this.awareness.destroy();
  }

  private onUpdate = (_update: Uint8Array, origin: unknown, _doc: Y.Doc, transaction: Y.Transaction): void => {
    if (this.session.brought(origin)) return;
    if (transaction.local) this.count.edited();
    this.learn({ acknowledged: false });
  };

  private learn(news: Partial<Known>): void {
    this.known = { ...this.known, ...news };
    if (this.known.acknowledged && this.known.refusal === null) this.count.settled();
    Object.assign(this.known, heldHere(this.count, this.parts.storage));
    this.value.set(statusOf(this.known));
  }
}

/** What is unsaved, and whether this device has it. */
function heldHere({ total, kept, failing }: UnsavedCount, { passing = false }: Storage): Pick<Known, "unsaved" | "kept" | "failing"> {
  return { unsaved: total, kept: kept && !passing, failing: failing || passing };
}
