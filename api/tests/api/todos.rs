//! Todos: in one's own list, in a room's, and on the way between them.

use http::Method;
use serde_json::{Value, json};
use studyhall_schema::{
    access::Permission,
    document::DocumentId,
    ids::{TodoId, UserId},
    todo::Todo,
};

use crate::{
    hall::{Answer, Hall, Person},
    rooms::may,
};

async fn adds(hall: &Hall, who: &Person, body: Value) -> String {
    who.post(hall, "/todos", body).await.is(201).text("id")
}

async fn texts(hall: &Hall, who: &Person, path: &str) -> Vec<String> {
    let listed = who.get(hall, path).await.is(200);
    let items = listed.body["items"].as_array().unwrap();
    items.iter().map(|item| item["text"].as_str().unwrap().to_owned()).collect()
}

async fn reorders(hall: &Hall, who: &Person, id: &str, after: Option<&str>) -> Answer {
    who.post(hall, "/todos/reorder", json!({ "id": id, "after": after })).await
}

#[tokio::test]
async fn the_same_create_twice_is_one_todo() {
    let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
    let body = json!({ "id": "6553f100bbbbbbbbbbbbbbbb", "text": "made offline" });
    let first = ada.post(&hall, "/todos", body.clone()).await.is(201);
    let again = ada.post(&hall, "/todos", body.clone()).await.is(200);
    assert_eq!(first.body, again.body);
    assert_eq!(first.header("location"), "/api/v1/todos/6553f100bbbbbbbbbbbbbbbb");
    assert_eq!(first.text("document"), format!("todos:{}", ada.id));
    // What is in lists that one cannot open does not matter, and cannot be told.
    ben.get(&hall, "/todos/6553f100bbbbbbbbbbbbbbbb").await.refused(404, "not-found");
    let bens = json!({ "id": "6553f100bbbbbbbbbbbbbbbb", "text": "Ben's" });
    ben.post(&hall, "/todos", bens).await.is(201);
    assert_eq!(texts(&hall, &ada, "/todos").await, ["made offline"]);
    assert_eq!(texts(&hall, &ben, "/todos").await, ["Ben's"]);
}

#[tokio::test]
async fn a_todo_is_changed_completed_reopened_and_deleted() {
    let (hall, [ada]) = Hall::with(["ada"]).await;
    let body = json!({ "text": "Read", "due_date": "2026-02-01T00:00:00Z" });
    let path = format!("/todos/{}", adds(&hall, &ada, body).await);
    let put = json!({ "text": "Read chapter 5", "due_date": null, "assignee_id": ada.id });
    let put = ada.put(&hall, &path, put).await.is(200);
    assert_eq!(put.body["due_date"], Value::Null);
    assert_eq!(
        (&put.body["text"], &put.body["assignee_id"]),
        (&json!("Read chapter 5"), &json!(ada.id))
    );
    let put = ada.put(&hall, &path, json!({ "due_date": "2026-03-01T12:00:00Z" })).await.is(200);
    assert_eq!(
        (&put.body["assignee_id"], &put.body["text"]),
        (&json!(ada.id), &json!("Read chapter 5"))
    );
    let done = ada.put(&hall, &format!("{path}/complete"), json!({})).await.is(200);
    assert_eq!(done.body["is_completed"], true);
    hall.advance(60);
    let again = ada.put(&hall, &format!("{path}/complete"), json!({})).await.is(200);
    assert_eq!(again.body, done.body, "it is done since it was done");
    assert_eq!(ada.get(&hall, &path).await.is(200).body, done.body);
    let open = ada.put(&hall, &format!("{path}/reopen"), json!({})).await.is(200);
    assert_eq!(
        (&open.body["is_completed"], &open.body["completed_at"]),
        (&json!(false), &Value::Null)
    );
    ada.delete(&hall, &path).await.is(204);
    ada.get(&hall, &path).await.refused(404, "not-found");
    ada.delete(&hall, &path).await.refused(404, "not-found");
    ada.put(&hall, &format!("{path}/complete"), json!({})).await.refused(404, "not-found");
    assert_eq!(ada.get(&hall, "/todos").await.is(200).body["items"], json!([]));
}

#[tokio::test]
async fn todos_are_in_the_order_that_they_are_put_in() {
    let (hall, [ada]) = Hall::with(["ada"]).await;
    let mut ids = Vec::new();
    for text in ["a", "b", "c", "d"] {
        ids.push(adds(&hall, &ada, json!({ "text": text })).await);
    }
    assert_eq!(texts(&hall, &ada, "/todos").await, ["a", "b", "c", "d"]);
    reorders(&hall, &ada, &ids[3], None).await.is(200);
    reorders(&hall, &ada, &ids[0], Some(&ids[1])).await.is(200);
    assert_eq!(texts(&hall, &ada, "/todos").await, ["d", "b", "a", "c"]);
    // Between the same two, more often than a number has digits.
    for _ in 0..40 {
        reorders(&hall, &ada, &ids[2], Some(&ids[3])).await.is(200);
        reorders(&hall, &ada, &ids[1], Some(&ids[3])).await.is(200);
    }
    assert_eq!(texts(&hall, &ada, "/todos").await, ["d", "b", "c", "a"]);
    reorders(&hall, &ada, &ids[0], Some(&ids[0])).await.refused(404, "not-found");
    reorders(&hall, &ada, &ids[0], Some("0123456789abcdef01234567"))
        .await
        .refused(404, "not-found");
    let first = ada.get(&hall, "/todos?limit=3").await.is(200);
    let cursor = first.text("next_cursor");
    assert_eq!(texts(&hall, &ada, &format!("/todos?limit=3&cursor={cursor}")).await, ["a"]);
}

#[tokio::test]
async fn a_rooms_todos_are_its_members() {
    let (hall, [ada, ben, eve]) = Hall::with(["ada", "ben", "eve"]).await;
    let room = ada.opens_room(&hall).await;
    ada.lets_in(&hall, &room, &[&ben]).await;
    let body = json!({ "text": "together", "room_id": room, "assignee_id": ben.id });
    let made = ada.post(&hall, "/todos", body).await.is(201);
    assert_eq!((&made.body["is_shared"], &made.body["room_id"]), (&json!(true), &json!(room)));
    let (path, listing) = (format!("/todos/{}", made.text("id")), format!("/rooms/{room}/todos"));
    assert_eq!(texts(&hall, &ben, &listing).await, ["together"]);
    ben.put(&hall, &format!("{path}/complete"), json!({})).await.is(200);
    assert_eq!(ada.get(&hall, &path).await.is(200).body["is_completed"], true);
    ben.put(&hall, &path, json!({ "assignee_id": eve.id }))
        .await
        .refused(409, "assignee-not-a-member");
    ben.put(&hall, &path, json!({ "is_shared": false })).await.refused(403, "not-the-owner");
    for (method, body) in [
        (Method::GET, None),
        (Method::PUT, Some(json!({ "text": "mine" }))),
        (Method::DELETE, None),
    ] {
        let ask = eve.ask(&hall, method, &path);
        let ask = if let Some(body) = body { ask.json(body) } else { ask };
        ask.send().await.refused(404, "not-found");
    }
    eve.get(&hall, &listing).await.refused(404, "not-found");
    let body = json!({ "text": "in", "room_id": room });
    eve.post(&hall, "/todos", body).await.refused(404, "not-found");
    let state = DocumentId::Room(room.parse().unwrap());
    let todos: DocumentId = format!("todos:{room}").parse().unwrap();
    for document in [state, todos] {
        assert_eq!(may(&hall, &ben, document).await, Permission::Write);
        assert_eq!(may(&hall, &eve, document).await, Permission::None);
    }
    ben.post(&hall, &format!("/rooms/{room}/leave"), json!({})).await.is(204);
    ben.get(&hall, &path).await.refused(404, "not-found");
    for document in [state, todos] {
        assert_eq!(may(&hall, &ben, document).await, Permission::None);
    }
}

#[tokio::test]
async fn what_one_is_to_do_is_listed_whoever_made_it_and_only_where_one_is() {
    let (hall, [ada, ben, eve]) = Hall::with(["ada", "ben", "eve"]).await;
    let room = ada.opens_room(&hall).await;
    ada.lets_in(&hall, &room, &[&ben]).await;
    for (who, text, body) in [
        (&ada, "for Ben", json!({ "room_id": room, "assignee_id": ben.id })),
        (&ada, "for nobody", json!({ "room_id": room })),
        (&ben, "for himself", json!({ "assignee_id": ben.id })),
        (&ben, "for Ada", json!({ "room_id": room, "assignee_id": ada.id })),
    ] {
        let mut body = body;
        body["text"] = json!(text);
        adds(&hall, who, body).await;
    }
    let assigned = async |who| {
        let mut texts = texts(&hall, who, "/todos?assigned=true").await;
        texts.sort_unstable();
        texts
    };
    assert_eq!(assigned(&ben).await, ["for Ben", "for himself"]);
    assert_eq!(assigned(&ada).await, ["for Ada"]);
    assert_eq!(assigned(&eve).await, Vec::<String>::new());
    assert_eq!(texts(&hall, &ada, "/todos?assigned=false").await, ["for Ben", "for nobody"]);
    ada.get(&hall, "/todos?assigned=perhaps").await.refused(422, "invalid");
    ben.post(&hall, &format!("/rooms/{room}/leave"), json!({})).await.is(204);
    assert_eq!(assigned(&ben).await, ["for himself"]);
}

#[tokio::test]
async fn ones_own_list_is_ones_own_and_no_room_takes_its_name() {
    let (hall, [ada, eve]) = Hall::with(["ada", "eve"]).await;
    let own: DocumentId = format!("todos:{}", ada.id).parse().unwrap();
    let profile = ada.get(&hall, "/auth/me").await.is(200);
    assert_eq!(profile.body["documents"]["todos"]["name"], own.to_string());
    assert_eq!(may(&hall, &eve, own).await, Permission::None);
    let body = json!({ "id": ada.id, "name": "Ada's list" });
    eve.post(&hall, "/rooms", body).await.refused(409, "id-taken");
    assert_eq!(may(&hall, &ada, own).await, Permission::Write);
    assert_eq!(may(&hall, &eve, own).await, Permission::None);
}

#[tokio::test]
async fn a_todo_moves_between_its_owners_list_and_a_rooms() {
    let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
    let room = ada.opens_room(&hall).await;
    ada.lets_in(&hall, &room, &[&ben]).await;
    let body = json!({ "text": "draft", "due_date": "2026-02-01T00:00:00Z" });
    let made = ada.post(&hall, "/todos", body).await.is(201);
    let (path, listing) = (format!("/todos/{}", made.text("id")), format!("/rooms/{room}/todos"));
    ada.put(&hall, &format!("{path}/complete"), json!({})).await.is(200);
    ben.get(&hall, &path).await.refused(404, "not-found");
    ada.put(&hall, &path, json!({ "is_shared": true })).await.refused(409, "room-needed");
    let body = json!({ "is_shared": true, "room_id": room, "text": "ours" });
    let moved = ada.put(&hall, &path, body.clone()).await.is(200);
    assert_eq!(moved.text("document"), format!("todos:{room}"));
    assert_eq!((&moved.body["text"], &moved.body["is_completed"]), (&json!("ours"), &json!(true)));
    for field in ["owner_id", "created_at", "due_date"] {
        assert_eq!(moved.body[field], made.body[field], "{field}");
    }
    assert_eq!(texts(&hall, &ben, &listing).await, ["ours"]);
    let nowhere = json!({ "is_shared": true, "room_id": null });
    ada.put(&hall, &path, nowhere).await.refused(409, "room-needed");
    let taken = ada.put(&hall, &path, json!({ "room_id": null })).await.is(200);
    assert_eq!((&taken.body["is_shared"], &taken.body["room_id"]), (&json!(false), &json!(null)));
    ben.get(&hall, &path).await.refused(404, "not-found");
    ada.put(&hall, &path, body.clone()).await.is(200);
    assert_eq!(texts(&hall, &ada, "/todos").await, ["ours"], "once");
    ada.put(&hall, &path, body).await.is(200);
    ben.put(&hall, &path, json!({ "text": "Ben's too" })).await.is(200);

    let back = ada.put(&hall, &path, json!({ "is_shared": false })).await.is(200);
    assert_eq!((&back.body["text"], &back.body["room_id"]), (&json!("Ben's too"), &Value::Null));
    assert_eq!(back.text("document"), format!("todos:{}", ada.id));
    ben.get(&hall, &path).await.refused(404, "not-found");
    assert_eq!(texts(&hall, &ben, &listing).await, Vec::<String>::new());
    assert_eq!(texts(&hall, &ada, "/todos").await, ["Ben's too"]);
    let body = json!({ "is_shared": false, "room_id": room });
    ada.put(&hall, &path, body).await.refused(409, "unshared-in-a-room");
    // And once more, to where it was before.
    let body = json!({ "is_shared": true, "room_id": room });
    assert_eq!(ada.put(&hall, &path, body).await.is(200).body["text"], "Ben's too");
    assert_eq!(texts(&hall, &ben, &listing).await, ["Ben's too"]);
}

#[tokio::test]
async fn a_writer_who_has_not_seen_the_newest_is_told() {
    let (hall, [ada]) = Hall::with(["ada"]).await;
    let path = format!("/todos/{}", adds(&hall, &ada, json!({ "text": "one" })).await);
    let tag = ada.get(&hall, &path).await.is(200).header("etag").to_owned();
    ada.ask(&hall, Method::GET, &path).header("if-none-match", &tag).send().await.is(304);
    let with_tag = |method, tag: &str| ada.ask(&hall, method, &path).header("if-match", tag);
    let second = with_tag(Method::PUT, &tag).json(json!({ "text": "two" })).send().await.is(200);
    assert_ne!(second.header("etag"), tag);
    let stale = with_tag(Method::PUT, &tag).json(json!({ "text": "three" })).send().await;
    stale.refused(412, "changed-meanwhile");
    with_tag(Method::DELETE, &tag).send().await.refused(412, "changed-meanwhile");
    // Others' todos do not change this one.
    adds(&hall, &ada, json!({ "text": "another" })).await;
    let known = ada.ask(&hall, Method::GET, &path).header("if-none-match", second.header("etag"));
    known.send().await.is(304);
    with_tag(Method::DELETE, second.header("etag")).send().await.is(204);
}

#[tokio::test]
async fn what_the_schema_does_not_say_is_refused() {
    let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
    for body in [
        json!({}),
        json!({ "text": "" }),
        json!({ "text": "a\u{0}b" }),
        json!({ "text": "a".repeat(2001) }),
        json!({ "text": "a", "due_date": "tomorrow" }),
        json!({ "text": "a", "owner_id": ben.id }),
        json!({ "text": "a", "assignee_id": "somebody" }),
    ] {
        ada.post(&hall, "/todos", body).await.refused(422, "invalid");
    }
    let body = json!({ "text": "a", "assignee_id": ben.id });
    ada.post(&hall, "/todos", body).await.refused(409, "assignee-not-a-member");
    ada.post(&hall, "/todos", json!({ "text": "a", "is_shared": true }))
        .await
        .refused(409, "room-needed");
    assert_eq!(ada.get(&hall, "/todos").await.is(200).body["items"], json!([]));
}

#[tokio::test]
async fn the_rows_are_there_after_a_restart() {
    let (hall, [ada]) = Hall::with(["ada"]).await;
    let id = adds(&hall, &ada, json!({ "text": "kept" })).await;
    let hall = hall.restarted(|_| {});
    assert_eq!(texts(&hall, &ada, "/todos").await, ["kept"]);
    ada.put(&hall, &format!("/todos/{id}"), json!({ "text": "and changed" })).await.is(200);
    assert_eq!(texts(&hall, &ada, "/todos").await, ["and changed"]);
}

#[tokio::test]
async fn ones_own_list_is_made_with_what_one_has_set_before() {
    let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
    let engine = |answer: &Answer| answer.body["documents"]["todos"]["engine"].clone();
    let set = async |who: &Person, engine: &str| {
        let ask = who.ask(&hall, Method::PATCH, "/auth/me/settings");
        ask.json(json!({ "engine": engine })).send().await
    };
    let me = ada.get(&hall, "/auth/me").await.is(200);
    assert_eq!((engine(&me), &me.body["settings"]["engine"]), (json!("yjs"), &json!("yjs")));
    assert_eq!(me.body["documents"]["todos"].get("url"), None);
    // To look at one's list is no use of it.
    assert_eq!(texts(&hall, &ada, "/todos").await, Vec::<String>::new());
    for name in ["automerge", "yjs", "automerge"] {
        assert_eq!(engine(&set(&ada, name).await.is(200)), name);
    }
    set(&ada, "word").await.refused(422, "invalid");
    adds(&hall, &ada, json!({ "text": "read" })).await;
    set(&ada, "yjs").await.refused(409, "list-in-use");
    let me = set(&ada, "automerge").await.is(200);
    assert_eq!(engine(&me), "automerge");
    let list: DocumentId = format!("todos:{}", ada.id).parse().unwrap();
    let url = studyhall_schema::wire_id::WireId::from(list).url();
    assert_eq!(me.body["documents"]["todos"]["url"], url);
    assert_eq!(hall.login("ada").await.id, ada.id);
    adds(&hall, &ben, json!({ "text": "in Yjs" })).await;
    set(&ben, "automerge").await.refused(409, "list-in-use");
    let hall = hall.restarted(|_| {});
    assert_eq!(texts(&hall, &ada, "/todos").await, ["read"]);
    assert_eq!(engine(&ada.get(&hall, "/auth/me").await.is(200)), "automerge");
}

/// A room whose documents are Automerge's, with these people in it.
async fn automerge_room(hall: &Hall, ada: &Person, others: &[&Person]) -> String {
    let body = json!({ "name": "Biology", "engine": "automerge" });
    let made = ada.post(hall, "/rooms", body).await.is(201);
    let room = made.text("id");
    let todos: DocumentId = format!("todos:{room}").parse().unwrap();
    let state = DocumentId::Room(room.parse().unwrap());
    for (name, document) in [("todos", todos), ("state", state)] {
        let url = studyhall_schema::wire_id::WireId::from(document).url();
        assert_eq!(made.body["documents"][name]["url"], url);
    }
    ada.lets_in(hall, &room, others).await;
    room
}

#[tokio::test]
async fn a_list_in_automerge_does_what_a_list_does() {
    let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
    let room = automerge_room(&hall, &ada, &[&ben]).await;
    let listing = format!("/rooms/{room}/todos");
    assert_eq!(texts(&hall, &ben, &listing).await, Vec::<String>::new());
    let mut ids = Vec::new();
    for text in ["a", "b", "c"] {
        let body = json!({ "text": text, "room_id": room, "due_date": "2026-02-01T00:00:00Z" });
        ids.push(adds(&hall, &ada, body).await);
    }
    reorders(&hall, &ben, &ids[2], None).await.is(200);
    let (a, b) = (format!("/todos/{}", ids[0]), format!("/todos/{}", ids[1]));
    let done = ben.put(&hall, &format!("{a}/complete"), json!({})).await.is(200);
    assert_eq!(
        (&done.body["is_completed"], &done.body["owner_id"]),
        (&json!(true), &json!(ada.id))
    );
    let again = ada.put(&hall, &format!("{a}/complete"), json!({})).await.is(200);
    assert_eq!(again.body, done.body);
    let put = json!({ "text": "b, and more", "assignee_id": ben.id, "due_date": null });
    let put = ben.put(&hall, &b, put).await.is(200);
    assert_eq!((&put.body["assignee_id"], &put.body["due_date"]), (&json!(ben.id), &Value::Null));
    assert_eq!(texts(&hall, &ada, &listing).await, ["c", "a", "b, and more"]);
    // Into a list of the other library and back.
    let own = ada.put(&hall, &a, json!({ "is_shared": false })).await.is(200);
    assert_eq!(own.text("document"), format!("todos:{}", ada.id));
    for field in ["text", "is_completed", "completed_at", "created_at", "due_date", "owner_id"] {
        assert_eq!(own.body[field], done.body[field], "{field}");
    }
    assert_eq!(texts(&hall, &ben, &listing).await, ["c", "b, and more"]);
    ada.put(&hall, &a, json!({ "text": "A" })).await.is(200);
    let body = json!({ "is_shared": true, "room_id": room });
    assert_eq!(
        ada.put(&hall, &a, body).await.is(200).body["completed_at"],
        done.body["completed_at"]
    );
    assert_eq!(texts(&hall, &ben, &listing).await, ["c", "b, and more", "A"]);
    ben.delete(&hall, &b).await.is(204);
    ada.post(&hall, &format!("/trash/{}/restore", ids[1]), json!({})).await.is(204);
    let hall = hall.restarted(|_| {});
    assert_eq!(texts(&hall, &ada, &listing).await, ["c", "A", "b, and more"]);
    let todos: DocumentId = format!("todos:{room}").parse().unwrap();
    assert_eq!(may(&hall, &ben, todos).await, Permission::Write);
}

#[tokio::test]
async fn a_rooms_timer_in_automerge_is_a_timer_and_all_rows_can_be_made_again() {
    let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
    let room = automerge_room(&hall, &ada, &[&ben]).await;
    let path = format!("/rooms/{room}/timer");
    assert_eq!(ben.get(&hall, &path).await.is(200).body["timer"], Value::Null);
    let started = ada.put(&hall, &path, json!({ "action": "start" })).await.is(200);
    assert_eq!(started.body["timer"]["phase"], "focus");
    hall.advance(26 * 60);
    let ada = hall.login("ada").await;
    let body = json!({ "action": "skip", "config": { "short_break_s": 60 } });
    let skipped = ada.put(&hall, &path, body).await.is(200);
    assert_eq!(skipped.body["timer"]["duration_s"], 60);
    adds(&hall, &ada, json!({ "text": "read", "room_id": room })).await;
    let pomodoros = hall.store.records::<studyhall_schema::room_state::Pomodoro>();
    let page = studyhall_store::Page::of("room")
        .equal(room.parse::<studyhall_schema::ids::RoomId>().unwrap());
    assert_eq!(pomodoros.page(page).await.unwrap().items.len(), 1);
    let found = studyhall_sync::verify(&hall.store, false).await.unwrap();
    assert_eq!((found.wrong, found.unreadable), (Vec::new(), Vec::new()));
    let rows = hall.store.records::<Todo>();
    let list: DocumentId = format!("todos:{room}").parse().unwrap();
    let page = || studyhall_store::Page::of("list").equal(list);
    let before = rows.page(page()).await.unwrap().items.remove(0);
    rows.delete(&before.id).await.unwrap();
    let wrong = studyhall_sync::verify(&hall.store, true).await.unwrap().wrong;
    assert_eq!(wrong, std::slice::from_ref(&before.id));
    assert_eq!(rows.page(page()).await.unwrap().items.remove(0).value, before.value);
}

/// What a node does of a move before it is killed.
async fn begins_to_move(hall: &Hall, who: &Person, id: &str, from: DocumentId, to: DocumentId) {
    let (id, by): (TodoId, UserId) = (id.parse().unwrap(), who.id.parse().unwrap());
    let row = hall.store.records::<Todo>().get(&Todo::key(from, id)).await.unwrap().unwrap();
    let (came, told) = std::sync::mpsc::channel();
    let look = hall.documents.edit_todos(from, by, move |todos| {
        let _ = came.send(todos.leaving(id, from));
        Ok(())
    });
    look.await.unwrap();
    let (item, came) = (row.item(), told.recv().unwrap());
    let receive = hall.documents.edit_todos(to, by, move |todos| {
        todos.receive(to, (&item, &Value::Null), Some(&came)).map(drop)
    });
    receive.await.unwrap();
}

#[tokio::test]
async fn whoever_comes_upon_a_move_that_was_cut_off_finds_one_todo() {
    let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
    let room = ada.opens_room(&hall).await;
    let all = async |who| {
        let mut texts = texts(&hall, who, "/todos").await;
        texts.sort_unstable();
        texts
    };
    ada.lets_in(&hall, &room, &[&ben]).await;
    let [own, ours] = [&ada.id, &room].map(|id| format!("todos:{id}").parse().unwrap());
    adds(&hall, &ada, json!({ "text": "the room's", "room_id": room })).await;
    for back in [false, true] {
        let body =
            if back { json!({ "text": "x", "room_id": room }) } else { json!({ "text": "x" }) };
        let (from, to) = if back { (ours, own) } else { (own, ours) };
        let made = async || {
            let id = adds(&hall, &ada, body.clone()).await;
            begins_to_move(&hall, &ada, &id, from, to).await;
            id
        };
        let id = made().await;
        assert_eq!(all(&ada).await, ["the room's", "x"]);
        assert_eq!(
            ada.get(&hall, &format!("/todos/{id}")).await.is(200).text("document"),
            to.to_string()
        );
        ada.delete(&hall, &format!("/todos/{id}")).await.is(204);
        ada.get(&hall, &format!("/todos/{id}")).await.refused(404, "not-found");
        let id = made().await;
        ada.delete(&hall, &format!("/todos/{id}")).await.is(204);
        assert_eq!(all(&ada).await, ["the room's"]);
        // Also somebody else, who sees one of them.
        let id = made().await;
        let seen = ben.put(&hall, &format!("/todos/{id}"), json!({ "text": "Ben's" })).await;
        if back {
            seen.refused(404, "not-found");
            assert_eq!(all(&ada).await, ["the room's", "x"]);
        } else {
            seen.is(200);
            assert_eq!(all(&ada).await, ["Ben's", "the room's"]);
        }
        ada.delete(&hall, &format!("/todos/{id}")).await.is(204);
        assert_eq!(all(&ada).await, ["the room's"]);
    }
}
