/**
 * The tokens of one login and their renewal: one refresh at a time over all tabs, and a
 * tab that waited uses what another one fetched. In a browser the tokens are HttpOnly
 * cookies and only the moment of the last refresh is kept here; elsewhere the tokens
 * themselves are. Knows neither documents nor what requests are for.
 */
import type { Exclusive } from "./locks.js";
import { getJson, putJson, type Storage } from "./storage.js";
import type { LoginAnswer } from "./rest.js";

const KEY = "tokens";

interface Kept {
  /** Grows with each login and refresh: what two tabs compare. */
  generation: number;
  access?: string;
  refresh?: string;
}

export type Delivery = "cookie" | "body";

export class Tokens {
  constructor(
    private readonly storage: Storage,
    readonly delivery: Delivery,
    private readonly exclusive: Exclusive,
    private readonly ask: (refreshToken?: string) => Promise<LoginAnswer>,
  ) {}

  /** What a request sends, and the generation to name when it was answered 401. */
  async current(): Promise<Kept> {
    return (await getJson<Kept>(this.storage, KEY)) ?? { generation: 0 };
  }

  async keep(answer: LoginAnswer): Promise<void> {
    const { generation } = await this.current();
    const inBody = this.delivery === "body";
    await putJson(this.storage, KEY, {
      generation: generation + 1,
      access: inBody ? answer.access_token : undefined,
      refresh: inBody ? (answer.refresh_token ?? undefined) : undefined,
    } satisfies Kept);
  }

  /** Renews the tokens unless somebody did since `generation`. */
  refresh(generation: number): Promise<void> {
    return this.exclusive("studyhall:refresh", async () => {
      const now = await this.current();
      if (now.generation !== generation) return;
      await this.keep(await this.ask(now.refresh));
    });
  }

  async forget(): Promise<void> {
    const { generation } = await this.current();
    await putJson(this.storage, KEY, { generation: generation + 1 } satisfies Kept);
  }
}
