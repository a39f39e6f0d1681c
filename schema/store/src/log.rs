//! A document's log: updates under gap-free sequence numbers, and the snapshots that replace them.
//!
//! `(document, seq)` is unique. Two writers that append at once conflict on `seq`; the loser reads
//! what it missed and appends again. Must not know what an update contains.

mod quarantined;
mod snapshot;
mod split;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use studyhall_schema::{
    Timestamp,
    clock::Clock,
    document::{DocumentId, DocumentRecord},
    ids::{LoginId, UserId},
};

use crate::{Records, StoreError, backend::Backend};

pub use quarantined::Quarantined;
pub(crate) use split::split;

/// The largest piece that is stored as one: `MongoDB`'s documents end at 16 MiB.
pub const MAX_PIECE: usize = 4 << 20;

/// What was put: a hash of what, of what it was made from, and by whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PutId(pub [u8; 12]);

/// One update and the person whose client sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedUpdate {
    /// Who sent it.
    pub by: UserId,
    /// Under which sign-in it was made, over REST.
    pub login: Option<LoginId>,
    /// Which put it is, where its writer may say the same again.
    pub put: Option<PutId>,
    /// The bytes, as the CRDT library made them.
    pub data: Bytes,
}

impl LoggedUpdate {
    /// What is left of an update whose entry was quarantined: its number.
    pub(crate) fn nothing() -> Self {
        Self { by: UserId::from_bytes([0; 12]), login: None, put: None, data: Bytes::new() }
    }
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

/// An update may have so many bytes: a `MongoDB` document has 16 MiB, and an entry is one.
pub const LONGEST_UPDATE: usize = (16 << 20) - (64 << 10);

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

/// A writer lost its place in a log, again and again: others should let it go first for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// Who waits, by a number of its own.
    pub by: u64,
    /// Since when.
    pub at: Timestamp,
    /// For how long others should begin nothing.
    pub within: Duration,
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

/// All document logs of a store.
pub struct Log {
    backend: Arc<dyn Backend>,
    clock: Arc<dyn Clock>,
    documents: Records<DocumentRecord>,
    quarantine: Records<Quarantined>,
}

impl Log {
    pub(crate) fn new(
        backend: Arc<dyn Backend>,
        clock: Arc<dyn Clock>,
        documents: Records<DocumentRecord>,
        quarantine: Records<Quarantined>,
    ) -> Self {
        Self { backend, clock, documents, quarantine }
    }

    /// Appends to many documents in one flush. Outcomes are in the order of the appends, and one
    /// that is refused never stops another; a disk that is full fails the flush. `Stored` is
    /// durable.
    pub async fn append(&self, appends: Vec<Append>) -> Vec<Outcome> {
        if let Err(error) = self.documents.ensure().await {
            return vec![Outcome::Failed(error); appends.len()];
        }
        self.backend.append(appends).await
    }

    /// Entries whose last update is `from_seq` or later, in order and without a gap, until
    /// `limit_bytes` are reached; at least one when there is one. When the first begins after
    /// `from_seq`, a compaction has replaced what is missing: load the snapshot.
    pub async fn read(
        &self,
        document: DocumentId,
        from_seq: u64,
        limit_bytes: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        self.documents.ensure().await?;
        self.backend.entries(document, from_seq, limit_bytes).await
    }

    /// Whether an entry begins at `seq`: one point read. That it does is not enough to apply it ([`Log::read`]
    /// says whether it counts), nor that it does not to know that nothing came: a compaction may have
    /// taken it.
    pub async fn begins_at(&self, document: DocumentId, seq: u64) -> Result<bool, StoreError> {
        self.documents.ensure().await?;
        self.backend.begins_at(document, seq).await
    }

    /// Another node told of an entry that ends before `seq`, and its reader has all that comes before: who
    /// appends there, or reads on from there, need not look for what precedes it.
    pub fn told(&self, document: DocumentId, seq: u64) {
        self.backend.told(document, seq);
    }

    /// Says in the document's record that somebody waits for the next place: whoever appends sees it there, without
    /// another question and without a bus. Nothing is lost with it.
    pub async fn wait(&self, document: DocumentId, wait: Wait) -> Result<(), StoreError> {
        self.backend.wait(document, wait).await
    }

    /// Who waits, as this process saw it when it last appended to the document.
    pub fn waiting(&self, document: DocumentId) -> Option<Wait> {
        self.backend.waiting(document)
    }

    /// The snapshot at the document's `snapshot_seq`; none when that is 0 or there is no such
    /// document. `Corrupt` when it is named but missing or broken.
    pub async fn latest_snapshot(
        &self,
        document: DocumentId,
    ) -> Result<Option<Snapshot>, StoreError> {
        // A compaction between the two reads deletes the snapshot that the first one named.
        for _ in 0..3 {
            let seq = self.snapshot_seq(document).await?;
            if seq == 0 {
                return Ok(None);
            }
            if let Some(snapshot) = self.read_snapshot(document, seq).await? {
                return Ok(Some(snapshot));
            }
            if self.snapshot_seq(document).await? == seq {
                return Err(missing(document, seq));
            }
        }
        Err(StoreError::Unavailable(format!("{document} is being compacted again and again")))
    }

    async fn snapshot_seq(&self, document: DocumentId) -> Result<u64, StoreError> {
        Ok(self.documents.get(&document).await?.map_or(0, |record| record.snapshot_seq))
    }

    /// Writes a snapshot in chunks of at most [`MAX_PIECE`]. It counts only once it is adopted;
    /// one that has been adopted at the same `seq` and is whole stays as it is. It ends where an
    /// entry ends.
    pub async fn put_snapshot(
        &self,
        document: DocumentId,
        snapshot: &Snapshot,
    ) -> Result<(), StoreError> {
        self.documents.ensure().await?;
        self.backend.put_chunks(document, snapshot.seq, snapshot::chunks(snapshot)).await
    }

    /// The snapshot at this `seq`, adopted or not. `Corrupt` when a part of it is missing or broken.
    pub async fn read_snapshot(
        &self,
        document: DocumentId,
        seq: u64,
    ) -> Result<Option<Snapshot>, StoreError> {
        let chunks = self.backend.chunks(document, seq).await?;
        if chunks.is_empty() {
            return Ok(None);
        }
        snapshot::from_chunks(seq, &chunks)
            .map(Some)
            .ok_or_else(|| StoreError::Corrupt(format!("the snapshot {document} at {seq}")))
    }

    /// Raises the document's `snapshot_seq` to a snapshot that was put and read back. `Conflict`
    /// when a newer one has been adopted, or the document is gone.
    pub async fn adopt_snapshot(
        &self,
        document: DocumentId,
        seq: u64,
        bytes: u64,
    ) -> Result<(), StoreError> {
        if self.backend.chunks(document, seq).await?.is_empty() {
            return Err(missing(document, seq));
        }
        let raised = self.documents.update(&document, |record| {
            if record.snapshot_seq > seq {
                return Err(StoreError::Conflict);
            }
            record.snapshot_seq = seq;
            record.bytes = bytes;
            Ok(())
        });
        raised.await?.ok_or(StoreError::Conflict)?.map(|_| ())
    }

    /// Deletes what the adopted snapshot replaced, as far as `seq`, where an entry ends: entries up to
    /// there, and snapshots before. Reads the snapshot back first, so that nothing is deleted that it does not hold.
    pub async fn prune(&self, document: DocumentId, seq: u64) -> Result<(), StoreError> {
        match self.latest_snapshot(document).await? {
            None => Ok(()),
            Some(snapshot) => self.backend.prune(document, snapshot.seq.min(seq)).await,
        }
    }

    /// Moves the content of the entry at `seq` to the collection `quarantine`, and leaves as many
    /// empty updates, so that the log stays gap-free and the document opens without it.
    pub async fn quarantine(
        &self,
        document: DocumentId,
        seq: u64,
        reason: &str,
    ) -> Result<(), StoreError> {
        self.quarantine.ensure().await?;
        let at = self.clock.now();
        self.backend.quarantine(document, seq, reason.to_owned(), at).await
    }

    /// Deletes everything of a document: log, snapshots, quarantined entries, and its record.
    pub async fn remove(&self, document: DocumentId) -> Result<(), StoreError> {
        self.documents.ensure().await?;
        self.quarantine.ensure().await?;
        self.backend.remove(document).await
    }
}

fn missing(document: DocumentId, seq: u64) -> StoreError {
    StoreError::Corrupt(format!("{document} names a snapshot at {seq} that is not there"))
}
