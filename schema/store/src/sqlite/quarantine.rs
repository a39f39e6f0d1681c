//! Taking an entry's content out of a document's log, numbers left in place.

use bson::{Binary, Bson, RawDocumentBuf, spec::BinarySubtype};
use rusqlite::{Connection, OptionalExtension, params};
use studyhall_schema::{Timestamp, document::DocumentId};

use super::{codec::MARKER, fault::Fault, rows, table::Table, writer::atomically};
use crate::{StoreError, checksum::checksum, log::Quarantined};

/// Moves the content of the entry at `seq` into `table`. `Conflict` when there is no such entry.
pub(super) fn quarantine(
    connection: &Connection,
    table: &Table,
    document: DocumentId,
    seq: u64,
    reason: String,
    at: Timestamp,
) -> Result<(), Fault> {
    let (d, s) = (document.to_string(), seq.cast_signed());
    let numbers: Option<(i64, i64, i64)> = connection
        .prepare_cached("SELECT n, batch, at FROM document_log WHERE d = ?1 AND s = ?2")?
        .query_row(params![d, s], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((n, batch, received)) = numbers else { return Err(StoreError::Conflict.into()) };
    // Read on its own: a broken page must not keep the entry in the document's way.
    let content: Vec<u8> = connection
        .prepare_cached("SELECT updates FROM document_log WHERE d = ?1 AND s = ?2")?
        .query_row(params![d, s], |row| row.get(0))
        .unwrap_or_default();
    if content == MARKER {
        return Ok(());
    }
    let n = count(connection, &d, s)?.unwrap_or(n).max(1);
    let id = format!("{d}:{s}");
    let content = Binary { subtype: BinarySubtype::Generic, bytes: content };
    let taken = Quarantined { id: id.clone(), document, seq, reason, at, content };
    let taken = written(table, id, &taken)?;
    atomically(connection, || {
        rows::insert(connection, table, &taken)?;
        let crc = checksum(d.as_bytes(), &[s, n, batch, received], MARKER);
        connection
            .prepare_cached(
                "UPDATE document_log SET n = ?3, crc = ?4, updates = ?5 WHERE d = ?1 AND s = ?2",
            )?
            .execute(params![d, s, n, crc, MARKER])?;
        Ok(())
    })
}

/// How many updates the entry must have, by the entry that follows; its own number may be broken.
fn count(connection: &Connection, d: &str, s: i64) -> Result<Option<i64>, Fault> {
    let next: Option<i64> = connection
        .prepare_cached("SELECT min(s) FROM document_log WHERE d = ?1 AND s > ?2")?
        .query_row(params![d, s], |row| row.get(0))?;
    Ok(next.map(|next| next - s))
}

fn written(table: &Table, id: String, taken: &Quarantined) -> Result<rows::Written, StoreError> {
    let invalid = |error: bson::error::Error| StoreError::Invalid(error.to_string());
    let bytes = bson::serialize_to_vec(taken).map_err(invalid)?;
    let document = RawDocumentBuf::from_bytes(bytes).map_err(invalid)?;
    rows::Written::new(table, &Bson::String(id), 1, document)
}
