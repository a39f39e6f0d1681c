//! Snapshots' chunks, `{_id: "<d>:<s>:<chunk>", d, s, chunk, chunks, at, crc, content}`, and deleting
//! what a snapshot has replaced.
//!
//! Without transactions two nodes that write a snapshot of one `seq` could mix their chunks. So who
//! finds another's chunks leaves them, unless they are damaged or were left behind.

use std::time::Duration;

use bson::{DateTime, Document, RawDocument, RawDocumentBuf, doc, raw::cstr};
use bytes::Bytes;
use studyhall_schema::{
    Timestamp,
    document::{DocumentId, DocumentRecord},
    record::Record,
};

use super::{
    Mongo,
    deadline::Deadline,
    entries::{before, fence},
    entry::binary,
    fault::corrupt,
    rows::number,
};
use crate::{StoreError, backend::Chunk, checksum::checksum, log::Quarantined};

/// Chunks that are not adopted and older than this were left behind by a node that is gone.
const LEFT_BEHIND: Duration = Duration::from_mins(1);

/// Puts the chunks of the snapshot at `seq`.
pub(super) async fn put(
    mongo: &Mongo,
    document: DocumentId,
    seq: u64,
    chunks: &[Chunk],
) -> Result<(), StoreError> {
    let d = document.to_string();
    refuse_to_cut(mongo, document, &d, seq).await?;
    for _ in 0..2 {
        if insert(mongo, &d, seq, chunks).await? {
            return Ok(());
        }
        match there(mongo, document, seq, chunks).await? {
            There::Ours | There::Adopted => return Ok(()),
            There::Replaceable => {
                let filter = doc! { "d": &d, "s": seq.cast_signed() };
                Deadline::start().write(mongo.snapshots.delete_many(filter)).await?;
            }
            There::Another => break,
        }
    }
    Err(StoreError::Unavailable(format!("another node writes the snapshot of {d} at {seq}")))
}

/// A snapshot in the middle of an entry would put its rest below the fence.
async fn refuse_to_cut(
    mongo: &Mongo,
    document: DocumentId,
    d: &str,
    seq: u64,
) -> Result<(), StoreError> {
    if mongo.ends.get(&document) == Some(seq + 1) {
        return Ok(());
    }
    let deadline = Deadline::start();
    let Some(last) = before(mongo, d, seq + 1, deadline).await? else { return Ok(()) };
    if last.next_seq() <= seq + 1 {
        return Ok(());
    }
    let fence = fence(mongo, document, deadline).await?.unwrap_or(0);
    if last.s.cast_unsigned() <= fence {
        return Ok(());
    }
    Err(StoreError::Invalid(format!("a snapshot of {d} ends where an entry ends, not at {seq}")))
}

/// Inserts chunk by chunk, the first one first. Whether all are in.
async fn insert(mongo: &Mongo, d: &str, seq: u64, chunks: &[Chunk]) -> Result<bool, StoreError> {
    for chunk in chunks {
        let insert = mongo.snapshots.insert_one(sealed(d, seq, chunk));
        match Deadline::start().within(insert).await {
            Ok(_) => {}
            Err(failure) if failure.is_duplicate() => return Ok(false),
            Err(failure) => return Err(failure.writing()),
        }
    }
    Ok(true)
}

/// Whose chunks are where ours should be.
enum There {
    Ours,
    Adopted,
    Replaceable,
    Another,
}

async fn there(
    mongo: &Mongo,
    document: DocumentId,
    seq: u64,
    ours: &[Chunk],
) -> Result<There, StoreError> {
    let there = match read(mongo, document, seq).await {
        Ok(there) => there,
        Err(StoreError::Corrupt(_)) => return Ok(There::Replaceable),
        Err(error) => return Err(error),
    };
    if there == ours {
        return Ok(There::Ours);
    }
    let whole = there.first().is_some_and(|first| first.of as usize == there.len());
    if whole && fence(mongo, document, Deadline::start()).await? == Some(seq) {
        return Ok(There::Adopted);
    }
    let age = |first: &Chunk| ours.first().map(|our| our.at.since(first.at));
    let fresh = there.first().and_then(age).is_some_and(|age| age < LEFT_BEHIND);
    Ok(if fresh { There::Another } else { There::Replaceable })
}

/// The chunks of the snapshot at `seq` in order, each checked. None without the first.
pub(super) async fn read(
    mongo: &Mongo,
    document: DocumentId,
    seq: u64,
) -> Result<Vec<Chunk>, StoreError> {
    let d = document.to_string();
    let mut chunks: Vec<Chunk> = Vec::new();
    loop {
        let (id, deadline) = (id(&d, seq, chunks.len()), Deadline::start());
        let find = mongo.snapshots.find_one(doc! { "_id": id }).max_time(deadline.left());
        let Some(document) = deadline.read(find).await? else { return Ok(chunks) };
        let chunk = opened(&d, document);
        let chunk =
            chunk.ok_or_else(|| corrupt(format!("a chunk of the snapshot of {d} at {seq}")))?;
        chunks.push(chunk);
        if chunks[0].of as usize <= chunks.len() {
            return Ok(chunks);
        }
    }
}

fn id(d: &str, seq: u64, chunk: usize) -> String {
    format!("{d}:{seq}:{chunk}")
}

fn sealed(d: &str, seq: u64, chunk: &Chunk) -> RawDocumentBuf {
    let (s, at) = (seq.cast_signed(), chunk.at.as_millis());
    let numbers = [s, chunk.index.into(), chunk.of.into(), at];
    let mut document = RawDocumentBuf::new();
    document.append(cstr!("_id"), id(d, seq, chunk.index as usize).as_str());
    document.append(cstr!("d"), d);
    document.append(cstr!("s"), s);
    document.append(cstr!("chunk"), i64::from(chunk.index));
    document.append(cstr!("chunks"), i64::from(chunk.of));
    document.append(cstr!("at"), DateTime::from_millis(at));
    document.append(cstr!("crc"), checksum(d.as_bytes(), &numbers, &chunk.content));
    document.append(cstr!("content"), binary(&chunk.content));
    document
}

fn opened(d: &str, document: RawDocumentBuf) -> Option<Chunk> {
    let bytes = Bytes::from(document.into_bytes());
    let document = RawDocument::from_bytes(&bytes).ok()?;
    let (s, at) = (number(document, "s")?, document.get_datetime("at").ok()?.timestamp_millis());
    let (index, of) = (number(document, "chunk")?, number(document, "chunks")?);
    let content = document.get_binary("content").ok()?.bytes;
    if checksum(d.as_bytes(), &[s, index, of, at], content) != number(document, "crc")? {
        return None;
    }
    Some(Chunk {
        index: u32::try_from(index).ok()?,
        of: u32::try_from(of).ok()?,
        at: Timestamp::from_millis(at),
        content: bytes.slice_ref(content),
    })
}

/// Deletes entries that the adopted snapshot at this `seq` has replaced, and older snapshots.
pub(super) async fn prune(
    mongo: &Mongo,
    document: DocumentId,
    snapshot_seq: u64,
) -> Result<(), StoreError> {
    let (d, s) = (document.to_string(), snapshot_seq.cast_signed());
    let entries = doc! { "d": &d, "s": { "$lte": s } };
    Deadline::start().write(mongo.log.delete_many(entries)).await?;
    let snapshots = doc! { "d": &d, "s": { "$lt": s } };
    Deadline::start().write(mongo.snapshots.delete_many(snapshots)).await?;
    Ok(())
}

/// Deletes everything of a document. Its record goes last, so that who was interrupted knows where
/// to go on; what was appended until then goes after it.
pub(super) async fn remove(mongo: &Mongo, document: DocumentId) -> Result<(), StoreError> {
    let d = document.to_string();
    mongo.ends.invalidate(&document);
    let of_document = doc! { "d": &d };
    let steps: [(&str, Document); 5] = [
        (super::LOG, of_document.clone()),
        (super::SNAPSHOTS, of_document.clone()),
        (Quarantined::COLLECTION, doc! { "document": &d }),
        (DocumentRecord::COLLECTION, doc! { "_id": &d }),
        (super::LOG, of_document),
    ];
    for (collection, filter) in steps {
        Deadline::start().write(mongo.rows(collection).delete_many(filter)).await?;
    }
    Ok(())
}
