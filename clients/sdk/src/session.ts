/**
 * One document's session on the shared socket: the stock HocuspocusProvider, let in with
 * the login's token, retried while a refusal may pass, given up when it is for good.
 * Reports what it learns; decides nothing about what is shown and keeps nothing.
 */
import { HocuspocusProvider } from "@hocuspocus/provider";
import type { Awareness } from "y-protocols/awareness";
import type * as Y from "yjs";
import { refusalOf } from "./refusal.js";
import type { Socket } from "./socket.js";
import type { Known, Refusal } from "./status.js";

const RETRY_MS = 2_000;
/** A full document may have room again: what was not taken is offered once more, at first and at last after so long. */
const FULL_MS = 10_000;
const FULL_MOST_MS = 60_000;
/** What is gone may come back from the trash, and who was put out may be let in again: it is asked, at first and at last after so long. */
const GONE_MS = 10_000;
const GONE_MOST_MS = 300_000;
const COMES_BACK: Refusal[] = ["not-found", "deleted", "removed"];
const DOUBT_MS = 500;

export class Session {
  private provider: HocuspocusProvider | null = null;
  private release: () => void = () => {};
  private stopListening: () => void = () => {};
  private timer: ReturnType<typeof setTimeout> | undefined;
  private doubt: ReturnType<typeof setTimeout> | undefined;
  private closed = false;
  /** While the document is full: how long until what was not taken is offered again. */
  private full = 0;
  /** While it is gone: how long until it is asked for again. */
  private gone = 0;

  constructor(
    private readonly name: string,
    private readonly doc: Y.Doc,
    private readonly awareness: Awareness,
    private readonly socket: Socket,
    private readonly report: (news: Partial<Known>) => void,
  ) {}

  open(): void {
    if (this.closed || this.provider) return;
    this.release = this.socket.use();
    void this.start();
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    clearTimeout(this.doubt);
    this.stopListening();
    this.provider?.destroy();
    this.release();
  }

  /** An update of this origin came from the server. */
  brought(origin: unknown): boolean {
    return this.provider !== null && origin === this.provider;
  }

  /** The token first: between opening and authentication no edit may slip in. */
  private async start(): Promise<void> {
    await this.socket.reachable();
    if (this.closed) return;
    try {
      await this.socket.token();
    } catch {
      return this.again();
    }
    if (this.closed) return;
    this.provider ??= this.make();
    this.provider.attach();
  }

  private make(): HocuspocusProvider {
    const provider = new HocuspocusProvider({
      websocketProvider: this.socket.stock,
      name: this.name,
      document: this.doc,
      awareness: this.awareness,
      token: this.socket.token,
      sessionAwareness: true,
    });
    this.listen(provider);
    return provider;
  }

  private listen(provider: HocuspocusProvider): void {
    const { acks } = this.socket;
    this.stopListening = acks.listen(provider.effectiveName, {
      changed: () => this.tell(provider),
      refused: () => this.notTaken(),
    });
    provider.on("authenticated", () => this.tell(provider));
    provider.on("synced", () => this.tell(provider));
    // Who is let in again is told again, if it is still so.
    provider.on("disconnect", () => this.report({ scope: null, acknowledged: false, nearlyFull: false }));
    provider.on("stateless", ({ payload }: { payload: string }) => this.heard(payload));
    provider.on("authenticationFailed", ({ reason }: { reason: string }) => this.refused(reason));
    provider.on("close", ({ event }: { event: { code: number; reason: string } }) => {
      // A document's own Close frame; the socket's close events are CloseEvents.
      if (typeof CloseEvent !== "undefined" && event instanceof CloseEvent) return;
      if (event.code === 1000) this.refused(event.reason);
    });
  }

  private tell(provider: HocuspocusProvider): void {
    const scope = provider.isAuthenticated ? (provider.authorizedScope ?? "read-write") : null;
    const acknowledged = scope !== null && provider.isSynced && this.socket.acks.acknowledged(provider.effectiveName);
    const hasRoom = acknowledged && this.full > 0;
    const isBack = scope !== null && this.gone > 0;
    if (hasRoom) this.full = 0;
    if (isBack) this.gone = 0;
    this.report({ scope, acknowledged, ...(acknowledged ? { paused: false } : {}), ...(hasRoom || isBack ? { refusal: null } : {}) });
  }

  private heard(payload: string): void {
    const { type, code } = messageOf(payload);
    if (type === "saving-paused") this.report({ paused: true });
    if (type === "saving-resumed") this.report({ paused: false });
    if (type === "document-nearly-full") this.report({ nearlyFull: true });
    if (type !== "refused") return;
    clearTimeout(this.doubt);
    // Too much waited: what was not taken is offered again with a new Step2.
    if (code === "overloaded") return this.rejoin();
    if (code === "document-full") return this.hasNoRoom();
    this.report({ refusal: "not-accepted" });
  }

  private hasNoRoom(): void {
    this.report({ refusal: "too-large" });
    clearTimeout(this.timer);
    this.full = Math.min(Math.max(2 * this.full, FULL_MS), FULL_MOST_MS);
    this.timer = setTimeout(() => this.rejoin(), this.full);
  }

  /** An edit was not taken; the server says why at once, others may not. */
  private notTaken(): void {
    clearTimeout(this.doubt);
    this.doubt = setTimeout(() => this.report({ refusal: "not-accepted" }), DOUBT_MS);
  }

  private rejoin(): void {
    if (this.closed) return;
    this.provider?.detach();
    this.report({ scope: null, acknowledged: false });
    this.again();
  }

  private refused(reason: string): void {
    const verdict = refusalOf(reason);
    if (verdict.kind === "token") this.socket.forgetToken();
    if (verdict.kind !== "for-good") return this.rejoin();
    this.provider?.detach();
    this.report({ scope: null, acknowledged: false, refusal: verdict.refusal });
    if (!COMES_BACK.includes(verdict.refusal)) return;
    clearTimeout(this.timer);
    this.gone = Math.min(Math.max(2 * this.gone, GONE_MS), GONE_MOST_MS);
    this.timer = setTimeout(() => void this.start(), this.gone);
  }

  private again(): void {
    clearTimeout(this.timer);
    if (this.closed) return;
    this.timer = setTimeout(() => void this.start(), RETRY_MS);
  }
}

/** A stateless message of ours; other applications' messages are not ours to read. */
function messageOf(payload: string): { type?: unknown; code?: unknown } {
  try {
    return Object(JSON.parse(payload));
  } catch {
    return {};
  }
}
