//! The document core through its one door: inputs go in, effects come out, a script plays the store.

mod cast;
mod core;
mod readers;
mod simulation;
