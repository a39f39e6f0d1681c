//! F2 and F3 under the store: the database dies and comes back, or hangs. Who asks is answered within
//! the time, nothing that was acknowledged is lost or doubled, and it works again by itself.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use studyhall_schema::{
    clock::{Clock, SystemClock},
    document::{DocumentId, DocumentRecord},
    ids::NoteId,
};
use studyhall_services::Ferret;
use studyhall_store::{
    Store, StoreError,
    log::{Append, Entry, Outcome},
};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::hall::{self, Home};

/// Five seconds, and what a busy machine adds.
const PATIENCE: Duration = Duration::from_millis(6500);

async fn hall_of(ferret: &Ferret) -> (Home, Store) {
    let home = Home::at(ferret.url("hall"));
    let store = home.open().await;
    (home, store)
}

/// Appends until it is known to be stored, as a node does.
async fn append_for_sure(store: &Store, append: &Append) {
    for _ in 0..200 {
        match hall::one(store, append.clone()).await {
            Outcome::Stored => return,
            Outcome::Failed(_) => sleep(Duration::from_millis(50)).await,
            other => panic!("{other:?}"),
        }
    }
    panic!("it was never stored");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_hangs_keeps_nobody_waiting() {
    let folder = TempDir::new().unwrap();
    let ferret = Ferret::start(folder.path());
    let (_home, store) = hall_of(&ferret).await;
    let document = hall::note_id(1);
    store.records().insert(hall::note(1)).await.unwrap();
    append_for_sure(&store, &hall::append(document, 1, "before")).await;

    ferret.pause();
    let during = hall::append(document, 2, "during");
    let began = Instant::now();
    let documents = store.records::<DocumentRecord>();
    let (outcome, read, record, inserted, healthy) = tokio::join!(
        hall::one(&store, during.clone()),
        store.log().read(document, 1, usize::MAX),
        documents.get(&document),
        documents.insert(hall::note(2)),
        store.healthy(),
    );
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
    assert!(matches!(outcome, Outcome::Failed(StoreError::Unknown(_))), "{outcome:?}");
    assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
    assert!(matches!(record, Err(StoreError::Unavailable(_))), "{record:?}");
    assert!(matches!(inserted, Err(StoreError::Unknown(_))), "{inserted:?}");
    assert!(matches!(healthy, Err(StoreError::Unavailable(_))), "{healthy:?}");

    ferret.resume();
    append_for_sure(&store, &during).await;
    append_for_sure(&store, &during).await;
    assert_eq!(hall::updates(&store, document).await.unwrap(), ["before", "during"], "once");
    append_for_sure(&store, &hall::append(document, 3, "after")).await;
    assert_eq!(store.healthy().await, Ok(()));
}

/// A node with one document: it counts on what was acknowledged, as its clients do.
async fn write(store: Store, number: u8, until: Arc<AtomicBool>) -> (u64, Duration) {
    let (document, mut seq) = (hall::note_id(number), 1);
    let mut slowest = Duration::ZERO;
    let mut mine = hall::append(document, seq, seq.to_string());
    while !until.load(Ordering::Relaxed) {
        let began = Instant::now();
        let outcome = hall::one(&store, mine.clone()).await;
        slowest = slowest.max(began.elapsed());
        match outcome {
            Outcome::Stored => {
                seq += 1;
                mine = hall::append(document, seq, seq.to_string());
            }
            Outcome::Failed(StoreError::Unknown(_) | StoreError::Unavailable(_)) => {
                sleep(Duration::from_millis(20)).await;
            }
            other => panic!("nobody else writes here: {other:?}"),
        }
    }
    (seq - 1, slowest)
}

/// Inserts records with ids that nobody else has. How many are there for sure.
async fn insert(store: Store, until: Arc<AtomicBool>) -> Vec<DocumentId> {
    let notes = store.records::<DocumentRecord>();
    let mut there = Vec::new();
    while !until.load(Ordering::Relaxed) {
        let id = DocumentId::Note(NoteId::new(&SystemClock));
        match notes.insert(DocumentRecord { id, ..hall::note(1) }).await {
            Ok(_) => there.push(id),
            Err(StoreError::Duplicate { .. }) => panic!("nobody else has {id}"),
            Err(_) => sleep(Duration::from_millis(20)).await,
        }
    }
    there
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_killed_loses_nothing_that_was_acknowledged() {
    let folder = TempDir::new().unwrap();
    let mut ferret = Ferret::start(folder.path());
    let (home, store) = hall_of(&ferret).await;
    let until = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (1..=4)
        .map(|number| tokio::spawn(write(store.clone(), number, Arc::clone(&until))))
        .collect();
    let inserter = tokio::spawn(insert(store.clone(), Arc::clone(&until)));
    let rounds = if std::env::var_os("STUDYHALL_LONG").is_some() { 20 } else { 4 };
    for _ in 0..rounds {
        sleep(Duration::from_millis(300 + SystemClock.random_u64() % 400)).await;
        ferret.kill();
        sleep(Duration::from_millis(SystemClock.random_u64() % 1500)).await;
        ferret.restart();
        let back = Instant::now();
        append_for_sure(&store, &hall::append(hall::note_id(100), 1, "works again")).await;
        assert!(back.elapsed() < Duration::from_secs(5), "it came back after {:?}", back.elapsed());
        store.log().remove(hall::note_id(100)).await.unwrap();
    }
    sleep(Duration::from_millis(500)).await;
    until.store(true, Ordering::Relaxed);

    let elsewhere = home.open().await;
    for (number, writer) in (1..).zip(writers) {
        let (acknowledged, slowest) = writer.await.unwrap();
        assert!(acknowledged > 4, "it has written in between");
        assert!(slowest < PATIENCE, "an answer took {slowest:?}");
        let texts = hall::updates(&elsewhere, hall::note_id(number)).await.unwrap();
        let expected: Vec<String> = (1..=texts.len()).map(|seq| seq.to_string()).collect();
        assert_eq!(texts, expected, "each once, in order");
        // One more may be there whose acknowledgement nobody waited for.
        let there = texts.len() as u64;
        assert!((acknowledged..=acknowledged + 1).contains(&there), "{acknowledged} of {there}");
    }
    for id in inserter.await.unwrap() {
        let found = elsewhere.records::<DocumentRecord>().get(&id).await.unwrap();
        assert!(found.is_some(), "{id} was said to be there");
    }
}

#[tokio::test]
async fn a_database_that_is_not_there_is_said_to_be_so() {
    let home = Home::at("mongodb://127.0.0.1:1/hall".into());
    let began = Instant::now();
    let refused = Store::open(&home.config(), Arc::new(SystemClock)).await.err();
    assert!(matches!(refused, Some(StoreError::Unavailable(_))), "{refused:?}");
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
    let wrong = Home::at("mongodb://ada:secret@[broken/hall".into());
    let refused = Store::open(&wrong.config(), Arc::new(SystemClock)).await.err();
    let Some(StoreError::Invalid(why)) = refused else { panic!("{refused:?}") };
    assert!(!why.contains("secret"), "a password is told nobody: {why}");
}

#[tokio::test]
async fn a_name_that_no_database_has_is_refused_before_anybody_is_asked() {
    for name in ["a.b", "studyhall.", "a%00b", "a%20b", "a%24b", &"n".repeat(64)] {
        let home = Home::at(format!("mongodb://ada:secret@127.0.0.1:1/{name}"));
        let refused = Store::open(&home.config(), Arc::new(SystemClock)).await.err();
        let Some(StoreError::Invalid(why)) = refused else { panic!("{name}: {refused:?}") };
        assert!(why.contains("database") && !why.contains("secret"), "{why}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_append_while_the_database_dies() {
    let folder = TempDir::new().unwrap();
    let mut ferret = Ferret::start(folder.path());
    let (home, a) = hall_of(&ferret).await;
    let b = home.open().await;
    let document = hall::note_id(1);
    let nodes: Vec<_> = [(0, &a), (1, &b)]
        .map(|(name, store)| tokio::spawn(share(store.clone(), document, name)))
        .into();
    for _ in 0..2 {
        sleep(Duration::from_millis(400)).await;
        ferret.kill();
        sleep(Duration::from_millis(300)).await;
        ferret.restart();
    }
    for node in nodes {
        node.await.unwrap();
    }
    let mut texts = hall::updates(&b, document).await.unwrap();
    texts.sort();
    let mut expected: Vec<_> =
        (0..2).flat_map(|name| (0..60).map(move |n| vec![name, n])).collect();
    expected.sort();
    assert_eq!(texts, expected, "each once");
}

/// Appends 60 updates to a document that another node writes too.
async fn share(store: Store, document: DocumentId, name: u8) {
    let mut seq = 1;
    for n in 0..60 {
        let mut mine = hall::append(document, seq, vec![name, n]);
        loop {
            match hall::one(&store, mine.clone()).await {
                Outcome::Stored => break,
                // The batch stays while it is not known whether it was written.
                Outcome::Failed(_) => sleep(Duration::from_millis(20)).await,
                Outcome::Behind => {
                    let Ok(missed) = store.log().read(document, seq, usize::MAX).await else {
                        continue;
                    };
                    seq = missed.last().map_or(seq, Entry::next_seq);
                    mine = hall::append(document, seq, vec![name, n]);
                }
                other @ Outcome::Fenced { .. } => panic!("{other:?}"),
            }
        }
        seq += 1;
    }
}
