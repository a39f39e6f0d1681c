//! Rows from documents and their records: what lists and REST reads show. All of them can be made again.
//!
//! What a client writes into a document is input like any other: what has the wrong type or is beyond
//! its limits is left out, and nothing fails.

mod note;
mod room;
mod todos;

use studyhall_schema::{
    Timestamp,
    document::{DocumentId, DocumentKind, DocumentRecord},
    note::Format,
};
use studyhall_store::Store;

pub(crate) use note::{TEXT_BYTES, follow, follows, over};
pub(crate) use todos::{Kept, followed};

use crate::{
    SyncFault, compact,
    contents::{self, Late, RoomState, TodoList},
    document::View,
};

/// What rows show of a document's content.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// Of a note.
    Note(note::Content),
    /// Of a list of todos.
    Todos(todos::Content),
    /// Of a room's state.
    Room(room::Content),
}

impl Content {
    /// What is to be carried over to other lists.
    pub(crate) fn take_late(&mut self) -> Vec<Late> {
        match self {
            Self::Todos(list) => std::mem::take(&mut list.late),
            Self::Note(_) | Self::Room(_) => Vec::new(),
        }
    }
}

/// Reads a document's content; `None` for documents that have no row. Of what is kept from the last time
/// only what changed is read again.
pub(crate) fn read(
    kind: DocumentKind,
    mut view: View<'_>,
    kept: &mut Option<Box<Kept>>,
) -> Option<Content> {
    match kind {
        DocumentKind::PlainNote | DocumentKind::RichNote => {
            Some(Content::Note(note::read(format_of(kind)?, view)))
        }
        DocumentKind::Todos => {
            let (touched, kept) = (view.touched(), kept.get_or_insert_default());
            Some(Content::Todos(contents::read(view, |maps| {
                kept.read(&TodoList::of(maps), touched)
            })))
        }
        DocumentKind::Room => Some(Content::Room(contents::read(view, |maps| {
            let state = RoomState::of(maps);
            room::Content { timer: state.timer(), config: state.config() }
        }))),
    }
}

/// How a note of this kind keeps its text; `None` for what is not a note.
pub(crate) fn format_of(kind: DocumentKind) -> Option<Format> {
    match kind {
        DocumentKind::PlainNote => Some(Format::Plain),
        DocumentKind::RichNote => Some(Format::Rich),
        DocumentKind::Todos | DocumentKind::Room => None,
    }
}

/// What became of rows that were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Written {
    /// The document's last update that they show.
    pub(crate) seq: u64,
    /// Another node wrote later ones meanwhile: they are to be looked at again.
    pub(crate) overtaken: bool,
}

/// Writes the rows for content as of `seq`, or, without content, what comes from the record. What is in
/// the trash has no row.
pub(crate) async fn write(
    store: &Store,
    id: DocumentId,
    seq: u64,
    content: Option<Content>,
) -> Result<Written, SyncFault> {
    let record = store.records::<DocumentRecord>().get(&id).await?.ok_or(SyncFault::NotFound)?;
    let overtaken = match (id, content) {
        (DocumentId::Note(note), None) => {
            note::write(store, &record, note, seq, None).await?;
            false
        }
        (DocumentId::Note(note), Some(Content::Note(content))) => {
            note::write(store, &record, note, seq, Some(content)).await?;
            false
        }
        (DocumentId::Room(room), Some(Content::Room(content))) => {
            room::write(store, &record, room, seq, content).await?;
            false
        }
        (_, Some(Content::Todos(list))) => todos::write(store, &record, seq, &list).await?,
        _ => false,
    };
    Ok(Written { seq, overtaken })
}

/// When a document's update of this number came: the log says it, or else its snapshot, which is dated
/// by its last update.
async fn changed_at(
    store: &Store,
    record: &DocumentRecord,
    seq: u64,
) -> Result<Timestamp, SyncFault> {
    if seq == 0 {
        return Ok(record.created_at);
    }
    if let Some(at) = compact::logged_at(store, record.id, seq).await? {
        return Ok(at);
    }
    let snapshot = store.log().latest_snapshot(record.id).await?;
    Ok(snapshot.map_or(record.created_at, |snapshot| snapshot.at))
}

/// Which rows of a document are not what they should be, but for `projected_seq`; with `rebuild` all are
/// made so.
pub(crate) async fn verify(
    store: &Store,
    record: &DocumentRecord,
    seq: u64,
    content: Option<Content>,
    rebuild: bool,
) -> Result<Vec<String>, SyncFault> {
    match (record.id, content) {
        (DocumentId::Note(note), Some(Content::Note(content))) => {
            let is_right = note::verify(store, record, note, seq, content, rebuild).await?;
            Ok(if is_right { Vec::new() } else { vec![record.id.to_string()] })
        }
        (DocumentId::Room(room), Some(Content::Room(content))) => {
            let is_right = room::verify(store, room, seq, content, rebuild).await?;
            Ok(if is_right { Vec::new() } else { vec![record.id.to_string()] })
        }
        (_, Some(Content::Todos(list))) => todos::verify(store, record, seq, &list, rebuild).await,
        _ => Ok(Vec::new()),
    }
}
