//! A note's row: its text and title from its document, everything else from its record.

use studyhall_schema::{
    Timestamp,
    document::{DocumentId, DocumentRecord},
    ids::NoteId,
    note::{Format, Note},
};
use studyhall_store::{Store, StoreError, Versioned};

use super::{changed_at, format_of};
use crate::{SyncFault, document::View, history, text::NoteText};

/// Text beyond this is not in the row (it is in the document), in bytes.
pub(crate) const TEXT_BYTES: usize = 1 << 20;

/// Others may write the row, so often.
const TRIES: usize = 16;

/// What a row shows of a note's document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Content {
    text: String,
    title: String,
}

/// Reads a note's content.
pub(super) fn read(format: Format, view: View<'_>) -> Content {
    let mut note = NoteText::of(view, format);
    let mut text = note.text();
    truncate(&mut text);
    let title = note.title().unwrap_or_default();
    Content { text, title }
}

/// A row with what its document says.
pub(crate) fn over(row: Note, content: Option<super::Content>) -> Note {
    match content {
        Some(super::Content::Note(Content { text, title })) => Note { text, title, ..row },
        _ => row,
    }
}

/// What is cut stays longer than what need not be: so it is known for what it is.
fn truncate(text: &mut String) {
    if text.len() > TEXT_BYTES {
        text.truncate(text.floor_char_boundary(TEXT_BYTES + char::MAX.len_utf8()));
    }
}

/// Whether a row shows a record's rights. A node may have died, or the store been away, between the two.
pub(crate) fn follows(row: &Note, record: &DocumentRecord) -> bool {
    (row.owner_id, row.room_id, row.is_shared) == (record.owner, record.room, record.is_shared)
        && row.is_nearly_full == record.is_nearly_full()
        && record.changed_at.is_none_or(|changed| row.updated_at >= changed)
}

/// Makes a row follow its record again: what it is then, unless there is to be none.
pub(crate) async fn follow(
    store: &Store,
    note: NoteId,
) -> Result<Option<Versioned<Note>>, SyncFault> {
    let record = store.records::<DocumentRecord>().get(&DocumentId::Note(note)).await?;
    if let Some(record) = record {
        return write(store, &record, note, 0, None).await;
    }
    store.records::<Note>().delete(&note).await?;
    Ok(None)
}

/// Writes the row for content as of `seq`; what it is then. A row of a later `seq` keeps its content; what
/// comes from the record is always brought up to date. What is in the trash has no row.
pub(super) async fn write(
    store: &Store,
    record: &DocumentRecord,
    note: NoteId,
    seq: u64,
    content: Option<Content>,
) -> Result<Option<Versioned<Note>>, SyncFault> {
    let rows = store.records::<Note>();
    if record.deleted_at.is_some() {
        rows.delete(&note).await?;
        return Ok(None);
    }
    for _ in 0..TRIES {
        let known = rows.get(&note).await?;
        let newer =
            content.as_ref().filter(|_| known.as_ref().is_none_or(|row| row.projected_seq < seq));
        if newer.is_some() {
            history::keep(store, note, seq, known.as_ref().map(|known| &known.value)).await?;
        }
        let fresh = match (newer, &known) {
            (Some(content), _) => row(store, record, note, seq, content.clone()).await?,
            (None, Some(known)) => {
                let content = Content { text: known.text.clone(), title: known.title.clone() };
                of_record(record, note, content, known.updated_at, known.projected_seq)?
            }
            (None, None) => row(store, record, note, 0, Content::default()).await?,
        };
        let written = match known {
            Some(known) if *known == fresh => return Ok(Some(known)),
            Some(known) => rows.replace(fresh, known.rev).await,
            None => rows.insert(fresh).await,
        };
        match written {
            Err(StoreError::Duplicate { .. } | StoreError::Conflict) => {}
            written => {
                let is_there = !take_if_buried(store, record.id, note).await?;
                return Ok(Some(written?).filter(|_| is_there));
            }
        }
    }
    Err(SyncFault::Unavailable)
}

/// A row that was just made goes again when its document was buried meanwhile: whoever buried it may
/// have looked for the row before it was there. Whether it was.
async fn take_if_buried(store: &Store, id: DocumentId, note: NoteId) -> Result<bool, SyncFault> {
    let record = store.records::<DocumentRecord>().get(&id).await?;
    let is_buried = record.is_none_or(|record| record.deleted_at.is_some());
    if is_buried {
        store.records::<Note>().delete(&note).await?;
    }
    Ok(is_buried)
}

/// The row of a note whose document has this content at `seq`.
async fn row(
    store: &Store,
    record: &DocumentRecord,
    note: NoteId,
    seq: u64,
    content: Content,
) -> Result<Note, SyncFault> {
    let at = changed_at(store, record, seq).await?;
    of_record(record, note, content, at, seq)
}

fn of_record(
    record: &DocumentRecord,
    id: NoteId,
    content: Content,
    at: Timestamp,
    seq: u64,
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
        is_nearly_full: record.is_nearly_full(),
        created_at: record.created_at,
        updated_at: record.changed_at.map_or(at, |changed| changed.max(at)),
        projected_seq: seq,
    })
}

/// Whether the row is what it should be, but for `projected_seq`; with `rebuild` it is made so.
pub(super) async fn verify(
    store: &Store,
    record: &DocumentRecord,
    note: NoteId,
    seq: u64,
    content: Content,
    rebuild: bool,
) -> Result<bool, SyncFault> {
    let rows = store.records::<Note>();
    let known = rows.get(&note).await?;
    if record.deleted_at.is_some() {
        if rebuild {
            rows.delete(&note).await?;
        }
        return Ok(known.is_none());
    }
    let fresh = row(store, record, note, seq, content).await?;
    let same = |row: &Versioned<Note>| {
        Note { projected_seq: row.projected_seq, ..fresh.clone() } == row.value
    };
    let is_right = known.as_ref().is_some_and(same);
    if rebuild {
        match known {
            Some(known) if known.value == fresh => known,
            Some(known) => rows.replace(fresh, known.rev).await?,
            None => rows.insert(fresh).await?,
        };
    }
    Ok(is_right)
}
