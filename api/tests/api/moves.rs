//! What is done to a todo just when it is moved is done, and is not answered as if it were not.

use futures_util::future::join_all;
use serde_json::json;
use studyhall_schema::{
    document::DocumentId,
    ids::{TodoId, UserId},
};

use crate::hall::Hall;

/// Rounds of a race.
const ROUNDS: usize = 30;

#[tokio::test(flavor = "multi_thread")]
async fn who_does_something_beside_a_move_is_answered_as_it_was_done() {
    let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
    let room = ada.opens_room(&hall).await;
    ada.lets_in(&hall, &room, &[&ben]).await;
    let lists: [DocumentId; 2] =
        [&ada.id, &room].map(|list| format!("todos:{list}").parse().unwrap());
    let other = ada.post(&hall, "/todos", json!({ "text": "other", "room_id": room })).await;
    let other = format!("/todos/{}", other.text("id"));
    for round in 0..ROUNDS {
        let body = json!({ "text": "x", "room_id": room });
        let id: TodoId = ada.post(&hall, "/todos", body).await.text("id").parse().unwrap();
        let (path, completes) = (format!("/todos/{id}"), round % 2 == 0);
        let busy =
            (0..8).map(|n| ada.put(&hall, &other, json!({ "text": format!("{round} {n}") })));
        let acts = async {
            if completes {
                ben.put(&hall, &format!("{path}/complete"), json!({})).await
            } else {
                ben.put(&hall, &path, json!({ "text": "Ben's" })).await
            }
        };
        let takes = ada.put(&hall, &path, json!({ "is_shared": false }));
        let (_, moved, done) = tokio::join!(join_all(busy), takes, acts);
        moved.is(200);
        let mut says = String::new();
        for list in lists {
            let by: UserId = ada.id.parse().unwrap();
            let look = hall
                .documents
                .edit_todos(list, by, move |todos| Ok(todos.taken_along(id).to_string()));
            says += &look.await.unwrap();
        }
        let is_done = says.contains(if completes { &ben.id } else { "Ben's" });
        assert_eq!(done.status.as_u16(), if is_done { 200 } else { 404 }, "{round}: {says}");
        if is_done {
            assert_eq!(done.body["is_completed"], json!(completes));
            assert_eq!(done.text("text"), if completes { "x" } else { "Ben's" });
        }
    }
}
