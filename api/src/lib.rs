//! The REST API: accounts, rooms, notes and todos, and the answer to "who may do what".
//!
//! [`Accounts`] comes first and gives `Access` to the services; [`Service`] comes after them. A
//! handler has four beats: extract, decide (a pure method of a model), store, show. Must not know
//! what is inside a document, nor which database keeps it.

mod accounts;
mod answer;
mod api;
mod config;
mod cookies;
mod extract;
mod fault;
mod history;
mod invites;
mod layers;
mod limits;
mod notes;
mod outdated;
mod problem;
mod rooms;
mod routes;
mod secrets;
mod service;
mod shown;
mod timer;
mod todos;
mod trash;

pub use accounts::{Accounts, SetupError};
pub use config::{Config, Secret, SecretTooShort};
pub use cookies::access_cookie;
pub use layers::{harden, origin_allowed};
pub use service::{Service, openapi};
