//! What a todo says when several put its text: nobody takes the words of others that they have never seen.

use http::Method;
use serde_json::json;

use crate::hall::{Hall, Person};

/// Ada and Ben in a room, and a todo of hers there; its path.
async fn todo_of_two(hall: &Hall, (ada, ben): (&Person, &Person), engine: &str) -> String {
    let body = json!({ "name": "Ours", "engine": engine });
    let room = ada.post(hall, "/rooms", body).await.is(201).text("id");
    ada.lets_in(hall, &room, &[ben]).await;
    let todo = json!({ "text": "buy milk", "room_id": room });
    format!("/todos/{}", ada.post(hall, "/todos", todo).await.is(201).text("id"))
}

/// What the todo says after somebody has put a text.
async fn put(hall: &Hall, person: &Person, path: &str, text: &str) -> String {
    person.put(hall, path, json!({ "text": text })).await.is(200).text("text")
}

/// Somebody reads the todo and writes on.
async fn writes_on(hall: &Hall, person: &Person, path: &str, words: &str) {
    let text = person.get(hall, path).await.is(200).text("text");
    put(hall, person, path, &format!("{text}{words}")).await;
}

#[tokio::test]
async fn a_put_leaves_what_its_writer_was_never_shown() {
    for engine in ["yjs", "automerge"] {
        let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
        let path = todo_of_two(&hall, (&ada, &ben), engine).await;
        // It was shown when it was made.
        writes_on(&hall, &ben, &path, " and honey").await;
        for _ in ["once", "again, as who never had the answer"] {
            let text = put(&hall, &ada, &path, "Urgent: buy milk").await;
            assert_eq!(text, "Urgent: buy milk and honey", "{engine}");
        }
        ada.get(&hall, &path).await.is(200);
        assert_eq!(put(&hall, &ada, &path, "Urgent: buy milk").await, "Urgent: buy milk");
        // A day that is set with it is set.
        writes_on(&hall, &ben, &path, ", please").await;
        let body = json!({ "text": "buy milk", "due_date": "2026-02-01T00:00:00Z" });
        let both = ada.put(&hall, &path, body).await.is(200);
        assert_eq!(both.text("text"), "buy milk, please", "{engine}");
        assert_eq!(both.text("due_date"), "2026-02-01T00:00:00Z");
    }
}

#[tokio::test]
async fn a_todo_that_comes_back_is_under_no_revision_that_was_seen() {
    for engine in ["yjs", "automerge"] {
        let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
        let path = todo_of_two(&hall, (&ada, &ben), engine).await;
        let room = ada.get(&hall, &path).await.text("room_id");
        let id = path.trim_start_matches("/todos/");
        for way in ["the trash", "her own list"] {
            let tag = ada.get(&hall, &path).await.is(200).header("etag").to_owned();
            writes_on(&hall, &ben, &path, " at seven").await;
            hall.advance(1);
            if way == "the trash" {
                ben.delete(&hall, &path).await.is(204);
                ada.post(&hall, &format!("/trash/{id}/restore"), json!({})).await.is(204);
            } else {
                ada.put(&hall, &path, json!({ "is_shared": false })).await.is(200);
                let back = json!({ "is_shared": true, "room_id": room });
                ada.put(&hall, &path, back).await.is(200);
            }
            ada.ask(&hall, Method::GET, &path).header("if-none-match", &tag).send().await.is(200);
            let stale = ada.ask(&hall, Method::PUT, &path).header("if-match", &tag);
            let stale = stale.json(json!({ "text": "buy milk at five" })).send().await;
            stale.refused(412, "changed-meanwhile");
        }
    }
}

#[tokio::test]
async fn what_a_list_shows_has_been_shown() {
    let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
    let path = todo_of_two(&hall, (&ada, &ben), "yjs").await;
    let room = ada.get(&hall, &path).await.text("room_id");
    for list in ["/todos?assigned=true", &format!("/rooms/{room}/todos")] {
        ada.put(&hall, &path, json!({ "assignee_id": ben.id })).await.is(200);
        let shown = ben.get(&hall, list).await.is(200);
        let text = shown.body["items"][0]["text"].as_str().unwrap().to_owned();
        writes_on(&hall, &ada, &path, " ADA").await;
        let bens = format!("Ben: {text}");
        assert_eq!(put(&hall, &ben, &path, &bens).await, format!("{bens} ADA"), "{list}");
    }
}

#[tokio::test]
async fn who_writes_alone_puts_what_they_mean() {
    let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
    let shared = todo_of_two(&hall, (&ada, &ben), "automerge").await;
    let own = ada.post(&hall, "/todos", json!({ "text": "buy milk" })).await.is(201).text("id");
    for path in [shared, format!("/todos/{own}")] {
        let texts = ["buy mlik", "buy milk", "milk", "something else", "buy milk", "buy milk", "x"];
        for text in texts {
            assert_eq!(put(&hall, &ada, &path, text).await, text);
            ada.get(&hall, "/todos").await.is(200);
        }
        for text in texts {
            assert_eq!(put(&hall, &ada, &path, text).await, text);
            ada.get(&hall, &path).await.is(200);
        }
    }
}

#[tokio::test]
async fn who_has_put_the_same_twice_may_take_back_what_is_theirs() {
    let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
    let path = todo_of_two(&hall, (&ada, &ben), "yjs").await;
    writes_on(&hall, &ben, &path, " and honey").await;
    assert_eq!(put(&hall, &ada, &path, "Urgent: buy milk").await, "Urgent: buy milk and honey");
    ada.get(&hall, &path).await.is(200);
    assert_eq!(put(&hall, &ada, &path, "Urgent: buy milk").await, "Urgent: buy milk");
    for text in ["buy mlik", "buy milk", "something else"] {
        assert_eq!(put(&hall, &ada, &path, text).await, text);
    }
}

#[tokio::test]
async fn what_was_shown_is_known_where_the_todo_was_moved_to() {
    let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
    let path = todo_of_two(&hall, (&ada, &ben), "automerge").await;
    let room = ben.opens_room(&hall).await;
    ben.lets_in(&hall, &room, &[&ada]).await;
    ben.get(&hall, &path).await.is(200);
    writes_on(&hall, &ada, &path, " and honey").await;
    ada.put(&hall, &path, json!({ "room_id": room, "text": "buy bread and honey" })).await.is(200);
    assert_eq!(put(&hall, &ben, &path, "Ben: buy milk").await, "Ben: buy bread and honey");
}

#[tokio::test]
async fn with_if_match_a_text_is_put_as_it_is() {
    let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
    let path = todo_of_two(&hall, (&ada, &ben), "automerge").await;
    writes_on(&hall, &ben, &path, " and honey").await;
    let with_tag = |tag: &str| {
        let put = ada.ask(&hall, Method::PUT, &path).header("if-match", tag);
        put.json(json!({ "text": "Urgent: buy milk" }))
    };
    let tag = ben.get(&hall, &path).await.header("etag").to_owned();
    writes_on(&hall, &ben, &path, ", please").await;
    with_tag(&tag).send().await.refused(412, "changed-meanwhile");
    let tag = ben.get(&hall, &path).await.header("etag").to_owned();
    let put = with_tag(&tag).send().await.is(200);
    assert_eq!(put.text("text"), "Urgent: buy milk");
}

#[tokio::test]
async fn after_a_restart_nobodys_words_are_taken() {
    let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
    let path = todo_of_two(&hall, (&ada, &ben), "yjs").await;
    let own = ada.post(&hall, "/todos", json!({ "text": "buy milk" })).await.is(201).text("id");
    hall.advance(60);
    writes_on(&hall, &ben, &path, " and honey").await;
    let hall = hall.restarted(|_| ());
    assert_eq!(put(&hall, &ada, &format!("/todos/{own}"), "buy bread").await, "buy bread");
    let both = put(&hall, &ada, &path, "Urgent: buy milk").await;
    assert!(both.contains("Urgent") && both.contains("honey"), "{both}");
}

#[tokio::test]
async fn after_a_restart_a_box_takes_nothing_of_what_its_writer_wrote_elsewhere_since() {
    let (hall, [ada]) = Hall::with(["ada"]).await;
    let mut boxes = Vec::new();
    for kind in ["notes", "todos"] {
        for _ in 0..3 {
            let posted = ada.post(&hall, &format!("/{kind}"), json!({ "text": "buy milk" })).await;
            boxes.push(format!("/{kind}/{}", posted.is(201).text("id")));
        }
    }
    hall.advance(60);
    let hall = hall.restarted(|_| ());
    hall.advance(60);
    let phone = hall.login("ada").await;
    for three in boxes.chunks(3) {
        writes_on(&hall, &phone, &three[0], " and eggs").await;
        writes_on(&hall, &phone, &three[1], " and eggs").await;
        // What the phone had no hand in is as it is put.
        assert_eq!(put(&hall, &ada, &three[2], "buy bread").await, "buy bread");
        assert_eq!(put(&hall, &ada, &three[2], "bread").await, "bread");
        assert_eq!(put(&hall, &ada, &three[0], "buy milk").await, "buy milk and eggs");
        let both = put(&hall, &ada, &three[1], "buy bread").await;
        assert!(both.contains("bread") && both.contains("eggs"), "{both}");
    }
}

#[tokio::test]
async fn who_says_what_they_began_with_changes_just_what_they_changed() {
    for engine in ["yjs", "automerge"] {
        let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
        let todo = todo_of_two(&hall, (&ada, &ben), engine).await;
        let room = ada.get(&hall, &todo).await.text("room_id");
        let note = json!({ "text": "buy milk", "room_id": room, "is_shared": true });
        let note = ada.post(&hall, "/notes", note).await.is(201).text("id");
        for path in [todo, format!("/notes/{note}")] {
            writes_on(&hall, &ben, &path, " and honey").await;
            // Another app of hers, which was shown nothing, and then what she never looks at.
            let app = hall.login("ada").await;
            let base = json!({ "text": "buy bread", "base": "buy milk" });
            for _ in ["once", "again, as who never had the answer"] {
                let both = app.put(&hall, &path, base.clone()).await.is(200);
                assert_eq!(both.text("text"), "buy bread and honey", "{engine}");
            }
            // Nor does a retry undo what somebody did after what it repeats.
            ben.get(&hall, &path).await.is(200);
            put(&hall, &ben, &path, "buy milk and honey").await;
            let retry = app.put(&hall, &path, base).await.is(200);
            assert_eq!(retry.text("text"), "buy milk and honey", "{engine}");
            ben.get(&hall, &path).await.is(200);
            put(&hall, &ben, &path, "buy bread and honey").await;
            app.get(&hall, &path).await.is(200);
            let base = json!({ "text": "buy bread today", "base": "buy bread" });
            let both = app.put(&hall, &path, base).await.is(200);
            assert_eq!(both.text("text"), "buy bread and honey today", "{engine}");
            // What she has seen she may take out, with whatever else.
            let base = json!({ "text": "bake bread", "base": "buy bread and honey today" });
            let alone = app.put(&hall, &path, base).await.is(200);
            assert_eq!(alone.text("text"), "bake bread", "{engine}");
            let longest = if path.starts_with("/todos") { 2_000 } else { 1_048_580 };
            let base = json!({ "text": "bake", "base": "x".repeat(longest + 1) });
            app.put(&hall, &path, base).await.is(422);
        }
    }
}

#[tokio::test]
async fn who_takes_back_what_they_put_and_puts_it_again_has_done_so() {
    for engine in ["yjs", "automerge"] {
        let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
        let todo = todo_of_two(&hall, (&ada, &ben), engine).await;
        let note = json!({ "text": "buy milk", "engine": engine });
        let note = ada.post(&hall, "/notes", note).await.is(201).text("id");
        for path in [todo, format!("/notes/{note}")] {
            let mut base = ada.get(&hall, &path).await.text("text");
            // Undone, done again; and back to what was said three puts ago.
            let said = ["b", "b c", "b", "b c", "b", "b d", "b e", "b c", "b"];
            for text in said.map(|more| format!("buy milk {more}")) {
                let put = json!({ "text": text, "base": base });
                let now = ada.put(&hall, &path, put).await.is(200);
                assert_eq!(now.text("text"), text, "{engine} {path}");
                base = text;
            }
        }
    }
}

#[tokio::test]
async fn who_sees_in_a_list_that_what_they_put_was_taken_back_puts_it_again() {
    for engine in ["yjs", "automerge"] {
        let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
        let todo = todo_of_two(&hall, (&ada, &ben), engine).await;
        let room = ada.get(&hall, &todo).await.text("room_id");
        let note = json!({ "text": "buy", "engine": engine, "room_id": room, "is_shared": true });
        let note = ada.post(&hall, "/notes", note).await.is(201).text("id");
        for (path, list) in [(todo, "todos"), (format!("/notes/{note}"), "notes")] {
            let base = ada.get(&hall, &path).await.text("text");
            let more = json!({ "text": format!("{base} milk"), "base": base });
            ada.put(&hall, &path, more.clone()).await.is(200);
            let taken_back = json!({ "text": base, "base": format!("{base} milk") });
            ben.put(&hall, &path, taken_back).await.is(200);
            ada.get(&hall, &format!("/rooms/{room}/{list}")).await.is(200);
            let now = ada.put(&hall, &path, more.clone()).await.is(200);
            assert_eq!(now.text("text"), format!("{base} milk"), "{engine} {path}");
            ada.put(&hall, &path, more).await.is(200); // its answer was lost
            let now = ada.get(&hall, &path).await.text("text");
            assert_eq!(now, format!("{base} milk"), "{engine} {path}");
        }
    }
}
