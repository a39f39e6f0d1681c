/**
 * A person's rooms: read from this device when the server is away, changed only with
 * the server. Knows no notes and no screen.
 */
import type { Answer, Cache } from "./cache.js";
import { newId } from "./ids.js";
import type { InviteCode, Member, NewRoom, Participant, Room, Routes } from "./rest.js";

export class Rooms {
  constructor(
    private readonly rest: Routes,
    private readonly cache: Cache,
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
    const person = await this.rest.person(member.user_id).catch(() => null);
    return { ...member, display_name: person?.display_name || person?.username || "deleted user" };
  }
}
