/**
 * Whether the server answers, as far as anybody can tell from here: the platform's word
 * (`online`/`offline` events) and the outcome of what was asked last. While it does not
 * answer, it is asked again, at growing intervals. Knows no login and no document.
 */
import { Value } from "./observable.js";

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 10_000;

export type Reach = "online" | "offline";

export class Connection {
  readonly reach: Value<Reach>;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private wait = FIRST_WAIT_MS;
  private closed = false;

  /** `probe` asks the server anything; it must call `answered` or `silent` itself. */
  constructor(private readonly probe: () => Promise<unknown>) {
    this.reach = new Value<Reach>(this.platformIsOffline() ? "offline" : "online");
    this.platform()?.addEventListener("online", this.retry);
    this.platform()?.addEventListener("offline", this.silent);
  }

  /** Something was answered, be it with an error. */
  answered = (): void => {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.wait = FIRST_WAIT_MS;
    if (!this.platformIsOffline()) this.reach.set("online");
  };

  /** Something was asked in vain. */
  silent = (): void => {
    this.reach.set("offline");
    if (this.closed || this.timer !== undefined) return;
    this.timer = setTimeout(this.retry, this.wait);
    this.wait = Math.min(this.wait * 2, LONGEST_WAIT_MS);
  };

  /** Asks now instead of waiting for the next interval. */
  retry = (): void => {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.closed) return;
    if (this.platformIsOffline()) return this.silent();
    this.probe().catch(() => undefined);
  };

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    this.platform()?.removeEventListener("online", this.retry);
    this.platform()?.removeEventListener("offline", this.silent);
  }

  private platform(): EventTarget | undefined {
    return typeof globalThis.addEventListener === "function" ? globalThis : undefined;
  }

  private platformIsOffline(): boolean {
    return typeof navigator !== "undefined" && navigator.onLine === false;
  }
}
