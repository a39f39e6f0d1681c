//! Two stores over one file or database, as two processes and two nodes have it.

use std::time::Duration;

use studyhall_schema::document::{DocumentId, DocumentRecord};
use studyhall_store::{
    Store,
    log::{Outcome, Wait},
};

use crate::hall::{self, Home, on_each_backend};

on_each_backend!(
    two_processes_append_without_gap_or_doubling,
    two_processes_change_one_record_and_lose_nothing,
    a_compaction_fences_a_process_that_slept,
    who_waits_for_a_place_is_seen_by_who_appends,
);

/// Appends `count` updates named `<name>.<n>`, each at the tail as it was last seen.
async fn write(store: Store, document: DocumentId, name: u8, count: u8) {
    let mut seq = 1;
    for n in 0..count {
        let mut mine = hall::append(document, seq, vec![name, n]);
        loop {
            match hall::one(&store, mine.clone()).await {
                Outcome::Stored => break,
                Outcome::Behind => {
                    let missed = store.log().read(document, seq, usize::MAX).await.unwrap();
                    seq = missed.last().map_or(seq, studyhall_store::log::Entry::next_seq);
                    mine.seq = seq;
                }
                other => panic!("{other:?}"),
            }
        }
        seq += 1;
    }
}

async fn two_processes_append_without_gap_or_doubling(home: Home) {
    let (a, b) = tokio::join!(home.open(), home.open());
    let documents = [hall::note_id(1), hall::note_id(2), hall::note_id(3)];
    let mut writers = Vec::new();
    for (name, store) in (0..).zip([&a, &b, &a, &b]) {
        for document in documents {
            writers.push(tokio::spawn(write(store.clone(), document, name, 40)));
        }
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let mut expected: Vec<_> =
        (0..4).flat_map(|name| (0..40).map(move |n| vec![name, n])).collect();
    expected.sort();
    for document in documents {
        let from_a = hall::updates(&a, document).await.unwrap();
        assert_eq!(from_a, hall::updates(&b, document).await.unwrap());
        let mut each: Vec<_> = from_a.iter().map(|update| update.to_vec()).collect();
        each.sort();
        assert_eq!(each, expected, "each update once");
    }
}

async fn two_processes_change_one_record_and_lose_nothing(home: Home) {
    let (a, b) = tokio::join!(home.open(), home.open());
    a.records().insert(hall::note(1)).await.unwrap();
    let changes: Vec<_> = (0..200)
        .map(|number| {
            let documents = if number % 2 == 0 { &a } else { &b }.records::<DocumentRecord>();
            tokio::spawn(async move {
                let grow = |note: &mut DocumentRecord| {
                    note.bytes += 1;
                    Ok::<_, ()>(())
                };
                documents.update(&hall::note_id(1), grow).await.unwrap().unwrap().unwrap();
            })
        })
        .collect();
    for change in changes {
        change.await.unwrap();
    }
    let note = b.records::<DocumentRecord>().get(&hall::note_id(1)).await.unwrap().unwrap();
    assert_eq!((note.bytes, note.rev), (200, 201));
}

async fn a_compaction_fences_a_process_that_slept(home: Home) {
    let (awake, asleep) = tokio::join!(home.open(), home.open());
    let document = hall::note_id(1);
    awake.records().insert(hall::note(1)).await.unwrap();
    assert_eq!(hall::one(&asleep, hall::append(document, 1, "a")).await, Outcome::Stored);
    let dream = hall::append(document, 2, "dream");
    assert_eq!(hall::one(&awake, hall::append(document, 2, "b")).await, Outcome::Stored);
    let snapshot = studyhall_store::log::Snapshot {
        seq: 2,
        at: awake.clock().now(),
        state: "ab".into(),
        authors: vec![],
    };
    awake.log().put_snapshot(document, &snapshot).await.unwrap();
    awake.log().adopt_snapshot(document, 2, 2).await.unwrap();
    awake.log().prune(document, u64::MAX).await.unwrap();
    assert_eq!(hall::one(&asleep, dream).await, Outcome::Fenced { snapshot_seq: 2 });
    assert_eq!(asleep.log().latest_snapshot(document).await, Ok(Some(snapshot)));
    assert_eq!(hall::one(&asleep, hall::append(document, 3, "dream")).await, Outcome::Stored);
}

async fn who_waits_for_a_place_is_seen_by_who_appends(home: Home) {
    let (fast, slow) = tokio::join!(home.open(), home.open());
    let document = hall::note_id(1);
    fast.records().insert(hall::note(1)).await.unwrap();
    let before = fast.records::<DocumentRecord>().get(&document).await.unwrap();
    let wait = Wait { by: u64::MAX, at: fast.clock().now(), within: Duration::from_millis(700) };
    slow.log().wait(document, wait).await.unwrap();
    assert_eq!(fast.log().waiting(document), None, "it is seen when something is appended");
    assert_eq!(hall::one(&fast, hall::append(document, 1, "a")).await, Outcome::Stored);
    // Of one file one process has all.
    let is_shared = home.has_other_nodes();
    assert_eq!(fast.log().waiting(document), is_shared.then_some(wait));
    let after = slow.records::<DocumentRecord>().get(&document).await.unwrap();
    assert_eq!(after, before, "the record says what it said");
}
