/** What other people are called: from this device when the server is away. */
import type { Cache } from "./cache.js";
import type { Routes } from "./rest.js";

const NOBODY = "deleted user";

export class People {
  constructor(
    private readonly rest: Routes,
    private readonly cache: Cache,
  ) {}

  /** The name to show for an id that stands in a document. */
  async nameOf(id: string): Promise<string> {
    const answer = await this.cache.ask(`person/${id}`, () => this.rest.person(id)).catch(() => null);
    return answer?.value.display_name || answer?.value.username || NOBODY;
  }
}
