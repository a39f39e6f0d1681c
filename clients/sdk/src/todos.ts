/**
 * A person's lists of todos: their own and their rooms', each a document that opens
 * without a server. Moves todos between them. Knows no screen.
 */
import type { Doc } from "yjs";
import type { DocumentHandle, Documents } from "./documents.js";
import type { Person } from "./rest.js";
import type { TodoList } from "./todo-list.js";

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

  /** Moves a todo to another list; what others do to it in the old one goes after it. False when it is not there. */
  async move(id: string, from: ListOf, to: ListOf): Promise<boolean> {
    const [source, target] = [this.nameOf(from), this.nameOf(to)];
    if (source === target) return true;
    return this.documents.use(source, ({ doc: here }) =>
      this.documents.use(target, async ({ doc: there }) => {
        const [list, other] = [await this.listIn(here), await this.listIn(there)];
        const todo = list.item(id);
        if (!todo) return false;
        // The other list first: cut off in between, it is in both and not in none.
        other.receive(todo, list.completed(id));
        return list.moved(id, target);
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
