//! What the binary decides for the document service.

use std::{sync::Arc, time::Duration};

use axum::http::HeaderMap;
use studyhall_schema::access::Credential;

use crate::document::Limits;

/// What is at the door of a socket: given at composition, since this crate knows no cookies.
pub trait Door: Send + Sync + 'static {
    /// Whether a browser on this `Origin` may open a socket with its cookies.
    fn admits(&self, headers: &HeaderMap) -> bool;

    /// The credential of an upgrade request: a header or a cookie.
    fn credential(&self, headers: &HeaderMap) -> Option<Credential>;
}

/// The document service's settings.
#[derive(Clone)]
pub struct Config {
    /// Who is let in.
    pub door: Arc<dyn Door>,
    /// Sizes of one document.
    pub limits: Limits,
    /// A document that nobody has open leaves memory after so long.
    pub idle_after: Duration,
    /// Open documents may take so many bytes; beyond that idle ones leave at once.
    pub memory_bytes: usize,
    /// What all documents may have accepted and not saved, in bytes.
    pub unsaved_bytes: usize,
    /// What all documents may keep until they can judge it, in bytes; one person an eighth.
    pub aside_bytes: usize,
    /// Messages above 256 KiB share so many bytes while they come in.
    pub large_messages: usize,
    /// Frames above 256 KiB that wait for connections may take so many bytes, each counted once.
    pub large_frames: usize,
    /// What has come in and waits for its document may take so many bytes.
    pub inbound_bytes: usize,
    /// What grows to more than 64 KiB when it is inflated may grow to so many bytes, until its document has
    /// taken it.
    pub inflated_bytes: usize,
    /// What has come in on sockets that nobody was let in through may take so many bytes.
    pub unauthenticated_bytes: usize,
    /// How often an open document looks for other nodes' entries; `None` when there is one node.
    pub poll: Option<Duration>,
    /// Documents that one socket may attach.
    pub attached: usize,
    /// Sockets that one person may have on a node.
    pub sockets: usize,
}

impl Config {
    /// The defaults of `sync.md`.
    pub fn new(door: Arc<dyn Door>) -> Self {
        Self {
            door,
            limits: Limits::default(),
            idle_after: Duration::from_secs(30),
            memory_bytes: 512 << 20,
            unsaved_bytes: 64 << 20,
            aside_bytes: 32 << 20,
            large_messages: 128 << 20,
            large_frames: 128 << 20,
            inbound_bytes: 64 << 20,
            inflated_bytes: 16 << 20,
            unauthenticated_bytes: 24 << 20,
            poll: None,
            attached: 10_000,
            sockets: 1000,
        }
    }
}
