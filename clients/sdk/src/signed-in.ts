/**
 * Everything that belongs to one login: made when somebody signs in or is found signed
 * in, ended as a whole. Wires the parts together; decides nothing.
 */
import { Cache } from "./cache.js";
import type { Connection } from "./connection.js";
import { Documents } from "./documents.js";
import type { Exclusive } from "./locks.js";
import { creationOf, keepMade, Notes } from "./notes.js";
import { Outbox } from "./outbox.js";
import { People } from "./people.js";
import type { NewNote, Person, Routes } from "./rest.js";
import { Rooms } from "./rooms.js";
import type { Socket } from "./socket.js";
import type { Storage } from "./storage.js";
import { Tabs } from "./tabs.js";
import { Todos } from "./todos.js";
import { Trash } from "./trash.js";
import { UnsavedLedger } from "./unsaved.js";

const AGAIN_MS = 5_000;
const LONGEST_MS = 60_000;
/** Another tab that tells no more has sent what it wrote, or does not come to it. */
const QUIET_MS = 3_000;

export interface SignedInParts {
  person: Person;
  storage: Storage;
  rest: Routes;
  connection: Connection;
  exclusive: Exclusive;
  socketUrl: string;
  WebSocket: typeof WebSocket;
  token: () => Promise<string>;
  now: () => number;
  onLoginOver: () => void;
}

export class SignedIn {
  readonly notes: Notes;
  readonly rooms: Rooms;
  readonly todos: Todos;
  readonly trash: Trash;
  readonly people: People;
  private readonly documents: Documents;
  private socket: Promise<Socket> | null = null;
  private readonly stopFollowing: () => void;
  private readonly tabs: Tabs;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private quiet: ReturnType<typeof setTimeout> | undefined;
  private readonly looks: ReturnType<typeof setInterval>;
  private wait = AGAIN_MS;
  private closed = false;

  constructor(private readonly parts: SignedInParts) {
    const { person, storage, rest, connection, exclusive, now } = parts;
    const prefix = `user/${person.id}/`;
    const cache = new Cache(storage, `${prefix}answer/`, () => connection.reach.get() === "online");
    const post = async (note: NewNote) => keepMade(cache, await rest.createNote(note));
    const outbox = new Outbox({ storage, prefix: `${prefix}outbox/`, exclusive, post });
    const ledger = new UnsavedLedger(storage, `${prefix}unsaved/`);
    this.tabs = new Tabs(person.id);
    this.documents = new Documents({
      person,
      storage,
      prefix,
      ledger,
      connection,
      socket: this.openSocket,
      creationOf: (name) => creationOf(outbox, name),
      onUnsettled: this.deliverLater,
      tell: (name) => this.tabs.tell(name),
    });
    this.tabs.onTold = this.heard;
    this.people = new People(rest, cache);
    this.trash = new Trash(rest, cache);
    this.rooms = new Rooms(rest, cache, this.people, this.documents, now);
    this.todos = new Todos(person, this.documents, now);
    const send = () => void this.deliver();
    this.notes = new Notes({ person, storage, prefix, rest, cache, outbox, documents: this.documents, send });
    // A tab that ended without a word has told nobody what it left.
    this.looks = setInterval(this.deliverIfOnline, LONGEST_MS);
    (this.looks as { unref?: () => void }).unref?.();
    this.stopFollowing = connection.reach.subscribe((reach) => {
      this.wait = AGAIN_MS;
      if (reach === "online") void this.deliver();
    });
  }

  /** Edits and creations that only this device has. */
  async unsaved(): Promise<number> {
    const counts = await this.documents.unsaved();
    for (const name of await this.notes.made()) {
      if (!counts.get(name)) counts.set(name, 1);
    }
    return [...counts.values()].reduce((sum, edits) => sum + edits, 0);
  }

  /** Stops everything and leaves what is kept on this device. */
  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    clearTimeout(this.quiet);
    clearInterval(this.looks);
    this.tabs.close();
    this.stopFollowing();
    await this.documents.close();
    (await this.socket)?.close();
  }

  /** Documents and their socket are most of the code: loaded with the first one. */
  private openSocket = (): Promise<Socket> => {
    const { parts } = this;
    this.socket ??= import("./socket.js").then(({ Socket }) => new Socket({ ...parts, url: parts.socketUrl }));
    return this.socket;
  };

  private heard = (name: string): void => {
    if (this.documents.heard(name)) return;
    clearTimeout(this.quiet);
    this.quiet = setTimeout(this.deliverIfOnline, QUIET_MS);
  };

  private deliverIfOnline = (): void => {
    if (this.parts.connection.reach.get() === "online") void this.deliver();
  };

  private async deliver(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    const done = await this.notes.deliver().catch(() => false);
    if (done) this.wait = AGAIN_MS;
    else this.deliverLater();
  }

  /** Still reachable, yet not taken: a server that is busy or cannot store just now, or a slow network. */
  private deliverLater = (): void => {
    if (this.closed || this.timer !== undefined) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.deliverIfOnline();
    }, this.wait);
    this.wait = Math.min(this.wait * 2, LONGEST_MS);
  };
}
