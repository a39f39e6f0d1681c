/**
 * Texts within a document's maps, which several people write at once: what one of them has made of a text goes into
 * what it has become meanwhile. Knows no list.
 */
import { simpleDiffString } from "lib0/diff";
import * as Y from "yjs";

/** A part of a text, from one place to another, and what stands in its place. */
interface Change {
  from: number;
  to: number;
  inserted: string;
}

/** Makes a field of a map the text that its writer has made of `was`; what others have made of it since stays. */
export function writeText(map: Y.Map<unknown>, field: string, text: string, was: string): void {
  const known = map.get(field);
  const shown = known instanceof Y.Text || typeof known === "string" ? known.toString() : "";
  // From the last to the first, so that places stay what they are.
  const changes = rebased(was, text, shown).toReversed();
  if (known instanceof Y.Text && known.length === shown.length) {
    for (const { from, to, inserted } of changes) {
      if (to > from) known.delete(from, to - from);
      if (inserted) known.insert(from, inserted);
    }
  } else {
    const put = (now: string, { from, to, inserted }: Change) => now.slice(0, from) + inserted + now.slice(to);
    map.set(field, new Y.Text(changes.reduce(put, shown)));
  }
}

/** What makes `mine` of `base`, done in what somebody else has made of that. Of words that both have changed both stay. */
export function rebased(base: string, mine: string, theirs: string): Change[] {
  const my = difference(base, mine);
  const their = difference(base, theirs);
  const end = their.from + their.inserted.length;
  if (mine === theirs || mine === base) return [];
  const isBefore = my.to <= their.from && (my.from !== their.to || isInWord(base.slice(0, my.from), my.inserted));
  if (base === theirs || isBefore) return [my];
  if (my.from >= their.to) return [apart({ ...my, from: my.from - their.to + end, to: my.to - their.to + end }, theirs)];
  const before = { from: Math.min(my.from, their.from), to: their.from, inserted: "" };
  const behind = { from: end, to: end + Math.max(my.to - their.to, 0), inserted: my.inserted };
  return [before, apart(behind, theirs)];
}

/** By whole words, as people see a change. */
function difference(old: string, text: string): Change {
  const { index, remove, insert } = simpleDiffString(old, text);
  let [from, to, until] = [index, index + remove, index + insert.length];
  const isWord = (place: number) => place >= 0 && place < old.length && /\S/u.test(old[place]!);
  if (remove > 0 && /\S/u.test(insert)) {
    while (isWord(from - 1)) from -= 1;
    while (isWord(to)) [to, until] = [to + 1, until + 1];
  }
  return { from, to, inserted: text.slice(from, until) };
}

/** With a space between two people's words, and where words between them are gone. */
function apart(change: Change, text: string): Change {
  const { from, to, inserted } = change;
  const isGlued = /\S$/u.test(text.slice(0, from)) && /^\S/u.test(inserted || (to > from ? text.slice(to) : ""));
  return isGlued ? { ...change, inserted: ` ${inserted}` } : change;
}

/** Whether a word goes on. */
function isInWord(before: string, text: string): boolean {
  return /[\p{L}\p{N}]$/u.test(before) && /^[\p{L}\p{N}]/u.test(text);
}
