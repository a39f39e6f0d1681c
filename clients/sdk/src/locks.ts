/**
 * One at a time over all tabs of a browser (`navigator.locks`), or within this
 * process where there are no tabs. Knows nothing of what is done inside.
 */

export type Exclusive = <T>(name: string, act: () => Promise<T>) => Promise<T>;

/** Queues within this process only. */
export function localExclusive(): Exclusive {
  const tails = new Map<string, Promise<unknown>>();
  return (name, act) => {
    const before = tails.get(name) ?? Promise.resolve();
    const mine = before.then(act, act);
    tails.set(name, mine.catch(() => undefined));
    return mine;
  };
}

export function platformExclusive(): Exclusive {
  const locks = typeof navigator === "undefined" ? undefined : navigator.locks;
  if (!locks) return localExclusive();
  return (name, act) => locks.request(name, act) as ReturnType<typeof act>;
}
