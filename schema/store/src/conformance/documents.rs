//! Document logs: a note that two nodes write.

use bytes::Bytes;
use studyhall_schema::{
    document::{DocumentId, DocumentKind, DocumentRecord, Engine},
    ids::{LoginId, NoteId, UserId},
};

use crate::{
    Store, StoreError,
    log::{Append, Entry, LoggedUpdate, MAX_PIECE, Outcome, PutId, Quarantined, Snapshot},
};

/// A new document with its record.
async fn note(store: &Store) -> DocumentId {
    let clock = store.clock().as_ref();
    let id = DocumentId::Note(NoteId::new(clock));
    let record = DocumentRecord {
        id,
        kind: DocumentKind::PlainNote,
        engine: Engine::Yjs,
        owner: UserId::new(clock),
        room: None,
        is_shared: false,
        created_at: clock.now(),
        deleted_at: None,
        changed_at: None,
        shared_at_seq: None,
        snapshot_seq: 0,
        bytes: 0,
    };
    store.records().insert(record).await.unwrap();
    id
}

/// An append of these texts by one person.
fn append(store: &Store, document: DocumentId, seq: u64, texts: &[&str]) -> Append {
    let by = UserId::from_bytes([7; 12]);
    let logged = |text: &&str| LoggedUpdate {
        by,
        login: (*text == "e").then(|| LoginId::from_bytes([8; 12])),
        put: (*text == "e").then_some(PutId([9; 12])),
        data: Bytes::copy_from_slice(text.as_bytes()),
    };
    Append {
        document,
        seq,
        batch: store.clock().random_u64(),
        at: store.clock().now(),
        updates: texts.iter().map(logged).collect(),
    }
}

async fn one(store: &Store, append: Append) -> Outcome {
    store.log().append(vec![append]).await.remove(0)
}

/// The log's texts, checked to be numbered without a gap.
async fn texts(store: &Store, document: DocumentId, from_seq: u64) -> Vec<String> {
    let entries = store.log().read(document, from_seq, usize::MAX).await.unwrap();
    for pair in entries.windows(2) {
        assert_eq!(pair[0].next_seq(), pair[1].seq, "a log has no gap and no doubling");
    }
    let updates = entries.into_iter().flat_map(|entry| entry.updates);
    updates.map(|update| String::from_utf8_lossy(&update.data).into_owned()).collect()
}

pub(super) async fn are_written_in_order(store: &Store) {
    let (a, b) = (note(store).await, note(store).await);
    let first = append(store, a, 1, &["H", "e"]);
    let outcomes = store.log().append(vec![
        first.clone(),
        append(store, b, 9, &["far"]),
        append(store, a, 3, &["llo"]),
        append(store, b, 1, &["B"]),
        Append { updates: vec![], ..first.clone() },
    ]);
    let outcomes = outcomes.await;
    assert_eq!(
        outcomes[..4],
        [Outcome::Stored, Outcome::Behind, Outcome::Stored, Outcome::Stored],
        "outcomes are in order; a gap is refused, and stops nobody else"
    );
    assert!(matches!(outcomes[4], Outcome::Failed(StoreError::Invalid(_))), "nothing to append");
    assert_eq!(texts(store, a, 1).await, ["H", "e", "llo"]);

    assert_eq!(one(store, first.clone()).await, Outcome::Stored, "a retry is known by its batch");
    assert_eq!(texts(store, a, 1).await.len(), 3, "and is not written twice");
    let entries = store.log().read(a, 1, usize::MAX).await.unwrap();
    let Append { seq, batch, at, updates, .. } = first;
    assert_eq!(entries[0], Entry { seq, batch, at, updates }, "an entry is read as it was written");

    assert_eq!(texts(store, a, 2).await, ["H", "e", "llo"], "an entry is read whole");
    assert_eq!(texts(store, a, 3).await, ["llo"]);
    assert!(texts(store, a, 4).await.is_empty(), "nothing yet");
    for (seq, begins) in [(1, true), (2, false), (3, true), (4, false)] {
        assert_eq!(store.log().begins_at(a, seq).await, Ok(begins), "an entry begins at {seq}");
    }
    assert_eq!(store.log().read(a, 1, 1).await.unwrap().len(), 1, "at least one entry");

    let large = "x".repeat(MAX_PIECE - 10);
    let sizes = ["1", &large, "2", &large, &large];
    assert_eq!(one(store, append(store, b, 2, &sizes)).await, Outcome::Stored);
    let entries = store.log().read(b, 2, usize::MAX).await.unwrap();
    assert!(entries.len() > 1, "an append over 4 MiB is several entries");
    assert_eq!(texts(store, b, 2).await, sizes, "that hold it all");
}

pub(super) async fn are_written_by_two_nodes(store: &Store) {
    let document = note(store).await;
    assert_eq!(one(store, append(store, document, 1, &["ours"])).await, Outcome::Stored);
    let theirs = append(store, document, 1, &["theirs"]);
    assert_eq!(one(store, theirs.clone()).await, Outcome::Behind, "who comes second is behind");
    let inside = append(store, document, 2, &["two", "three"]);
    assert_eq!(one(store, inside).await, Outcome::Stored);
    let within = append(store, document, 3, &["?"]);
    assert_eq!(one(store, within).await, Outcome::Behind, "the middle of an entry is taken");
    let tail = Append { seq: 4, ..theirs };
    assert_eq!(one(store, tail).await, Outcome::Stored, "at the tail it is written");
    assert_eq!(texts(store, document, 1).await, ["ours", "two", "three", "theirs"]);

    let nodes: Vec<_> =
        (0..4).map(|node| tokio::spawn(race(store.clone(), document, node))).collect();
    for node in nodes {
        node.await.expect("every node gets its updates in");
    }
    let mut all = texts(store, document, 5).await;
    all.sort_unstable();
    let expected: Vec<String> =
        (0..4).flat_map(|node| (0..10).map(move |n| format!("{node}.{n}"))).collect();
    assert_eq!(all, expected, "each update once, whoever was first");
}

/// A node that appends ten updates, each at the tail as it last saw it.
async fn race(store: Store, document: DocumentId, node: u8) {
    let mut seq = 5;
    for n in 0..10 {
        let mut mine = append(&store, document, seq, &[&format!("{node}.{n}")]);
        while one(&store, mine.clone()).await != Outcome::Stored {
            let missed = store.log().read(document, seq, usize::MAX).await.unwrap();
            seq = missed.last().map_or(seq, Entry::next_seq);
            mine.seq = seq;
        }
        seq += 1;
    }
}

fn snapshot(store: &Store, seq: u64, size: usize) -> Snapshot {
    Snapshot {
        seq,
        at: store.clock().now(),
        state: Bytes::from(vec![0xCD; size]),
        authors: vec![(1, UserId::from_bytes([1; 12])), (u64::MAX, UserId::from_bytes([2; 12]))],
    }
}

pub(super) async fn are_compacted(store: &Store) {
    let (log, document) = (store.log(), note(store).await);
    assert_eq!(log.latest_snapshot(document).await, Ok(None));
    for (seq, text) in (1..).zip(["a", "b", "c", "d"]) {
        assert_eq!(one(store, append(store, document, seq, &[text])).await, Outcome::Stored);
    }
    let adopted = log.adopt_snapshot(document, 2, 1).await;
    assert!(matches!(adopted, Err(StoreError::Corrupt(_))), "what is not there is not adopted");

    let large = snapshot(store, 2, 2 * MAX_PIECE + 1);
    log.put_snapshot(document, &large).await.unwrap();
    assert_eq!(log.latest_snapshot(document).await, Ok(None), "it does not count yet");
    assert_eq!(log.read_snapshot(document, 2).await, Ok(Some(large.clone())), "to be verified");
    log.prune(document, u64::MAX).await.unwrap();
    assert_eq!(texts(store, document, 1).await.len(), 4, "nothing is deleted before it counts");

    log.adopt_snapshot(document, 2, 9).await.unwrap();
    log.adopt_snapshot(document, 2, 9).await.unwrap();
    assert_eq!(log.latest_snapshot(document).await, Ok(Some(large.clone())));
    log.put_snapshot(document, &snapshot(store, 2, 1)).await.unwrap();
    assert_eq!(log.latest_snapshot(document).await, Ok(Some(large)), "one that counts stays");
    let record = store.records::<DocumentRecord>().get(&document).await.unwrap().unwrap();
    assert_eq!((record.snapshot_seq, record.bytes), (2, 9));

    log.prune(document, 1).await.unwrap();
    assert_eq!(log.begins_at(document, 1).await, Ok(false));
    assert_eq!(log.begins_at(document, 2).await, Ok(true), "no further than asked");
    log.prune(document, u64::MAX).await.unwrap();
    assert_eq!(log.begins_at(document, 2).await, Ok(false));
    assert_eq!(texts(store, document, 1).await, ["c", "d"], "what it replaced is gone");
    log.put_snapshot(document, &snapshot(store, 4, 5)).await.unwrap();
    log.adopt_snapshot(document, 4, 5).await.unwrap();
    assert_eq!(log.adopt_snapshot(document, 2, 9).await, Err(StoreError::Conflict), "only upward");
    log.prune(document, u64::MAX).await.unwrap();
    assert_eq!(log.read_snapshot(document, 2).await, Ok(None), "as are older snapshots");
    assert!(texts(store, document, 1).await.is_empty());
    assert_eq!(
        one(store, append(store, document, 1, &["?"])).await,
        Outcome::Fenced { snapshot_seq: 4 }
    );
    assert_eq!(one(store, append(store, document, 5, &["e"])).await, Outcome::Stored, "it goes on");
}

pub(super) async fn are_fenced(store: &Store) {
    let (log, document) = (store.log(), note(store).await);
    let sleeper = append(store, document, 2, &["slept"]);
    for (seq, text) in (1..).zip(["a", "b", "c"]) {
        assert_eq!(one(store, append(store, document, seq, &[text])).await, Outcome::Stored);
    }
    log.put_snapshot(document, &snapshot(store, 3, 10)).await.unwrap();
    log.adopt_snapshot(document, 3, 10).await.unwrap();
    let fenced = Outcome::Fenced { snapshot_seq: 3 };
    assert_eq!(one(store, sleeper.clone()).await, fenced, "who slept through a compaction");
    log.prune(document, u64::MAX).await.unwrap();
    assert_eq!(one(store, sleeper.clone()).await, fenced, "also when the log is empty");
    assert!(texts(store, document, 1).await.is_empty(), "and nothing of it stays");
    assert_eq!(one(store, Append { seq: 5, ..sleeper.clone() }).await, Outcome::Behind, "no gap");
    assert_eq!(one(store, Append { seq: 4, ..sleeper }).await, Outcome::Stored, "at the tail");
    assert_eq!(texts(store, document, 4).await, ["slept"]);
}

pub(super) async fn are_quarantined_and_removed(store: &Store) {
    let (log, document) = (store.log(), note(store).await);
    for (seq, texts) in [(1, &["a"][..]), (2, &["poison", "more"]), (4, &["b"])] {
        assert_eq!(one(store, append(store, document, seq, texts)).await, Outcome::Stored);
    }
    assert_eq!(log.quarantine(document, 3, "?").await, Err(StoreError::Conflict), "no such entry");
    log.quarantine(document, 2, "it does not apply").await.unwrap();
    log.quarantine(document, 2, "it does not apply").await.unwrap();
    assert_eq!(texts(store, document, 1).await, ["a", "", "", "b"], "its numbers stay taken");
    let quarantine = store.records::<Quarantined>();
    let kept =
        quarantine.get(&format!("{document}:2")).await.unwrap().expect("its content is kept");
    assert_eq!(kept.reason, "it does not apply");
    assert!(kept.content.bytes.windows(6).any(|part| part == b"poison"));

    log.put_snapshot(document, &snapshot(store, 1, 3)).await.unwrap();
    log.adopt_snapshot(document, 1, 3).await.unwrap();
    let other = note(store).await;
    assert_eq!(one(store, append(store, other, 1, &["stays"])).await, Outcome::Stored);
    log.remove(document).await.unwrap();
    assert!(texts(store, document, 1).await.is_empty(), "purged");
    assert_eq!(log.latest_snapshot(document).await, Ok(None));
    assert_eq!(log.read_snapshot(document, 1).await, Ok(None));
    assert_eq!(quarantine.count("document", &[document.into()]).await, Ok(0));
    assert_eq!(store.records::<DocumentRecord>().get(&document).await, Ok(None));
    assert_eq!(texts(store, other, 1).await, ["stays"]);
}
