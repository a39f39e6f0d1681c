/** What a person deleted and can bring back for thirty days: asked of the server. */
import type { Answer, Cache } from "./cache.js";
import type { Routes, Trashed } from "./rest.js";

export class Trash {
  constructor(
    private readonly rest: Routes,
    private readonly cache: Cache,
  ) {}

  /** Their notes, and the todos that they made, whoever deleted them; newest first. */
  list(): Promise<Answer<Trashed[]>> {
    return this.cache.ask("trash", () => this.rest.trash());
  }

  /** A note becomes what it was; a todo comes to the end of its list. */
  restore(id: string): Promise<void> {
    return this.rest.restoreTrashed(id);
  }
}
