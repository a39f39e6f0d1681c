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
import type { Known } from "./status.js";

const RETRY_MS = 2_000;

export class Session {
  private provider: HocuspocusProvider | null = null;
  private release: () => void = () => {};
  private stopListening: () => void = () => {};
  private timer: ReturnType<typeof setTimeout> | undefined;
  private closed = false;

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
    this.stopListening();
    this.provider?.destroy();
    this.release();
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
      refused: () => this.report({ refusal: "not-accepted" }),
    });
    provider.on("authenticated", () => this.tell(provider));
    provider.on("synced", () => this.tell(provider));
    provider.on("disconnect", () => this.report({ scope: null, acknowledged: false }));
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
    this.report({ scope, acknowledged, ...(acknowledged ? { paused: false } : {}) });
  }

  private heard(payload: string): void {
    try {
      if (JSON.parse(payload).type === "saving-paused") this.report({ paused: true });
    } catch {
      // Other applications' stateless messages are not ours to read.
    }
  }

  private refused(reason: string): void {
    const verdict = refusalOf(reason);
    this.provider?.detach();
    this.report({ scope: null, acknowledged: false });
    if (verdict.kind === "for-good") return this.report({ refusal: verdict.refusal });
    if (verdict.kind === "token") this.socket.forgetToken();
    this.again();
  }

  private again(): void {
    clearTimeout(this.timer);
    if (this.closed) return;
    this.timer = setTimeout(() => void this.start(), RETRY_MS);
  }
}
