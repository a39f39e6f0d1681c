/**
 * Stands before the binding of an editor, as long as that is there: it is not made, and hears of nothing more, when the
 * note holds what it would delete. Knows nothing of what is shown instead.
 */
import { Extension, type Editor } from "@tiptap/core";
import { Plugin } from "@tiptap/pm/state";
import { ySyncPluginKey } from "@tiptap/y-tiptap";
import type { Transaction, XmlFragment } from "yjs";
import { SCHEMA } from "./schema";
import { Fit, type Misfit } from "./strangers";

interface Options {
  text: XmlFragment;
  /** Called when the editor is gone, in the transaction that has brought what it would delete. */
  meets: (misfit: Misfit) => void;
}

export const Guard = Extension.create<Options>({
  name: "guard",
  // The binding has 1000, and plugins are begun in this order.
  priority: 1001,
  addProseMirrorPlugins() {
    const { editor } = this;
    const { text, meets } = this.options;
    return [new Plugin({ view: () => ({ destroy: guard(editor, text, meets) }) })];
  },
});

/** The editors that are bound to a text, those among them that failed before they were whole. */
const BOUND = new WeakMap<XmlFragment, Set<Editor>>();

/** Throws the misfit that there is already. */
function guard(editor: Editor, text: XmlFragment, meets: (misfit: Misfit) => void): () => void {
  const fit = new Fit(text, SCHEMA);
  const found = fit.misfit();
  if (found) throw found;
  const look = (transaction: Transaction) => {
    // What the editor itself writes is made from what its schema allows.
    if (!fit.changedBy(transaction) || transaction.origin === ySyncPluginKey) return;
    const misfit = fit.misfit();
    if (!misfit) return;
    unbind(editor); // before it hears of it
    meets(misfit);
  };
  const bound = BOUND.get(text) ?? new Set();
  BOUND.set(text, bound.add(editor));
  text.doc?.on("beforeObserverCalls", look);
  return () => {
    bound.delete(editor);
    text.doc?.off("beforeObserverCalls", look);
  };
}

/** Ends an editor, also one that is half made: its binding listens before it has shown anything. */
export function unbind(editor: Editor): void {
  const state = ySyncPluginKey.getState(editor.state) as { binding: { destroy(): void } } | undefined;
  state?.binding.destroy();
  editor.destroy();
}

/** Ends all editors of a text. React forgets those that fail while they are made. */
export function unbindAll(text: XmlFragment): void {
  for (const editor of [...(BOUND.get(text) ?? [])]) unbind(editor);
}
