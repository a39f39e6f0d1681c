//! What was deleted comes back for thirty days, and is gone for good after.

use std::time::Duration;

use serde_json::{Value, json};
use studyhall_schema::{
    clock::Clock,
    document::{DocumentId, DocumentRecord},
    ids::{TodoId, UserId},
    note::Note,
    note_version::NoteVersion,
    todo::Todo,
    trash::Trashed,
};
use studyhall_store::Page;

use crate::hall::{Hall, Person};

async fn trash(hall: &Hall, who: &Person) -> Vec<(String, String)> {
    let listed = who.get(hall, "/trash").await.is(200);
    let text = |one: &Value, field: &str| one[field].as_str().unwrap().to_owned();
    let items = listed.body["items"].as_array().unwrap();
    items.iter().map(|one| (text(one, "kind"), text(one, "title"))).collect()
}

fn one(kind: &str, title: &str) -> Vec<(String, String)> {
    vec![(kind.to_owned(), title.to_owned())]
}

const DAY: u64 = 24 * 60 * 60;

#[tokio::test]
async fn a_note_comes_back_as_it_was() {
    let (hall, [ada, ben, eve]) = Hall::with(["ada", "ben", "eve"]).await;
    let room = ada.opens_room(&hall).await;
    ada.lets_in(&hall, &room, &[&ben]).await;
    let body = json!({ "text": "Photosynthesis\nand more", "room_id": room });
    let note = ada.writes_note(&hall, body).await;
    ben.put(&hall, &format!("/notes/{note}"), json!({ "text": "Photosynthesis\nand less" }))
        .await
        .is(200);
    let before = ada.get(&hall, &format!("/notes/{note}")).await.is(200);
    ada.delete(&hall, &format!("/notes/{note}")).await.is(204);
    assert_eq!(trash(&hall, &ada).await, one("note", "Photosynthesis"));
    assert_eq!(trash(&hall, &ben).await, []);
    let restore = format!("/trash/{note}/restore");
    ben.post(&hall, &restore, json!({})).await.refused(404, "not-found");
    eve.post(&hall, &restore, json!({})).await.refused(404, "not-found");

    hall.clock.advance(Duration::from_millis(5));
    ada.post(&hall, &restore, json!({})).await.is(204);
    let after = ada.get(&hall, &format!("/notes/{note}")).await.is(200);
    for field in ["text", "title", "owner_id", "room_id", "is_shared", "created_at"] {
        assert_eq!(after.body[field], before.body[field], "{field}");
    }
    assert!(after.body["rev"].as_u64() > before.body["rev"].as_u64(), "none is there twice");
    ben.put(&hall, &format!("/notes/{note}"), json!({ "text": "Photosynthesis\nand all" }))
        .await
        .is(200);
    assert_eq!(trash(&hall, &ada).await, []);
    ada.post(&hall, &restore, json!({})).await.refused(404, "not-found");
}

#[tokio::test]
async fn a_note_whose_return_was_cut_off_before_its_row_can_be_brought_back_again() {
    let (hall, [ada]) = Hall::with(["ada"]).await;
    let note = ada.writes_note(&hall, json!({ "text": "Photosynthesis" })).await;
    ada.delete(&hall, &format!("/notes/{note}")).await.is(204);
    let unbury = |record: &mut DocumentRecord| {
        record.deleted_at = None;
        Ok::<_, std::convert::Infallible>(())
    };
    let id = format!("note:{note}").parse().unwrap();
    hall.store.records().update(&id, unbury).await.unwrap().unwrap().unwrap();
    let hall = hall.restarted(|_| {});
    assert_eq!(trash(&hall, &ada).await, one("note", "Photosynthesis"));
    ada.post(&hall, &format!("/trash/{note}/restore"), json!({})).await.is(204);
    assert_eq!(trash(&hall, &ada).await, []);
    let listed = ada.get(&hall, "/notes").await.is(200);
    assert_eq!(listed.body["items"][0]["text"], "Photosynthesis");
}

#[tokio::test]
async fn a_todo_comes_back_to_its_list_whoever_deleted_it() {
    let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
    let room = ada.opens_room(&hall).await;
    ada.lets_in(&hall, &room, &[&ben]).await;
    let body = json!({ "text": "read", "room_id": room, "due_date": "2026-02-01T00:00:00Z",
        "assignee_id": ben.id });
    let id = ada.post(&hall, "/todos", body).await.is(201).text("id");
    let path = format!("/todos/{id}");
    let before = ben.put(&hall, &format!("{path}/complete"), json!({})).await.is(200);
    ben.delete(&hall, &path).await.is(204);
    assert_eq!(trash(&hall, &ada).await, one("todo", "read"));
    assert_eq!(trash(&hall, &ben).await, []);
    let again = json!({ "id": id, "text": "a create that comes late", "room_id": room });
    ada.post(&hall, "/todos", again).await.refused(409, "id-taken");

    ada.post(&hall, &format!("/trash/{id}/restore"), json!({})).await.is(204);
    let after = ben.get(&hall, &path).await.is(200);
    for field in
        ["text", "owner_id", "room_id", "due_date", "assignee_id", "created_at", "completed_at"]
    {
        assert_eq!(after.body[field], before.body[field], "{field}");
    }
    assert_eq!(trash(&hall, &ada).await, []);
}

#[tokio::test]
async fn what_was_moved_is_in_no_trash_and_what_cannot_go_back_comes_to_ones_own_list() {
    let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
    let room = ada.opens_room(&hall).await;
    ada.lets_in(&hall, &room, &[&ben]).await;
    let id = ben.post(&hall, "/todos", json!({ "text": "mine" })).await.is(201).text("id");
    let body = json!({ "is_shared": true, "room_id": room });
    ben.put(&hall, &format!("/todos/{id}"), body).await.is(200);
    assert_eq!(trash(&hall, &ben).await, []);
    ada.delete(&hall, &format!("/todos/{id}")).await.is(204);
    ben.post(&hall, &format!("/rooms/{room}/leave"), json!({})).await.is(204);
    ben.post(&hall, &format!("/trash/{id}/restore"), json!({})).await.is(204);
    let back = ben.get(&hall, &format!("/todos/{id}")).await.is(200);
    assert_eq!(back.text("document"), format!("todos:{}", ben.id));
}

#[tokio::test]
async fn who_never_had_a_todo_of_their_own_gets_one_back_into_a_list_of_their_own() {
    let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
    let room = ben.opens_room(&hall).await;
    ben.lets_in(&hall, &room, &[&ada]).await;
    let body = json!({ "text": "mine", "room_id": room });
    let id = ada.post(&hall, "/todos", body).await.is(201).text("id");
    ada.post(&hall, &format!("/rooms/{room}/leave"), json!({})).await.is(204);
    ben.delete(&hall, &format!("/todos/{id}")).await.is(204);
    ada.post(&hall, &format!("/trash/{id}/restore"), json!({})).await.is(204);
    ada.get(&hall, &format!("/todos/{id}")).await.is(200);
}

#[tokio::test]
async fn after_thirty_days_it_is_gone_for_good() {
    let (hall, [ada]) = Hall::with(["ada"]).await;
    let note = ada.writes_note(&hall, json!({ "text": "old" })).await;
    let todo = ada.post(&hall, "/todos", json!({ "text": "old too" })).await.is(201).text("id");
    let kept = ada.writes_note(&hall, json!({ "text": "kept" })).await;
    let (rows, id) = (hall.store.records::<Note>(), note.parse().unwrap());
    let row = rows.get(&id).await.unwrap().unwrap();
    ada.delete(&hall, &format!("/notes/{note}")).await.is(204);
    // As a node leaves it that dies before it came to the row.
    rows.insert(row.value).await.unwrap();
    ada.delete(&hall, &format!("/todos/{todo}")).await.is(204);
    let documents = async || {
        let page = Page::of("_id").limit(10);
        let page = hall.store.records::<DocumentRecord>().page(page).await.unwrap();
        page.items.into_iter().map(|record| record.id.to_string()).collect::<Vec<_>>()
    };
    hall.advance(29 * DAY);
    assert_eq!(hall.service.sweep().await, Ok(0));
    let ada = hall.login("ada").await;
    assert_eq!(trash(&hall, &ada).await.len(), 2);
    hall.advance(DAY);
    let ada = hall.login("ada").await;
    assert_eq!(trash(&hall, &ada).await, []);
    for id in [&note, &todo] {
        ada.post(&hall, &format!("/trash/{id}/restore"), json!({})).await.refused(404, "not-found");
    }
    assert_eq!(hall.service.sweep().await, Ok(0), "somebody may be bringing it back just now");
    hall.advance(2 * 60 * 60);
    assert_eq!(hall.service.sweep().await, Ok(3), "both, and the login of thirty days ago");
    assert!(!documents().await.contains(&format!("note:{note}")));
    assert_eq!(rows.get(&id).await.unwrap(), None);
    assert!(documents().await.contains(&format!("note:{kept}")));
    let versions = hall.store.records::<NoteVersion>();
    let left = versions.page(Page::of("_id").limit(10)).await.unwrap().items;
    assert!(left.iter().all(|version| version.note_id.to_string() == kept));
    assert_eq!(left.len(), 1);
}

#[tokio::test]
async fn who_has_left_a_room_gets_back_what_they_have_seen_and_reads_nothing_else() {
    let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
    let room = ben.opens_room(&hall).await;
    ben.lets_in(&hall, &room, &[&ada]).await;
    let mut ids = Vec::new();
    for text in ["changed", "left as it was"] {
        let body = json!({ "text": text, "room_id": room });
        ids.push(ada.post(&hall, "/todos", body).await.is(201).text("id"));
    }
    ada.post(&hall, &format!("/rooms/{room}/leave"), json!({})).await.is(204);
    let secret = json!({ "text": "a secret of the room's, after Ada left" });
    ben.put(&hall, &format!("/todos/{}", ids[0]), secret).await.is(200);
    for id in &ids {
        ben.delete(&hall, &format!("/todos/{id}")).await.is(204);
    }
    assert_eq!(trash(&hall, &ada).await, one("todo", "left as it was"));
    let restore = |id: &str| format!("/trash/{id}/restore");
    ada.post(&hall, &restore(&ids[0]), json!({})).await.refused(404, "not-found");
    ada.post(&hall, &restore(&ids[1]), json!({})).await.is(204);
    let back = ada.get(&hall, &format!("/todos/{}", ids[1])).await.is(200);
    assert_eq!(back.text("document"), format!("todos:{}", ada.id));
}

#[tokio::test]
async fn a_todo_that_two_lists_have_lost_is_in_the_trash_once() {
    let (hall, [ada]) = Hall::with(["ada"]).await;
    let room = ada.opens_room(&hall).await;
    let body = json!({ "text": "once", "room_id": room });
    let made = ada.post(&hall, "/todos", body).await.is(201).text("id");
    let ours = format!("todos:{room}:{made}");
    let row = hall.store.records::<Todo>().get(&ours).await.unwrap().unwrap().value;
    ada.delete(&hall, &format!("/todos/{made}")).await.is(204);
    let list: DocumentId = format!("todos:{}", ada.id).parse().unwrap();
    let id = Todo::key(list, row.todo_id);
    let own = Todo { id, list, room_id: None, is_shared: false, text: "older".into(), ..row };
    let before = hall.clock.now() - Duration::from_secs(1);
    hall.store.records::<Trashed>().insert(Trashed::todo(own, before)).await.unwrap();
    assert_eq!(trash(&hall, &ada).await, one("todo", "once"));
    ada.post(&hall, &format!("/trash/{made}/restore"), json!({})).await.is(204);
    let back = ada.get(&hall, &format!("/todos/{made}")).await.is(200);
    assert_eq!(back.text("text"), "once");
    assert_eq!(trash(&hall, &ada).await, []);
}

/// What a client of `who` may write into `from`: that a todo is in `to`.
async fn says_it_moved(hall: &Hall, who: &Person, id: TodoId, from: DocumentId, to: DocumentId) {
    let moved = hall.documents.edit_todos(from, who.id.parse::<UserId>().unwrap(), move |todos| {
        todos.moved(id, to, &todos.taken_along(id));
        Ok(())
    });
    moved.await.unwrap();
}

#[tokio::test]
async fn what_somebody_hides_from_all_is_in_the_trash_and_what_moves_is_not() {
    let (hall, [ada, mallory]) = Hall::with(["ada", "mallory"]).await;
    let room = ada.opens_room(&hall).await;
    ada.lets_in(&hall, &room, &[&mallory]).await;
    let body = json!({ "text": "precious", "room_id": room });
    let made = ada.post(&hall, "/todos", body).await.is(201).text("id");
    let id: TodoId = made.parse().unwrap();
    let [ours, mallorys, adas] = [&room, &mallory.id, &ada.id]
        .map(|list| format!("todos:{list}").parse::<DocumentId>().unwrap());
    // Her own list has it too, as she says.
    let row = hall.store.records::<Todo>().get(&Todo::key(ours, id)).await.unwrap().unwrap();
    mallory.post(&hall, "/todos", json!({ "text": "bait" })).await.is(201);
    for copies in [false, true] {
        if copies {
            let item = row.item();
            let by: UserId = mallory.id.parse().unwrap();
            let copy = hall.documents.edit_todos(mallorys, by, move |todos| {
                todos.receive(mallorys, (&item, &Value::Null), None).map(drop)
            });
            copy.await.unwrap();
        }
        says_it_moved(&hall, &mallory, id, ours, mallorys).await;
        assert_eq!(trash(&hall, &ada).await, one("todo", "precious"));
        let again = json!({ "id": made, "text": "precious", "room_id": room });
        ada.post(&hall, "/todos", again).await.refused(409, "id-taken");
        ada.post(&hall, &format!("/trash/{made}/restore"), json!({})).await.is(204);
        let back = ada.get(&hall, &format!("/todos/{made}")).await.is(200);
        assert_eq!(
            (back.text("text"), back.text("document")),
            ("precious".into(), ours.to_string())
        );
        assert_eq!(trash(&hall, &ada).await, []);
    }
    // A phone moves it, and the list that it leaves is heard of first.
    ada.post(&hall, "/todos", json!({ "text": "mine" })).await.is(201);
    says_it_moved(&hall, &ada, id, ours, adas).await;
    let item = row.item();
    let moved = hall.documents.edit_todos(adas, ada.id.parse::<UserId>().unwrap(), move |todos| {
        todos.receive(adas, (&item, &Value::Null), None).map(drop)
    });
    moved.await.unwrap();
    assert_eq!(trash(&hall, &ada).await, []);
    let here = ada.get(&hall, &format!("/todos/{made}")).await.is(200);
    assert_eq!(here.text("document"), adas.to_string());
}
