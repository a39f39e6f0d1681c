//! A document's log: updates under gap-free sequence numbers, and the snapshots that replace them.
//!
//! `(document, seq)` is unique. Two writers that append at once conflict on `seq`; the loser reads
//! what it missed and appends again. Must not know what an update contains.

use bytes::Bytes;
use studyhall_schema::{Timestamp, document::DocumentId, ids::UserId};

use crate::StoreError;

/// One update and the person whose client sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedUpdate {
    /// Who sent it.
    pub by: UserId,
    /// The bytes, as the CRDT library made them.
    pub data: Bytes,
}

/// What one flush appends to one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Append {
    /// The document.
    pub document: DocumentId,
    /// The sequence number of the first update; the first of a document is 1.
    pub seq: u64,
    /// Random, and the same when the same append is tried again.
    pub batch: u64,
    /// When the server received them.
    pub at: Timestamp,
    /// The updates, not empty; they get `seq`, `seq + 1`, …
    pub updates: Vec<LoggedUpdate>,
}

/// An entry as it is read back. Entries over 4 MiB were split: one append can be several entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The sequence number of its first update.
    pub seq: u64,
    /// The append's batch.
    pub batch: u64,
    /// When the server received it.
    pub at: Timestamp,
    /// Its updates, not empty.
    pub updates: Vec<LoggedUpdate>,
}

impl Entry {
    /// The sequence number of the entry that follows.
    pub fn next_seq(&self) -> u64 {
        self.seq + self.updates.len() as u64
    }
}

/// What became of an append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is durable, and the fence was read after: it may be acknowledged.
    Stored,
    /// Another writer has this `seq`. Read from it, then append again at the tail.
    Behind,
    /// A compaction has passed this `seq` (`snapshot_seq` ≥ `seq`): it counts as not written, and
    /// what had been written of it is gone. Load again, then append at the tail.
    Fenced {
        /// The document's `snapshot_seq`.
        snapshot_seq: u64,
    },
    /// It was not written, or (`StoreError::Unknown`) it is not known: append the same again.
    Failed(StoreError),
}

/// A document's state at a sequence number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The last update that it includes.
    pub seq: u64,
    /// When it was made.
    pub at: Timestamp,
    /// The state, as the CRDT library encodes it (one update).
    pub state: Bytes,
    /// Which person each Yjs client id belongs to.
    pub authors: Vec<(u64, UserId)>,
}
