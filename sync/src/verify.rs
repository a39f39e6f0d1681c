//! All rows of all documents, looked at and made again: they are projections, and may be lost.

use studyhall_schema::{
    document::{DocumentId, DocumentRecord, Engine as Library},
    note::Note,
    record::Record,
    room_state::RoomState,
    todo::{ProjectedList, Todo},
};
use studyhall_store::{Page, Store};

use crate::{
    SyncFault,
    document::{Applied, Automerge, Engine, Yjs},
    heavy::Heavy,
    load::{self, LoadFailure},
    projection,
};

/// Records that are read at once.
const READ: usize = 100;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verified {
    /// How many documents there are.
    pub documents: u64,
    /// Rows that are not what their documents say; after a rebuild, that were not.
    pub wrong: Vec<String>,
    /// Documents that cannot be read, and why.
    pub unreadable: Vec<String>,
}

/// Compares all rows with their documents; with `rebuild` those that differ are made again. Best while
/// no server runs: what people write meanwhile counts as a difference.
pub async fn verify(store: &Store, rebuild: bool) -> Result<Verified, SyncFault> {
    let (mut verified, heavy) = (Verified::default(), Heavy::default());
    let mut cursor = None;
    loop {
        let page = Page::of("_id").limit(READ).cursor(cursor);
        let page = store.records::<DocumentRecord>().page(page).await?;
        for record in page.items {
            verified.documents += 1;
            let looked_at = match record.engine {
                Library::Yjs => document::<Yjs>(store, &heavy, &record, rebuild).await,
                Library::Automerge => document::<Automerge>(store, &heavy, &record, rebuild).await,
            };
            match looked_at {
                Ok(wrong) => verified.wrong.extend(wrong),
                Err(failure) => verified.unreadable.push(format!("{}: {failure}", record.id)),
            }
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    let of_note = |note: &Note| DocumentId::Note(note.id);
    orphans(store, rebuild, &mut verified, |note| DocumentId::Note(note.id).to_string(), of_note)
        .await?;
    orphans(store, rebuild, &mut verified, |todo: &Todo| todo.id.clone(), |todo| todo.list).await?;
    orphans(
        store,
        rebuild,
        &mut verified,
        |list: &ProjectedList| list.id.to_string(),
        |list| list.id,
    )
    .await?;
    let of_room = |row: &RoomState| DocumentId::Room(row.id);
    orphans(store, rebuild, &mut verified, |row| DocumentId::Room(row.id).to_string(), of_room)
        .await?;
    Ok(verified)
}

async fn document<E: Engine>(
    store: &Store,
    heavy: &Heavy,
    record: &DocumentRecord,
    rebuild: bool,
) -> Result<Vec<String>, LoadFailure> {
    let mut state = load::state::<E>(store, &heavy.of(record.owner), record.id).await?;
    let seq = state.seq();
    let content = projection::read(record.kind, E::view(&mut state), &mut None);
    let verified = projection::verify(store, record, seq, content, rebuild).await;
    verified.map_err(|fault| match fault {
        SyncFault::Unavailable => LoadFailure::Unavailable,
        fault => LoadFailure::Unreadable(fault.to_string()),
    })
}

/// Rows whose documents do not exist.
async fn orphans<T: Record>(
    store: &Store,
    rebuild: bool,
    verified: &mut Verified,
    name: impl Fn(&T) -> String,
    document: impl Fn(&T) -> DocumentId,
) -> Result<(), SyncFault> {
    let documents = store.records::<DocumentRecord>();
    let mut cursor = None;
    loop {
        let page = store.records::<T>().page(Page::of("_id").limit(READ).cursor(cursor)).await?;
        for row in page.items {
            if documents.get(&document(&row)).await?.is_none() {
                verified.wrong.push(name(&row));
                if rebuild {
                    store.records::<T>().delete(&row.id()).await?;
                }
            }
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(());
        }
    }
}
