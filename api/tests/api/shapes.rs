//! The shapes that clients rely on, as they are sent.

use insta::assert_json_snapshot;
use serde_json::json;

use crate::hall::{Hall, registration};

#[tokio::test]
async fn shapes() {
    let hall = Hall::open().await;
    let ask = hall.post("/auth/register").header("x-token-delivery", "body");
    let registered = ask.json(registration("ada")).send().await.is(201);
    let ada = crate::hall::Person::of(&registered);
    assert_json_snapshot!("registered", registered.body, {
        ".access_token" => "[jwt]", ".refresh_token" => "[token]", ".user.id" => "[id]",
        ".user.documents.todos.name" => "todos:[id]",
    });
    let room = ada.post(&hall, "/rooms", json!({ "name": "Biology" })).await.is(201);
    let path = format!("/rooms/{}/invite-codes", room.text("id"));
    assert_json_snapshot!("room", room.body, {
        ".id" => "[id]", ".owner_id" => "[id]", ".participants[].user_id" => "[id]",
        ".documents.todos.name" => "todos:[id]", ".documents.state.name" => "room:[id]",
    });
    let code = ada.post(&hall, &path, json!({})).await.is(201);
    assert_json_snapshot!("invite_code", code.body, {
        ".id" => "[id]", ".room_id" => "[id]", ".created_by" => "[id]", ".code" => "[code]",
    });
    let body = json!({ "text": "Check page 24", "room_id": room.text("id") });
    let note = ada.post(&hall, "/notes", body).await.is(201);
    assert_json_snapshot!("note", note.body, {
        ".id" => "[id]", ".room_id" => "[id]", ".owner_id" => "[id]", ".document" => "note:[id]",
        ".rev" => "[rev]",
    });
    let body = json!({
        "text": "Read chapter 5", "room_id": room.text("id"), "assignee_id": ada.id,
        "due_date": "2026-01-10T00:00:00Z",
    });
    let todo = ada.post(&hall, "/todos", body).await.is(201);
    let path = format!("/todos/{}/complete", todo.text("id"));
    let todo = ada.put(&hall, &path, json!({})).await.is(200);
    assert_json_snapshot!("todo", todo.body, {
        ".id" => "[id]", ".room_id" => "[id]", ".owner_id" => "[id]", ".assignee_id" => "[id]",
        ".document" => "todos:[id]", ".rev" => "[rev]",
    });
    let ticket = ada.post(&hall, "/auth/ws-ticket", json!({})).await.is(200);
    assert_json_snapshot!("ticket", ticket.body, { ".ticket" => "[ticket]" });
    let ask = hall.post("/auth/register").header("x-request-id", "request-1");
    let body = json!({ "email": "not an address", "username": "a b", "password": "short" });
    assert_json_snapshot!("problem", ask.json(body).send().await.is(422).body);
}
