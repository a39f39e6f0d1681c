/**
 * A person's rooms: read from this device when the server is away, changed only with
 * the server, but for their state, which is a document. Knows no notes and no screen.
 */
import type { Doc } from "yjs";
import type { Answer, Cache } from "./cache.js";
import type { DocumentHandle, Documents } from "./documents.js";
import { newId } from "./ids.js";
import type { People } from "./people.js";
import type { InviteCode, Member, NewRoom, Participant, Room, Routes } from "./rest.js";
import type { RoomState } from "./room-state.js";

/** A room's state in use. Every `open` is closed once. */
export interface OpenRoomState extends DocumentHandle {
  readonly state: RoomState;
}

export class Rooms {
  private readonly states = new WeakMap<Doc, RoomState>();

  constructor(
    private readonly rest: Routes,
    private readonly cache: Cache,
    private readonly people: People,
    private readonly documents: Documents,
    /** The time that timers run by. */
    readonly now: () => number,
  ) {}

  list(): Promise<Answer<Room[]>> {
    return this.cache.ask("rooms", () => this.rest.rooms());
  }

  show(id: string): Promise<Answer<Room>> {
    return this.cache.ask(`room/${id}`, () => this.rest.room(id));
  }

  /** Who is in a room, with names. */
  participants(id: string): Promise<Answer<Participant[]>> {
    return this.cache.ask(`room/${id}/participants`, async () => {
      const people = await this.rest.participants(id);
      return Promise.all(people.map((each) => this.named(each)));
    });
  }

  /** The room's timer and what else its members share beside notes and todos. */
  async open(id: string): Promise<OpenRoomState> {
    const [{ RoomState }, open] = await Promise.all([import("./room-state.js"), this.documents.open(`room:${id}`)]);
    const state = this.states.get(open.doc) ?? new RoomState(open.doc, this.now);
    this.states.set(open.doc, state);
    return {
      ...open,
      get blank() {
        return open.blank;
      },
      state,
    };
  }

  /** The id is made here, so that a repeated create is one create. */
  create(room: Omit<NewRoom, "id">): Promise<Room> {
    return this.rest.createRoom({ id: newId(), ...room });
  }

  join(code: string): Promise<Room> {
    return this.rest.joinRoom(code.trim());
  }

  leave(id: string): Promise<void> {
    return this.rest.leaveRoom(id);
  }

  invite(id: string): Promise<InviteCode> {
    return this.rest.inviteCode(id);
  }

  private async named(member: Member): Promise<Participant> {
    return { ...member, display_name: await this.people.nameOf(member.user_id) };
  }
}
