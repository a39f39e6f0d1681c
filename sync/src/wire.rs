//! What goes over the sockets, as frames and nothing more: lib0, y-websocket, Hocuspocus, automerge-repo.
//!
//! Pure codecs over `Bytes`: payloads are slices of the frame that they came in. They must not
//! know sockets, documents or who is speaking, and they do not look into payloads (`guard` does).

pub mod automerge;
pub mod hocuspocus;
pub mod lib0;
pub mod repo;
pub mod yjs;

pub use lib0::Malformed;
