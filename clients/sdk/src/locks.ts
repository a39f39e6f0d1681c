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
  const local = localExclusive();
  if (!locks) return local;
  return async (name, act) => {
    let begun = false;
    const mine = () => {
      begun = true;
      return act();
    };
    try {
      return (await locks.request(name, mine)) as Awaited<ReturnType<typeof act>>;
    } catch (error) {
      // A browser that keeps nothing for a page has no locks for it either.
      if (begun) throw error;
      return local(name, act);
    }
  };
}
