/**
 * The one WebSocket of a login, shared by all open documents (the stock
 * HocuspocusProviderWebsocket), and the token that its sessions show. Connects while the
 * server can be reached and somebody needs it. Knows no document's content.
 */
import { HocuspocusProviderWebsocket, WebSocketStatus } from "@hocuspocus/provider";
import { Acks, counted } from "./acks.js";
import type { Connection } from "./connection.js";

const LOGIN_REVOKED = 4401;
const LINGER_MS = 2_000;
/** What a socket is closed with that is left without an answer: it is nobody's word. */
const LEFT = { code: 1006, reason: "left" };

export interface SocketOptions {
  url: string;
  WebSocket: typeof WebSocket;
  connection: Connection;
  /** A string that lets this login's sessions in, fetched when needed. */
  token: () => Promise<string>;
  onLoginOver: () => void;
}

/**
 * The stock client's, left at once: with the network gone a browser waits a minute for the other
 * end to close too, and so long others would be shown here and nothing would connect again.
 */
class LeavingSocket extends HocuspocusProviderWebsocket {
  leave(): void {
    this.disconnect();
    if (this.status !== WebSocketStatus.Disconnected) this.emit("close", { event: LEFT });
  }
}

export class Socket {
  readonly acks = new Acks();
  readonly stock: LeavingSocket;
  private readonly stopFollowing: () => void;
  private known: Promise<string> | null = null;
  private users = 0;
  private linger: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly options: SocketOptions) {
    this.stock = new LeavingSocket({
      url: options.url,
      autoConnect: false,
      WebSocketPolyfill: counted(options.WebSocket, this.acks),
      maxDelay: 10_000,
    });
    this.stock.on("close", ({ event }: { event?: { code?: number } }) => {
      if (event?.code === LOGIN_REVOKED) {
        this.stock.disconnect();
        options.onLoginOver();
      }
    });
    this.stock.on("disconnect", this.onDisconnect);
    this.stopFollowing = options.connection.reach.subscribe(this.follow);
  }

  /** Keeps the socket connected until the returned function is called. */
  use(): () => void {
    clearTimeout(this.linger);
    this.users += 1;
    this.follow();
    let done = false;
    return () => {
      if (done) return;
      done = true;
      this.users -= 1;
      this.linger = setTimeout(this.follow, LINGER_MS);
    };
  }

  /** The token, fetched once and again after `forgetToken`. */
  token = (): Promise<string> => {
    this.known ??= this.options.token().catch((error) => {
      this.known = null;
      throw error;
    });
    return this.known;
  };

  /** Resolves when the server can be reached, now or later. */
  async reachable(): Promise<void> {
    await this.options.connection.reach.until((reach) => reach === "online");
  }

  forgetToken(): void {
    this.known = null;
  }

  close(): void {
    clearTimeout(this.linger);
    this.stopFollowing();
    this.stock.destroy();
  }

  private get wanted(): boolean {
    return this.users > 0 && this.options.connection.reach.get() === "online";
  }

  private follow = (): void => {
    if (!this.wanted) return this.stock.leave();
    // Between attempts: try now. During one: leave it be, or it is torn down.
    if (this.stock.status === WebSocketStatus.Disconnected) void this.stock.connect();
  };

  private onDisconnect = (): void => {
    this.acks.reset();
    // Reconnecting by itself is the stock client's work, except after our own disconnect.
    if (this.wanted && !this.stock.shouldConnect) void this.stock.connect();
    if (this.wanted) this.options.connection.retry();
  };
}
