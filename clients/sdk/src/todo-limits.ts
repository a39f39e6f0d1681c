/** What a list of todos can hold, as the server has it. */

/** The longest text, in characters. */
export const LONGEST_TODO = 2_000;
/** Todos that a list shows: the first ones. */
export const MOST_TODOS = 5_000;

/** The list has as many todos as it can have. */
export class ListFull extends Error {
  override readonly name = "ListFull";
  constructor() {
    super(`A list has at most ${MOST_TODOS} todos.`);
  }
}
