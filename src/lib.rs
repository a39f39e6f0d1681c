//! The program as a library: what `main.rs` runs and what whole-system tests start in their process.
//!
//! Composition only: store → accounts → documents → API → one listener. No rule of the platform is
//! here.

pub mod admin;
pub mod commands;
pub mod config;
mod doors;
pub mod exposition;
pub mod hall;
pub mod listener;
mod moved_clock;
mod web;
