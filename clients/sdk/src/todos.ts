/**
 * A person's lists of todos: their own and their rooms', each a document that opens
 * without a server. Moves todos between them. Knows no screen.
 */
import type { Doc } from "yjs";
import type { DocumentHandle, Documents } from "./documents.js";
import type { Person } from "./rest.js";
import type { TodoList } from "./todo-list.js";

/** A list that is slow to say whether it takes a todo is taken to. */
const ANSWER_MS = 10_000;

/** A list in use. Every `open` is closed once. */
export interface OpenTodos extends DocumentHandle {
  readonly list: TodoList;
}

/** A room's list, or one's own when no room is named. */
export interface ListOf {
  room?: string;
}

export class Todos {
  private readonly lists = new WeakMap<Doc, TodoList>();

  constructor(
    private readonly person: Person,
    private readonly documents: Documents,
    private readonly now: () => number,
  ) {}

  async open(of: ListOf = {}): Promise<OpenTodos> {
    const open = await this.documents.open(this.nameOf(of));
    const list = await this.listIn(open.doc);
    return {
      ...open,
      get blank() {
        return open.blank;
      },
      list,
    };
  }

  /**
   * Moves a todo to another list; what others do to it in the old one goes after it. False when it is not there, or
   * when the other list does not take it: then it stays where it is.
   */
  async move(id: string, from: ListOf, to: ListOf): Promise<boolean> {
    const [source, target] = [this.nameOf(from), this.nameOf(to)];
    if (source === target) return true;
    return this.documents.use(source, ({ doc: here }) =>
      this.documents.use(target, async (open) => {
        const there = open.doc;
        const [list, other] = [await this.listIn(here), await this.listIn(there)];
        const todo = list.item(id);
        if (!todo) return false;
        // The other list first: cut off in between, it is in both and not in none.
        const came = list.leaving(id, source);
        other.receive(todo, list.completed(id), came);
        return (await takes(open)) && list.moved(id, target, came.was);
      }),
    );
  }

  private nameOf({ room }: ListOf): string {
    return `todos:${room ?? this.person.id}`;
  }

  /** One view of a document, however often it is opened. */
  private async listIn(doc: Doc): Promise<TodoList> {
    const { TodoList } = await import("./todo-list.js");
    let list = this.lists.get(doc);
    if (!list) {
      list = new TodoList(doc, this.person.id, this.now);
      this.lists.set(doc, list);
    }
    return list;
  }
}

/** Whether a list has what was put into it, or cannot say so for now. */
async function takes({ status }: DocumentHandle): Promise<boolean> {
  let stop = () => {};
  let timer: ReturnType<typeof setTimeout> | undefined;
  const answered = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, ANSWER_MS, true);
    stop = status.subscribe(({ state }) => {
      if (state === "saved" || state === "offline") resolve(true);
      if (state === "refused" || state === "read-only") resolve(false);
    });
  });
  return answered.finally(() => {
    clearTimeout(timer);
    stop();
  });
}
