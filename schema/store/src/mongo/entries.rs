//! Reading a document's log.
//!
//! The next entry's `_id` is known, so a few entries are read one by one by it; what is more comes
//! by the index `(d, s)`. An entry at or below the fence counts as not written: it is a leftover of
//! a node that slept through a compaction, or is in the snapshot.

use bson::{Document, RawDocumentBuf, doc};
use studyhall_schema::document::{DocumentId, DocumentRecord};
use studyhall_schema::record::Record;

use super::{
    Mongo,
    deadline::Deadline,
    entry::{self, Numbers},
    fault::corrupt,
    rows::number,
};
use crate::{StoreError, log::Entry};

/// How many entries are read by their `_id` before the index is asked.
const ONE_BY_ONE: usize = 8;

/// How often a compaction may overtake a reader.
const OVERTAKEN: u32 = 8;

/// Why entries could not be read.
enum Missed {
    /// One is missing, unless a compaction has overtaken the reader: the fence tells.
    Gap(String),
    Store(StoreError),
}

impl From<StoreError> for Missed {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Missed {
    /// As the store's error, when no compaction explains it.
    fn told(self) -> StoreError {
        match self {
            Self::Gap(gap) => corrupt(gap),
            Self::Store(error) => error,
        }
    }
}

/// Entries as they were read so far.
struct Found {
    entries: Vec<Entry>,
    bytes: usize,
    /// Where the next one begins.
    next: u64,
}

impl Found {
    fn push(&mut self, d: &str, document: RawDocumentBuf) -> Result<(), Missed> {
        let (entry, bytes) = entry::opened(d, document)?;
        if entry.seq != self.next {
            let gap = format!("{d} has a gap between {} and {}", self.next, entry.seq);
            return Err(Missed::Gap(gap));
        }
        self.next = entry.next_seq();
        self.bytes += bytes;
        self.entries.push(entry);
        Ok(())
    }
}

/// Entries whose last update is `from_seq` or later, without a gap.
pub(super) async fn read(
    mongo: &Mongo,
    document: DocumentId,
    from_seq: u64,
    limit_bytes: usize,
) -> Result<Vec<Entry>, StoreError> {
    let reader = Reader { mongo, d: &document.to_string(), limit_bytes, document };
    let mut start = from_seq.max(1);
    for _ in 0..OVERTAKEN {
        let found = reader.from(start).await;
        if let Err(Missed::Store(error @ StoreError::Unavailable(_))) = found {
            return Err(error);
        }
        // Read after the entries: what a sleeping node writes meanwhile is not taken for real.
        let fence = fence(mongo, document, Deadline::start()).await?.unwrap_or(0);
        if fence < start {
            if fence + 1 == start && found.as_ref().is_ok_and(Vec::is_empty) {
                mongo.ends.insert(document, start);
            }
            return found.map_err(Missed::told);
        }
        start = fence + 1;
    }
    Err(StoreError::Unavailable(format!("{document} is being compacted again and again")))
}

/// Whether an entry begins at `seq`, whatever the fence says of it.
pub(super) async fn begins_at(
    mongo: &Mongo,
    document: DocumentId,
    seq: u64,
) -> Result<bool, StoreError> {
    let deadline = Deadline::start();
    let filter = doc! { "_id": entry::id(&document.to_string(), seq) };
    let find = mongo.log.find_one(filter).projection(doc! { "_id": 1 });
    Ok(deadline.read(find.max_time(deadline.left())).await?.is_some())
}

struct Reader<'a> {
    mongo: &'a Mongo,
    document: DocumentId,
    d: &'a str,
    limit_bytes: usize,
}

impl Reader<'_> {
    /// Entries from `start`, which is above the fence as far as is known.
    async fn from(&self, start: u64) -> Result<Vec<Entry>, Missed> {
        let mut found = Found { entries: Vec::new(), bytes: 0, next: start };
        let ended = self.walk(&mut found).await?;
        // Who has read to the end before, or has appended, knows that nothing is missing.
        let knows = ended && self.mongo.ends.get(&self.document) == Some(start);
        if !knows && !self.is_full(&found) {
            self.range(&mut found).await?;
        }
        if !found.entries.is_empty() && !self.is_full(&found) {
            self.mongo.ends.insert(self.document, found.next);
        }
        Ok(found.entries)
    }

    fn is_full(&self, found: &Found) -> bool {
        found.bytes >= self.limit_bytes && !found.entries.is_empty()
    }

    /// Reads entries by their `_id`. Whether one was not there.
    async fn walk(&self, found: &mut Found) -> Result<bool, Missed> {
        for _ in 0..ONE_BY_ONE {
            if self.is_full(found) {
                return Ok(false);
            }
            let filter = doc! { "_id": entry::id(self.d, found.next) };
            let deadline = Deadline::start();
            let find = self.mongo.log.find_one(filter).max_time(deadline.left());
            let Some(document) = deadline.read(find).await? else { return Ok(true) };
            found.push(self.d, document)?;
        }
        Ok(false)
    }

    /// Reads the rest by the index, until the limit.
    async fn range(&self, found: &mut Found) -> Result<(), Missed> {
        if found.entries.is_empty() {
            found.next = self.entry_over(found.next).await?.unwrap_or(found.next);
        }
        let filter = doc! { "d": self.d, "s": { "$gte": found.next.cast_signed() } };
        let deadline = Deadline::start();
        let find = self.mongo.log.find(filter).sort(doc! { "s": 1 }).max_time(deadline.left());
        let mut cursor = deadline.read(find).await?;
        while !self.is_full(found) && Deadline::start().read(cursor.advance()).await? {
            found.push(self.d, cursor.current().to_owned())?;
        }
        Ok(())
    }

    /// Where the entry begins that has `seq` in its middle.
    async fn entry_over(&self, seq: u64) -> Result<Option<u64>, StoreError> {
        let deadline = Deadline::start();
        let over = before(self.mongo, self.d, seq, deadline).await?;
        let Some(over) = over.filter(|numbers| numbers.next_seq() > seq) else { return Ok(None) };
        let fence = fence(self.mongo, self.document, deadline).await?.unwrap_or(0);
        let begins = over.s.cast_unsigned();
        Ok((begins > fence).then_some(begins))
    }
}

/// The entry before `seq`.
pub(super) async fn before(
    mongo: &Mongo,
    d: &str,
    seq: u64,
    deadline: Deadline,
) -> Result<Option<Numbers>, StoreError> {
    let filter = doc! { "d": d, "s": { "$lt": seq.cast_signed() } };
    let numbers = doc! { "s": 1, "n": 1, "batch": 1, "at": 1 };
    let find = mongo.log.find_one(filter).sort(doc! { "s": -1 }).projection(numbers);
    let found = deadline.read(find.max_time(deadline.left())).await?;
    let unreadable = || corrupt(format!("an entry of {d} before {seq}"));
    found.map(|document| Numbers::of(&document).ok_or_else(unreadable)).transpose()
}

/// The document's `snapshot_seq`; none without a record.
pub(super) async fn fence(
    mongo: &Mongo,
    document: DocumentId,
    deadline: Deadline,
) -> Result<Option<u64>, StoreError> {
    let rows = mongo.rows(DocumentRecord::COLLECTION);
    let find = rows.find_one(doc! { "_id": document.to_string() }).projection(fence_only());
    let found = deadline.read(find.max_time(deadline.left())).await?;
    found.map(|record| fence_of(&record)).transpose()
}

pub(super) fn fence_only() -> Document {
    doc! { "snapshot_seq": 1 }
}

pub(super) fn fence_of(record: &bson::RawDocument) -> Result<u64, StoreError> {
    let seq = number(record, "snapshot_seq").and_then(|seq| u64::try_from(seq).ok());
    seq.ok_or_else(|| corrupt(format!("a record of {}", DocumentRecord::COLLECTION)))
}
