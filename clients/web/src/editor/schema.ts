/** What a rich note may hold in this page's editor, and where it is in the note's document. */
import { getSchema } from "@tiptap/core";
import { StarterKit } from "@tiptap/starter-kit";

/** Where the text is in the document. */
export const FIELD = "default";
// Without a paragraph that is always last: to add it would be an edit by who only looks.
export const STARTER = StarterKit.configure({ undoRedo: false, trailingNode: false, link: { openOnClick: false } });
export const SCHEMA = getSchema([STARTER]);
