//! Tickets for sockets: row 18.

use serde_json::json;

use crate::hall::Hall;

#[tokio::test]
async fn row_18_a_ticket_is_used_once_within_thirty_seconds() {
    let (hall, [ada]) = Hall::with(["ada"]).await;
    let ask = || async { ada.post(&hall, "/auth/ws-ticket", json!({})).await.is(200) };
    let answer = ask().await;
    assert_eq!(answer.body["expires_in"], 30);
    let ticket = answer.text("ticket");
    let caller = hall.admits_ticket(&ticket).await.unwrap();
    assert_eq!((caller.user.to_string(), caller.expires_at), (ada.id.clone(), None));
    assert_eq!(hall.admits_ticket(&ticket).await, None);

    let late = ask().await.text("ticket");
    hall.advance(30);
    assert_eq!(hall.admits_ticket(&late).await, None);
    assert_eq!(hall.admits_ticket("s.made-up").await, None);
}

#[tokio::test]
async fn row_18_a_reusable_ticket_lives_as_long_as_its_login() {
    let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
    let answer = ada.post(&hall, "/auth/ws-ticket", json!({ "reusable": true })).await.is(200);
    assert_eq!(answer.body["expires_in"], json!(null));
    let ticket = answer.text("ticket");
    hall.advance(86_400);
    assert!(hall.admits_ticket(&ticket).await.is_some());
    assert!(hall.admits_ticket(&ticket).await.is_some());
    let forged = ticket.replace(&ada.id, &ben.id);
    assert_eq!(hall.admits_ticket(&forged).await, None);

    let ada = crate::hall::Person::of(&hall.refresh(&ada.refresh).await.is(200));
    ada.post(&hall, "/auth/logout", json!({})).await.is(204);
    assert_eq!(hall.admits_ticket(&ticket).await, None);
}

#[tokio::test]
async fn a_ticket_does_not_outlive_its_login() {
    let (hall, [ada]) = Hall::with(["ada"]).await;
    let ticket = ada.post(&hall, "/auth/ws-ticket", json!({})).await.is(200).text("ticket");
    ada.post(&hall, "/auth/logout", json!({})).await.is(204);
    assert_eq!(hall.admits_ticket(&ticket).await, None);
}
