//! What a node planned, and did or not, before it died: others find out.

use std::{convert::Infallible, time::Duration};

use http::Method;
use serde_json::{Value, json};
use studyhall_schema::{
    access::{AccessChange, Credential},
    access_change::SpreadChange,
    clock::Clock,
    document::{DocumentId, DocumentRecord},
    ids::{AccessChangeId, NoteId},
    login::{Login, Refusal},
    note::Note,
    todo::{ProjectedList, Todo},
};
use studyhall_store::Page;

use crate::hall::{Hall, Person, told};

fn fresh(hall: &Hall) -> AccessChangeId {
    AccessChangeId::new(&*hall.clock)
}

fn note(number: u8) -> DocumentId {
    DocumentId::Note(NoteId::from_bytes([number; 12]))
}

/// A node writes this.
async fn tells(hall: &Hall, row: SpreadChange) {
    hall.store.records().insert(row).await.unwrap();
}

/// What a node writes when it has changed something; of what it planned, with the plan that this settles.
async fn says(
    hall: &Hall,
    node: AccessChangeId,
    change: AccessChange,
    plan: Option<AccessChangeId>,
) {
    let (id, at) = (fresh(hall), hall.clock.now());
    tells(hall, SpreadChange { id, at, node, change, is_planned: false, plan }).await;
}

/// What a node writes before it takes something from somebody.
async fn plans(hall: &Hall, node: AccessChangeId, change: AccessChange) {
    let (id, at) = (fresh(hall), hall.clock.now());
    tells(hall, SpreadChange { id, at, node, change, is_planned: true, plan: None }).await;
}

#[tokio::test]
async fn what_a_node_took_before_it_died_is_taken_here_and_nothing_else() {
    let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
    let [stays, goes] = [&ada, &ben].map(|one| Credential::AccessToken(one.access.clone()));
    let (stays, goes) = (hall.admits(stays).await.unwrap(), hall.admits(goes).await.unwrap());
    let note = ada.writes_note(&hall, json!({ "text": "a" })).await;
    let note = DocumentId::Note(note.parse().unwrap());
    hall.accounts.join_nodes();
    let (dead, mut changes) = (AccessChangeId::new(&*hall.clock), hall.changes());

    for planned in [
        AccessChange::LoginRevoked(stays.login),
        AccessChange::DocumentDeleted(note),
        AccessChange::LoginRevoked(goes.login),
    ] {
        plans(&hall, dead, planned).await;
    }
    let end = |login: &mut Login| {
        login.revoke(hall.clock.now());
        Ok::<_, Refusal>(())
    };
    hall.store.records().update(&goes.login, end).await.unwrap();
    assert_eq!(told(&mut changes).await, AccessChange::LoginRevoked(goes.login));
    ben.get(&hall, "/auth/me").await.refused(401, "unauthenticated");
    ada.get(&hall, "/auth/me").await.is(200);

    let now = hall.clock.now();
    let bury = |record: &mut DocumentRecord| {
        record.deleted_at = Some(now);
        Ok::<_, Refusal>(())
    };
    hall.store.records().update(&note, bury).await.unwrap();
    while told(&mut changes).await != AccessChange::DocumentDeleted(note) {}
}

#[tokio::test]
async fn a_plan_that_its_node_has_settled_is_looked_for_no_more() {
    let (hall, [ada]) = Hall::with(["ada"]).await;
    let user = ada.id.parse().unwrap();
    hall.accounts.join_nodes();
    let (node, mut changes) = (AccessChangeId::new(&*hall.clock), hall.changes());
    let plan = AccessChangeId::new(&*hall.clock);
    let change = AccessChange::UserChanged(user);
    // What settles it comes first: the node may read between the two.
    says(&hall, node, change, Some(plan)).await;
    tells(
        &hall,
        SpreadChange { at: hall.clock.now(), id: plan, node, change, is_planned: true, plan: None },
    )
    .await;
    assert_eq!(told(&mut changes).await, change);
    // Each of these is heard in a reading of its own, and who looks for the plan would say so before the
    // next.
    for number in 0..3 {
        let change = AccessChange::DocumentChanged(note(number));
        says(&hall, node, change, None).await;
        assert_eq!(told(&mut changes).await, change);
    }
}

#[tokio::test]
async fn what_a_node_tells_whose_clock_is_behind_is_heard_too() {
    let (hall, [_ada]) = Hall::with(["ada"]).await;
    let (node, mut changes) = (fresh(&hall), hall.changes());
    // What was there before: whenever the first reading is, it begins no later.
    let id = AccessChangeId::new_at(hall.clock.now() - Duration::from_mins(5), &*hall.clock);
    let (at, change) = (hall.clock.now(), AccessChange::DocumentChanged(note(9)));
    tells(&hall, SpreadChange { at, id, node, change, is_planned: false, plan: None }).await;
    hall.accounts.join_nodes();
    assert_eq!(told(&mut changes).await, change);
    for (number, behind) in (0..).zip([0, 60, 240]) {
        let then = hall.clock.now() - Duration::from_secs(behind);
        let id = AccessChangeId::new_at(then, &*hall.clock);
        let change = AccessChange::DocumentChanged(note(number));
        tells(
            &hall,
            SpreadChange { at: hall.clock.now(), id, node, change, is_planned: false, plan: None },
        )
        .await;
        assert_eq!(told(&mut changes).await, change, "{behind} s behind");
    }
}

#[tokio::test]
async fn who_has_seen_what_is_dated_later_dates_no_earlier() {
    let (hall, [ada]) = Hall::with(["ada"]).await;
    hall.accounts.join_nodes();
    let (there, mut changes) = (fresh(&hall), hall.changes());
    let ahead = hall.clock.now() + Duration::from_mins(1);
    let id = AccessChangeId::new_at(ahead, &*hall.clock);
    let change = AccessChange::DocumentChanged(note(0));
    tells(
        &hall,
        SpreadChange {
            at: hall.clock.now(),
            id,
            node: there,
            change,
            is_planned: false,
            plan: None,
        },
    )
    .await;
    assert_eq!(told(&mut changes).await, change);
    ada.writes_note(&hall, json!({ "text": "a" })).await;
    let rows = hall.store.records::<SpreadChange>();
    let own = loop {
        let page = rows.page(Page::of("_id").limit(9)).await.unwrap();
        if let Some(own) = page.items.iter().find(|row| row.node != there) {
            break own.id;
        }
        tokio::task::yield_now().await;
    };
    assert!(own.made_at() >= id.made_at(), "who reads on from there would miss it");
}

#[tokio::test]
async fn what_a_node_planned_itself_and_never_learned_the_outcome_of_it_looks_for_too() {
    let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
    hall.accounts.join_nodes();
    let mut changes = hall.changes();
    ada.writes_note(&hall, json!({ "text": "a" })).await;
    told(&mut changes).await;
    let rows = hall.store.records::<SpreadChange>();
    let here = loop {
        let page = rows.page(Page::of("_id").limit(1)).await.unwrap();
        if let Some(row) = page.items.first() {
            break row.node;
        }
        tokio::task::yield_now().await;
    };
    let goes = hall.admits(Credential::AccessToken(ben.access.clone())).await.unwrap().login;
    plans(&hall, here, AccessChange::LoginRevoked(goes)).await;
    let end = |login: &mut Login| {
        login.revoke(hall.clock.now());
        Ok::<_, Refusal>(())
    };
    hall.store.records().update(&goes, end).await.unwrap();
    assert_eq!(told(&mut changes).await, AccessChange::LoginRevoked(goes));
    ben.get(&hall, "/auth/me").await.refused(401, "unauthenticated");
}

#[tokio::test]
async fn who_was_let_in_elsewhere_a_moment_ago_is_not_refused_from_memory() {
    let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
    let room = ada.opens_room(&hall).await;
    let body = json!({ "text": "for all", "room_id": room, "is_shared": true });
    let note = ada.writes_note(&hall, body).await;
    let there = hall.restarted(|_| {});
    let paths = [format!("/notes/{note}"), format!("/rooms/{room}/notes")];
    for path in &paths {
        ben.get(&there, path).await.refused(404, "not-found");
        ada.get(&there, path).await.is(200);
    }
    ada.lets_in(&hall, &room, &[&ben]).await;
    for path in &paths {
        ben.get(&there, path).await.is(200);
    }
    ben.post(&hall, &format!("/rooms/{room}/leave"), json!({})).await.is(204);
    ada.put(&hall, &paths[0], json!({ "is_shared": false })).await.is(200);
    tokio::time::sleep(Duration::from_millis(2100)).await;
    for path in &paths {
        ben.get(&there, path).await.refused(404, "not-found");
    }
}

/// Changes a note's record, and dies before its row.
async fn dies_after_the_record(
    hall: &Hall,
    note: &str,
    change: impl Fn(&mut DocumentRecord) + Sync,
) {
    let now = hall.clock.now();
    let revise = |record: &mut DocumentRecord| {
        change(record);
        record.changed_at = Some(now);
        Ok::<_, Infallible>(())
    };
    let id = DocumentId::Note(note.parse().unwrap());
    hall.store.records().update(&id, revise).await.unwrap().unwrap().unwrap();
}

/// What a list shows, by its text: whether it is shared.
async fn listed(hall: &Hall, who: &Person, path: &str) -> Vec<(String, bool)> {
    let listed = who.get(hall, path).await.is(200);
    let one = |note: &Value| {
        (note["text"].as_str().unwrap().to_owned(), note["is_shared"].as_bool().unwrap())
    };
    let mut notes: Vec<_> = listed.body["items"].as_array().unwrap().iter().map(one).collect();
    notes.sort_unstable();
    notes
}

#[tokio::test]
async fn lists_show_what_a_record_allows_whatever_its_row_says_and_put_the_row_right() {
    let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
    let room = ada.opens_room(&hall).await;
    ada.lets_in(&hall, &room, &[&ben]).await;
    let mut notes = Vec::new();
    for (text, is_shared) in [("diary", true), ("gone", true), ("draft", false), ("stays", true)] {
        let body = json!({ "text": text, "room_id": room, "is_shared": is_shared });
        notes.push(ada.writes_note(&hall, body).await);
    }
    let in_room = format!("/rooms/{room}/notes");
    let shown = |text: &str, is_shared| (text.to_owned(), is_shared);
    let all = ["diary", "gone", "stays"].map(|text| shown(text, true));
    assert_eq!(listed(&hall, &ben, &in_room).await, all);

    let now = hall.clock.now();
    dies_after_the_record(&hall, &notes[0], |record| record.is_shared = false).await;
    dies_after_the_record(&hall, &notes[1], |record| record.deleted_at = Some(now)).await;
    dies_after_the_record(&hall, &notes[2], |record| record.is_shared = true).await;
    let there = hall.restarted(|_| {});
    for node in [&hall, &there] {
        assert_eq!(
            listed(node, &ben, &in_room).await,
            [shown("draft", true), shown("stays", true)]
        );
        assert_eq!(
            listed(node, &ada, "/notes").await,
            [shown("diary", false), shown("draft", true), shown("stays", true)]
        );
    }
    let rows = hall.store.records::<Note>();
    let [diary, gone, draft] = [0, 1, 2].map(|which: usize| notes[which].parse().unwrap());
    assert!(!rows.get(&diary).await.unwrap().unwrap().is_shared);
    assert_eq!(rows.get(&gone).await.unwrap(), None);
    assert!(rows.get(&draft).await.unwrap().unwrap().is_shared);
}

#[tokio::test]
async fn a_note_that_looks_unshared_and_is_not_can_be_taken_back() {
    let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
    let room = ada.opens_room(&hall).await;
    ada.lets_in(&hall, &room, &[&ben]).await;
    let body = json!({ "text": "diary", "room_id": room, "is_shared": false });
    let path = format!("/notes/{}", ada.writes_note(&hall, body).await);
    dies_after_the_record(&hall, &path["/notes/".len()..], |record| record.is_shared = true).await;
    let hall = hall.restarted(|_| {});
    let seen = ada.get(&hall, &path).await.is(200);
    assert_eq!(seen.body["is_shared"], true);
    ben.get(&hall, &path).await.is(200);
    dies_after_the_record(&hall, &path["/notes/".len()..], |record| record.is_shared = true).await;
    ada.put(&hall, &path, json!({ "is_shared": false })).await.is(200);
    ben.get(&hall, &path).await.refused(404, "not-found");
}

#[tokio::test]
async fn a_todo_whose_row_a_dead_node_did_not_write_is_found_listed_and_done_by_the_next() {
    let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
    let room = ada.opens_room(&hall).await;
    ada.lets_in(&hall, &room, &[&ben]).await;
    let body = json!({ "text": "kept", "room_id": room, "assignee_id": ben.id });
    let id = ada.post(&hall, "/todos", body).await.is(201).text("id");
    let list: DocumentId = format!("todos:{room}").parse().unwrap();
    let done = format!("/todos/{id}/complete");
    for (who, method, path) in [
        (&ada, Method::GET, format!("/todos/{id}")),
        (&ben, Method::PUT, done),
        (&ada, Method::GET, "/todos".into()),
        (&ben, Method::GET, "/todos?assigned=true".into()),
    ] {
        hall.store.records::<Todo>().delete(&Todo::key(list, id.parse().unwrap())).await.unwrap();
        hall.store.records::<ProjectedList>().delete(&list).await.unwrap();
        hall.advance(1);
        let next = hall.restarted(|_| {});
        let answer = who.ask(&next, method, &path).send().await.is(200);
        let shown = answer.body["items"].get(0).unwrap_or(&answer.body);
        assert_eq!(shown["text"], "kept", "{path}");
    }
}
