//! What a person sees and changes with MongoDB's own tools, and what the store makes of it.

use std::sync::Arc;

use bson::{Document, doc};
use mongodb::{Client, Database};
use studyhall_schema::{
    clock::{Clock, SystemClock},
    document::{DocumentRecord, Engine},
    ids::{NoteId, RoomId, UserId},
    note::{Format, Note},
    room::{NewRoom, Room, RoomSettings, RoomType},
    user::{Earned, Role, Settings, Status, User},
};
use studyhall_store::{
    Page, Store, StoreError,
    log::{Outcome, Snapshot},
};

use crate::hall::{self, Home};

async fn shell(home: &Home) -> Database {
    let client = Client::with_uri_str(home.config().records).await.unwrap();
    client.default_database().unwrap()
}

async fn only(database: &Database, collection: &str) -> Document {
    let collection = database.collection::<Document>(collection);
    assert_eq!(collection.count_documents(doc! {}).await.unwrap(), 1);
    collection.find_one(doc! {}).await.unwrap().unwrap()
}

fn fields(document: &Document) -> Vec<&str> {
    document.keys().map(String::as_str).collect()
}

fn ada() -> User {
    let now = SystemClock.now();
    User {
        id: UserId::new(&SystemClock),
        email: "ada@example.com".into(),
        username: "ada".into(),
        password_hash: "$argon2id$".into(),
        display_name: "Ada".into(),
        avatar_url: None,
        earned: Earned { xp: 1500 },
        role: Role::User,
        status: Status::Active,
        created_at: now,
        last_active: now,
        settings: Settings::default(),
    }
}

#[tokio::test]
async fn people_rooms_and_notes_are_readable_documents() {
    let home = Home::mongodb();
    let store = home.open().await;
    let (ada, now) = (ada(), SystemClock.now());
    let new = NewRoom {
        id: RoomId::new(&SystemClock),
        name: "Study Room".into(),
        description: "Study group for biology".into(),
        kind: RoomType::Shared,
        max_participants: 5,
        settings: RoomSettings::default(),
        engine: Engine::Yjs,
    };
    let room = Room::open(new, ada.id, now);
    let note = Note {
        id: NoteId::new(&SystemClock),
        text: "Remember to check references on page 24".into(),
        title: String::new(),
        owner_id: ada.id,
        room_id: Some(room.id),
        is_shared: true,
        format: Format::Plain,
        engine: Engine::Yjs,
        is_nearly_full: false,
        created_at: now,
        updated_at: now,
        projected_seq: 3,
    };
    store.records().insert(ada.clone()).await.unwrap();
    store.records().insert(room.clone()).await.unwrap();
    store.records().insert(note.clone()).await.unwrap();

    let database = shell(&home).await;
    let user = only(&database, "users").await;
    assert_eq!(
        fields(&user),
        ["_id", "email", "username", "password_hash", "display_name", "avatar_url", "xp", "level"]
            .into_iter()
            .chain(["role", "status", "created_at", "last_active", "settings", "_rev"])
            .collect::<Vec<_>>()
    );
    let level = (user.get_i64("xp").ok(), user.get_i64("level").ok());
    assert_eq!(level, (Some(1500), Some(3)));
    assert_eq!(*store.records::<User>().get(&ada.id).await.unwrap().unwrap(), ada);
    assert_eq!(user.get_object_id("_id").unwrap().bytes(), ada.id.bytes());
    assert_eq!(user.get_datetime("created_at").unwrap().timestamp_millis(), now.as_millis());
    let stored = only(&database, "rooms").await;
    assert_eq!(
        fields(&stored),
        ["_id", "name", "description", "owner_id", "type", "created_at", "is_active"]
            .into_iter()
            .chain(["max_participants", "participants", "settings", "engine", "_rev"])
            .collect::<Vec<_>>()
    );
    assert_eq!(stored.get_str("type").unwrap(), "shared");
    assert!(stored.get_bool("is_active").unwrap());
    let member = stored.get_array("participants").unwrap()[0].as_document().unwrap();
    assert_eq!(fields(member), ["user_id", "role", "joined_at"]);
    assert_eq!(member.get_object_id("user_id").unwrap().bytes(), ada.id.bytes());
    assert!(stored.get_document("settings").unwrap().get_bool("is_private").unwrap());
    assert!(stored.get_document("settings").unwrap().get_bool("allow_screen_sharing").unwrap());
    let stored = only(&database, "notes").await;
    assert_eq!(
        fields(&stored),
        ["_id", "text", "title", "owner_id", "room_id", "is_shared", "format", "engine"]
            .into_iter()
            .chain(["created_at", "updated_at", "projected_seq", "_rev"])
            .collect::<Vec<_>>()
    );
    assert_eq!(stored.get_datetime("updated_at").unwrap().timestamp_millis(), now.as_millis());
    assert_eq!(stored.get_str("text").unwrap(), note.text);
    assert_eq!(stored.get_object_id("room_id").unwrap().bytes(), room.id.bytes());

    let indexes = database.collection::<Document>("notes").list_index_names().await.unwrap();
    assert_eq!(indexes, ["_id_", "owner_id_1__id_1", "room_id_1__id_1"]);
    let indexes = database.collection::<Document>("document_log").list_index_names().await.unwrap();
    assert_eq!(indexes, ["_id_", "d_1_s_1"]);
}

/// A hall with a document of three entries.
async fn written_hall(home: &Home) -> (Store, Database) {
    let store = home.open().await;
    store.records().insert(hall::note(1)).await.unwrap();
    for seq in 1..=3 {
        let outcome = hall::one(&store, hall::append(hall::note_id(1), seq, "text")).await;
        assert_eq!(outcome, Outcome::Stored);
    }
    (store, shell(home).await)
}

#[tokio::test]
async fn a_changed_entry_is_noticed_and_can_be_taken_out() {
    let home = Home::mongodb();
    let (store, database) = written_hall(&home).await;
    let document = hall::note_id(1);
    let log = database.collection::<Document>("document_log");
    let second = doc! { "_id": format!("{document}:2") };
    let entry = log.find_one(second.clone()).await.unwrap().unwrap();
    assert_eq!(fields(&entry), ["_id", "d", "s", "n", "batch", "at", "crc", "updates"]);
    let update = entry.get_array("updates").unwrap()[0].as_document().unwrap().clone();
    assert_eq!(fields(&update), ["by", "data"]);
    let forged = doc! { "by": update.get_object_id("by").unwrap(), "data": "forged" };
    log.update_one(second, doc! { "$set": { "updates": [forged] } }).await.unwrap();

    let read = hall::updates(&store, document).await;
    let Err(StoreError::Corrupt(what)) = read else { panic!("{read:?}") };
    assert!(what.contains(&document.to_string()), "it says which document: {what}");
    store.log().quarantine(document, 2, "its checksum is wrong").await.unwrap();
    store.log().quarantine(document, 2, "its checksum is wrong").await.unwrap();
    assert_eq!(hall::updates(&store, document).await.unwrap(), ["text", "", "text"]);
    let outcome = hall::one(&store, hall::append(document, 4, "goes on")).await;
    assert_eq!(outcome, Outcome::Stored);
}

#[tokio::test]
async fn a_lost_entry_is_a_gap_and_not_the_end() {
    let home = Home::mongodb();
    let (_store, database) = written_hall(&home).await;
    let document = hall::note_id(1);
    let log = database.collection::<Document>("document_log");
    log.delete_one(doc! { "_id": format!("{document}:2") }).await.unwrap();
    let read = hall::updates(&home.open().await, document).await;
    assert!(matches!(read, Err(StoreError::Corrupt(_))), "{read:?}");
}

#[tokio::test]
async fn a_changed_snapshot_is_noticed_and_replaced() {
    let home = Home::mongodb();
    let (store, database) = written_hall(&home).await;
    let document = hall::note_id(1);
    let at = SystemClock.now();
    let snapshot = Snapshot { seq: 3, at, state: "state".into(), authors: vec![] };
    store.log().put_snapshot(document, &snapshot).await.unwrap();
    store.log().adopt_snapshot(document, 3, 5).await.unwrap();
    let chunks = database.collection::<Document>("document_snapshots");
    chunks.update_one(doc! {}, doc! { "$set": { "at": bson::DateTime::MAX } }).await.unwrap();
    let corrupt = |result| matches!(result, Err(StoreError::Corrupt(_)));
    assert!(corrupt(store.log().latest_snapshot(document).await.map(|_| ())));
    assert!(
        corrupt(store.log().prune(document, u64::MAX).await),
        "nothing is deleted for a broken one"
    );
    assert_eq!(chunks.count_documents(doc! {}).await.unwrap(), 1);
    store.log().put_snapshot(document, &snapshot).await.unwrap();
    assert_eq!(store.log().latest_snapshot(document).await, Ok(Some(snapshot)));
}

#[tokio::test]
async fn another_nodes_snapshot_is_left_alone_until_it_was_left_behind() {
    let home = Home::mongodb();
    let (store, _) = written_hall(&home).await;
    let (log, document, now) = (store.log(), hall::note_id(1), SystemClock.now());
    let theirs = Snapshot { seq: 3, at: now, state: "theirs".into(), authors: vec![] };
    log.put_snapshot(document, &theirs).await.unwrap();
    log.put_snapshot(document, &theirs).await.unwrap();
    let soon = Snapshot {
        at: now + std::time::Duration::from_secs(9),
        state: "ours".into(),
        ..theirs.clone()
    };
    let refused = log.put_snapshot(document, &soon).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert_eq!(log.read_snapshot(document, 3).await, Ok(Some(theirs)));
    let later = Snapshot { at: now + std::time::Duration::from_mins(2), ..soon };
    log.put_snapshot(document, &later).await.unwrap();
    assert_eq!(log.read_snapshot(document, 3).await, Ok(Some(later)));
}

#[tokio::test]
async fn a_snapshot_in_the_middle_of_an_entry_is_refused() {
    let home = Home::mongodb();
    let (store, _) = written_hall(&home).await;
    let document = hall::note_id(1);
    let mut two = hall::append(document, 4, "a");
    two.updates.push(two.updates[0].clone());
    assert_eq!(hall::one(&store, two).await, Outcome::Stored);
    let snapshot =
        |seq| Snapshot { seq, at: SystemClock.now(), state: "x".into(), authors: vec![] };
    for store in [&store, &home.open().await] {
        let refused = store.log().put_snapshot(document, &snapshot(4)).await;
        assert!(matches!(refused, Err(StoreError::Invalid(_))), "{refused:?}");
    }
    store.log().put_snapshot(document, &snapshot(5)).await.unwrap();
}

/// A leftover of a node that slept through a compaction and died before it could take it back.
#[tokio::test]
async fn an_entry_below_the_fence_is_no_entry() {
    let home = Home::mongodb();
    let (store, database) = written_hall(&home).await;
    let (log, document) = (store.log(), hall::note_id(1));
    let entries = database.collection::<Document>("document_log");
    let second = doc! { "_id": format!("{document}:2") };
    let mut leftover = entries.find_one(second).await.unwrap().unwrap();
    let snapshot = Snapshot { seq: 3, at: SystemClock.now(), state: "x".into(), authors: vec![] };
    log.put_snapshot(document, &snapshot).await.unwrap();
    log.adopt_snapshot(document, 3, 1).await.unwrap();
    log.prune(document, u64::MAX).await.unwrap();
    assert_eq!(entries.count_documents(doc! {}).await.unwrap(), 0);
    // Longer than what the snapshot replaced: it reaches over the tail.
    leftover.insert("n", 10_i64);
    entries.insert_one(leftover).await.unwrap();

    for store in [&store, &home.open().await] {
        for from in 1..=5 {
            assert_eq!(store.log().read(document, from, usize::MAX).await, Ok(vec![]), "{from}");
        }
        let gap = hall::one(store, hall::append(document, 12, "?")).await;
        assert_eq!(gap, Outcome::Behind, "nobody goes on after it");
    }
    let outcome = hall::one(&store, hall::append(document, 4, "real")).await;
    assert_eq!(outcome, Outcome::Stored);
    let read = log.read(document, 1, usize::MAX).await.unwrap();
    assert_eq!((read.len(), read[0].seq), (1, 4));
    let late = hall::one(&store, hall::append(document, 2, "late")).await;
    assert_eq!(late, Outcome::Fenced { snapshot_seq: 3 });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_start_at_once_migrate_once() {
    let home = Home::mongodb();
    let config = home.config();
    let starts: Vec<_> = (0..4)
        .map(|_| {
            let records = config.records.clone();
            tokio::spawn(async move { Store::migrate(&records, Arc::new(SystemClock)).await })
        })
        .collect();
    let mut done = 0;
    for start in starts {
        done += start.await.unwrap().unwrap().len();
    }
    let steps = shell(&home).await.collection::<Document>("migrations");
    let count = steps.count_documents(doc! {}).await.unwrap();
    assert_eq!(done as u64, count, "each step once");
    assert_eq!(Store::migrate(&config.records, Arc::new(SystemClock)).await, Ok(vec![]));

    // A node died in the middle of it: who comes later finishes it.
    let long_ago = bson::DateTime::from_millis(SystemClock.now().as_millis() - 120_000);
    let died = doc! { "$set": { "ended_at": null, "began_at": long_ago } };
    steps.update_one(doc! { "_id": 1 }, died).await.unwrap();
    let done = Store::migrate(&config.records, Arc::new(SystemClock)).await.unwrap();
    assert_eq!(done.len(), 1);

    steps.insert_one(doc! { "_id": 1000, "name": "of a newer version" }).await.unwrap();
    let refused = Store::open(&config, Arc::new(SystemClock)).await.err();
    assert!(matches!(refused, Some(StoreError::Invalid(_))), "{refused:?}");
}

#[tokio::test]
async fn to_ask_for_a_store_makes_none() {
    let home = Home::mongodb();
    let records = home.config().records;
    assert_eq!(Store::is_there(&records).await, Ok(false));
    let collections = shell(&home).await.list_collection_names().await.unwrap();
    assert!(collections.is_empty(), "{collections:?}");
    home.open().await.close().await;
    assert_eq!(Store::is_there(&records).await, Ok(true));
}

#[tokio::test]
async fn a_record_that_a_person_has_changed_is_read() {
    let home = Home::mongodb();
    let store = home.open().await;
    store.records().insert(hall::note(1)).await.unwrap();
    let notes = shell(&home).await.collection::<Document>("documents");
    // A shell makes doubles of numbers.
    notes.update_one(doc! {}, doc! { "$set": { "_rev": 1.0, "is_shared": true } }).await.unwrap();
    let documents = store.records::<DocumentRecord>();
    let found = documents.get(&hall::note_id(1)).await.unwrap().unwrap();
    assert!(found.is_shared);
    assert_eq!(documents.replace(found.value, 1).await.unwrap().rev, 2);
    notes.update_one(doc! {}, doc! { "$unset": { "_rev": 1 } }).await.unwrap();
    let read = documents.get(&hall::note_id(1)).await;
    assert!(matches!(read, Err(StoreError::Corrupt(_))), "{read:?}");
}

#[tokio::test]
async fn a_record_that_a_person_has_broken_keeps_nobody_from_the_others() {
    let home = Home::mongodb();
    let store = home.open().await;
    for number in 1..=5 {
        store.records().insert(hall::note(number)).await.unwrap();
    }
    let notes = shell(&home).await.collection::<Document>("documents");
    let of = |number| doc! { "_id": hall::note_id(number).to_string() };
    let broken = doc! { "$set": { "owner": "somebody", "created_at": false } };
    notes.update_one(of(2), broken).await.unwrap();
    notes.update_one(of(4), doc! { "$unset": { "_rev": 1 } }).await.unwrap();
    let documents = store.records::<DocumentRecord>();
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let page = documents.page(Page::of("_id").limit(2).cursor(cursor)).await.unwrap();
        seen.extend(page.items.into_iter().map(|item| item.id));
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, [1, 3, 4, 5].map(hall::note_id));
    assert!(matches!(documents.get(&hall::note_id(2)).await, Err(StoreError::Corrupt(_))));
}

#[tokio::test]
async fn what_is_too_long_for_mongodb_stops_nobody_else() {
    let home = Home::mongodb();
    let store = home.open().await;
    let appends = vec![
        hall::append(hall::note_id(1), 1, vec![7; 17 << 20]),
        hall::append(hall::note_id(2), 1, "short"),
    ];
    let outcomes = store.log().append(appends).await;
    assert!(matches!(outcomes[0], Outcome::Failed(StoreError::Invalid(_))), "{outcomes:?}");
    assert_eq!(outcomes[1], Outcome::Stored);
}
