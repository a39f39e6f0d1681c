//! What a place where records and logs are kept must do. One file (or folder) a backend implements
//! it; nothing above it names a driver.
//!
//! A backend knows BSON, keys, sequence numbers and bytes. It must not know a record's type.

use std::pin::Pin;

use bson::{Bson, RawDocumentBuf};
use bytes::Bytes;
use studyhall_schema::{
    Timestamp,
    document::DocumentId,
    record::{Index, Key},
};

use crate::{
    StoreError,
    log::{Append, Entry, Outcome, Wait},
    page::Direction,
};

/// An answer that is awaited.
pub(crate) type Reply<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A collection and its declared indexes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Collection {
    pub(crate) name: &'static str,
    pub(crate) indexes: &'static [Index],
}

impl Collection {
    /// The index of this name. `_id` is every collection's.
    pub(crate) fn index(&self, name: &str) -> Result<Index, StoreError> {
        const ID: Index = Index { name: "_id", keys: &["_id"], unique: true };
        if name == ID.name {
            return Ok(ID);
        }
        self.indexes
            .iter()
            .find(|index| index.name == name)
            .copied()
            .ok_or_else(|| StoreError::Invalid(format!("{} has no index named {name}", self.name)))
    }
}

/// A record as it is kept; the backend may have added fields of its own, such as `_rev`.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// 0 in a list where it cannot be read: nothing is replaced at that.
    pub(crate) rev: u64,
    pub(crate) document: RawDocumentBuf,
}

/// A walk along an index.
#[derive(Debug, Clone)]
pub(crate) struct Scan {
    pub(crate) index: Index,
    /// Equal to the index's first keys.
    pub(crate) prefix: Vec<Bson>,
    /// The next key is greater than this.
    pub(crate) after: Option<Bson>,
    /// The next key is less than this.
    pub(crate) before: Option<Bson>,
    pub(crate) direction: Direction,
    /// Where the last page ended: the values of the keys after the prefix, then `_id` (once, when
    /// it is the last key).
    pub(crate) resume: Option<Vec<Bson>>,
    pub(crate) limit: usize,
    /// A field that is left out of what is read.
    pub(crate) without: Option<Key>,
}

/// A piece of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) index: u32,
    /// How many chunks the snapshot has.
    pub(crate) of: u32,
    pub(crate) at: Timestamp,
    pub(crate) content: Bytes,
}

/// Records and document logs.
pub(crate) trait Backend: Send + Sync + 'static {
    /// Makes the collection, its columns and its indexes where they are missing.
    fn ensure(&self, collection: Collection) -> Reply<'_, Result<(), StoreError>>;
    fn get(&self, collection: Collection, id: Bson) -> Reply<'_, Result<Option<Row>, StoreError>>;
    /// Those that are there, in any order; in one query where it is another process that is asked.
    fn get_many(
        &self,
        collection: Collection,
        ids: Vec<Bson>,
    ) -> Reply<'_, Result<Vec<Row>, StoreError>>;
    /// The new record is at revision `rev`.
    fn insert(
        &self,
        collection: Collection,
        id: Bson,
        document: RawDocumentBuf,
        rev: u64,
    ) -> Reply<'_, Result<(), StoreError>>;
    /// `Conflict` when the record is not at `expected_rev`; it is at `expected_rev + 1` after.
    fn replace(
        &self,
        collection: Collection,
        id: Bson,
        document: RawDocumentBuf,
        expected_rev: u64,
    ) -> Reply<'_, Result<(), StoreError>>;
    fn delete(&self, collection: Collection, id: Bson) -> Reply<'_, Result<bool, StoreError>>;
    fn scan(&self, collection: Collection, scan: Scan) -> Reply<'_, Result<Vec<Row>, StoreError>>;
    /// Deletes what a walk finds, each only if it still is what is looked for. How many that were.
    fn delete_scanned(
        &self,
        collection: Collection,
        scan: Scan,
    ) -> Reply<'_, Result<u64, StoreError>>;
    fn count(
        &self,
        collection: Collection,
        index: Index,
        prefix: Vec<Bson>,
    ) -> Reply<'_, Result<u64, StoreError>>;

    /// Outcomes in the order of the appends. `documents` has been ensured.
    fn append(&self, appends: Vec<Append>) -> Reply<'_, Vec<Outcome>>;
    /// Entries whose last update is `from_seq` or later, in order, without a gap, at least one
    /// when there is one.
    fn entries(
        &self,
        document: DocumentId,
        from_seq: u64,
        limit_bytes: usize,
    ) -> Reply<'_, Result<Vec<Entry>, StoreError>>;
    /// Whether an entry begins at `seq`, even one that counts as not written: one read by its key.
    fn begins_at(&self, document: DocumentId, seq: u64) -> Reply<'_, Result<bool, StoreError>>;
    /// Everything before `seq` is known to be in the log, from another node.
    fn told(&self, document: DocumentId, seq: u64);
    /// Somebody waits for the next place in the log. Where there are no other nodes nobody needs to.
    fn wait(&self, _document: DocumentId, _wait: Wait) -> Reply<'_, Result<(), StoreError>> {
        Box::pin(std::future::ready(Ok(())))
    }
    /// Who waited when this process last appended.
    fn waiting(&self, _document: DocumentId) -> Option<Wait> {
        None
    }
    /// Puts the chunks of one snapshot. One that is adopted and whole stays as it is.
    fn put_chunks(
        &self,
        document: DocumentId,
        seq: u64,
        chunks: Vec<Chunk>,
    ) -> Reply<'_, Result<(), StoreError>>;
    /// The chunks of a snapshot in order; each has been checked, whether all are there has not.
    fn chunks(&self, document: DocumentId, seq: u64) -> Reply<'_, Result<Vec<Chunk>, StoreError>>;
    /// Deletes entries whose last update is at or below `snapshot_seq`, and older snapshots.
    fn prune(&self, document: DocumentId, snapshot_seq: u64) -> Reply<'_, Result<(), StoreError>>;
    /// Moves the entry's content to `quarantine` and leaves its numbers.
    fn quarantine(
        &self,
        document: DocumentId,
        seq: u64,
        reason: String,
        at: Timestamp,
    ) -> Reply<'_, Result<(), StoreError>>;
    /// Deletes log, snapshots, quarantined entries and the document's record.
    fn remove(&self, document: DocumentId) -> Reply<'_, Result<(), StoreError>>;

    /// A tiny durable write.
    fn healthy(&self) -> Reply<'_, Result<(), StoreError>>;
    /// Writes what waits, then stops taking writes.
    fn close(&self) -> Reply<'_, ()>;
}
