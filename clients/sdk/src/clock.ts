/**
 * The time that people who are apart agree on: this device's, unless it is plainly wrong
 * by what the server's answers say; then theirs, offline too. The `Date` of an answer is
 * whole seconds, so a device that is right is not made worse. Knows nothing of timers.
 */
import { getJson, putJson, type Storage } from "./storage.js";

const KEY = "clock";
/** A difference that neither a slow answer nor whole seconds explain. */
const PLAINLY_WRONG_MS = 5_000;

export class Clock {
  private ahead = 0;

  constructor(
    private readonly storage: Storage,
    private readonly device: () => number = Date.now,
  ) {}

  /** Milliseconds since 1970. */
  now = (): number => this.device() - this.ahead;

  /** Takes over what was known before. */
  async load(): Promise<void> {
    this.ahead = (await getJson<{ ahead: number }>(this.storage, KEY))?.ahead ?? 0;
  }

  /** An answer came with this `Date`, to something asked at `asked` by this device's clock. */
  answered(date: string | null, asked: number): void {
    const server = Date.parse(date ?? "");
    const answered = this.device();
    // A clock that was set meanwhile, or an answer that took its time, says nothing.
    if (Number.isNaN(server) || answered < asked || answered - asked > PLAINLY_WRONG_MS) return;
    const ahead = Math.round((asked + answered) / 2 - (server + 500));
    const settled = Math.abs(ahead) > PLAINLY_WRONG_MS ? ahead : 0;
    // Whole seconds make each measurement differ a little: what is known is kept.
    if (Math.abs(settled - this.ahead) <= (settled === 0 ? 0 : 2_000)) return;
    this.ahead = settled;
    void putJson(this.storage, KEY, { ahead: settled });
  }
}
