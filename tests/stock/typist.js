// Somebody who types words that can be counted, and remembers what they were told of them.
import assert from "node:assert/strict";

const token = /<\d+\.\d+>/g;

/** Somebody who types tokens, and remembers which of them are acknowledged. */
export class Typist {
  constructor(desk, place) {
    Object.assign(this, { desk, place, typed: [], saved: 0 });
    // A Hocuspocus client knows what is saved; y-websocket's knows only what it is shown.
    desk.provider.on("unsyncedChanges", ({ number }) => {
      if (number === 0) this.saved = this.typed.length;
    });
  }

  type() {
    const word = `<${this.place}.${this.typed.length}>`;
    this.typed.push(word);
    this.desk.write(word);
    return word;
  }

  get acknowledged() {
    return this.typed.slice(0, this.saved);
  }

  /** What it reads of others. */
  get shown() {
    return (this.desk.words.match(token) ?? []).filter((word) => !word.startsWith(`<${this.place}.`));
  }
}

/** Those of the words that are not in the text exactly once. */
export function notOnce(text, words) {
  const count = new Map();
  for (const word of text.match(token) ?? []) count.set(word, (count.get(word) ?? 0) + 1);
  return [...new Set(words)].filter((word) => count.get(word) !== 1);
}

export function assertOnce(text, words, what) {
  assert.deepEqual(notOnce(text, words), [], `${what}: not there exactly once`);
}

/** Everybody's words are in the order in which they typed them, whatever stands between. */
export function assertInOrder(text, typists) {
  const words = text.match(token) ?? [];
  for (const { place, typed } of typists) {
    const theirs = words.filter((word) => word.startsWith(`<${place}.`));
    assert.deepEqual(theirs, typed, `the words of ${place} in their order`);
  }
}
