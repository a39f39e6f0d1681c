//! CRDT documents over WebSocket: durable before they are acknowledged, and before anybody sees them.
//!
//! Sockets (`session`) speak the stock clients' protocols (`wire`), check bytes (`guard`) and send them
//! to a document's actor (`actor`), which feeds the core (`document`) and performs what it says. Must
//! not know accounts, rooms or REST: who may do what is asked through `schema::access`.

mod actor;
pub mod awareness;
mod compact;
mod config;
pub mod contents;
pub mod document;
mod documents;
mod fault;
pub mod guard;
mod heavy;
mod history;
mod journal;
mod load;
mod news;
mod node;
mod outbox;
mod people;
mod projection;
mod service;
mod session;
mod socket;
pub mod text;
mod verify;
pub mod wire;

pub use config::{Config, Door};
pub use documents::{Base, Documents, Kept, Known, Made, PutText};
pub use fault::SyncFault;
pub use heavy::aside;
pub use journal::Gate;
pub use people::{Share, Shares};
pub use service::Service;
pub use verify::{Verified, verify};
