/** One at a time, and what is asked meanwhile once for all. Knows nothing of what is done. */

/** Does `act` when called; calls that come while it is done share one more time after it. */
export function coalesced(act: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | null = null;
  let next: Promise<void> | null = null;
  const run = (): Promise<void> => {
    next = null;
    const mine = act().finally(() => {
      if (running === mine) running = null;
    });
    return (running = mine);
  };
  return () => {
    if (!running) return run();
    return (next ??= running.then(run, run));
  };
}
