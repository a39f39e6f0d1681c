/** `@studyhall/client`: what a program that uses Studyhall may import. */
export { Studyhall, UnsavedWork, type Login, type Options } from "./studyhall.js";
export { indexedDb, indexedDbIfAny } from "./indexed-db.js";
export { memory, type Storage, type DocumentLog } from "./storage.js";
export type { Answer } from "./cache.js";
export type { DocumentHandle } from "./documents.js";
export type { Note, NoteSummary, Notes } from "./notes.js";
export { ListFull, LONGEST_TODO } from "./todo-limits.js";
export type { NewTodo, Todo, TodoChange, TodoList } from "./todo-list.js";
export type { ListOf, OpenTodos, Todos } from "./todos.js";
export type { RoomState, RoomTimer } from "./room-state.js";
export {
  LONGEST_PHASE,
  phaseAfter,
  remainingMillis,
  remainingSeconds,
  type Phase,
  type Timer,
  type TimerAction,
  type TimerConfig,
} from "./timer.js";
export type { Trash } from "./trash.js";
export type { People } from "./people.js";
export type { DocumentState, DocumentStatus, Refusal } from "./status.js";
export type { Observable } from "./observable.js";
export type { Reach } from "./connection.js";
export type { OpenRoomState, Rooms } from "./rooms.js";
export type { InviteCode, NoteView, Participant, Person, Room, Trashed, Version, VersionText } from "./rest.js";
export { Problem, Unreachable } from "./problem.js";
