//! Notes.

use http::Method;
use serde_json::json;
use studyhall_schema::{
    access::{AccessChange, Permission},
    document::DocumentId,
};

use crate::{
    hall::{Hall, told},
    rooms::may,
};

#[tokio::test]
async fn the_same_create_twice_is_one_note() {
    let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
    let body = json!({ "id": "6553f100bbbbbbbbbbbbbbbb", "text": "made offline" });
    let first = ada.post(&hall, "/notes", body.clone()).await.is(201);
    let again = ada.post(&hall, "/notes", body.clone()).await.is(200);
    assert_eq!(first.body, again.body);
    assert_eq!(first.header("location"), "/api/v1/notes/6553f100bbbbbbbbbbbbbbbb");
    assert_eq!(first.text("document"), "note:6553f100bbbbbbbbbbbbbbbb");
    ben.post(&hall, "/notes", body).await.refused(409, "id-taken");
}

#[tokio::test]
async fn a_note_that_was_made_offline_is_posted_without_text_and_listed() {
    let (hall, [ada]) = Hall::with(["ada"]).await;
    let body = json!({ "id": "6553f100bbbbbbbbbbbbbbbb", "format": "rich" });
    let made = ada.post(&hall, "/notes", body).await.is(201);
    assert_eq!((&made.body["text"], &made.body["title"]), (&json!(""), &json!("")));
    let listed = ada.get(&hall, "/notes").await.is(200);
    assert_eq!(listed.body["items"][0], made.body);
    ada.put(&hall, "/notes/6553f100bbbbbbbbbbbbbbbb", json!({ "text": "later" })).await.is(200);
}

#[tokio::test]
async fn a_note_is_its_owners_until_it_is_shared_with_a_room() {
    let (hall, [ada, ben, eve]) = Hall::with(["ada", "ben", "eve"]).await;
    let room = ada.opens_room(&hall).await;
    ada.lets_in(&hall, &room, &[&ben]).await;
    let body = json!({ "text": "draft", "room_id": room, "is_shared": false });
    let note = ada.writes_note(&hall, body).await;
    let (path, listing) = (format!("/notes/{note}"), format!("/rooms/{room}/notes"));
    ben.get(&hall, &path).await.refused(404, "not-found");
    assert_eq!(ben.get(&hall, &listing).await.is(200).body["items"], json!([]));

    ada.put(&hall, &path, json!({ "is_shared": true })).await.is(200);
    ben.get(&hall, &path).await.is(200);
    ben.put(&hall, &path, json!({ "text": "ours" })).await.is(200);
    assert_eq!(ada.get(&hall, &path).await.is(200).body["text"], "ours");
    assert_eq!(ben.get(&hall, &listing).await.body["items"][0]["id"], note.as_str());
    eve.get(&hall, &path).await.refused(404, "not-found");
    eve.put(&hall, &path, json!({ "text": "mine" })).await.refused(404, "not-found");
    eve.delete(&hall, &path).await.refused(404, "not-found");
    ben.put(&hall, &path, json!({ "is_shared": false })).await.refused(403, "not-the-owner");
    ben.delete(&hall, &path).await.refused(403, "not-the-owner");

    let document = DocumentId::Note(note.parse().unwrap());
    let mut changes = hall.changes();
    ada.put(&hall, &path, json!({ "is_shared": false })).await.is(200);
    assert_eq!(told(&mut changes).await, AccessChange::DocumentChanged(document));
    assert_eq!(may(&hall, &ben, document).await, Permission::None);
}

#[tokio::test]
async fn a_deleted_note_is_gone_for_everybody_and_its_sockets_close() {
    let (hall, [ada]) = Hall::with(["ada"]).await;
    let note = ada.writes_note(&hall, json!({ "text": "a" })).await;
    let (path, document) = (format!("/notes/{note}"), DocumentId::Note(note.parse().unwrap()));
    let mut changes = hall.changes();
    ada.delete(&hall, &path).await.is(204);
    assert_eq!(told(&mut changes).await, AccessChange::DocumentDeleted(document));
    assert_eq!(may(&hall, &ada, document).await, Permission::None);
    ada.get(&hall, &path).await.refused(404, "not-found");
    ada.delete(&hall, &path).await.refused(404, "not-found");
    assert_eq!(ada.get(&hall, "/notes").await.is(200).body["items"], json!([]));
    ada.post(&hall, "/notes", json!({ "id": note })).await.refused(409, "id-taken");
}

#[tokio::test]
async fn a_writer_who_has_not_seen_the_newest_is_told() {
    let (hall, [ada]) = Hall::with(["ada"]).await;
    let note = ada.writes_note(&hall, json!({ "text": "one" })).await;
    let path = format!("/notes/{note}");
    let first = ada.get(&hall, &path).await.is(200);
    let tag = first.header("etag").to_owned();
    let known = ada.ask(&hall, Method::GET, &path).header("if-none-match", &tag);
    known.send().await.is(304);
    let with_tag = |tag: &str| ada.ask(&hall, Method::PUT, &path).header("if-match", tag);
    let second = with_tag(&tag).json(json!({ "text": "two" })).send().await.is(200);
    assert_ne!(second.header("etag"), tag);
    let stale = with_tag(&tag).json(json!({ "text": "three" })).send().await;
    stale.refused(412, "changed-meanwhile");
    with_tag("*").json(json!({ "text": "four" })).send().await.is(200);
    let stale = ada.ask(&hall, Method::DELETE, &path).header("if-match", &tag);
    stale.send().await.refused(412, "changed-meanwhile");
    assert_eq!(ada.get(&hall, &path).await.body["text"], "four");
}

#[tokio::test]
async fn a_put_leaves_what_its_writer_was_never_shown() {
    let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
    let room = ada.opens_room(&hall).await;
    ada.lets_in(&hall, &room, &[&ben]).await;
    let note = ada.writes_note(&hall, json!({ "text": "one two three", "room_id": room })).await;
    let path = format!("/notes/{note}");
    ben.get(&hall, &path).await.is(200);
    ben.put(&hall, &path, json!({ "text": "one two three BEN" })).await.is(200);
    let put = ada.put(&hall, &path, json!({ "text": "ONE two three" })).await.is(200);
    assert_eq!(put.body["text"], "ONE two three BEN");
    // The same again may be a retry of somebody who never had the answer.
    let put = ada.put(&hall, &path, json!({ "text": "ONE two three" })).await.is(200);
    assert_eq!(put.body["text"], "ONE two three BEN");
    // Once she has read it, she may take it out.
    ada.get(&hall, &path).await.is(200);
    let put = ada.put(&hall, &path, json!({ "text": "ONE two three" })).await.is(200);
    assert_eq!(put.body["text"], "ONE two three");
}

#[tokio::test]
async fn rich_notes_show_their_text_too() {
    let (hall, [ada]) = Hall::with(["ada"]).await;
    let body = json!({ "text": "one\ntwo", "title": "Plan", "format": "rich" });
    let note = ada.post(&hall, "/notes", body).await.is(201);
    let shown = ada.get(&hall, &format!("/notes/{}", note.text("id"))).await.is(200);
    assert_eq!(
        (&shown.body["text"], &shown.body["title"], &shown.body["format"]),
        (&json!("one\ntwo"), &json!("Plan"), &json!("rich"))
    );
    ada.post(&hall, "/notes", json!({ "format": "pdf" })).await.refused(422, "invalid");
    ada.post(&hall, "/notes", json!({ "engine": "other" })).await.refused(422, "invalid");
}
