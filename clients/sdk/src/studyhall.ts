/**
 * The entrance: one object that knows who is signed in, signs people in and out, and
 * hands out their rooms and notes. Opens as the last person even without a server.
 * Knows no screen; asks its caller before anything unsaved is removed.
 */
import { channelTo } from "./channel.js";
import { Clock } from "./clock.js";
import { Connection, type Reach } from "./connection.js";
import { platformExclusive, type Exclusive } from "./locks.js";
import type { Notes } from "./notes.js";
import { Value, type Observable } from "./observable.js";
import type { People } from "./people.js";
import { Problem } from "./problem.js";
import { routes, type Credentials, type LoginAnswer, type Person, type Registration, type Routes } from "./rest.js";
import type { Rooms } from "./rooms.js";
import { SignedIn } from "./signed-in.js";
import { drop, getJson, putJson, type Storage } from "./storage.js";
import type { Todos } from "./todos.js";
import { Tokens, type Delivery } from "./tokens.js";
import { transport } from "./transport.js";
import type { Trash } from "./trash.js";

const PERSON = "person";
const LOGOUT_OWED = "logout-owed";
const CHANNEL = "studyhall:login";

export interface Options {
  /** The server, without a path; in a browser its own origin when left out. */
  url?: string;
  storage: Storage;
  /** Cookies in a browser, tokens in the body and in `storage` elsewhere; a browser that keeps nothing takes no cookies either. */
  delivery?: Delivery;
  fetch?: typeof fetch;
  WebSocket?: typeof WebSocket;
  exclusive?: Exclusive;
}

/** Who is signed in, and whether the server still agrees. */
export interface Login {
  person: Person | null;
  /** The login ended while its person's notes are still here: sign in again. */
  over: boolean;
}

/** A logout that is not finished: whose local databases go; the tokens are still kept. */
interface OwedLogout {
  person?: string;
}

/** Signing out would remove work that only this device has. */
export class UnsavedWork extends Error {
  override readonly name = "UnsavedWork";
  constructor(readonly edits: number) {
    super(`${edits} unsaved ${edits === 1 ? "edit" : "edits"} would be removed.`);
  }
}

export class Studyhall {
  private readonly state = new Value<Login>({ person: null, over: false }, sameLogin);
  private readonly connection: Connection;
  private readonly clock: Clock;
  private readonly tokens: Tokens;
  private readonly rest: Routes;
  private readonly exclusive: Exclusive;
  private readonly url: string;
  private readonly channel: BroadcastChannel | null;
  private signedIn: SignedIn | null = null;
  private paying: Promise<void> | null = null;
  /** The server was not told of a logout yet. */
  private owes = false;

  private constructor(private readonly options: Options) {
    const inBrowser = typeof document !== "undefined";
    this.url = (options.url ?? (inBrowser ? location.origin : "")).replace(/\/+$/, "");
    this.exclusive = options.exclusive ?? platformExclusive();
    this.connection = new Connection(() => this.rest.me());
    this.clock = new Clock(options.storage);
    this.tokens = new Tokens(
      options.storage,
      options.delivery ?? (inBrowser && !options.storage.passing ? "cookie" : "body"),
      this.exclusive,
      (token) => this.rest.refresh(token),
    );
    this.rest = routes(
      this.url,
      transport({
        fetch: options.fetch ?? ((...args) => fetch(...args)),
        tokens: this.tokens,
        connection: this.connection,
        clock: this.clock,
        onLoginOver: this.loginIsOver,
      }),
    );
    this.channel = channelTo(CHANNEL, () => void this.follow());
  }

  /** Opens as whoever was signed in last on this device, server or not. */
  static async open(options: Options): Promise<Studyhall> {
    const hall = new Studyhall(options);
    await hall.clock.load();
    await hall.follow();
    if (await options.storage.get(LOGOUT_OWED)) void hall.payLogout();
    else if (hall.state.get().person) void hall.greet();
    return hall;
  }

  get who(): Observable<Login> {
    return this.state;
  }

  get reach(): Observable<Reach> {
    return this.connection.reach;
  }

  /** Whether anything is on this device after the page is closed. */
  get keeps(): boolean {
    return !this.options.storage.passing;
  }

  get notes(): Notes {
    return this.required().notes;
  }

  get rooms(): Rooms {
    return this.required().rooms;
  }

  get todos(): Todos {
    return this.required().todos;
  }

  get trash(): Trash {
    return this.required().trash;
  }

  get people(): People {
    return this.required().people;
  }

  async register(registration: Registration): Promise<Person> {
    await this.payLogout();
    return this.enter(await this.rest.register(registration));
  }

  async login(credentials: Credentials): Promise<Person> {
    await this.payLogout();
    return this.enter(await this.rest.login(credentials));
  }

  /**
   * Ends the login and removes its person's local databases. Throws `UnsavedWork`
   * first, where something would be lost, unless `discard` says that this was asked.
   */
  async logout({ discard = false }: { discard?: boolean } = {}): Promise<void> {
    const signedIn = this.required();
    const edits = discard ? 0 : await signedIn.unsaved();
    if (edits > 0) throw new UnsavedWork(edits);
    const person = this.state.get().person?.id;
    await putJson(this.options.storage, LOGOUT_OWED, { person } satisfies OwedLogout);
    await this.options.storage.delete(PERSON);
    this.signedIn = null;
    this.state.set({ person: null, over: false });
    this.channel?.postMessage("changed");
    await signedIn.close();
    await this.payLogout();
  }

  /** Asks the server again now. */
  retry(): void {
    this.connection.retry();
  }

  async close(): Promise<void> {
    this.connection.close();
    this.channel?.close();
    await this.signedIn?.close();
    this.signedIn = null;
  }

  private required(): SignedIn {
    if (!this.signedIn) throw new Error("Nobody is signed in.");
    return this.signedIn;
  }

  private async enter(answer: LoginAnswer): Promise<Person> {
    // What was left to do of a logout would end this login, and take what is written from now on.
    if (this.owes) await this.options.storage.delete(LOGOUT_OWED);
    this.owes = false;
    await this.tokens.keep(answer);
    await putJson(this.options.storage, PERSON, answer.user);
    await this.follow();
    this.channel?.postMessage("changed");
    return answer.user;
  }

  /** Takes over what storage says about who is signed in: at start, and from other tabs. */
  private async follow(): Promise<void> {
    const person = (await getJson<Person>(this.options.storage, PERSON)) ?? null;
    const before = this.signedIn;
    if (before && (person?.id !== this.state.get().person?.id || this.state.get().over)) {
      this.signedIn = null;
      await before.close();
    }
    if (person && !this.signedIn) this.signedIn = this.settle(person);
    this.state.set({ person, over: false });
  }

  private settle(person: Person): SignedIn {
    return new SignedIn({
      person,
      storage: this.options.storage,
      rest: this.rest,
      connection: this.connection,
      exclusive: this.exclusive,
      socketUrl: `${this.url.replace(/^http/, "ws")}/sync/hocuspocus`,
      WebSocket: this.options.WebSocket ?? globalThis.WebSocket,
      token: async () => (await this.rest.ticket()).ticket,
      now: this.clock.now,
      onLoginOver: this.loginIsOver,
    });
  }

  /** Asks who the server takes us for; the answer renews names, a refusal ends the login. */
  private async greet(): Promise<void> {
    const person = await this.rest.me().catch(() => null);
    if (!person || person.id !== this.state.get().person?.id) return;
    await putJson(this.options.storage, PERSON, person);
    this.state.set({ person, over: false });
  }

  /** Finishes a logout: removes what is kept here, then tells the server, now or later; once at a time. */
  private payLogout(): Promise<void> {
    this.paying ??= this.settleOwed().finally(() => (this.paying = null));
    return this.paying;
  }

  private async settleOwed(): Promise<void> {
    const owed = await getJson<OwedLogout>(this.options.storage, LOGOUT_OWED);
    if (!owed) return;
    if (owed.person) await drop(this.options.storage, `user/${owed.person}/`);
    try {
      await this.rest.logout((await this.tokens.current()).refresh);
    } catch (error) {
      this.owes = !(error instanceof Problem) || error.passing;
      if (this.owes) return;
    }
    await this.tokens.forget();
    await this.options.storage.delete(LOGOUT_OWED);
  }

  private loginIsOver = (): void => {
    const { person } = this.state.get();
    if (person) this.state.set({ person, over: true });
  };
}

function sameLogin(a: Login, b: Login): boolean {
  return a.over === b.over && JSON.stringify(a.person) === JSON.stringify(b.person);
}
