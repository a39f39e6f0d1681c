//! Joining by a code: again after a try that came to nothing, at once, after one has left, and as one leaves.

use futures_util::{future::join_all, join};
use http::Method;
use serde_json::{Value, json};
use studyhall_schema::room::RoomMember;

use crate::{
    cut_off::{TURNS, hangs_up},
    hall::{Answer, Ask, Hall, Person},
};

/// A code of so many uses, made by `ada`.
async fn code(hall: &Hall, ada: &Person, room: &str, max_uses: u32) -> String {
    let path = format!("/rooms/{room}/invite-codes");
    ada.post(hall, &path, json!({ "max_uses": max_uses })).await.is(201).text("code")
}

fn presses<'h>(hall: &'h Hall, who: &Person, code: &str) -> Ask<'h> {
    who.ask(hall, Method::POST, "/rooms/join").json(json!({ "code": code }))
}

async fn joins(hall: &Hall, who: &Person, code: &str) -> Answer {
    presses(hall, who, code).send().await
}

async fn leaves(hall: &Hall, who: &Person, room: &str) -> Answer {
    who.post(hall, &format!("/rooms/{room}/leave"), json!({})).await
}

/// How often each code of the room was used, the oldest first.
async fn uses(hall: &Hall, ada: &Person, room: &str) -> Vec<u64> {
    let path = format!("/rooms/{room}/invite-codes?limit=100");
    let codes = ada.get(hall, &path).await.is(200).body;
    codes["items"].as_array().unwrap().iter().map(|one| one["uses"].as_u64().unwrap()).collect()
}

async fn lists(hall: &Hall, who: &Person, room: &str) -> bool {
    let rooms = who.get(hall, "/rooms").await.is(200).body;
    rooms["items"].as_array().unwrap().iter().any(|one: &Value| one["id"] == room)
}

#[tokio::test]
async fn who_presses_four_times_is_in_by_one_use_wherever_they_press() {
    let (hall, [ada, ben, cem]) = Hall::with(["ada", "ben", "cem"]).await;
    let room = ada.opens_room(&hall).await;
    let there = hall.restarted(|_| {});
    for max_uses in [1, 50] {
        let code = code(&hall, &ada, &room, max_uses).await;
        let at_once = [&hall, &there, &hall, &there].map(|node| joins(node, &ben, &code));
        for answer in join_all(at_once).await {
            assert_eq!(answer.is(200).text("id"), room);
        }
        joins(&there, &ben, &code).await.is(200);
        assert_eq!(uses(&hall, &ada, &room).await.last(), Some(&1));
        if max_uses == 1 {
            joins(&hall, &cem, &code).await.refused(404, "not-found");
        }
        leaves(&hall, &ben, &room).await.is(204);
    }
}

#[tokio::test]
async fn one_of_ten_is_in_by_a_code_of_one_use() {
    let hall = Hall::open().await;
    let ada = hall.register("ada").await;
    let room = ada.opens_room(&hall).await;
    let code = code(&hall, &ada, &room, 1).await;
    let names: Vec<_> = (0..10).map(|n| format!("guest{n}")).collect();
    let guests = join_all(names.iter().map(|name| hall.register(name))).await;
    let pressed = guests.iter().chain(&guests).map(|one| joins(&hall, one, &code));
    let answers = join_all(pressed).await;
    let welcome = answers.iter().filter(|answer| answer.status == 200).count();
    let refused = answers.iter().filter(|answer| answer.code() == "not-found").count();
    assert_eq!((welcome, refused), (2, 18), "each has pressed twice");
    assert_eq!(uses(&hall, &ada, &room).await, [1]);
}

#[tokio::test]
async fn who_is_in_is_in_whatever_has_become_of_the_code_and_strangers_learn_nothing() {
    let hall = Hall::open_with(|config| config.rate_limit = true).await;
    let [ada, ben, eve] =
        [hall.register("ada").await, hall.register("ben").await, hall.register("eve").await];
    let room = ada.opens_room(&hall).await;
    let spent = code(&hall, &ada, &room, 1).await;
    joins(&hall, &ben, &spent).await.is(200);
    for _ in 0..12 {
        joins(&hall, &ben, &spent).await.is(200);
        let by_id = format!("/rooms/{room}/join");
        ben.post(&hall, &by_id, json!({ "code": spent })).await.is(200);
    }
    let elsewhere = "/rooms/0123456789abcdef01234567/join";
    ben.post(&hall, elsewhere, json!({ "code": spent })).await.refused(404, "not-found");
    let mut seen = Vec::new();
    for code in [spent.as_str(), "AAAAAAAAAA"] {
        let mut answer = joins(&hall, &eve, code).await.refused(404, "not-found");
        answer.body["request_id"] = json!("");
        seen.push(answer.body);
    }
    assert_eq!(seen[0], seen[1]);
    for _ in 2..10 {
        joins(&hall, &eve, &spent).await.refused(404, "not-found");
    }
    joins(&hall, &eve, &spent).await.refused(429, "too-many-requests");

    hall.advance(7 * 86_400);
    let [ben, eve] = [hall.login("ben").await, hall.login("eve").await];
    joins(&hall, &ben, &spent).await.is(200);
    joins(&hall, &eve, &spent).await.refused(404, "not-found");
}

#[tokio::test]
async fn who_was_cut_off_presses_again_and_is_in_by_one_use() {
    let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
    let room = ada.opens_room(&hall).await;
    for turns in TURNS {
        let code = code(&hall, &ada, &room, 1).await;
        hangs_up(presses(&hall, &ben, &code), turns).await;
        let there = hall.restarted(|_| {});
        joins(&there, &ben, &code).await.is(200);
        assert!(lists(&there, &ben, &room).await, "{turns}");
        leaves(&hall, &ben, &room).await.is(204);
        joins(&there, &ben, &code).await.refused(404, "not-found");
    }
    assert_eq!(uses(&hall, &ada, &room).await, [1; TURNS.len()]);
}

#[tokio::test]
async fn a_use_that_was_spent_and_let_nobody_in_is_theirs_until_they_have_left() {
    let (hall, [ada, ben, cem]) = Hall::with(["ada", "ben", "cem"]).await;
    let room = ada.opens_room(&hall).await;
    let [first, second] = [code(&hall, &ada, &room, 1).await, code(&hall, &ada, &room, 1).await];
    let broken = hall.breaks("room_members");
    for code in [&first, &second] {
        joins(&hall, &ben, code).await.refused(503, "unavailable");
    }
    Hall::mend(&broken);
    assert_eq!(uses(&hall, &ada, &room).await, [1, 1]);
    joins(&hall, &cem, &first).await.refused(404, "not-found");
    joins(&hall, &ben, &first).await.is(200);
    assert_eq!(uses(&hall, &ada, &room).await, [1, 1]);
    leaves(&hall, &ben, &room).await.is(204);
    for code in [&first, &second] {
        joins(&hall, &ben, code).await.refused(404, "not-found");
    }
}

#[tokio::test]
async fn who_comes_again_after_leaving_uses_another_use() {
    let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
    let room = ada.opens_room(&hall).await;
    let code = code(&hall, &ada, &room, 2).await;
    for used in 1..=2 {
        joins(&hall, &ben, &code).await.is(200);
        assert_eq!(uses(&hall, &ada, &room).await, [used]);
        leaves(&hall, &ben, &room).await.is(204);
    }
    joins(&hall, &ben, &code).await.refused(404, "not-found");
}

#[tokio::test]
async fn who_is_in_but_not_listed_joins_again_and_is_listed() {
    let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
    let room = ada.opens_room(&hall).await;
    let code = code(&hall, &ada, &room, 1).await;
    joins(&hall, &ben, &code).await.is(200);
    let entry = RoomMember::of(room.parse().unwrap(), ben.id.parse().unwrap());
    hall.store.records::<RoomMember>().delete(&entry.id).await.unwrap();
    assert!(!lists(&hall, &ben, &room).await);
    joins(&hall, &ben, &code).await.is(200);
    assert!(lists(&hall, &ben, &room).await);
}

#[tokio::test]
async fn who_joins_as_they_leave_is_in_and_listed_or_neither() {
    let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
    let room = ada.opens_room(&hall).await;
    let code = code(&hall, &ada, &room, 1000).await;
    joins(&hall, &ben, &code).await.is(200);
    for round in 0..200 {
        join!(joins(&hall, &ben, &code), leaves(&hall, &ben, &room));
        let people = ada.get(&hall, &format!("/rooms/{room}/participants")).await.is(200).body;
        let is_in = people["items"].as_array().unwrap().iter().any(|one| one["user_id"] == ben.id);
        assert_eq!(lists(&hall, &ben, &room).await, is_in, "{round}");
        joins(&hall, &ben, &code).await.is(200);
    }
}
