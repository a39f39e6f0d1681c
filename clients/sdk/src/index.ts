/** `@studyhall/client`: what a program that uses Studyhall may import. */
export { Studyhall, UnsavedWork, type Login, type Options } from "./studyhall.js";
export { indexedDb } from "./indexed-db.js";
export { memory, type Storage, type DocumentLog } from "./storage.js";
export type { Answer } from "./cache.js";
export type { Note, NoteSummary, Notes } from "./notes.js";
export type { DocumentState, DocumentStatus, Refusal } from "./status.js";
export type { Observable } from "./observable.js";
export type { Reach } from "./connection.js";
export type { Rooms } from "./rooms.js";
export type { InviteCode, NoteView, Participant, Person, Room } from "./rest.js";
export { Problem, Unreachable } from "./problem.js";
