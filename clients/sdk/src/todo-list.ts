/**
 * A list of todos over a Yjs document, laid out as the server lays it out
 * (`sync/src/contents/todos.rs`; both read `schema/fixtures/todos.json`): `todos: id →
 * {text, assignee_id, due_date, completed: null | {at, by}, created_at, position}`, and
 * beside it `moved: id → {was}`; a todo that came from another list says so, `came: {from,
 * was, moves}`. Everything works offline. Knows no server and no screen.
 */
import type * as Y from "yjs";
import { newId } from "./ids.js";
import { fieldOf, isMap, ownMap } from "./maps.js";
import { Value, type Observable } from "./observable.js";
import { writeText } from "./texts.js";
import { ListFull, LONGEST_TODO, MOST_TODOS } from "./todo-limits.js";
import { asId, asTime, isFields, timeOf, type Fields } from "./values.js";

/** Where a todo is that has no position: at the end. */
const LAST = 1e15;
/** The name of a list's document. */
const LIST = /^todos:[0-9a-f]{24}$/;

export interface Todo {
  readonly id: string;
  readonly text: string;
  readonly assignee_id: string | null;
  readonly due_date: string | null;
  readonly is_completed: boolean;
  readonly completed_at: string | null;
  readonly created_at: string | null;
  readonly position: number;
}

/** Done when and by whom: one value. */
export type Completed = { at: string | null; by: string | null } | null;

/** Where a todo came from, what it was there, and how often it has been moved. */
export interface Came {
  from: string;
  was: ReturnType<typeof carriedOf>;
  moves: number;
}

export interface NewTodo {
  text: string;
  assignee_id?: string | null;
  due_date?: string | null;
}

export type TodoChange = Partial<NewTodo>;

interface Place {
  id: string;
  position: number;
}

/** A list as `doc` has it. Acts on a todo say whether it was here. */
export class TodoList {
  private readonly todos: Y.Map<unknown>;
  private readonly marks: Y.Map<unknown>;
  private shown: Value<readonly Todo[]> | null = null;

  /** `me` is who completes todos here; `now` is read when something is written. */
  constructor(
    private readonly doc: Y.Doc,
    private readonly me: string,
    private readonly now: () => number = Date.now,
  ) {
    this.todos = doc.getMap("todos");
    this.marks = doc.getMap("moved");
  }

  /** The todos in order, followed as they change. */
  get items(): Observable<readonly Todo[]> {
    if (!this.shown) {
      const shown = new Value(this.read());
      this.todos.observeDeep(() => shown.set(this.read()));
      this.marks.observe(() => shown.set(this.read()));
      this.shown = shown;
    }
    return this.shown;
  }

  /** A todo; null when it is not here, or was moved to another list. */
  item(id: string): Todo | null {
    const entry = this.todos.get(id);
    if (!isMap(entry) || this.isMoved(id)) return null;
    const { text, assignee_id, due_date, completed } = carriedOf(entry);
    return {
      id,
      text,
      assignee_id,
      due_date,
      is_completed: completed !== null,
      completed_at: completed?.at ?? null,
      created_at: asTime(fieldOf(entry, "created_at")),
      position: positionOf(entry),
    };
  }

  /** Makes a todo at the end and says its id. Of one that is here already only what is missing is set. */
  add(todo: NewTodo, id: string = newId(), created_at: string = timeOf(this.now())): string {
    const fields = { ...sound({ assignee_id: null, due_date: null, ...todo }), completed: null, created_at };
    if (!isMap(this.todos.get(id)) && this.order().length >= MOST_TODOS) throw new ListFull();
    this.edit(() => {
      for (const [field, value] of Object.entries(fields)) {
        if (fieldOf(this.todos.get(id), field) === undefined) this.set(id, field, value);
      }
      if (fieldOf(this.todos.get(id), "position") === undefined) this.putLast(id);
    });
    return id;
  }

  /**
   * Changes what differs. Of a text that somebody has been changing for a while, `was` is what they began with: what
   * others have made of it since stays.
   */
  revise(id: string, change: TodoChange, was?: string): boolean {
    const { text, ...fields } = sound(change);
    return this.act(id, (item) => {
      for (const [field, value] of Object.entries(fields)) {
        if (value !== undefined && value !== item[field as keyof NewTodo]) this.set(id, field, value);
      }
      if (text !== undefined && text !== item.text) this.write(id, text, was ?? item.text);
    });
  }

  /** Marks a todo as done; one that is done stays as it is. */
  complete(id: string): boolean {
    return this.act(id, ({ is_completed }) => {
      if (!is_completed) this.set(id, "completed", { at: timeOf(this.now()), by: this.me });
    });
  }

  reopen(id: string): boolean {
    return this.act(id, ({ is_completed }) => {
      if (is_completed) this.set(id, "completed", null);
    });
  }

  /** Puts a todo behind another one, or first. False when either is not here. */
  place(id: string, after: string | null): boolean {
    const order = this.order().filter((other) => other.id !== id);
    const at = after === null ? 0 : order.findIndex((other) => other.id === after) + 1;
    if (after !== null && at === 0) return false;
    return this.act(id, ({ position }) => {
      const found = between(order[at - 1]?.position, order[at]?.position);
      if (found === null) return this.respace([...order.slice(0, at), { id, position: LAST }, ...order.slice(at)]);
      if (found !== position) this.set(id, "position", found);
    });
  }

  /** Removes a todo for everybody; who made it finds it in the trash. */
  remove(id: string): void {
    this.todos.delete(id);
  }

  /** Done when and by whom, to be taken to another list. */
  completed(id: string): Completed {
    return completionOf(fieldOf(this.todos.get(id), "completed"));
  }

  /** Takes a todo from another list. One that was moved from here comes back as it is now. */
  receive(todo: Todo, completed: Completed, came: Came | null = null): void {
    const { id, text, assignee_id, due_date } = todo;
    const known = this.todos.get(id);
    this.edit(() => {
      if (!this.isMoved(id)) {
        this.add({ text, assignee_id, due_date }, id, todo.created_at ?? timeOf(0));
        if (isMap(known)) return;
        this.set(id, "completed", completed);
        this.setCame(id, came);
        return;
      }
      // Only what was changed where it has been: the rest may have been changed here meanwhile.
      const is: Fields = carriedOf(known);
      const was = fieldOf(this.marks.get(id), "was");
      for (const [field, value] of Object.entries({ text, assignee_id, due_date, completed })) {
        const stayed = isFields(was) && same(was[field], value);
        if (stayed || same(is[field], value)) continue;
        if (field === "text") this.write(id, text, isFields(was) ? textOf(was) : undefined);
        else this.set(id, field, value);
      }
      this.set(id, "moved_to", null);
      this.marks.delete(id);
      this.putLast(id);
      this.setCame(id, came);
    });
  }

  /** What the list that a todo of this one, whose name is given, goes to is told of that. */
  leaving(id: string, from: string): Came {
    const came = fieldOf(this.todos.get(id), "came");
    const moves = isFields(came) && Number.isSafeInteger(came["moves"]) ? Number(came["moves"]) : 0;
    return { from, was: this.takenAlong(id), moves: Math.max(moves, 0) + 1 };
  }

  /** Which of two lists a todo is in can be told after a move that was cut off. */
  private setCame(id: string, came: Came | null): void {
    if (came || fieldOf(this.todos.get(id), "came") !== undefined) this.set(id, "came", came);
  }

  /** What of a todo goes with it to another list. */
  takenAlong(id: string): ReturnType<typeof carriedOf> {
    return carriedOf(this.todos.get(id));
  }

  /**
   * Says that a todo is in another list from now on, where it is as it was when it was taken there; what was done to
   * it here since goes after it.
   */
  moved(id: string, to: string, was = this.takenAlong(id)): boolean {
    if (this.movedTo(id) === to) return true; // the server has finished what it took for cut off
    return this.act(id, () => {
      this.set(id, "moved_to", to);
      this.marks.delete(id);
      ownMap(this.marks, id).set("was", was);
    });
  }

  /** Whether a todo is in another list: there is a mark of who moved it. */
  private isMoved(id: string): boolean {
    return this.movedTo(id) !== null;
  }

  private movedTo(id: string): string | null {
    const to = fieldOf(this.todos.get(id), "moved_to");
    return typeof to === "string" && LIST.test(to) && isMap(this.marks.get(id)) ? to : null;
  }

  private act(id: string, change: (item: Todo) => void): boolean {
    const item = this.item(id);
    if (item) this.edit(() => change(item));
    return item !== null;
  }

  /** What is done at once is one edit, and offline counts as one. */
  private edit(change: () => void): void {
    this.doc.transact(change);
  }

  private set(id: string, field: string, value: unknown): void {
    if (field === "text" && typeof value === "string") return this.write(id, value);
    ownMap(this.todos, id).set(field, value);
  }

  private write(id: string, text: string, was = textOf(this.todos.get(id))): void {
    writeText(ownMap(this.todos, id), "text", text, was);
  }

  private read(): readonly Todo[] {
    const items = this.order().slice(0, MOST_TODOS).map(({ id }) => this.item(id));
    return items.filter((item) => item !== null);
  }

  /** Positions and ids of all that is here. */
  private order(): Place[] {
    const order: Place[] = [];
    for (const [id, entry] of this.todos.entries()) {
      if (asId(id) && isMap(entry) && !this.isMoved(id)) order.push({ id, position: positionOf(entry) });
    }
    return order.sort((a, b) => a.position - b.position || (a.id < b.id ? -1 : 1));
  }

  private putLast(id: string): void {
    const placed = this.order().filter((other) => other.position < LAST && other.id !== id);
    const position = between(placed.at(-1)?.position, undefined);
    if (position !== null) this.set(id, "position", position);
  }

  /** Gives everybody a whole number. */
  private respace(order: Place[]): void {
    order.forEach(({ id, position }, before) => {
      if (position !== before + 1) this.set(id, "position", before + 1);
    });
  }
}

/** A position between two; null when there is no room. */
function between(before: number | undefined, behind: number | undefined): number | null {
  const next = behind !== undefined && behind < LAST ? behind : undefined;
  let position = 1;
  if (before !== undefined) position = next === undefined ? before + 1 : before + (next - before) / 2;
  else if (next !== undefined) position = next - 1;
  const fits = (before === undefined || before < position) && (next === undefined || position < next);
  return fits && Math.abs(position) < LAST ? position : null;
}

/** The same as the server would take it; throws on what it would refuse. */
function sound(change: TodoChange): TodoChange {
  const { text, assignee_id, due_date } = change;
  if (text !== undefined) {
    const length = [...text].length;
    if (length === 0 || length > LONGEST_TODO) throw new RangeError(`A todo has 1 to ${LONGEST_TODO} characters.`);
  }
  if (assignee_id && !asId(assignee_id)) throw new RangeError("A todo is given to somebody by their id.");
  if (due_date && !asTime(due_date)) throw new RangeError("A due date is a time in RFC 3339.");
  return due_date ? { ...change, due_date: asTime(due_date) } : change;
}

function positionOf(entry: unknown): number {
  const position = fieldOf(entry, "position");
  return typeof position === "number" && Math.abs(position) < LAST ? position : LAST;
}

function textOf(entry: unknown): string {
  const text = fieldOf(entry, "text");
  return typeof text === "string" ? [...text].slice(0, LONGEST_TODO).join("") : "";
}

/** What is carried over of a todo from list to list, as far as it is sound. */
function carriedOf(entry: unknown) {
  return {
    text: textOf(entry),
    assignee_id: asId(fieldOf(entry, "assignee_id")),
    due_date: asTime(fieldOf(entry, "due_date")),
    completed: completionOf(fieldOf(entry, "completed")),
  };
}

function same(one: unknown, other: unknown): boolean {
  const plain = (value: unknown) => (isFields(value) ? JSON.stringify(completionOf(value)) : value);
  return plain(one) === plain(other);
}

function completionOf(completed: unknown): Completed {
  return isFields(completed) ? { at: asTime(completed["at"]), by: asId(completed["by"]) } : null;
}
