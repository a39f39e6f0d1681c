//! What a node planned, and did or not, before it died: others find out.

use http::Method;
use serde_json::json;
use studyhall_schema::{
    access::{AccessChange, Credential},
    access_change::SpreadChange,
    clock::Clock,
    document::{DocumentId, DocumentRecord},
    ids::AccessChangeId,
    login::{Login, Refusal},
    todo::{ProjectedList, Todo},
};

use crate::hall::{Hall, told};

/// What a node writes before it takes something from somebody.
async fn plans(hall: &Hall, node: AccessChangeId, change: AccessChange) {
    let (id, at) = (AccessChangeId::new(&*hall.clock), hall.clock.now());
    let row = SpreadChange { id, at, node, change, is_planned: true, plan: None };
    hall.store.records().insert(row).await.unwrap();
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
    for (id, is_planned, settles) in
        [(plan, true, None), (AccessChangeId::new(&*hall.clock), false, Some(plan))]
    {
        let (at, change) = (hall.clock.now(), AccessChange::UserChanged(user));
        let row = SpreadChange { id, at, node, change, is_planned, plan: settles };
        hall.store.records().insert(row).await.unwrap();
    }
    assert_eq!(told(&mut changes).await, AccessChange::UserChanged(user));
    // The next that is heard is another's, two readings later.
    tokio::time::sleep(std::time::Duration::from_millis(1200)).await;
    let note = DocumentId::Note("6553f100aaaaaaaaaaaaaaaa".parse().unwrap());
    plans(&hall, node, AccessChange::DocumentChanged(note)).await;
    assert_eq!(told(&mut changes).await, AccessChange::DocumentChanged(note));
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
