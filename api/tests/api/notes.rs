//! Notes.

use http::Method;
use serde_json::json;
use studyhall_schema::{
    access::{AccessChange, Permission},
    document::DocumentId,
};

use crate::{
    hall::{Hall, Person, told},
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

/// Ada and Ben in a room, and a note of hers that both may write; its path.
async fn note_of_two(hall: &Hall, ada: &Person, ben: &Person, text: &str) -> String {
    let room = ada.opens_room(hall).await;
    ada.lets_in(hall, &room, &[ben]).await;
    let body = json!({ "text": text, "room_id": room, "is_shared": true });
    format!("/notes/{}", ada.writes_note(hall, body).await)
}

/// What the note is after somebody has put a text.
async fn put(hall: &Hall, person: &Person, path: &str, text: &str) -> String {
    person.put(hall, path, json!({ "text": text })).await.is(200).text("text")
}

/// Somebody reads the note and writes something before it.
async fn writes_before(hall: &Hall, person: &Person, path: &str, words: &str) {
    let text = person.get(hall, path).await.is(200).text("text");
    put(hall, person, path, &format!("{words}{text}")).await;
}

#[tokio::test]
async fn an_app_that_saves_its_text_box_while_its_person_types_on_takes_nobodys_words() {
    let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
    let path = note_of_two(&hall, &ada, &ben, "Plan for Monday.\n").await;
    let mut text_box = ada.get(&hall, &path).await.text("text");
    let mut bens = String::new();
    for round in 0..12 {
        let words = format!("BEN{round}. ");
        bens.insert_str(0, &words);
        writes_before(&hall, &ben, &path, &words).await;
        // A word that is saved half, then whole.
        text_box.extend(["ada", &round.to_string()]);
        assert_eq!(put(&hall, &ada, &path, &text_box).await, format!("{bens}{text_box}"));
        ada.get(&hall, "/notes").await.is(200);
        text_box += "'s ";
        let note = put(&hall, &ada, &path, &text_box).await;
        assert_eq!(note.trim_end(), format!("{bens}{text_box}").trim_end());
    }
    // She takes back what she wrote since the fourth, and then all that is hers.
    let cut = text_box.find("ada4").unwrap();
    for text in [&text_box[..cut], "Plan for Monday.\n"] {
        let note = put(&hall, &ada, &path, text).await;
        assert_eq!(note.trim_end(), format!("{bens}{text}").trim_end());
    }
}

#[tokio::test]
async fn what_is_shown_in_the_background_is_not_what_a_text_box_began_with() {
    let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
    let path = note_of_two(&hall, &ada, &ben, "Plan for Monday.\n").await;
    let text_box = ada.get(&hall, &path).await.text("text");
    let mut bens = String::new();
    for round in 0..12 {
        let words = format!("BEN{round}. ");
        bens.insert_str(0, &words);
        writes_before(&hall, &ben, &path, &words).await;
        ada.get(&hall, "/notes").await.is(200);
    }
    // Another tab shows it.
    ada.get(&hall, &path).await.is(200);
    let text_box = format!("{text_box}ada");
    assert_eq!(put(&hall, &ada, &path, &text_box).await, format!("{bens}{text_box}"));
    // The app tries again: its list has come meanwhile, the answer has not.
    ada.get(&hall, "/notes").await.is(200);
    assert_eq!(put(&hall, &ada, &path, &text_box).await, format!("{bens}{text_box}"));
}

#[tokio::test]
async fn who_has_opened_a_note_may_take_out_what_they_were_shown() {
    let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
    let path = note_of_two(&hall, &ada, &ben, "Plan for Monday.\n").await;
    let before = ada.get(&hall, &path).await.text("text");
    writes_before(&hall, &ben, &path, "BEN wrote some words in front of it. ").await;
    ada.get(&hall, &path).await.is(200);
    let shorter = format!("BEN wrote some words. {before}");
    assert_eq!(put(&hall, &ada, &path, &shorter).await, shorter);
    ada.get(&hall, &path).await.is(200);
    assert_eq!(put(&hall, &ada, &path, &before).await, before, "as it was before Ben came");
    writes_before(&hall, &ben, &path, "BEN again. ").await;
    ada.get(&hall, &path).await.is(200);
    assert_eq!(put(&hall, &ada, &path, &before).await, before, "as she has put it before");
    writes_before(&hall, &ben, &path, "BEN. ").await;
    ada.get(&hall, &path).await.is(200);
    assert_eq!(put(&hall, &ada, &path, "Something else\n").await, "Something else\n");
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

#[tokio::test]
async fn a_text_that_would_not_be_shown_whole_is_refused() {
    let (hall, [ada]) = Hall::with(["ada"]).await;
    let whole = "\u{5b66}".repeat((1 << 20) / 3); // three bytes each
    let cut = format!("{whole}\u{5b66}");
    ada.post(&hall, "/notes", json!({ "text": cut })).await.refused(413, "text-too-long");
    let note = ada.writes_note(&hall, json!({ "text": "short" })).await;
    let path = format!("/notes/{note}");
    ada.put(&hall, &path, json!({ "text": cut })).await.refused(413, "text-too-long");
    assert_eq!(ada.get(&hall, &path).await.is(200).body["text"], "short");
    ada.put(&hall, &path, json!({ "text": whole })).await.is(200);
    assert_eq!(ada.get(&hall, &path).await.is(200).body["text"], whole.as_str());
}

#[tokio::test]
async fn if_match_takes_a_list_of_strong_tags_and_a_body_is_an_object() {
    let (hall, [ada]) = Hall::with(["ada"]).await;
    let path = format!("/notes/{}", ada.writes_note(&hall, json!({ "text": "one" })).await);
    let put = async |tags: &str, text: &str| {
        let ask = ada.ask(&hall, Method::PUT, &path).header("if-match", tags);
        ask.json(json!({ "text": text })).send().await
    };
    let tag = ada.get(&hall, &path).await.header("etag").to_owned();
    put(&format!("W/{tag}"), "two").await.refused(412, "changed-meanwhile");
    put("\"99\", \"not-ours\"", "two").await.refused(412, "changed-meanwhile");
    put(&format!("\"99\", {tag}"), "two").await.is(200);
    put("*", "three").await.is(200);
    ada.put(&hall, &path, json!(["a text", null])).await.refused(422, "invalid");
    assert_eq!(ada.get(&hall, &path).await.body["text"], "three");
}
