//! The cast of the store's tests: a hall in a folder, its notes and what people write in them.

use std::{path::Path, sync::Arc};

use bytes::Bytes;
use studyhall_schema::{
    clock::{Clock, SystemClock},
    document::{DocumentId, DocumentKind, DocumentRecord, Engine},
    ids::{NoteId, UserId},
};
use studyhall_store::{
    Store, StoreConfig, StoreError,
    log::{Append, LoggedUpdate, Outcome},
};

pub(crate) fn config(folder: &Path) -> StoreConfig {
    let folder = folder.display();
    StoreConfig {
        records: format!("sqlite:{folder}/studyhall.db"),
        files: format!("dir:{folder}/files"),
        bus: "local".into(),
    }
}

pub(crate) async fn try_open(folder: &Path) -> Result<Store, StoreError> {
    Store::open(&config(folder), Arc::new(SystemClock)).await
}

pub(crate) async fn open(folder: &Path) -> Store {
    try_open(folder).await.unwrap()
}

pub(crate) fn note_id(number: u8) -> DocumentId {
    DocumentId::Note(NoteId::from_bytes([number; 12]))
}

pub(crate) fn note(number: u8) -> DocumentRecord {
    DocumentRecord {
        id: note_id(number),
        kind: DocumentKind::PlainNote,
        engine: Engine::Yjs,
        owner: UserId::from_bytes([1; 12]),
        room: None,
        is_shared: false,
        created_at: SystemClock.now(),
        deleted_at: None,
        snapshot_seq: 0,
        bytes: 0,
    }
}

pub(crate) fn append(document: DocumentId, seq: u64, data: impl Into<Bytes>) -> Append {
    let by = UserId::from_bytes([7; 12]);
    Append {
        document,
        seq,
        batch: SystemClock.random_u64(),
        at: SystemClock.now(),
        updates: vec![LoggedUpdate { by, data: data.into() }],
    }
}

pub(crate) async fn one(store: &Store, append: Append) -> Outcome {
    store.log().append(vec![append]).await.remove(0)
}

/// All updates of a document; the log must begin at 1 and have no gap.
pub(crate) async fn updates(store: &Store, document: DocumentId) -> Result<Vec<Bytes>, StoreError> {
    let entries = store.log().read(document, 1, usize::MAX).await?;
    let mut expected = 1;
    for entry in &entries {
        assert_eq!(entry.seq, expected, "{document} has a gap or a doubling");
        expected = entry.next_seq();
    }
    Ok(entries.into_iter().flat_map(|entry| entry.updates).map(|update| update.data).collect())
}
