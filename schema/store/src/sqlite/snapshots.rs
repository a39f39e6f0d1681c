//! Snapshots' rows, and deleting what a snapshot has replaced.

use bytes::Bytes;
use rusqlite::{Connection, params};
use studyhall_schema::{Timestamp, document::DocumentId};

use super::{entries::fence, fault::Fault, key, writer::atomically};
use crate::{backend::Chunk, checksum::checksum};

/// How many entries one statement deletes, so that other writes never wait long.
const AT_ONCE: u16 = 256;

/// Puts the chunks of the snapshot at `seq`, unless a whole one there has been adopted.
pub(super) fn put(
    connection: &Connection,
    document: DocumentId,
    seq: u64,
    chunks: &[Chunk],
) -> Result<(), Fault> {
    let adopted = fence(connection, &key::key(&document.into())?)?;
    if adopted == seq && is_whole(&read(connection, document, seq)) {
        return Ok(());
    }
    let (d, s) = (document.to_string(), seq.cast_signed());
    atomically(connection, || {
        connection
            .prepare_cached("DELETE FROM document_snapshots WHERE d = ?1 AND s = ?2")?
            .execute(params![d, s])?;
        let mut insert = connection.prepare_cached(
            "INSERT INTO document_snapshots (d, s, chunk, chunks, at, crc, content)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?;
        for chunk in chunks {
            let at = chunk.at.as_millis();
            let numbers = [s, chunk.index.into(), chunk.of.into(), at];
            let crc = checksum(d.as_bytes(), &numbers, &chunk.content);
            insert.execute(params![d, s, chunk.index, chunk.of, at, crc, &chunk.content[..]])?;
        }
        Ok(())
    })
}

fn is_whole(chunks: &Result<Vec<Chunk>, Fault>) -> bool {
    chunks
        .as_ref()
        .is_ok_and(|chunks| chunks.first().is_some_and(|first| first.of as usize == chunks.len()))
}

/// The chunks of the snapshot at `seq` in order, each checked.
pub(super) fn read(
    connection: &Connection,
    document: DocumentId,
    seq: u64,
) -> Result<Vec<Chunk>, Fault> {
    let (d, s) = (document.to_string(), seq.cast_signed());
    let mut select = connection.prepare_cached(
        "SELECT chunk, chunks, at, crc, content FROM document_snapshots
         WHERE d = ?1 AND s = ?2 ORDER BY chunk",
    )?;
    let mut rows = select.query(params![d, s])?;
    let mut chunks = Vec::new();
    while let Some(row) = rows.next()? {
        let unreadable = || Fault::corrupt(format!("a chunk of the snapshot of {d} at {s}"));
        let (index, of, at): (u32, u32, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let content = row.get_ref(4)?.as_blob().map_err(|_| unreadable())?;
        let numbers = [s, index.into(), of.into(), at];
        if checksum(d.as_bytes(), &numbers, content) != row.get::<_, i64>(3)? {
            return Err(unreadable());
        }
        let (at, content) = (Timestamp::from_millis(at), Bytes::copy_from_slice(content));
        chunks.push(Chunk { index, of, at, content });
    }
    Ok(chunks)
}

/// Deletes some entries that a snapshot has replaced. Whether there may be more.
pub(super) fn prune_entries(
    connection: &Connection,
    document: DocumentId,
    snapshot_seq: u64,
) -> Result<bool, Fault> {
    let deleted = connection
        .prepare_cached(
            "DELETE FROM document_log WHERE d = ?1 AND s IN (
                SELECT s FROM document_log
                WHERE d = ?1 AND s <= ?2 AND s + n - 1 <= ?2 ORDER BY s LIMIT ?3)",
        )?
        .execute(params![document.to_string(), snapshot_seq.cast_signed(), AT_ONCE])?;
    Ok(deleted == usize::from(AT_ONCE))
}

/// Deletes the snapshots before this one.
pub(super) fn prune_snapshots(
    connection: &Connection,
    document: DocumentId,
    snapshot_seq: u64,
) -> Result<(), Fault> {
    connection
        .prepare_cached("DELETE FROM document_snapshots WHERE d = ?1 AND s < ?2")?
        .execute(params![document.to_string(), snapshot_seq.cast_signed()])?;
    Ok(())
}

/// Deletes everything of a document.
pub(super) fn remove(connection: &Connection, document: DocumentId) -> Result<(), Fault> {
    let (d, id) = (document.to_string(), key::key(&document.into())?);
    atomically(connection, || {
        let delete = |sql: &str, whose: &dyn rusqlite::ToSql| {
            connection.prepare_cached(sql).and_then(|mut delete| delete.execute([whose]))
        };
        delete("DELETE FROM document_log WHERE d = ?1", &d)?;
        delete("DELETE FROM document_snapshots WHERE d = ?1", &d)?;
        delete("DELETE FROM quarantine WHERE k_document = ?1", &id)?;
        delete("DELETE FROM documents WHERE _id = ?1", &id)?;
        Ok(())
    })
}
