/**
 * A person's notes: listed (from this device when the server is away), created offline
 * or online by the same path, opened as documents with a title, and brought back to what
 * they were. Knows no screen and no other person.
 */
import type { Doc } from "yjs";
import type { Answer, Cache } from "./cache.js";
import type { Creation, DocumentHandle, Documents } from "./documents.js";
import { newId } from "./ids.js";
import type { Outbox, Waiting } from "./outbox.js";
import type { NoteView, Person, Routes, Version, VersionText } from "./rest.js";
import { getJson, putJson, type Storage } from "./storage.js";

const NAME = "note:";

/** A note in a list. */
export interface NoteSummary extends Omit<NoteView, "rev" | "document"> {
  /** Edits that only this device has. */
  unsaved: number;
  /** Its creation waits for the server. */
  pending: boolean;
  /** Its creation was refused; what it holds is here only. */
  refused: string | null;
}

/** A note in use. Every `open` is closed once. */
export interface Note extends DocumentHandle {
  readonly id: string;
  title: string;
  /** Calls `listener` with the title now and after each change. */
  onTitle(listener: (title: string) => void): () => void;
}

export interface NotesParts {
  person: Person;
  storage: Storage;
  /** Where this person's things lie, ending in `/`. */
  prefix: string;
  rest: Routes;
  cache: Cache;
  outbox: Outbox;
  documents: Documents;
  /** Has `deliver` called, now and until nothing is left. */
  send: () => void;
}

export class Notes {
  constructor(private readonly parts: NotesParts) {
    parts.outbox.onAnswer((id) => void parts.documents.answered(NAME + id));
    parts.documents.onLoad((name, doc) => {
      if (name.startsWith(NAME)) doc.getMap("meta").observeDeep(() => void this.keepTitle(name, titleOf(doc)).catch(() => undefined));
    });
  }

  /** A person's own notes, or those of a room; newest first. */
  async list(options: { room?: string } = {}): Promise<Answer<NoteSummary[]>> {
    const { rest, cache, outbox, documents } = this.parts;
    const key = listKey(options.room);
    const waiting = (await outbox.list()).filter(({ note }) => !options.room || note.room_id === options.room);
    const answer = await cache
      .ask(key, () => (options.room ? rest.roomNotes(options.room) : rest.notes()))
      .catch((error) => {
        if (waiting.length === 0) throw error;
        return { value: [] as NoteView[], stale: true };
      });
    const counts = await documents.unsaved();
    const told = new Set(answer.value.map(({ id }) => id));
    const made = waiting.filter(({ note }) => !told.has(note.id)).map((entry) => this.madeHere(entry));
    const summaries = [...made, ...answer.value.map(asSummary)].map(async (summary) => {
      const unsaved = counts.get(NAME + summary.id) ?? 0;
      const local = unsaved > 0 || answer.stale || summary.pending ? await this.titleHere(summary.id) : undefined;
      return { ...summary, unsaved, title: local ?? summary.title };
    });
    const value = (await Promise.all(summaries)).sort((a, b) => b.updated_at.localeCompare(a.updated_at));
    return { value, stale: answer.stale };
  }

  /** What the server says of a note, or said last; until it has heard of it, what it was made as here. */
  async show(id: string): Promise<Answer<NoteSummary>> {
    const made = await this.parts.outbox.find(id);
    if (made) return { value: this.madeHere(made), stale: true };
    const { value, stale } = await this.parts.cache.ask(noteKey(id), () => this.parts.rest.note(id));
    return { value: asSummary(value), stale };
  }

  /**
   * Makes a note here and now; the server hears of it as soon as it can. A rich note's text is the XML fragment
   * `default` of its document, as Tiptap has it; a plain one's is the text `content`.
   */
  async create(options: { title?: string; room?: string; shared?: boolean; format?: NoteView["format"] } = {}): Promise<string> {
    const id = newId();
    await this.parts.outbox.add({
      id,
      format: options.format ?? "rich",
      ...(options.room ? { room_id: options.room, is_shared: options.shared ?? true } : {}),
    });
    await this.parts.documents.use(NAME + id, ({ doc }) => doc.getMap("meta").set("title", options.title ?? ""));
    this.parts.send();
    return id;
  }

  async open(id: string): Promise<Note> {
    const open = await this.parts.documents.open(NAME + id);
    const { doc } = open;
    const meta = doc.getMap("meta");
    return {
      ...open,
      id,
      get blank() {
        return open.blank;
      },
      get title() {
        return titleOf(doc);
      },
      set title(title: string) {
        if (title !== titleOf(doc)) meta.set("title", title);
      },
      onTitle: (listener) => {
        const tell = () => listener(titleOf(doc));
        meta.observeDeep(tell);
        tell();
        return () => meta.unobserveDeep(tell);
      },
    };
  }

  /** The note's versions, newest first: who wrote when. */
  history(id: string): Promise<Answer<Version[]>> {
    return this.parts.cache.ask(`note/${id}/history`, () => this.parts.rest.versions(id));
  }

  /** What the note said in a version. */
  version(id: string, version: number): Promise<Answer<VersionText>> {
    return this.parts.cache.ask(`note/${id}/history/${version}`, () => this.parts.rest.version(id, version));
  }

  /** Makes the note read as it did in a version, by an edit: what others write meanwhile stays. */
  restore(id: string, version: number): Promise<NoteView> {
    return this.parts.rest.restoreVersion(id, version);
  }

  /** Removes what this device holds of a note. */
  async discard(id: string): Promise<void> {
    await this.parts.documents.discard(NAME + id);
    await this.parts.outbox.forget(id);
    await this.parts.storage.delete(this.titleKey(id));
  }

  /** Deletes it for everybody. */
  async delete(id: string): Promise<void> {
    if (!(await this.parts.outbox.find(id))) {
      await this.parts.rest.deleteNote(id);
      await keepDeleted(this.parts.cache, id);
    }
    await this.discard(id);
  }

  /** Posts what waits, then lets documents that are not open sync. True when nothing is left that the server may take. */
  async deliver(): Promise<boolean> {
    await this.parts.outbox.flush();
    const settled = await this.parts.documents.settle();
    const waiting = (await this.parts.outbox.list()).filter(({ refused }) => !refused);
    return settled && waiting.length === 0;
  }

  /** Calls `listener` when the server has everything of a note that nobody has open any more. */
  onSettled(listener: () => void): () => void {
    return this.parts.documents.onSettled(listener);
  }

  /** Notes whose creation only this device knows, by the names of their documents. */
  async made(): Promise<string[]> {
    return (await this.parts.outbox.list()).map(({ note }) => NAME + note.id);
  }

  private madeHere({ note, made_at, refused }: Waiting): NoteSummary {
    return {
      id: note.id,
      title: "",
      text: "",
      owner_id: this.parts.person.id,
      room_id: note.room_id ?? null,
      is_shared: note.is_shared ?? false,
      nearly_full: false,
      format: note.format,
      engine: "yjs",
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

  private keepTitle(name: string, title: string): Promise<void> {
    return putJson(this.parts.storage, this.titleKey(name.slice(NAME.length)), title);
  }

  private titleHere(id: string): Promise<string | undefined> {
    return getJson<string>(this.parts.storage, this.titleKey(id));
  }
}

function asSummary(view: NoteView): NoteSummary {
  return { ...view, unsaved: 0, pending: false, refused: null };
}

/** Under which the last list of a person's own notes, or of a room's, is kept. */
function listKey(room?: string | null): string {
  return room ? `room/${room}/notes` : "notes";
}

/** Keeps what the server said of a note that was made here: it is in lists when the server is away again. */
export async function keepMade(cache: Cache, note: NoteView): Promise<void> {
  await cache.keep(noteKey(note.id), note);
  await cache.add(listKey(), note);
  if (note.room_id) await cache.add(listKey(note.room_id), note);
}

/** A note that was deleted is in no list, when the server is away again either. */
async function keepDeleted(cache: Cache, id: string): Promise<void> {
  const own = await cache.kept<NoteView[]>(listKey());
  const note = own?.find((note) => note.id === id) ?? (await cache.kept<NoteView>(noteKey(id)));
  await cache.remove(listKey(), id);
  if (note?.room_id) await cache.remove(listKey(note.room_id), id);
}

/** Under which a note's last view is kept. */
function noteKey(id: string): string {
  return `note/${id}`;
}

function titleOf(doc: Doc): string {
  // Other apps have it as a text of its own: read as the server reads it. Yjs itself loads later than this.
  const title = doc.getMap("meta").get("title") as { toJSON?: () => unknown } | string | undefined;
  const letters = typeof title === "object" ? title?.toJSON?.() : title;
  return typeof letters === "string" ? letters : "";
}

/** What the outbox knows of a document's creation; anything but a note is there with its owner. */
export async function creationOf(outbox: Outbox, name: string): Promise<Creation> {
  const waiting = name.startsWith(NAME) ? await outbox.find(name.slice(NAME.length)) : undefined;
  if (!waiting) return "posted";
  return waiting.refused ? "refused" : "waiting";
}
