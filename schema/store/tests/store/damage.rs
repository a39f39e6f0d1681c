//! F11 and F19: bytes that are not what was written. What is read of them is `Corrupt`, all else
//! works, and nothing panics.

use std::{fs, path::Path, path::PathBuf};

use studyhall_schema::{
    clock::{Clock, TestClock},
    document::DocumentRecord,
};
use studyhall_store::{Page, Store, StoreError, log::Outcome, log::Snapshot};
use tempfile::TempDir;

use crate::hall;

const NOTES: u8 = 20;
const SECRET: &[u8] = b"the text of the fifth note, as it was written";

fn database(folder: &Path) -> PathBuf {
    folder.join("studyhall.db")
}

/// A closed hall with some notes; the fifth has a text that can be found in the file.
async fn closed_hall() -> TempDir {
    let folder = TempDir::new().unwrap();
    let store = hall::open(folder.path()).await;
    for number in 1..=NOTES {
        store.records().insert(hall::note(number)).await.unwrap();
        for seq in 1..=5 {
            let text = if number == 5 { SECRET.to_vec() } else { vec![number; 900] };
            let outcome = hall::one(&store, hall::append(hall::note_id(number), seq, text)).await;
            assert_eq!(outcome, Outcome::Stored);
        }
    }
    store.close().await;
    folder
}

fn flip(folder: &Path, at: usize) {
    let mut bytes = fs::read(database(folder)).unwrap();
    bytes[at] ^= 0x10;
    fs::write(database(folder), bytes).unwrap();
}

fn find(folder: &Path, text: &[u8]) -> usize {
    let bytes = fs::read(database(folder)).unwrap();
    bytes.windows(text.len()).position(|window| window == text).expect("it is in the file")
}

#[tokio::test]
async fn a_flipped_byte_in_a_text_concerns_that_document_only() {
    let folder = closed_hall().await;
    flip(folder.path(), find(folder.path(), SECRET) + 3);
    let store = hall::open(folder.path()).await;
    let poisoned = hall::note_id(5);
    let read = hall::updates(&store, poisoned).await;
    let Err(StoreError::Corrupt(what)) = read else { panic!("{read:?}") };
    assert!(what.contains(&poisoned.to_string()), "it says which document: {what}");
    for number in (1..=NOTES).filter(|number| *number != 5) {
        assert_eq!(hall::updates(&store, hall::note_id(number)).await.unwrap().len(), 5);
    }
    // The entry at fault can be taken out, and the document opens without it.
    let mut seq = 1;
    while let Ok(entries) = store.log().read(poisoned, seq, 1).await {
        seq = entries[0].next_seq();
    }
    store.log().quarantine(poisoned, seq, "its checksum is wrong").await.unwrap();
    let updates = hall::updates(&store, poisoned).await.unwrap();
    assert_eq!(updates.iter().filter(|update| update.is_empty()).count(), 1);
    assert_eq!(updates.len(), 5);
}

#[tokio::test]
async fn a_flipped_byte_in_a_record_concerns_that_record_only() {
    let folder = closed_hall().await;
    flip(folder.path(), find(folder.path(), b"created_at") + 12);
    let store = hall::open(folder.path()).await;
    let documents = store.records::<DocumentRecord>();
    let mut broken = Vec::new();
    for number in 1..=NOTES {
        match documents.get(&hall::note_id(number)).await {
            Ok(found) => assert_eq!(found.unwrap().id, hall::note_id(number)),
            Err(StoreError::Corrupt(_)) => broken.push(number),
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(broken.len(), 1);
    let document = hall::note_id(broken[0]);
    let outcomes = store.log().append(vec![
        hall::append(document, 6, "behind a fence that cannot be read"),
        hall::append(hall::note_id(if broken[0] == 1 { 2 } else { 1 }), 6, "another's"),
    ]);
    let outcomes = outcomes.await;
    assert!(matches!(outcomes[0], Outcome::Failed(StoreError::Corrupt(_))), "{outcomes:?}");
    assert_eq!(outcomes[1], Outcome::Stored);
}

#[tokio::test]
async fn a_flipped_byte_in_a_snapshot_is_found() {
    let folder = closed_hall().await;
    let store = hall::open(folder.path()).await;
    let document = hall::note_id(1);
    let state = b"a state that can be found in the file".repeat(10);
    let at = store.clock().now();
    let snapshot = Snapshot { seq: 5, at, state: state.clone().into(), authors: vec![] };
    store.log().put_snapshot(document, &snapshot).await.unwrap();
    store.log().adopt_snapshot(document, 5, state.len() as u64).await.unwrap();
    store.close().await;
    flip(folder.path(), find(folder.path(), &state) + 40);
    let store = hall::open(folder.path()).await;
    let corrupt = |result| matches!(result, Err(StoreError::Corrupt(_)));
    assert!(corrupt(store.log().latest_snapshot(document).await.map(|_| ())));
    assert!(
        corrupt(store.log().prune(document, u64::MAX).await),
        "nothing is deleted for a broken snapshot"
    );
    assert_eq!(hall::updates(&store, document).await.unwrap().len(), 5);
    store.log().put_snapshot(document, &snapshot).await.unwrap();
    let repaired = store.log().latest_snapshot(document).await;
    assert_eq!(repaired, Ok(Some(snapshot)), "a broken one is replaced");
}

#[tokio::test]
async fn flipped_bytes_anywhere_never_panic_and_never_lie() {
    let folder = closed_hall().await;
    let whole = fs::read(database(folder.path())).unwrap();
    let random = TestClock::new(11);
    let mut found = 0;
    for _ in 0..60 {
        let copy = TempDir::new().unwrap();
        let mut bytes = whole.clone();
        for _ in 0..3 {
            let at = usize::try_from(random.random_u64()).unwrap() % bytes.len();
            bytes[at] ^= 1 << (random.random_u64() % 8);
        }
        fs::write(database(copy.path()), bytes).unwrap();
        found += match hall::try_open(copy.path()).await {
            Ok(store) => read_all(&store).await,
            Err(_) => 1,
        };
    }
    assert!(found > 0, "no flipped byte was ever found");
}

/// Reads and writes everything. How much of it was refused; what is read is as it was written.
async fn read_all(store: &Store) -> usize {
    let mut refused = 0;
    let documents = store.records::<DocumentRecord>();
    for number in 1..=NOTES {
        let document = hall::note_id(number);
        match store.log().read(document, 1, usize::MAX).await {
            Ok(entries) => {
                for update in entries.iter().flat_map(|entry| &entry.updates) {
                    let right = if number == 5 { SECRET } else { &[number; 900] };
                    assert_eq!(update.data, right, "a wrong text passed as right");
                }
            }
            Err(_) => refused += 1,
        }
        match documents.get(&document).await {
            Ok(Some(note)) => assert_eq!(note.id, document, "a wrong record passed as right"),
            Ok(None) | Err(_) => refused += 1,
        }
        // Whatever it says, it says it.
        let _ = hall::one(store, hall::append(document, 6, "more")).await;
    }
    refused += usize::from(documents.page(Page::of("owner").limit(100)).await.is_err());
    store.close().await;
    refused
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_as_it_is() {
    let folder = TempDir::new().unwrap();
    let path = database(folder.path());
    fs::write(&path, vec![b'?'; 10_000]).unwrap();
    let refused = hall::try_open(folder.path()).await.err();
    let Some(StoreError::Corrupt(why)) = refused else { panic!("{refused:?}") };
    assert!(why.contains("studyhall.db"), "it says which file: {why}");
    assert_eq!(fs::read(&path).unwrap(), vec![b'?'; 10_000]);

    fs::remove_file(&path).unwrap();
    let foreign = rusqlite::Connection::open(&path).unwrap();
    foreign.execute_batch("CREATE TABLE songs (title TEXT)").unwrap();
    let before = fs::read(&path).unwrap();
    let refused = hall::try_open(folder.path()).await.err();
    assert!(matches!(refused, Some(StoreError::Invalid(_))), "{refused:?}");
    assert_eq!(fs::read(&path).unwrap(), before, "another program's database is left alone");
}

#[tokio::test]
async fn a_newer_layout_is_refused() {
    let folder = closed_hall().await;
    let newer = rusqlite::Connection::open(database(folder.path())).unwrap();
    newer.pragma_update(None, "user_version", 1000).unwrap();
    drop(newer);
    let refused = hall::try_open(folder.path()).await.err();
    assert!(matches!(refused, Some(StoreError::Invalid(_))), "{refused:?}");
}

#[tokio::test]
async fn a_deleted_file_acknowledges_nothing() {
    let folder = closed_hall().await;
    let store = hall::open(folder.path()).await;
    let next = |seq| hall::append(hall::note_id(1), seq, "x");
    assert_eq!(hall::one(&store, next(6)).await, Outcome::Stored);
    let (path, aside) = (database(folder.path()), folder.path().join("aside.db"));
    fs::rename(&path, &aside).unwrap();
    let outcome = hall::one(&store, next(7)).await;
    assert!(matches!(outcome, Outcome::Failed(StoreError::Unavailable(_))), "{outcome:?}");
    assert!(store.healthy().await.is_err());
    assert!(!path.exists(), "and no new file is made in its place");
    fs::rename(&aside, &path).unwrap();
    assert_eq!(hall::one(&store, next(7)).await, Outcome::Stored, "it is back");
}
