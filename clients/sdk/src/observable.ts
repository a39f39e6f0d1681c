/**
 * A value that can be read now and followed later, in the shape that React's
 * `useSyncExternalStore` takes. Knows nothing of what it holds.
 */

export interface Observable<T> {
  get(): T;
  /** Calls `listener` now and after each change; returns how to stop. */
  subscribe(listener: (value: T) => void): () => void;
}

/** An observable whose owner sets it. Setting an equal value tells nobody. */
export class Value<T> implements Observable<T> {
  private readonly listeners = new Set<(value: T) => void>();

  constructor(
    private current: T,
    private readonly equal: (a: T, b: T) => boolean = Object.is,
  ) {}

  get = (): T => this.current;

  set(next: T): void {
    if (this.equal(this.current, next)) return;
    this.current = next;
    for (const listener of [...this.listeners]) listener(next);
  }

  subscribe = (listener: (value: T) => void): (() => void) => {
    this.listeners.add(listener);
    listener(this.current);
    return () => this.listeners.delete(listener);
  };

  /** Resolves with the first value, now or later, that passes. */
  until(passes: (value: T) => boolean): Promise<T> {
    return new Promise((resolve) => {
      let stop = () => {};
      let done = false;
      stop = this.subscribe((value) => {
        if (done || !passes(value)) return;
        done = true;
        queueMicrotask(() => stop());
        resolve(value);
      });
    });
  }
}
