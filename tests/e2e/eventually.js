/** Waiting for what comes true by itself. Knows no browser. */
import assert from "node:assert/strict";

/** As long as people wait. */
export const PATIENCE_MS = 20_000;

/** Waits until `read` gives something that passes; no longer than people do. */
export async function eventually(read, passes, what) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const value = await read();
    if (passes(value)) return value;
    if (Date.now() > deadline) assert.fail(`${what}: in the end it was ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
