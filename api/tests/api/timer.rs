//! The timer of a room.

use http::Method;
use serde_json::{Value, json};
use studyhall_schema::{
    clock::Clock,
    room_state::Pomodoro,
    timer::{self, TimerAction, TimerConfig},
};
use studyhall_store::Page;

use crate::hall::Hall;

#[tokio::test]
async fn members_share_a_timer() {
    let (hall, [ada, ben, eve]) = Hall::with(["ada", "ben", "eve"]).await;
    let room = ada.opens_room(&hall).await;
    ada.lets_in(&hall, &room, &[&ben]).await;
    let path = format!("/rooms/{room}/timer");
    let fresh = ada.get(&hall, &path).await.is(200);
    assert_eq!(
        (&fresh.body["timer"], &fresh.body["config"]["focus_s"]),
        (&Value::Null, &json!(1500))
    );
    assert_eq!(fresh.text("document"), format!("room:{room}"));
    let body = json!({ "action": "start", "config": { "focus_s": 3000 } });
    let started = ben.put(&hall, &path, body).await.is(200);
    let timer = &started.body["timer"];
    assert_eq!(
        (&timer["phase"], &timer["duration_s"], &timer["cycle"]),
        (&json!("focus"), &json!(3000), &json!(1))
    );
    assert_eq!(ada.get(&hall, &path).await.is(200).body, started.body);
    hall.advance(60);
    let paused = ada.put(&hall, &path, json!({ "action": "pause" })).await.is(200);
    assert_eq!(paused.body["timer"]["paused_remaining_s"], 2940);
    let skipped = ada.put(&hall, &path, json!({ "action": "skip" })).await.is(200);
    assert_eq!(skipped.body["timer"]["phase"], "short_break");
    let reset = ada.put(&hall, &path, json!({ "action": "reset" })).await.is(200);
    assert_eq!(
        (&reset.body["timer"], &reset.body["config"]["focus_s"]),
        (&Value::Null, &json!(3000))
    );
    eve.get(&hall, &path).await.refused(404, "not-found");
    eve.put(&hall, &path, json!({ "action": "start" })).await.refused(404, "not-found");
    for body in [
        json!({ "action": "stop" }),
        json!({ "config": { "focus_s": 0 } }),
        json!({ "config": { "rounds": 101 } }),
        json!({ "phase": "focus" }),
    ] {
        ada.put(&hall, &path, body).await.refused(422, "invalid");
    }
    let hall = hall.restarted(|_| {});
    assert_eq!(ada.get(&hall, &path).await.is(200).body, reset.body);
}

#[tokio::test]
async fn who_has_not_seen_the_timer_does_not_skip_a_phase_twice() {
    let (hall, [ada]) = Hall::with(["ada"]).await;
    let path = format!("/rooms/{}/timer", ada.opens_room(&hall).await);
    let tag =
        ada.put(&hall, &path, json!({ "action": "start" })).await.is(200).header("etag").to_owned();
    ada.ask(&hall, Method::GET, &path).header("if-none-match", &tag).send().await.is(304);
    let skip = || {
        let ask = ada.ask(&hall, Method::PUT, &path).header("if-match", &tag);
        ask.json(json!({ "action": "skip" })).send()
    };
    assert_eq!(skip().await.is(200).body["timer"]["phase"], "short_break");
    skip().await.refused(412, "changed-meanwhile");
    assert_eq!(ada.get(&hall, &path).await.body["timer"]["phase"], "short_break");
}

#[tokio::test]
async fn a_focus_phase_that_lasted_is_noted_by_the_servers_clock() {
    let (hall, [ada]) = Hall::with(["ada"]).await;
    let path = format!("/rooms/{}/timer", ada.opens_room(&hall).await);
    let noted = async || {
        let page = Page::of("_id").limit(10);
        hall.store.records::<Pomodoro>().page(page).await.unwrap().items.len()
    };
    ada.put(&hall, &path, json!({ "action": "start", "config": { "focus_s": 60 } })).await.is(200);
    hall.advance(120);
    ada.put(&hall, &path, json!({ "action": "start" })).await.is(200);
    assert_eq!(noted().await, 0, "two minutes are none");
    ada.put(&hall, &path, json!({ "action": "skip" })).await.is(200);
    hall.advance(25 * 60);
    let ada = hall.login("ada").await;
    ada.put(&hall, &path, json!({ "action": "skip" })).await.is(200);
    assert_eq!(noted().await, 1);
    ada.put(&hall, &path, json!({ "action": "reset" })).await.is(200);
    assert_eq!(noted().await, 1);

    for action in ["start", "pause"] {
        ada.put(&hall, &path, json!({ "action": action })).await.is(200);
    }
    hall.advance(26 * 60);
    let ada = hall.login("ada").await;
    ada.put(&hall, &path, json!({ "action": "skip" })).await.is(200);
    assert_eq!(noted().await, 1, "nobody has studied");

    // Begun anew before anybody has looked.
    ada.put(&hall, &path, json!({ "action": "reset" })).await.is(200);
    ada.put(&hall, &path, json!({ "action": "start" })).await.is(200);
    let room = path.split('/').nth(2).unwrap().parse().unwrap();
    for (minutes, lasted) in [(26, 2), (26, 3), (24, 3), (24, 3)] {
        hall.advance(minutes * 60);
        let now = hall.clock.now();
        let anew = hall.documents.edit_room_state(room, ada.id.parse().unwrap(), move |state| {
            for action in [TimerAction::Reset, TimerAction::Start] {
                let (timer, config) = (state.timer(), TimerConfig::default());
                state.set_timer(timer::after(timer, action, &config, now));
            }
            Ok(())
        });
        anew.await.unwrap();
        assert_eq!(noted().await, lasted, "after {minutes} minutes");
    }
}
