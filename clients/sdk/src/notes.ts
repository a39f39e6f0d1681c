/**
 * A person's notes: listed (from this device when the server is away), created offline
 * or online by the same path, opened once however often they are shown, and settled in
 * the background. Knows no screen and no other person.
 */
import type { Awareness } from "y-protocols/awareness";
import type { Doc } from "yjs";
import type { Answer, Cache } from "./cache.js";
import type { Connection } from "./connection.js";
import { newId } from "./ids.js";
import type { OpenNote } from "./note.js";
import type { Observable } from "./observable.js";
import type { Outbox, Waiting } from "./outbox.js";
import type { NoteView, Person, Routes } from "./rest.js";
import type { Socket } from "./socket.js";
import type { NoteStatus } from "./status.js";
import { getJson, putJson, type Storage } from "./storage.js";
import type { UnsavedLedger } from "./unsaved.js";

const SETTLE_MS = 30_000;

/** A note in a list. */
export interface NoteSummary extends Omit<NoteView, "rev" | "engine" | "document"> {
  /** Edits that only this device has. */
  unsaved: number;
  /** Its creation waits for the server. */
  pending: boolean;
  /** Its creation was refused; what it holds is here only. */
  refused: string | null;
}

/** A note in use. Every `open` is closed once. */
export interface Note {
  readonly id: string;
  readonly doc: Doc;
  readonly awareness: Awareness;
  readonly status: Observable<NoteStatus>;
  readonly blank: boolean;
  title: string;
  /** Calls `listener` with the title now and after each change. */
  onTitle(listener: (title: string) => void): () => void;
  settled(): Promise<NoteStatus>;
  close(): Promise<void>;
}

export interface NotesParts {
  person: Person;
  storage: Storage;
  /** Where this person's things lie, ending in `/`. */
  prefix: string;
  rest: Routes;
  cache: Cache;
  outbox: Outbox;
  ledger: UnsavedLedger;
  socket: () => Promise<Socket>;
  connection: Connection;
}

interface InUse {
  opening: Promise<OpenNote>;
  users: number;
}

export class Notes {
  private readonly inUse = new Map<string, InUse>();
  private closing = new Map<string, Promise<void>>();

  constructor(private readonly parts: NotesParts) {
    parts.outbox.onAnswer((id) => void this.answered(id));
  }

  /** A person's own notes, or those of a room; newest first. */
  async list(options: { room?: string } = {}): Promise<Answer<NoteSummary[]>> {
    const { rest, cache, outbox, ledger } = this.parts;
    const key = options.room ? `room/${options.room}/notes` : "notes";
    const waiting = (await outbox.list()).filter(({ note }) => !options.room || note.room_id === options.room);
    const answer = await cache
      .ask(key, () => (options.room ? rest.roomNotes(options.room) : rest.notes()))
      .catch((error) => {
        if (waiting.length === 0) throw error;
        return { value: [] as NoteView[], stale: true };
      });
    const counts = await ledger.counts();
    const told = new Set(answer.value.map(({ id }) => id));
    const made = waiting.filter(({ note }) => !told.has(note.id)).map((entry) => this.madeHere(entry));
    const summaries = [...made, ...answer.value.map(asSummary)].map(async (summary) => {
      const unsaved = counts.get(summary.id) ?? 0;
      const local = unsaved > 0 || answer.stale || summary.pending ? await this.titleHere(summary.id) : undefined;
      return { ...summary, unsaved, title: local ?? summary.title };
    });
    const value = (await Promise.all(summaries)).sort((a, b) => b.updated_at.localeCompare(a.updated_at));
    return { value, stale: answer.stale };
  }

  /** What the server says of a note, or said last. */
  show(id: string): Promise<Answer<NoteView>> {
    return this.parts.cache.ask(`note/${id}`, () => this.parts.rest.note(id));
  }

  /** Makes a note here and now; the server hears of it as soon as it can. */
  async create(options: { title?: string; room?: string; shared?: boolean } = {}): Promise<string> {
    const id = newId();
    await this.parts.outbox.add({
      id,
      format: "rich",
      ...(options.room ? { room_id: options.room, is_shared: options.shared ?? true } : {}),
    });
    const note = await this.open(id);
    note.doc.getMap("meta").set("title", options.title ?? "");
    await note.close();
    void this.deliver();
    return id;
  }

  async open(id: string): Promise<Note> {
    await this.closing.get(id);
    let entry = this.inUse.get(id);
    if (!entry) {
      entry = { opening: this.load(id), users: 0 };
      this.inUse.set(id, entry);
      entry.opening.catch(() => this.inUse.delete(id));
    }
    entry.users += 1;
    return this.handle(await entry.opening, entry);
  }

  /** Removes what this device holds of a note. */
  async discard(id: string): Promise<void> {
    const entry = this.inUse.get(id);
    this.inUse.delete(id);
    const open = entry ? await entry.opening : await this.load(id);
    await open.remove();
    await this.parts.outbox.forget(id);
    await this.parts.ledger.forget(id);
    await this.parts.storage.delete(this.titleKey(id));
  }

  /** Deletes it for everybody. */
  async delete(id: string): Promise<void> {
    if (!(await this.parts.outbox.find(id))) await this.parts.rest.deleteNote(id);
    await this.discard(id);
  }

  /** Posts what waits, then lets notes that are not open sync what only this device has. */
  async deliver(): Promise<boolean> {
    await this.parts.outbox.flush();
    const waiting = (await this.parts.outbox.list()).filter(({ refused }) => !refused);
    const held = new Set(waiting.map(({ note }) => note.id));
    for (const [id, edits] of await this.parts.ledger.counts()) {
      if (edits > 0 && !held.has(id) && !this.inUse.has(id)) await this.settle(id);
    }
    return waiting.length === 0;
  }

  /** Edits and creations that only this device has. */
  async unsaved(): Promise<number> {
    const counts = await this.parts.ledger.counts();
    for (const { note } of await this.parts.outbox.list()) {
      if (!counts.get(note.id)) counts.set(note.id, 1);
    }
    return [...counts.values()].reduce((sum, edits) => sum + edits, 0);
  }

  async close(): Promise<void> {
    const open = [...this.inUse.values()];
    this.inUse.clear();
    await Promise.all(open.map(async ({ opening }) => (await opening).close()));
  }

  private async load(id: string): Promise<OpenNote> {
    const [{ OpenNote }, socket] = await Promise.all([import("./note.js"), this.parts.socket()]);
    const waiting = await this.parts.outbox.find(id);
    const key = `${this.parts.prefix}note/${id}`;
    const note = await OpenNote.open(id, { ...this.parts, socket, key }, waiting === undefined);
    if (waiting?.refused) note.posted(true);
    const { person } = this.parts;
    note.awareness.setLocalStateField("user", { id: person.id, name: person.display_name || person.username });
    note.meta.observe(() => void this.keepTitle(id, note.title));
    return note;
  }

  private handle(open: OpenNote, entry: InUse): Note {
    let closed = false;
    const close = async () => {
      if (closed) return;
      closed = true;
      entry.users -= 1;
      if (entry.users > 0 || this.inUse.get(open.id) !== entry) return;
      this.inUse.delete(open.id);
      const done = open.close().finally(() => this.closing.delete(open.id));
      this.closing.set(open.id, done);
      await done;
    };
    return {
      id: open.id,
      doc: open.doc,
      awareness: open.awareness,
      status: open.status,
      get blank() {
        return open.blank;
      },
      get title() {
        return open.title;
      },
      set title(title: string) {
        open.title = title;
      },
      onTitle: (listener) => {
        const tell = () => listener(open.title);
        open.meta.observe(tell);
        tell();
        return () => open.meta.unobserve(tell);
      },
      settled: () => open.settled(),
      close,
    };
  }

  private async settle(id: string): Promise<void> {
    const note = await this.open(id);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const patience = new Promise((resolve) => (timer = setTimeout(resolve, SETTLE_MS)));
    await Promise.race([note.settled(), patience]);
    clearTimeout(timer);
    await note.close();
  }

  private async answered(id: string): Promise<void> {
    const entry = this.inUse.get(id);
    if (!entry) return;
    const waiting = await this.parts.outbox.find(id);
    (await entry.opening).posted(waiting?.refused !== undefined);
  }

  private madeHere({ note, made_at, refused }: Waiting): NoteSummary {
    return {
      id: note.id,
      title: "",
      text: "",
      owner_id: this.parts.person.id,
      room_id: note.room_id ?? null,
      is_shared: note.is_shared ?? false,
      format: note.format,
      created_at: made_at,
      updated_at: made_at,
      unsaved: 0,
      pending: !refused,
      refused: refused?.detail ?? null,
    };
  }

  private titleKey(id: string): string {
    return `${this.parts.prefix}title/${id}`;
  }

  private keepTitle(id: string, title: string): Promise<void> {
    return putJson(this.parts.storage, this.titleKey(id), title);
  }

  private titleHere(id: string): Promise<string | undefined> {
    return getJson<string>(this.parts.storage, this.titleKey(id));
  }
}

function asSummary(view: NoteView): NoteSummary {
  return { ...view, unsaved: 0, pending: false, refused: null };
}
