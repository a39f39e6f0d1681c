//! Rows are projections: lost or wrong ones are made again from the documents, equal to what they were.

use http::Method;
use serde_json::{Value, json};
use studyhall_schema::{
    note::Note,
    record::Record,
    room_state::RoomState,
    todo::{ProjectedList, Todo},
    trash::Trashed,
};
use studyhall_store::{Page, Store};
use studyhall_sync::verify;

use crate::hall::Hall;

async fn all<T: Record>(store: &Store) -> Vec<T> {
    let page = store.records::<T>().page(Page::of("_id").limit(1000)).await.unwrap();
    page.items.into_iter().map(|row| row.value).collect()
}

/// Every row, but for how far it was projected.
async fn rows(store: &Store) -> Vec<Value> {
    let notes = all::<Note>(store).await.into_iter().map(|row| json!(row));
    let todos = all::<Todo>(store).await.into_iter().map(|row| json!(row));
    let states = all::<RoomState>(store).await.into_iter().map(|row| json!(row));
    let mut rows: Vec<_> = notes.chain(todos).chain(states).collect();
    for row in &mut rows {
        row.as_object_mut().unwrap().remove("projected_seq");
        row.as_object_mut().unwrap().remove("text_changed_at"); // when it was seen to be
    }
    rows
}

/// A hall with something of everything, in documents of this library.
async fn busy_hall(engine: &str) -> Hall {
    let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
    let body = json!({ "name": "Biology", "engine": engine });
    let room = ada.post(&hall, "/rooms", body).await.is(201).text("id");
    ada.lets_in(&hall, &room, &[&ben]).await;
    let ask = ada.ask(&hall, Method::PATCH, "/auth/me/settings");
    ask.json(json!({ "engine": engine })).send().await.is(200);
    // A rich note is a Yjs document.
    for (format, engine) in [("plain", engine), ("rich", "yjs")] {
        let body = json!({ "text": "one\ntwo", "title": "T", "format": format, "room_id": room,
            "engine": engine });
        let note = ada.writes_note(&hall, body).await;
        hall.advance(60);
        ben.put(&hall, &format!("/notes/{note}"), json!({ "text": "one\n2" })).await.is(200);
        hall.advance(60);
        ada.put(&hall, &format!("/notes/{note}"), json!({ "is_shared": false })).await.is(200);
    }
    ada.put(&hall, &format!("/rooms/{room}/timer"), json!({ "action": "start" })).await.is(200);
    ada.writes_note(&hall, json!({})).await;
    let gone = ada.writes_note(&hall, json!({ "text": "gone" })).await;
    ada.delete(&hall, &format!("/notes/{gone}")).await.is(204);
    for (who, body) in [
        (&ada, json!({ "text": "own", "due_date": "2026-02-01T00:00:00Z" })),
        (&ada, json!({ "text": "moved", "is_shared": false })),
        (&ben, json!({ "text": "together", "room_id": room, "assignee_id": ada.id })),
    ] {
        let todo = who.post(&hall, "/todos", body).await.is(201);
        hall.advance(60);
        let path = format!("/todos/{}", todo.text("id"));
        who.put(&hall, &format!("{path}/complete"), json!({})).await.is(200);
        if todo.body["text"] == "moved" {
            let body = json!({ "is_shared": true, "room_id": room });
            who.put(&hall, &path, body).await.is(200);
        }
    }
    hall
}

#[tokio::test]
async fn what_is_right_is_left_alone() {
    for engine in ["yjs", "automerge"] {
        let hall = busy_hall(engine).await;
        let before = rows(&hall.store).await;
        assert_eq!(before.len(), 7);
        let verified = verify(&hall.store, false).await.unwrap();
        assert_eq!((verified.wrong, verified.unreadable), (vec![], vec![]));
        assert_eq!(verified.documents, 7);
        assert_eq!(verify(&hall.store, true).await.unwrap().wrong, Vec::<String>::new());
        assert_eq!(rows(&hall.store).await, before);
    }
}

#[tokio::test]
async fn damaged_rows_are_named_and_made_again() {
    for engine in ["yjs", "automerge"] {
        let hall = busy_hall(engine).await;
        let before = rows(&hall.store).await;
        let (notes, todos) = (hall.store.records::<Note>(), hall.store.records::<Todo>());
        let note = all::<Note>(&hall.store).await.remove(0);
        let rows_of_todos = all::<Todo>(&hall.store).await;
        let (lost, changed) = (&rows_of_todos[0], &rows_of_todos[1]);
        let damage = |row: &mut Note| {
            row.text = "damaged".into();
            row.projected_seq = 999;
            Ok::<_, std::convert::Infallible>(())
        };
        notes.update(&note.id, damage).await.unwrap().unwrap().unwrap();
        todos.delete(&lost.id).await.unwrap();
        let late = |row: &mut Todo| {
            row.is_completed = !row.is_completed;
            row.projected_seq = 999;
            Ok::<_, std::convert::Infallible>(())
        };
        todos.update(&changed.id, late).await.unwrap().unwrap().unwrap();
        let list = "todos:0123456789abcdef01234567".parse().unwrap();
        let nobodys = Todo { id: Todo::key(list, lost.todo_id), list, ..lost.clone() };
        todos.insert(nobodys.clone()).await.unwrap();

        let mut wrong =
            vec![format!("note:{}", note.id), lost.id.clone(), changed.id.clone(), nobodys.id];
        wrong.sort_unstable();
        for rebuild in [false, true] {
            let mut found = verify(&hall.store, rebuild).await.unwrap().wrong;
            found.sort_unstable();
            assert_eq!(found, wrong);
        }
        assert_eq!(rows(&hall.store).await, before);
        assert_eq!(verify(&hall.store, false).await.unwrap().wrong, Vec::<String>::new());
    }
}

#[tokio::test]
async fn all_rows_can_be_lost() {
    for engine in ["yjs", "automerge"] {
        let hall = busy_hall(engine).await;
        let before = rows(&hall.store).await;
        for row in all::<Note>(&hall.store).await {
            hall.store.records::<Note>().delete(&row.id).await.unwrap();
        }
        for row in all::<Todo>(&hall.store).await {
            hall.store.records::<Todo>().delete(&row.id).await.unwrap();
        }
        for row in all::<ProjectedList>(&hall.store).await {
            hall.store.records::<ProjectedList>().delete(&row.id).await.unwrap();
        }
        for row in all::<RoomState>(&hall.store).await {
            hall.store.records::<RoomState>().delete(&row.id).await.unwrap();
        }
        assert_eq!(rows(&hall.store).await, Vec::<Value>::new());
        assert_eq!(verify(&hall.store, true).await.unwrap().wrong.len(), before.len());
        assert_eq!(rows(&hall.store).await, before);
    }
}

#[tokio::test]
async fn what_was_deleted_before_a_node_died_is_in_the_trash_after_a_rebuild_and_without() {
    for rebuild in [true, false] {
        what_was_deleted_is_in_the_trash(rebuild).await;
    }
}

async fn what_was_deleted_is_in_the_trash(rebuild: bool) {
    let (hall, [ada]) = Hall::with(["ada"]).await;
    let id = ada.post(&hall, "/todos", json!({ "text": "precious" })).await.is(201).text("id");
    let before = all::<Todo>(&hall.store).await.remove(0);
    ada.delete(&hall, &format!("/todos/{id}")).await.is(204);
    // The row did not follow.
    hall.store.records::<Trashed>().delete(&before.id).await.unwrap();
    hall.store.records::<Todo>().insert(before.clone()).await.unwrap();
    hall.store.records::<ProjectedList>().delete(&before.list).await.unwrap();
    assert_eq!(verify(&hall.store, false).await.unwrap().wrong, std::slice::from_ref(&before.id));
    assert_eq!(all::<Trashed>(&hall.store).await, [], "to look changes nothing");
    if rebuild {
        let wrong = verify(&hall.store, true).await.unwrap().wrong;
        assert_eq!(wrong, std::slice::from_ref(&before.id));
        assert_eq!(all::<Todo>(&hall.store).await, []);
    }
    hall.advance(1);
    let hall = hall.restarted(|_| {});
    assert_eq!(ada.get(&hall, "/trash").await.is(200).body["items"][0]["id"], id);
    ada.post(&hall, &format!("/trash/{id}/restore"), json!({})).await.is(204);
    assert_eq!(ada.get(&hall, &format!("/todos/{id}")).await.is(200).text("text"), "precious");
}
