/**
 * Whether a rich note is one that an editor's schema allows. y-tiptap deletes what is not (`createNodeFromYElement`),
 * with all that is written in it and for everybody: other apps' tables, a heading where only a paragraph may stand, a
 * bold word in code. So all of the text is tried before, as strictly as there, and nothing is changed.
 */
import { Fragment, type Mark, type Node, type Schema } from "@tiptap/pm/model";
import { XmlElement, XmlText, type AbstractType, type Transaction, type XmlFragment } from "yjs";

/** y-tiptap appends this to the names of marks of which a text may have several. */
const HASH = /--[a-zA-Z0-9+/=]{8}$/;

/** What the editor would delete, or fail at. */
export class Misfit extends Error {
  /**
   * `name` is that of an element, a mark or a kind of value that is unknown; or of the element that holds something in
   * an order that is not allowed, or that is empty and must not be, and nothing is lost without it.
   */
  constructor(
    readonly name: string,
    readonly kind: "unknown" | "misplaced" | "empty",
    readonly empty?: XmlElement | XmlText,
  ) {
    super(`${kind}: ${name}`);
  }
}

/** A text as it is tried again and again: what has not changed since is not tried anew. */
export class Fit {
  readonly #root: XmlFragment;
  readonly #schema: Schema;
  readonly #nodes = new WeakMap<XmlElement, Node>();

  constructor(root: XmlFragment, schema: Schema) {
    this.#root = root;
    this.#schema = schema;
  }

  /** The first thing that does not fit. An empty text does: the editor shows a paragraph and writes none. */
  misfit(): Misfit | undefined {
    try {
      const blocks = this.#root.toArray().map((child: unknown) => this.#block(child));
      const { topNodeType } = this.#schema;
      if (blocks.length === 0 || topNodeType.validContent(Fragment.from(blocks))) return undefined;
      return new Misfit(topNodeType.name, "misplaced");
    } catch (error) {
      if (error instanceof Misfit) return error;
      throw error;
    }
  }

  /** To be told of every transaction: whether the text has changed. */
  changedBy({ changed }: Transaction): boolean {
    let touched = false;
    for (const type of changed.keys()) {
      for (let at: AbstractType<unknown> | null = type as AbstractType<unknown>; at; at = at.parent) {
        if (at === this.#root) touched = true;
        if (at instanceof XmlElement) this.#nodes.delete(at);
      }
    }
    return touched;
  }

  #block(child: unknown): Node {
    if (child instanceof XmlElement) return this.#node(child);
    if (child instanceof XmlText) throw new Misfit("text", child.length === 0 ? "empty" : "misplaced", child);
    throw new Misfit("object", "unknown");
  }

  #node(element: XmlElement): Node {
    const tried = this.#nodes.get(element);
    if (tried) return tried;
    const name = element.nodeName;
    const type = this.#schema.nodes[name];
    // An element that is called “text” would be made a text without letters, which nothing can show.
    if (!type || type.isText) throw new Misfit(name, "unknown");
    const children = element
      .toArray()
      .flatMap((child: unknown) => (child instanceof XmlElement ? this.#node(child) : this.#texts(child, name)));
    try {
      const node = type.createChecked(element.getAttributes(), children);
      mustShow(name, () => type.spec.toDOM?.(node));
      this.#nodes.set(element, node);
      return node;
    } catch (error) {
      if (error instanceof Misfit) throw error;
      const empty = children.length === 0 && !type.validContent(Fragment.empty);
      throw empty ? new Misfit(name, "empty", element) : new Misfit(name, "misplaced");
    }
  }

  #texts(child: unknown, within: string): Node[] {
    if (!(child instanceof XmlText)) throw new Misfit("object", "unknown");
    const parts: { insert: unknown; attributes?: Record<string, unknown> }[] = child.toDelta();
    return parts.map(({ insert, attributes }) => {
      if (typeof insert !== "string") throw new Misfit("object", "unknown");
      const marks = Object.entries(attributes ?? {}).map(([name, value]) => this.#mark(name, value, within));
      return this.#schema.text(insert, marks);
    });
  }

  #mark(hashed: string, value: unknown, within: string): Mark {
    const type = this.#schema.marks[hashed.replace(HASH, "")];
    if (!type) throw new Misfit(hashed, "unknown");
    let mark: Mark;
    try {
      mark = type.create(value as Record<string, unknown>);
    } catch {
      throw new Misfit(within, "misplaced");
    }
    mustShow(type.name, () => type.spec.toDOM?.(mark, true));
    return mark;
  }
}

/** The editor ends at what it cannot show: a link to a number. */
function mustShow(name: string, show: () => unknown): void {
  try {
    show();
  } catch {
    throw new Misfit(name, "unknown");
  }
}

/** Deletes what is empty and must not be, and nothing else: what two people have emptied, each of a half. */
export function takeOutEmpty(root: XmlFragment, schema: Schema): void {
  const fit = new Fit(root, schema);
  root.doc?.transact((transaction) => {
    for (;;) {
      const empty = fit.misfit()?.empty;
      const at = empty ? parentOf(empty) : undefined;
      if (!at) return;
      at.parent.delete(at.index, 1);
      fit.changedBy(transaction);
    }
  });
}

function parentOf(child: XmlElement | XmlText): { parent: XmlFragment; index: number } | undefined {
  const parent = child.parent as XmlFragment | null;
  const index = parent?.toArray().indexOf(child) ?? -1;
  return parent && index >= 0 ? { parent, index } : undefined;
}
