//! The document log's rows: appending at the tail, behind the fence, and reading back.

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, params};
use studyhall_schema::{Timestamp, document::DocumentId, document::DocumentRecord, record::Record};

use super::{codec, fault::Fault, key, rows, writer::atomically};
use crate::{
    StoreError,
    checksum::checksum,
    log::{Append, Entry, Outcome, split},
};

/// An append whose entries have been encoded, off the writer's thread.
pub(super) struct Sealed {
    document: String,
    /// Of the row in `documents`.
    id: Vec<u8>,
    seq: u64,
    batch: i64,
    at: i64,
    entries: Vec<SealedEntry>,
}

struct SealedEntry {
    s: i64,
    n: i64,
    crc: i64,
    blob: Vec<u8>,
}

impl Sealed {
    pub(super) fn new(append: Append) -> Result<Self, StoreError> {
        if append.seq == 0 || append.updates.is_empty() {
            return Err(StoreError::Invalid("an append has updates, and seq begins at 1".into()));
        }
        let document = append.document.to_string();
        let (seq, batch, at) = (append.seq, append.batch.cast_signed(), append.at.as_millis());
        let seal = |entry: Entry| {
            let (s, n) = (entry.seq.cast_signed(), entry.updates.len().cast_signed() as i64);
            let blob = codec::encode(&entry.updates);
            SealedEntry {
                s,
                n,
                crc: checksum(document.as_bytes(), &[s, n, batch, at], &blob),
                blob,
            }
        };
        let id = key::key(&append.document.into())?;
        let entries = split(append).into_iter().map(seal).collect();
        Ok(Self { document, id, seq, batch, at, entries })
    }
}

/// Appends one document's entries, all or none. One that fails leaves the others as they are.
pub(super) fn append(connection: &Connection, sealed: &Sealed) -> Result<Outcome, Fault> {
    // The fence is read in the same transaction, so that no compaction can come between.
    let fence = fence(connection, &sealed.id)?;
    if sealed.seq == next_seq(connection, &sealed.document, fence)? {
        return match sealed.entries.as_slice() {
            [only] => insert(connection, sealed, only),
            many => atomically(connection, || {
                many.iter().try_for_each(|entry| insert(connection, sealed, entry))
            }),
        }
        .map(|()| Outcome::Stored);
    }
    let batch: Option<i64> = connection
        .prepare_cached("SELECT batch FROM document_log WHERE d = ?1 AND s = ?2")?
        .query_row(params![sealed.document, sealed.seq.cast_signed()], |row| row.get(0))
        .optional()?;
    Ok(match batch {
        Some(batch) if batch == sealed.batch => Outcome::Stored,
        _ if fence >= sealed.seq => Outcome::Fenced { snapshot_seq: fence },
        _ => Outcome::Behind,
    })
}

fn insert(connection: &Connection, sealed: &Sealed, entry: &SealedEntry) -> Result<(), Fault> {
    connection
        .prepare_cached(
            "INSERT INTO document_log (d, s, n, batch, at, crc, updates)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            sealed.document,
            entry.s,
            entry.n,
            sealed.batch,
            sealed.at,
            entry.crc,
            entry.blob
        ])?;
    Ok(())
}

/// The sequence number that the next append has.
fn next_seq(connection: &Connection, document: &str, fence: u64) -> Result<u64, Fault> {
    let tail: Option<(i64, i64)> = connection
        .prepare_cached("SELECT s, n FROM document_log WHERE d = ?1 ORDER BY s DESC LIMIT 1")?
        .query_row([document], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    // What was pruned is in the snapshot.
    let after_entries = tail.map_or(1, |(s, n)| (s + n).cast_unsigned());
    Ok(after_entries.max(fence + 1))
}

/// The document's `snapshot_seq`; 0 without a record.
pub(super) fn fence(connection: &Connection, id: &[u8]) -> Result<u64, Fault> {
    let mut select =
        connection.prepare_cached("SELECT _rev, crc, bson FROM documents WHERE _id = ?1")?;
    let mut rows = select.query([id])?;
    let Some(row) = rows.next()? else { return Ok(0) };
    let collection = DocumentRecord::COLLECTION;
    let document = rows::checked(collection, id, row.get(0)?, row.get(1)?, row.get_ref(2)?)?;
    let seq = document
        .get("snapshot_seq")
        .ok()
        .flatten()
        .and_then(|seq| seq.as_i64().or_else(|| seq.as_i32().map(i64::from)));
    seq.and_then(|seq| u64::try_from(seq).ok()).ok_or_else(|| rows::unreadable(collection))
}

/// Whether an entry begins at `seq`.
pub(super) fn begins_at(
    connection: &Connection,
    document: DocumentId,
    seq: u64,
) -> Result<bool, Fault> {
    let mut look =
        connection.prepare_cached("SELECT 1 FROM document_log WHERE d = ?1 AND s = ?2")?;
    Ok(look.exists(params![document.to_string(), seq.cast_signed()])?)
}

/// Entries whose last update is `from_seq` or later, without a gap.
pub(super) fn read(
    connection: &Connection,
    document: DocumentId,
    from_seq: u64,
    limit_bytes: usize,
) -> Result<Vec<Entry>, Fault> {
    let d = document.to_string();
    let mut select = connection.prepare_cached(
        "SELECT s, n, batch, at, crc, updates FROM document_log WHERE d = ?1 AND s >= coalesce(
            (SELECT max(s) FROM document_log WHERE d = ?1 AND s <= ?2), 0) ORDER BY s",
    )?;
    let mut rows = select.query(params![d, i64::try_from(from_seq).unwrap_or(i64::MAX)])?;
    let mut entries: Vec<Entry> = Vec::new();
    let mut size = 0;
    while size < limit_bytes || entries.is_empty() {
        let Some(row) = rows.next()? else { break };
        let (entry, bytes) = read_entry(&d, row)?;
        if entry.next_seq() <= from_seq {
            continue;
        }
        let expected = entries.last().map_or(entry.seq, Entry::next_seq);
        if entry.seq != expected {
            let gap = format!("{d} has a gap between {expected} and {}", entry.seq);
            return Err(Fault::corrupt(gap));
        }
        size += bytes;
        entries.push(entry);
    }
    if let Some(first) = entries.first() {
        // What is missing before the first entry must be in the snapshot.
        let begins = first.seq;
        if begins > from_seq.max(1) && fence(connection, &key::key(&document.into())?)? + 1 < begins
        {
            return Err(Fault::corrupt(format!("{d} has a gap between {from_seq} and {begins}")));
        }
    }
    Ok(entries)
}

/// Reads `s, n, batch, at, crc, updates`, and how many bytes they are.
fn read_entry(d: &str, row: &rusqlite::Row<'_>) -> Result<(Entry, usize), Fault> {
    let (s, n): (i64, i64) = (row.get(0)?, row.get(1)?);
    let (batch, at, crc): (i64, i64, i64) = (row.get(2)?, row.get(3)?, row.get(4)?);
    let unreadable = || Fault::corrupt(format!("the entry of {d} at {s}"));
    let blob = row.get_ref(5)?.as_blob().map_err(|_| unreadable())?;
    if checksum(d.as_bytes(), &[s, n, batch, at], blob) != crc {
        return Err(unreadable());
    }
    let count = usize::try_from(n).map_err(|_| unreadable())?;
    let updates = codec::decode(Bytes::copy_from_slice(blob), count).ok_or_else(unreadable)?;
    let entry = Entry {
        seq: s.cast_unsigned(),
        batch: batch.cast_unsigned(),
        at: Timestamp::from_millis(at),
        updates,
    };
    Ok((entry, blob.len()))
}
