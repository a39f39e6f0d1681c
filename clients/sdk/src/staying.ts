/**
 * Documents that were left while the server had not all of them: their sessions stay, so
 * many and so long at most. Knows nothing of what is in them and closes none.
 */
import type { OpenDocument } from "./document.js";

const STAY_MS = 30_000;
const MOST = 8;

export class Staying {
  /** The first one left comes first. */
  private readonly ends = new Map<OpenDocument, () => void>();

  /** Resolves when the server has all of it or refuses it, or when it is given up, wanted back or closed. */
  async wait(open: OpenDocument): Promise<void> {
    const [first] = this.ends.keys();
    if (first && this.ends.size >= MOST) this.end(first);
    let end = () => {};
    const ended = new Promise<void>((resolve) => (end = resolve));
    this.ends.set(open, end);
    await Promise.race([settledOrLate(open), ended]);
    if (this.ends.get(open) === end) this.ends.delete(open);
  }

  /** Lets whoever waits for it go on. */
  end(open: OpenDocument): void {
    this.ends.get(open)?.();
    this.ends.delete(open);
  }
}

/** Waits until everything is acknowledged or refused, but not for ever. */
export async function settledOrLate(open: OpenDocument): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, STAY_MS)));
  await Promise.race([open.settled(), late]);
  clearTimeout(timer);
}
