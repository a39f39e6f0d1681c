//! Documents behind their doors: creates that come again, and a CRDT library that panics.

mod moves;
mod rows;
mod todos;
mod versions;

use std::sync::Arc;

use axum::http::HeaderMap;
use studyhall_schema::{
    access::{
        Access, AccessChanges, AccessError, BoxFuture, Caller, Credential, Permission, Resource,
    },
    clock::TestClock,
    document::{DocumentKind, Engine},
    ids::UserId,
    note::{Format, Note},
    timestamp::Timestamp,
};
use studyhall_store::{
    Store, StoreConfig,
    log::{Append, LoggedUpdate, Outcome, Snapshot},
};

use super::*;
use crate::{
    Config, Door, Service,
    document::{Applied, State, Yjs},
    news::News,
};

/// Nobody comes through a socket here.
struct Nobody;

impl Door for Nobody {
    fn admits(&self, _: &HeaderMap) -> bool {
        false
    }

    fn credential(&self, _: &HeaderMap) -> Option<Credential> {
        None
    }
}

impl Access for Nobody {
    fn authenticate(&self, _: Credential) -> BoxFuture<'_, Result<Caller, AccessError>> {
        Box::pin(async { Err(AccessError::Invalid) })
    }

    fn permission(&self, _: Caller, _: Resource) -> BoxFuture<'_, Result<Permission, AccessError>> {
        Box::pin(async { Ok(Permission::None) })
    }

    fn permission_of(
        &self,
        _: UserId,
        _: Resource,
    ) -> BoxFuture<'_, Result<Permission, AccessError>> {
        Box::pin(async { Ok(Permission::None) })
    }

    fn changes(&self) -> Box<dyn AccessChanges> {
        Box::new(Self)
    }
}

impl AccessChanges for Nobody {
    fn next(
        &mut self,
    ) -> BoxFuture<
        '_,
        Option<Result<studyhall_schema::access::AccessChange, studyhall_schema::access::Lagged>>,
    > {
        Box::pin(std::future::pending())
    }
}

struct Desk {
    _folder: tempfile::TempDir,
    clock: Arc<TestClock>,
    store: Store,
    documents: Documents,
}

async fn desk() -> Desk {
    desk_of(Config::new(Arc::new(Nobody))).await
}

async fn desk_of(config: Config) -> Desk {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let places = StoreConfig {
        records: format!("sqlite:{}", at("db")),
        files: format!("dir:{}", at("files")),
        bus: "local".into(),
    };
    let clock = Arc::new(TestClock::new(1));
    let store = Store::open(&places, clock.clone()).await.unwrap();
    let service = Service::new(config, store.clone(), Arc::new(Nobody));
    Desk { _folder: folder, clock, store, documents: service.documents() }
}

fn ada() -> UserId {
    UserId::from_bytes([1; 12])
}

fn note(number: u8, kind: DocumentKind) -> DocumentRecord {
    DocumentRecord {
        id: DocumentId::Note(NoteId::from_bytes([number; 12])),
        kind,
        engine: Engine::Yjs,
        owner: ada(),
        room: None,
        is_shared: false,
        created_at: Timestamp::from_millis(0),
        deleted_at: None,
        changed_at: None,
        shared_at_seq: None,
        snapshot_seq: 0,
        bytes: 0,
    }
}

fn put(text: &str) -> PutText {
    PutText { text: text.into(), ..PutText::default() }
}

impl Desk {
    async fn creates(
        &self,
        number: u8,
        title: Option<&str>,
        text: &str,
    ) -> Result<bool, SyncFault> {
        let record = note(number, DocumentKind::PlainNote);
        self.documents.create(record, ada(), title, text).await
    }

    async fn reads(&self, number: u8) -> (String, String) {
        let row = self.documents.note(NoteId::from_bytes([number; 12])).await.unwrap().unwrap();
        (row.value.title, row.value.text)
    }
}

#[tokio::test]
async fn the_same_create_again_is_one_and_another_under_its_id_is_refused() {
    let desk = desk().await;
    let made = ("My title".to_owned(), "text A".to_owned());
    for is_new in [true, false] {
        assert_eq!(desk.creates(1, Some("My title"), "text A").await, Ok(is_new));
        assert_eq!(desk.reads(1).await, made);
    }
    assert_eq!(desk.creates(1, None, "text ABCD").await, Err(SyncFault::Exists));
    let rich = note(1, DocumentKind::RichNote);
    let other = desk.documents.create(rich, ada(), Some("My title"), "text A").await;
    assert_eq!(other, Err(SyncFault::Exists));
    assert_eq!(desk.reads(1).await, made);
    // It stays the same create after others have written.
    desk.documents
        .put_text(note(1, DocumentKind::PlainNote).id, ada(), put("text B"))
        .await
        .unwrap();
    desk.creates(1, Some("My title"), "text A").await.unwrap();
    assert_eq!(desk.reads(1).await.1, "text B");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_creates_with_one_id_at_once_one_is_made_and_what_differs_is_refused() {
    let texts = ["AAA one", "BBB two three", "CCC", "AAA one"];
    for number in 1..=20 {
        let desk = Arc::new(desk().await);
        let creates = texts.map(|text| {
            let desk = desk.clone();
            tokio::spawn(async move {
                let kind = DocumentKind::PlainNote;
                let engine = if number % 2 == 0 { Engine::Yjs } else { Engine::Automerge };
                let record = DocumentRecord { engine, ..note(number, kind) };
                desk.documents.create(record, ada(), None, text).await
            })
        });
        let mut made = Vec::new();
        for (create, text) in creates.into_iter().zip(texts) {
            match create.await.unwrap() {
                Ok(_) => made.push(text),
                refused => assert_eq!(refused, Err(SyncFault::Exists)),
            }
        }
        let (_, text) = desk.reads(number).await;
        assert!(!made.is_empty() && made.iter().all(|one| *one == text), "{made:?}, {text}");
    }
}

#[tokio::test]
async fn a_put_changes_what_its_writer_changed_and_only_where_it_was_looked_at() {
    let desk = desk().await;
    desk.creates(6, None, "one two three").await.unwrap();
    let id = note(6, DocumentKind::PlainNote).id;
    desk.documents.put_text(id, ada(), put("one two three, and Bob's")).await.unwrap();
    let bases = vec![Base { text: "one two three".into(), ..Base::default() }];
    let late = PutText { bases, ..put("ONE two three") };
    assert_eq!(desk.documents.put_text(id, ada(), late).await, Ok(Some(0)));
    assert_eq!(desk.reads(6).await.1, "ONE two three, and Bob's");
    // One that was put is a base only when it was made.
    let noted = (7, 0);
    let only_if = Some(noted.into());
    let never_made = Base { text: "ONE two".into(), known: Known::Put, only_if, ..Base::default() };
    let bases = vec![never_made, Base { text: "ONE two three".into(), ..Base::default() }];
    let late = PutText { bases, ..put("ONE two") };
    assert_eq!(desk.documents.put_text(id, ada(), late).await, Ok(Some(1)));
    assert_eq!(desk.reads(6).await.1, "ONE two, and Bob's");
    let stale = PutText { only_at: Some(1), ..put("no") };
    let made = stale.made.clone();
    assert_eq!(desk.documents.put_text(id, ada(), stale).await, Err(SyncFault::Changed));
    assert_eq!(desk.reads(6).await.1, "ONE two, and Bob's");
    assert_eq!(made.noted(), None, "it was refused: what she writes next is not this");
}

#[tokio::test]
async fn a_create_that_was_cut_off_before_its_text_is_finished_by_the_next() {
    let desk = desk().await;
    let record = note(2, DocumentKind::PlainNote);
    desk.store.records::<DocumentRecord>().insert(record).await.unwrap();
    desk.creates(2, None, "the text").await.unwrap();
    assert_eq!(desk.reads(2).await.1, "the text");
}

#[tokio::test]
async fn a_panic_in_the_library_costs_a_document_its_memory_and_nobody_else_anything() {
    let desk = desk().await;
    desk.creates(3, None, "kept").await.unwrap();
    desk.creates(4, None, "another's").await.unwrap();
    let id = note(3, DocumentKind::PlainNote).id;
    let panics: Change = Box::new(|_, _| panic!("as the CRDT library might"));
    assert_eq!(desk.documents.edit(id, ada(), panics).await, Err(SyncFault::Unavailable));
    desk.documents.put_text(id, ada(), put("kept, and goes on")).await.unwrap();
    assert_eq!(desk.reads(3).await.1, "kept, and goes on");
    assert_eq!(desk.reads(4).await.1, "another's");
}

#[tokio::test]
async fn an_entry_that_the_library_refuses_goes_to_quarantine_and_the_note_opens() {
    let desk = desk().await;
    desk.creates(5, None, "precious text").await.unwrap();
    let id = note(5, DocumentKind::PlainNote).id;
    // An item in an item that is no type, as a log of an older version may hold.
    let poison = [1, 2, 9, 0, 4, 1, 7, b'c', b'o', b'n', b't', b'e', b'n', b't', 1, b'x']
        .into_iter()
        .chain([4, 0, 9, 0, 1, b'y', 0])
        .collect::<Vec<u8>>();
    let append = Append {
        document: id,
        seq: desk.store.log().read(id, 1, 1 << 20).await.unwrap().last().unwrap().next_seq(),
        batch: 7,
        at: Timestamp::from_millis(0),
        updates: vec![LoggedUpdate { login: None, put: None, by: ada(), data: poison.into() }],
    };
    assert_eq!(desk.store.log().append(vec![append]).await, [Outcome::Stored]);
    let (done, stopped) = oneshot::channel();
    desk.documents.node.send(id, Mail::Stop(Close::Restart, done)).await;
    stopped.await.unwrap();
    desk.documents.put_text(id, ada(), put("precious text, still")).await.unwrap();
    let entries = desk.store.log().read(id, 1, 1 << 20).await.unwrap();
    let moved = entries.iter().find(|entry| entry.batch == 7).unwrap();
    assert!(moved.updates[0].data.is_empty(), "it is in quarantine");
    assert_eq!(desk.reads(5).await.1, "precious text, still");
}

/// Among nodes that all look for what the others wrote.
fn one_of_many() -> Config {
    let mut config = Config::new(Arc::new(Nobody));
    config.poll = Some(Duration::from_hours(1));
    config
}

#[tokio::test]
async fn a_read_shows_what_another_node_wrote_while_news_comes_without_end() {
    let here = desk_of(one_of_many()).await;
    let there = Service::new(one_of_many(), here.store.clone(), Arc::new(Nobody)).documents();
    here.creates(8, None, "one").await.unwrap();
    let id = note(8, DocumentKind::PlainNote).id;
    let read = async || there.note(NoteId::from_bytes([8; 12])).await.unwrap().unwrap().value.text;
    assert_eq!(read().await, "one");
    let change: Change = Box::new(|view, client| {
        let update = NoteText::of(view, Format::Plain).diff(client, "one two");
        update.map_err(|_| Refusal::Undecodable)
    });
    here.documents.edit(id, ada(), change).await.unwrap();
    let never_ends = async {
        loop {
            here.documents.node.tell_nodes(id, News::Grown(1 << 50));
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        text = read() => assert_eq!(text, "one two"),
        () = never_ends => {}
    }
}

#[tokio::test]
async fn of_two_nodes_that_put_into_one_revision_one_is_told_that_it_changed() {
    let here = desk_of(one_of_many()).await;
    let there = Service::new(one_of_many(), here.store.clone(), Arc::new(Nobody)).documents();
    here.creates(10, None, "one").await.unwrap();
    let (id, note) = (note(10, DocumentKind::PlainNote).id, NoteId::from_bytes([10; 12]));
    for round in 0..10 {
        let seen = there.note(note).await.unwrap().unwrap().value;
        assert_eq!(here.reads(10).await.1, seen.text);
        let into = |who| {
            let text = format!("{} {round}{who}", seen.text);
            PutText { only_at: Some(seen.projected_seq), ..put(&text) }
        };
        let (a, b) = tokio::join!(
            here.documents.put_text(id, ada(), into("a")),
            there.put_text(id, ada(), into("b"))
        );
        let won = match (a, b) {
            (Ok(_), Err(SyncFault::Changed)) => "a",
            (Err(SyncFault::Changed), Ok(_)) => "b",
            both => panic!("{both:?}"),
        };
        assert_eq!(here.reads(10).await.1, format!("{} {round}{won}", seen.text));
    }
}

#[tokio::test]
async fn a_compacted_note_was_last_changed_when_it_was() {
    let desk = desk().await;
    desk.creates(9, None, "text").await.unwrap();
    let id = note(9, DocumentKind::PlainNote).id;
    desk.documents.put_text(id, ada(), put("text, changed")).await.unwrap();
    let turns = heavy::Heavy::default().of(ada());
    let mut state = load::state::<Yjs>(&desk.store, &turns, id).await.unwrap();
    let snapshot = Snapshot {
        seq: state.seq(),
        at: Timestamp::from_millis(9_000_000_000_000), // much later
        state: state.full(),
        authors: Vec::new(),
    };
    let version = Applied::version(&mut state);
    crate::compact::run::<State>(&desk.store, id, snapshot, version, None).await.unwrap();
    assert!(
        desk.store.log().read(id, 1, 1).await.unwrap().is_empty(),
        "the log is in the snapshot"
    );
    assert_eq!(crate::verify(&desk.store, false).await.unwrap().wrong, Vec::<String>::new());
    desk.store.records::<Note>().delete(&NoteId::from_bytes([9; 12])).await.unwrap();
    assert_eq!(crate::verify(&desk.store, true).await.unwrap().wrong, [id.to_string()]);
    let row =
        desk.store.records::<Note>().get(&NoteId::from_bytes([9; 12])).await.unwrap().unwrap();
    assert!(row.updated_at.as_millis() < 9_000_000_000_000);
    assert_eq!(row.text, "text, changed");
}

#[tokio::test]
async fn a_note_that_became_longer_than_it_is_shown_is_made_short_by_who_says_what_they_saw() {
    let desk = desk().await;
    let record = note(1, DocumentKind::PlainNote);
    let id = record.id;
    desk.documents.create(record, ada(), None, "short").await.unwrap();
    let typed: Change = Box::new(|view, client| {
        let typed = "\u{5b66}".repeat(400_000); // three bytes each
        let diff = NoteText::of(view, Format::Plain).diff(client, typed.as_str());
        diff.map_err(|_| Refusal::Undecodable)
    });
    let seq = desk.documents.edit(id, ada(), typed).await.unwrap();
    let put = async |text: &str, only_at, bases| {
        let put = PutText { text: text.into(), only_at, bases, ..PutText::default() };
        desk.documents.put_text(id, ada(), put).await
    };
    assert_eq!(put("short again", None, vec![]).await, Err(SyncFault::TooLong));
    assert_eq!(put("short again", Some(seq), vec![]).await, Ok(None));

    // Two halves that each are shown whole, and are not together.
    let (ours, theirs) = ("a ".repeat(300_000), "b ".repeat(300_000));
    put(&theirs, None, vec![]).await.unwrap();
    let empty = Base::default();
    assert_eq!(put(&ours, None, vec![empty]).await, Err(SyncFault::TooLongToShow));
}
