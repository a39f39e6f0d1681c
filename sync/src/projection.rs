//! A note's row from its document and its record: what lists and REST reads show.
//!
//! What a client writes into a document is input like any other: what has the wrong type or is beyond
//! its limits is left out, and nothing fails.

use studyhall_schema::{
    document::{DocumentId, DocumentKind, DocumentRecord},
    ids::NoteId,
    note::{Format, Note},
};
use studyhall_store::{Store, StoreError};

use crate::{SyncFault, document::View, text::NoteText};

/// Text beyond this is not in the row (it is in the document), in bytes.
pub(crate) const TEXT_BYTES: usize = 1 << 20;

/// What a row shows of a document's content.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Content {
    text: String,
    title: String,
}

/// Reads a note's content; `None` for documents that have no row.
pub(crate) fn read(kind: DocumentKind, view: View<'_>) -> Option<Content> {
    let format = format_of(kind)?;
    let mut note = NoteText::of(view, format);
    let mut text = note.text();
    truncate(&mut text, TEXT_BYTES);
    let title = note.title().unwrap_or_default();
    Some(Content { text, title })
}

/// How a note of this kind keeps its text; `None` for what is not a note.
pub(crate) fn format_of(kind: DocumentKind) -> Option<Format> {
    match kind {
        DocumentKind::PlainNote => Some(Format::Plain),
        DocumentKind::RichNote => Some(Format::Rich),
        DocumentKind::Todos | DocumentKind::Room => None,
    }
}

fn truncate(text: &mut String, bytes: usize) {
    if text.len() > bytes {
        text.truncate(text.floor_char_boundary(bytes));
    }
}

/// Writes the row for content as of `seq`. A row of a later `seq` keeps its content; what comes from
/// the record is always brought up to date. What is in the trash has no row.
pub(crate) async fn write(
    store: &Store,
    id: DocumentId,
    seq: u64,
    content: Option<Content>,
) -> Result<(), SyncFault> {
    let DocumentId::Note(note) = id else { return Ok(()) };
    let record = store.records::<DocumentRecord>().get(&id).await?.ok_or(SyncFault::NotFound)?;
    let rows = store.records::<Note>();
    if record.deleted_at.is_some() {
        rows.delete(&note).await?;
        return Ok(());
    }
    for _ in 0..2 {
        let now = store.clock().now();
        let fresh = row(note, &record, seq, content.clone().unwrap_or_default(), now)?;
        let updated = rows.update(&note, |row| {
            revise(row, &fresh, content.is_some());
            Ok::<_, std::convert::Infallible>(())
        });
        if updated.await?.is_some() {
            return Ok(());
        }
        match rows.insert(fresh).await {
            Err(StoreError::Duplicate { .. }) => {}
            inserted => {
                inserted?;
                return unless_buried(store, id, note).await;
            }
        }
    }
    Err(SyncFault::Unavailable)
}

/// A row that was just made goes again when its document was buried meanwhile: whoever buried it may
/// have looked for the row before it was there.
async fn unless_buried(store: &Store, id: DocumentId, note: NoteId) -> Result<(), SyncFault> {
    let record = store.records::<DocumentRecord>().get(&id).await?;
    if record.is_none_or(|record| record.deleted_at.is_some()) {
        store.records::<Note>().delete(&note).await?;
    }
    Ok(())
}

/// The row as it should be, but for a later content that it may have.
fn revise(row: &mut Note, fresh: &Note, has_content: bool) {
    let mut next = Note { updated_at: row.updated_at, ..fresh.clone() };
    if !has_content || row.projected_seq > fresh.projected_seq {
        next.text.clone_from(&row.text);
        next.title.clone_from(&row.title);
        next.projected_seq = row.projected_seq;
    }
    let same = Note { projected_seq: row.projected_seq, ..next.clone() } == *row;
    if !same {
        next.updated_at = fresh.updated_at;
    }
    *row = next;
}

fn row(
    id: NoteId,
    record: &DocumentRecord,
    seq: u64,
    content: Content,
    now: studyhall_schema::Timestamp,
) -> Result<Note, SyncFault> {
    Ok(Note {
        id,
        text: content.text,
        title: content.title,
        owner_id: record.owner,
        room_id: record.room,
        is_shared: record.is_shared,
        format: format_of(record.kind).ok_or(SyncFault::NotFound)?,
        engine: record.engine,
        created_at: record.created_at,
        updated_at: now,
        projected_seq: seq,
    })
}
