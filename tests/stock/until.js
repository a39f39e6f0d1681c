// Waiting on a condition, never on a clock: a test goes on as soon as what it waits for is there, and
// says what was missing when it never came.

/** Resolves when `condition()` is true; fails with `what` after `seconds`. */
export async function until(condition, what, seconds = 15) {
  const deadline = Date.now() + seconds * 1000;
  while (!(await condition())) {
    if (Date.now() > deadline) {
      const detail = typeof what === "function" ? what() : what;
      throw new Error(`after ${seconds} s still not: ${detail}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
