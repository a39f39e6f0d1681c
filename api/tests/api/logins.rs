//! Refreshing, reuse, logout: rows 11, 12, 13.

use serde_json::json;
use studyhall_schema::access::{AccessChange, Credential};

use crate::hall::{Hall, PASSWORD, Person, registration, told};

const DAY: u64 = 86_400;

#[tokio::test]
async fn row_11_a_copied_refresh_token_ends_the_login_of_thief_and_owner() {
    let hall = Hall::open().await;
    let ada = hall.register("ada").await;
    hall.advance(60);
    let second = Person::of(&hall.refresh(&ada.refresh).await.is(200));
    assert_ne!(second.refresh, ada.refresh);

    hall.advance(10); // another tab was as fast, or the answer was lost
    let again = Person::of(&hall.refresh(&ada.refresh).await.is(200));
    assert_eq!(again.refresh, second.refresh);

    hall.advance(1);
    let login = hall.admits(Credential::AccessToken(second.access.clone())).await.unwrap().login;
    let mut changes = hall.changes();
    hall.refresh(&ada.refresh).await.refused(401, "unauthenticated");
    assert_eq!(told(&mut changes).await, AccessChange::LoginRevoked(login));
    hall.refresh(&second.refresh).await.refused(401, "unauthenticated");
    second.get(&hall, "/auth/me").await.refused(401, "unauthenticated");
    hall.login("ada").await; // the person is not locked out
}

#[tokio::test]
async fn twenty_tabs_that_refresh_at_once_get_one_successor() {
    let hall = Hall::open().await;
    let ada = hall.register("ada").await;
    let asks = (0..20).map(|_| hall.refresh(&ada.refresh));
    let answers = futures_util::future::join_all(asks).await;
    let successors: std::collections::HashSet<String> =
        answers.into_iter().map(|answer| answer.is(200).text("refresh_token")).collect();
    assert_eq!(successors.len(), 1);
    hall.refresh(successors.iter().next().unwrap()).await.is(200);
}

#[tokio::test]
async fn made_up_refresh_tokens_end_nobodys_login() {
    let hall = Hall::open().await;
    let ada = hall.register("ada").await;
    let (login, _) = ada.refresh.split_once('.').unwrap();
    for text in ["", "x", "a.b.c", &format!("{login}.secret.tag"), &format!("{}x", ada.refresh)] {
        hall.refresh(text).await.refused(401, "unauthenticated");
    }
    hall.refresh(&ada.refresh).await.is(200);
}

#[tokio::test]
async fn row_12_a_login_ends_after_seven_idle_days_or_thirty_days() {
    let hall = Hall::open().await;
    let idle = hall.register("ada").await;
    hall.advance(7 * DAY);
    hall.refresh(&idle.refresh).await.refused(401, "unauthenticated");

    let mut busy = hall.login("ada").await;
    for _ in 0..4 {
        hall.advance(7 * DAY - 1);
        busy = Person::of(&hall.refresh(&busy.refresh).await.is(200));
    }
    hall.advance(2 * DAY + 4);
    hall.refresh(&busy.refresh).await.refused(401, "unauthenticated");
}

#[tokio::test]
async fn row_13_logout_ends_the_access_token_and_the_sockets_of_one_login() {
    let hall = Hall::open().await;
    let phone = hall.register("ada").await;
    let laptop = hall.login("ada").await;
    let login = hall.admits(Credential::AccessToken(phone.access.clone())).await.unwrap().login;
    let mut changes = hall.changes();
    phone.post(&hall, "/auth/logout", serde_json::json!({})).await.is(204);
    assert_eq!(told(&mut changes).await, AccessChange::LoginRevoked(login));
    phone.get(&hall, "/auth/me").await.refused(401, "unauthenticated");
    hall.refresh(&phone.refresh).await.refused(401, "unauthenticated");
    laptop.get(&hall, "/auth/me").await.is(200);
}

#[tokio::test]
async fn logout_all_ends_every_login_of_a_person_and_nobody_elses() {
    let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
    let laptop = hall.login("ada").await;
    ada.post(&hall, "/auth/logout-all", serde_json::json!({})).await.is(204);
    ada.get(&hall, "/auth/me").await.refused(401, "unauthenticated");
    laptop.get(&hall, "/auth/me").await.refused(401, "unauthenticated");
    hall.refresh(&laptop.refresh).await.refused(401, "unauthenticated");
    ben.get(&hall, "/auth/me").await.is(200);
}

#[tokio::test]
async fn an_app_whose_access_token_has_ended_logs_out_by_its_refresh_token() {
    let hall = Hall::open().await;
    let ada = hall.register("ada").await;
    hall.advance(901);
    ada.get(&hall, "/auth/me").await.refused(401, "unauthenticated");
    let body = serde_json::json!({ "refresh_token": ada.refresh });
    hall.post("/auth/logout").json(body).send().await.is(204);
    hall.refresh(&ada.refresh).await.refused(401, "unauthenticated");
    hall.post("/auth/logout").send().await.refused(401, "unauthenticated");
}

#[tokio::test]
async fn while_redis_is_away_logins_live_on_and_no_password_is_tried_uncounted() {
    let (hall, [ada]) = Hall::with(["ada"]).await;
    let node = hall.without_redis().await;
    ada.get(&node, "/auth/me").await.is(200);
    let again = Person::of(&node.refresh(&ada.refresh).await.is(200));
    again.get(&node, "/auth/me").await.is(200);
    let body = json!({ "email": "ada@example.org", "password": PASSWORD });
    let login = node.post("/auth/login").json(body).send().await;
    assert!(!login.refused(503, "unavailable").header("retry-after").is_empty());
    node.post("/auth/register").json(registration("eve")).send().await.refused(503, "unavailable");
    // Each node counts for itself meanwhile.
    let mut tries = 1;
    while node.refresh("guessed").await.status == 401 {
        tries += 1;
    }
    node.refresh("guessed").await.refused(429, "too-many-requests");
    assert_eq!(tries, 600);
}
