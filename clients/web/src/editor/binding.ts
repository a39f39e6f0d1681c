/**
 * A text area that is a `Y.Text`: what a person types becomes the least change of it, what others type is
 * shown at once (in a long text soon), and the caret stays with the words that it is in. While a character is being composed
 * (an accent, a syllable) nothing is shown or written, since that would end the composition. Undoing takes
 * back what was typed here and nothing of others: the browser's own undoing ends where others have typed.
 * Knows nothing of React and of notes.
 */
import { ContentString, UndoManager, type Text, type YTextEvent } from "yjs";

type Delta = YTextEvent["delta"];

/** Stands for a value in the text that is no text. */
const OBJECT = "\uFFFC";

/** To show a changed text is to lay out all of it: 150 ms for a quarter of a megabyte, and nobody can type meanwhile. */
const LONG = 20_000;
const MILLIS_A_CHARACTER = 1 / 300;

/** Shows `content` in `area` until the function that comes back is called; `shown` hears of each change. */
export function bindText(area: HTMLTextAreaElement, content: Text, shown: () => void): () => void {
  const mine = {};
  const history = new UndoManager(content, { trackedOrigins: new Set([mine]) });
  /** What the area shows, and what the text is: the same, unless a character is being composed. */
  let raw = read(content);
  let latest = raw;
  let composing = false;
  let missed: Delta[] = [];
  let later: ReturnType<typeof setTimeout> | undefined;
  area.value = lines(raw);

  function show(start: number, end: number) {
    clearTimeout(later);
    later = undefined;
    missed = [];
    raw = latest;
    area.value = lines(raw);
    if (area.ownerDocument.activeElement === area) area.setSelectionRange(seen(raw, start), seen(raw, end));
    shown();
  }

  function write() {
    if (composing) return;
    const change = difference(lines(raw), area.value, area.selectionEnd);
    const places: Span = [place(raw, change.from), place(raw, change.to)];
    const from = missed.reduce(moved, places[0]);
    const gone = missed.reduce(left, [places]);
    content.doc?.transact(() => {
      for (const [start, until] of gone.toReversed()) if (until > start) content.delete(start, until - start);
      if (change.inserted) content.insert(from, change.inserted);
    }, mine);
    if (missed.length > 0) show(from + change.inserted.length, from + change.inserted.length);
    else raw = latest;
    shown();
  }

  function hear(event: YTextEvent) {
    const { transaction } = event;
    const before = latest;
    latest = read(content);
    if (transaction.origin === mine) return;
    const delta = deltaOf(event, before, latest);
    missed.push(delta);
    if (composing) return;
    if (transaction.origin === history) return show(behind(delta), behind(delta));
    if (latest.length < LONG) return catchUp();
    later ??= setTimeout(catchUp, latest.length * MILLIS_A_CHARACTER);
  }

  function catchUp() {
    // What is composed shows it at its end.
    if (composing) return;
    const places = [place(raw, area.selectionStart), place(raw, area.selectionEnd)];
    const [start, end] = places.map((at) => missed.reduce(moved, at)) as [number, number];
    show(start, end);
  }

  const begin = () => (composing = true);
  const end = () => {
    composing = false;
    write();
  };
  const travel = (event: KeyboardEvent | InputEvent) => {
    const way = event instanceof KeyboardEvent ? wayOfKeys(event) : WAYS[event.inputType];
    if (!way) return;
    event.preventDefault();
    if (!composing && !area.readOnly) history[way]();
  };
  const stop = listen(area, { keydown: travel, beforeinput: travel, compositionstart: begin, compositionend: end, input: write });
  content.observe(hear);
  return () => {
    if (composing) end();
    clearTimeout(later);
    stop();
    content.unobserve(hear);
    history.destroy();
  };
}

type Listeners = { [Kind in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[Kind]) => void };

/** Hears of an element's events until the function that comes back is called. */
function listen(element: HTMLElement, listeners: Listeners): () => void {
  const all = Object.entries(listeners) as [string, EventListener][];
  for (const [kind, heard] of all) element.addEventListener(kind, heard);
  return () => {
    for (const [kind, heard] of all) element.removeEventListener(kind, heard);
  };
}

type Way = "undo" | "redo";
const WAYS: Record<string, Way> = { historyUndo: "undo", historyRedo: "redo" };

function wayOfKeys({ key, ctrlKey, metaKey, altKey, shiftKey }: KeyboardEvent): Way | undefined {
  if (altKey || ctrlKey === metaKey) return undefined;
  const pressed = key.toLowerCase();
  if (pressed === "z") return shiftKey ? "redo" : "undo";
  return pressed === "y" && ctrlKey ? "redo" : undefined;
}

/** What is in the text, a character for each of its places. `toDelta` passes over what other apps put here as a list. */
function read(content: Text): string {
  const parts: string[] = [];
  for (let item = content._start; item; item = item.right) {
    if (item.deleted || !item.countable) continue;
    parts.push(item.content instanceof ContentString ? item.content.str : OBJECT.repeat(item.length));
  }
  return parts.join("");
}

/** What was changed. The event's own word passes over the same things: beside them it is found by comparing. */
function deltaOf(event: YTextEvent, before: string, after: string): Delta {
  if (!before.includes(OBJECT) && !after.includes(OBJECT)) return event.delta;
  const { from, to, inserted } = difference(before, after, after.length);
  return [{ retain: from }, { delete: to - from }, { insert: inserted }];
}

/** Text areas know one kind of line break only. */
function lines(raw: string): string {
  return raw.includes("\r") ? raw.replace(/\r\n?/g, "\n") : raw;
}

/** Where in the text a place of the area is. */
function place(raw: string, at: number): number {
  if (!raw.includes("\r")) return Math.min(at, raw.length);
  let found = 0;
  for (let left = at; left > 0 && found < raw.length; left -= 1) found += raw.startsWith("\r\n", found) ? 2 : 1;
  return found;
}

/** The place of the area that a place in the text is. */
function seen(raw: string, at: number): number {
  return lines(raw.slice(0, at)).length;
}

function lengthOf(insert: unknown): number {
  return typeof insert === "string" ? insert.length : insert === undefined ? 0 : 1;
}

/** Where a place is after others have changed the text. What comes at the place itself goes behind it. */
function moved(place: number, delta: Delta): number {
  let at = 0;
  for (const { retain = 0, insert, delete: gone = 0 } of delta) {
    const come = lengthOf(insert);
    if (at < place) place += come - Math.min(gone, place - at);
    at += retain + come;
  }
  return place;
}

/** A part of a text: from a place to another. */
type Span = [from: number, to: number];

/** What is left of parts after others have changed the text; what they put into one of them parts it. */
function left(spans: Span[], delta: Delta): Span[] {
  const found: Span[] = [];
  let [old, now] = [0, 0];
  const stay = (length: number) => {
    for (const [from, to] of spans) {
      const [start, end] = [Math.max(from, old), Math.min(to, old + length)];
      if (start < end) found.push([start - old + now, end - old + now]);
    }
    old += length;
    now += length;
  };
  for (const { retain = 0, insert, delete: gone = 0 } of delta) {
    if (retain > 0) stay(retain);
    now += lengthOf(insert);
    old += gone;
  }
  stay(Infinity);
  return found;
}

/** The place behind the last change of a delta. */
function behind(delta: Delta): number {
  let at = 0;
  for (const { retain = 0, insert } of delta) at += retain + lengthOf(insert);
  return at;
}

/** What was done to `before`, by somebody whose caret is at `caret` now. Never cuts a character in two. */
function difference(before: string, after: string, caret: number): { from: number; to: number; inserted: string } {
  const least = Math.min(before.length, after.length);
  const same = (from: number, until: number) => {
    let tail = from;
    while (tail < until && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail += 1;
    return tail;
  };
  // What stands behind the caret stayed, most of the time.
  let tail = same(0, Math.min(least, after.length - caret));
  let from = 0;
  while (from < least - tail && before[from] === after[from]) from += 1;
  tail = same(tail, least - from);
  const cutsPair = (text: string, at: number) => /^[\uD800-\uDBFF][\uDC00-\uDFFF]/.test(text.slice(Math.max(at - 1, 0), at + 1));
  if (from > 0 && (cutsPair(before, from) || cutsPair(after, from))) from -= 1;
  if (tail > 0 && (cutsPair(before, before.length - tail) || cutsPair(after, after.length - tail))) tail -= 1;
  return { from, to: before.length - tail, inserted: after.slice(from, after.length - tail) };
}
