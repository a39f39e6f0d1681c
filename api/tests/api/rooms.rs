//! Rooms: codes, places, roles, and what members may do with notes.

use futures_util::future::join_all;
use serde_json::{Value, json};
use studyhall_schema::{
    access::{AccessChange, Permission, Resource},
    document::DocumentId,
};

use crate::hall::{Hall, Person, told};

fn ids(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().unwrap();
    items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_code_lets_people_in_until_it_is_used_up_old_or_taken_back() {
    let (hall, [ada, ben, cem, dia]) = Hall::with(["ada", "ben", "cem", "dia"]).await;
    let room = ada.opens_room(&hall).await;
    let codes = format!("/rooms/{room}/invite-codes");
    let made = ada.post(&hall, &codes, json!({ "max_uses": 1 })).await.is(201);
    let code = made.text("code");
    assert_eq!(code.len(), 10);
    let spoken = format!("{}-{}", &code[..5].to_lowercase(), &code[5..]);
    ben.post(&hall, "/rooms/join", json!({ "code": spoken })).await.is(200);
    cem.post(&hall, "/rooms/join", json!({ "code": code })).await.refused(404, "not-found");

    let listed = ada.get(&hall, &codes).await.is(200).body;
    assert_eq!((&listed["items"][0]["uses"], listed["items"][0].get("code")), (&json!(1), None));
    ben.get(&hall, &codes).await.refused(403, "role-too-low");
    cem.get(&hall, &codes).await.refused(404, "not-found");

    let old = ada.post(&hall, &codes, json!({})).await.is(201).text("code");
    let gone = ada.post(&hall, &codes, json!({})).await.is(201);
    ada.delete(&hall, &format!("{codes}/{}", gone.text("id"))).await.is(204);
    let body = json!({ "code": gone.text("code") });
    cem.post(&hall, "/rooms/join", body).await.refused(404, "not-found");
    let elsewhere = "/rooms/0123456789abcdef01234567/join";
    cem.post(&hall, elsewhere, json!({ "code": old })).await.refused(404, "not-found");
    cem.post(&hall, &format!("/rooms/{room}/join"), json!({ "code": old })).await.is(200);
    let ada = hall.login("ada").await;
    hall.advance(7 * 86_400);
    let dia = Person { access: hall.login("dia").await.access, ..dia };
    dia.post(&hall, "/rooms/join", json!({ "code": old })).await.refused(404, "not-found");
    drop(ada);
}

#[tokio::test]
async fn row_33_guessing_codes_ends_after_ten() {
    let hall = Hall::open_with(|config| config.rate_limit = true).await;
    let eve = hall.register("eve").await;
    for n in 0..10 {
        let code = json!({ "code": format!("AAAAAAAAA{n}") });
        eve.post(&hall, "/rooms/join", code).await.refused(404, "not-found");
    }
    let code = json!({ "code": "AAAAAAAAAA" });
    eve.post(&hall, "/rooms/join", code).await.refused(429, "too-many-requests");
}

#[tokio::test]
async fn two_hundred_joins_into_five_places_give_five_members() {
    let hall = Hall::open().await;
    let ada = hall.register("ada").await;
    let room = ada.opens_room(&hall).await;
    let path = format!("/rooms/{room}/invite-codes");
    let code = ada.post(&hall, &path, json!({ "max_uses": 1000 })).await.is(201).text("code");
    let crowd: Vec<String> = (0..200).map(|n| format!("guest{n}")).collect();
    let crowd = join_all(crowd.iter().map(|name| hall.register(name))).await;
    let join = |one: &Person| {
        let one = one.clone();
        let (hall, code) = (&hall, &code);
        async move { one.post(hall, "/rooms/join", json!({ "code": code })).await }
    };
    let answers = join_all(crowd.iter().map(join)).await;
    let welcome = answers.iter().filter(|answer| answer.status == 200).count();
    let full = answers.iter().filter(|answer| answer.code() == "room-full").count();
    assert_eq!((welcome, full), (4, 196), "the owner has the fifth place");
    let people = ada.get(&hall, &format!("/rooms/{room}/participants")).await.is(200);
    assert_eq!(people.body["items"].as_array().unwrap().len(), 5);
    let codes = ada.get(&hall, &path).await.is(200);
    assert_eq!(codes.body["items"][0]["uses"], 4, "who found no place has used nothing");
    let listings = join_all(crowd.iter().map(|one| one.get(&hall, "/rooms"))).await;
    let listed = listings.iter().filter(|page| !ids(&page.body).is_empty()).count();
    assert_eq!(listed, 4);
}

#[tokio::test]
async fn an_outsider_cannot_tell_a_private_room_from_none() {
    let (hall, [ada, eve]) = Hall::with(["ada", "eve"]).await;
    let room = ada.opens_room(&hall).await;
    let nowhere = "0123456789abcdef01234567";
    for path in ["", "/participants", "/notes", "/invite-codes"] {
        let mut seen = Vec::new();
        for id in [room.as_str(), nowhere] {
            let mut answer = eve.get(&hall, &format!("/rooms/{id}{path}")).await.is(404);
            answer.body["request_id"] = json!("");
            seen.push(answer.body);
        }
        assert_eq!(seen[0], seen[1], "{path}");
    }
    for path in ["join", "leave", "invite-codes"] {
        eve.post(&hall, &format!("/rooms/{room}/{path}"), json!({})).await.is(404);
    }
    eve.put(&hall, &format!("/rooms/{room}"), json!({ "name": "Mine" })).await.is(404);
    let note = json!({ "room_id": room });
    eve.post(&hall, "/notes", note).await.refused(404, "not-found");
}

#[tokio::test]
async fn levels_unlock_rooms_and_personal_rooms_need_none() {
    let (hall, [ada]) = Hall::with(["ada"]).await;
    let make = |body: Value| ada.post(&hall, "/rooms", body);
    let large = json!({ "name": "Large", "max_participants": 6 });
    make(large).await.refused(403, "level-too-low");
    let public = json!({ "name": "Public", "settings": { "is_private": false } });
    make(public).await.refused(403, "level-too-low");
    let room = ada.opens_room(&hall).await;
    make(json!({ "name": "Second" })).await.refused(403, "level-too-low");
    make(json!({ "name": "Mine", "type": "personal" })).await.is(201);
    make(json!({ "name": "Mine too", "type": "personal" })).await.is(201);
    let public = json!({ "settings": { "is_private": false } });
    ada.put(&hall, &format!("/rooms/{room}"), public).await.refused(403, "level-too-low");
    ada.post(&hall, &format!("/rooms/{room}/leave"), json!({})).await.is(204);
    ada.opens_room(&hall).await;
}

#[tokio::test]
async fn nobody_opens_more_shared_rooms_than_they_may_however_many_others_they_have_and_however_fast()
 {
    let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
    let personal = json!({ "name": "Mine", "type": "personal" });
    ada.opens_room(&hall).await;
    let many = (0..120).map(|_| ada.post(&hall, "/rooms", personal.clone()));
    for made in join_all(many).await {
        made.is(201);
    }
    let second = || json!({ "name": "Second" });
    ada.post(&hall, "/rooms", second()).await.refused(403, "level-too-low");
    let at_once = (0..20).map(|_| ben.post(&hall, "/rooms", second()));
    let made = join_all(at_once).await;
    assert_eq!(made.iter().filter(|answer| answer.status == 201).count(), 1);
}

#[tokio::test]
async fn the_owner_leaves_last_and_the_room_ends() {
    let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
    let room = ada.opens_room(&hall).await;
    ada.lets_in(&hall, &room, &[&ben]).await;
    let leave = format!("/rooms/{room}/leave");
    ada.post(&hall, &leave, json!({})).await.refused(409, "owner-must-transfer");
    assert_eq!(ids(&ben.get(&hall, "/rooms").await.body).join(","), room);
    ben.post(&hall, &leave, json!({})).await.is(204);
    assert!(ids(&ben.get(&hall, "/rooms").await.body).is_empty());
    ben.get(&hall, &format!("/rooms/{room}")).await.is(404);
    ada.post(&hall, &leave, json!({})).await.is(204);
    ada.get(&hall, &format!("/rooms/{room}")).await.is(404);
}

#[tokio::test]
async fn the_same_create_twice_is_one_room() {
    let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
    let body = json!({ "id": "6553f100aaaaaaaaaaaaaaaa", "name": "Biology" });
    let first = ada.post(&hall, "/rooms", body.clone()).await.is(201);
    let again = ada.post(&hall, "/rooms", body.clone()).await.is(200);
    assert_eq!(first.body, again.body);
    ben.post(&hall, "/rooms", body).await.refused(409, "id-taken");
}

#[tokio::test]
async fn row_19_leaving_a_room_ends_what_one_may_do_with_its_notes() {
    let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
    let room = ada.opens_room(&hall).await;
    ada.lets_in(&hall, &room, &[&ben]).await;
    let note = ada.writes_note(&hall, json!({ "text": "a", "room_id": room })).await;
    let document = DocumentId::Note(note.parse().unwrap());
    assert_eq!(may(&hall, &ben, document).await, Permission::Write);

    let mut changes = hall.changes();
    ben.post(&hall, &format!("/rooms/{room}/leave"), json!({})).await.is(204);
    let change = told(&mut changes).await;
    assert_eq!(change, AccessChange::UserChanged(ben.id.parse().unwrap()));
    assert_eq!(may(&hall, &ben, document).await, Permission::None);
    ben.get(&hall, &format!("/notes/{note}")).await.refused(404, "not-found");
    assert_eq!(may(&hall, &ada, document).await, Permission::Write);
}

#[tokio::test]
async fn members_only_read_notes_when_the_owner_says_so() {
    let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
    let room = ada.opens_room(&hall).await;
    ada.lets_in(&hall, &room, &[&ben]).await;
    let note = ada.writes_note(&hall, json!({ "text": "a", "room_id": room })).await;
    let document = DocumentId::Note(note.parse().unwrap());
    let readers = json!({ "settings": { "members_can_edit_notes": false } });
    ben.put(&hall, &format!("/rooms/{room}"), readers.clone()).await.refused(403, "role-too-low");
    let mut changes = hall.changes();
    ada.put(&hall, &format!("/rooms/{room}"), readers).await.is(200);
    told(&mut changes).await;
    assert_eq!(may(&hall, &ben, document).await, Permission::Read);
    assert_eq!(may(&hall, &ada, document).await, Permission::Write);
    let path = format!("/notes/{note}");
    ben.get(&hall, &path).await.is(200);
    ben.put(&hall, &path, json!({ "text": "b" })).await.refused(403, "read-only");
}

pub(crate) async fn may(hall: &Hall, person: &Person, document: DocumentId) -> Permission {
    use studyhall_schema::access::{Access, Credential};
    let token = Credential::AccessToken(person.access.clone());
    let caller = hall.admits(token).await.unwrap();
    hall.accounts.permission(caller, Resource::Document(document)).await.unwrap()
}
