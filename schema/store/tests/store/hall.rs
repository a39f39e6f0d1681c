//! The cast of the store's tests: a hall in a folder or a database, its notes and what people write
//! in them.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

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
use tempfile::TempDir;

/// Where a test's halls keep their records: all halls of one home share them.
pub(crate) struct Home {
    folder: TempDir,
    records: String,
}

impl Home {
    pub(crate) fn sqlite() -> Self {
        let folder = TempDir::new().unwrap();
        Self { records: config(folder.path()).records, folder }
    }

    /// Whether nodes of several machines may have it open.
    pub(crate) fn has_other_nodes(&self) -> bool {
        self.records.starts_with("mongodb:")
    }

    /// A new database on the MongoDB-wire server that the tests share.
    pub(crate) fn mongodb() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("studyhall_test_{}_{number}", std::process::id());
        Self::at(studyhall_services::mongodb(&name))
    }

    pub(crate) fn at(records: String) -> Self {
        Self { folder: TempDir::new().unwrap(), records }
    }

    pub(crate) fn config(&self) -> StoreConfig {
        StoreConfig { records: self.records.clone(), ..config(self.folder.path()) }
    }

    pub(crate) async fn open_with(&self, clock: impl Clock) -> Store {
        Store::open(&self.config(), Arc::new(clock)).await.unwrap()
    }

    pub(crate) async fn open(&self) -> Store {
        self.open_with(SystemClock).await
    }
}

/// Makes a test on each backend of each story, a function of a [`Home`].
macro_rules! on_each_backend {
    ($($story:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $story() {
                super::$story(crate::hall::Home::sqlite()).await;
            })+
        }
        mod mongodb {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $story() {
                super::$story(crate::hall::Home::mongodb()).await;
            })+
        }
    };
}
pub(crate) use on_each_backend;

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
        changed_at: None,
        shared_at_seq: None,
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
        updates: vec![LoggedUpdate { login: None, put: None, by, data: data.into() }],
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
