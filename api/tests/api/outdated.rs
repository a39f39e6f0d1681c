//! Rows that had their time are gone, and what must be remembered is.

use http::Method;
use serde_json::{Value, json};
use studyhall_schema::{idempotency::Idempotent, login::Login};
use studyhall_store::Page;

use crate::hall::{Answer, Hall, Person};

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

async fn answers(hall: &Hall) -> usize {
    hall.store.records::<Idempotent>().page(Page::of("_id")).await.unwrap().items.len()
}

async fn logins(hall: &Hall) -> usize {
    hall.store.records::<Login>().page(Page::of("_id")).await.unwrap().items.len()
}

async fn posts(hall: &Hall, who: &Person, key: &str, body: &Value) -> Answer {
    let ask = who.ask(hall, Method::POST, "/notes").header("idempotency-key", key);
    ask.json(body.clone()).send().await.is(201)
}

#[tokio::test]
async fn an_answer_is_given_again_for_a_day_and_then_forgotten() {
    let (hall, [ada]) = Hall::with(["ada"]).await;
    let body = json!({ "text": "once" });
    let first = posts(&hall, &ada, "k1", &body).await;
    hall.advance(12 * HOUR);
    let ada = hall.login("ada").await;
    posts(&hall, &ada, "k2", &body).await;
    hall.advance(12 * HOUR - 1);
    let ada = hall.login("ada").await;
    assert_eq!(hall.service.sweep().await, Ok(0));
    let again = posts(&hall, &ada, "k1", &body).await;
    assert_eq!(
        (again.text("id"), again.header("idempotency-replayed")),
        (first.text("id"), "true")
    );

    hall.advance(HOUR);
    let ada = hall.login("ada").await;
    assert_eq!(hall.service.sweep().await, Ok(0), "somebody may be at it just now");
    // Another request takes the key: its answer is a new one.
    let taken = posts(&hall, &ada, "k1", &body).await;
    assert_ne!(taken.text("id"), first.text("id"));
    hall.advance(12 * HOUR + 2);
    let ada = hall.login("ada").await;
    assert_eq!(hall.service.sweep().await, Ok(1), "the one of k2");
    assert_eq!(answers(&hall).await, 1);
    assert_eq!(posts(&hall, &ada, "k1", &body).await.text("id"), taken.text("id"));
    hall.advance(2 * DAY);
    assert_eq!(hall.service.sweep().await, Ok(1));
    assert_eq!(answers(&hall).await, 0);
}

#[tokio::test]
async fn a_thousand_answers_go_with_two_nodes_at_it_and_each_is_counted_once() {
    let (hall, [ada]) = Hall::with(["ada"]).await;
    posts(&hall, &ada, "k", &json!({ "text": "once" })).await;
    let rows = hall.store.records::<Idempotent>();
    let like = rows.page(Page::of("_id")).await.unwrap().items.remove(0).value;
    for number in 1..1000 {
        rows.insert(Idempotent { id: format!("{}:{number}", ada.id), ..like.clone() })
            .await
            .unwrap();
    }
    hall.advance(2 * DAY);
    let there = hall.restarted(|_| {});
    let (here, there) = tokio::join!(hall.service.sweep(), there.service.sweep());
    assert_eq!(here.unwrap() + there.unwrap(), 1000);
    assert_eq!(answers(&hall).await, 0);
}

#[tokio::test]
async fn a_login_that_has_ended_is_forgotten_after_thirty_days_and_a_copy_is_known_till_then() {
    let hall = Hall::open().await;
    let lost = hall.register("ada").await;
    let left = hall.login("ada").await;
    left.post(&hall, "/auth/logout", json!({})).await.is(204);
    let copied = hall.login("ada").await;
    let mut owner = copied.clone();
    for _ in 0..5 {
        hall.advance(5 * DAY);
        owner = Person::of(&hall.refresh(&owner.refresh).await.is(200));
    }
    hall.advance(5 * DAY - 10);
    assert_eq!(hall.service.sweep().await, Ok(0));
    owner = Person::of(&hall.refresh(&owner.refresh).await.is(200));
    // The thief's copy is 25 days old: it still ends the login of both.
    hall.refresh(&copied.refresh).await.refused(401, "unauthenticated");
    hall.refresh(&owner.refresh).await.refused(401, "unauthenticated");

    let stays = hall.login("ada").await;
    hall.advance(HOUR + 20);
    assert_eq!(hall.service.sweep().await, Ok(3));
    assert_eq!(logins(&hall).await, 1);
    for gone in [&lost, &left, &copied, &owner] {
        hall.refresh(&gone.refresh).await.refused(401, "unauthenticated");
        gone.get(&hall, "/auth/me").await.refused(401, "unauthenticated");
    }
    hall.refresh(&stays.refresh).await.is(200);
}
