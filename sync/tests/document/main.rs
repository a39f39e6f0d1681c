//! The document core through its one door: inputs go in, effects come out, a script plays the store.

mod automerge;
mod bent;
mod cast;
mod core;
mod edits;
mod full;
mod holes;
mod marks;
mod phone;
mod readers;
mod resting;
mod simulation;
mod turns;
mod typing;
