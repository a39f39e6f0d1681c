//! What is the same on every route: problems, bodies, pages, keys and rates.

use std::{
    io,
    sync::{Arc, Mutex},
};

use http::Method;
use serde_json::json;

use crate::hall::Hall;

#[tokio::test]
async fn every_refusal_is_a_problem_that_names_its_request() {
    let (hall, [ada]) = Hall::with(["ada"]).await;
    hall.get("/nowhere").send().await.refused(404, "not-found");
    hall.get("//nowhere").send().await.refused(404, "not-found");
    let answer = ada.delete(&hall, "/notes").await.refused(405, "method-not-allowed");
    assert_eq!(answer.header("allow"), "POST,GET,HEAD");
    ada.get(&hall, "/notes/not-an-id").await.refused(404, "not-found");
    hall.get("/notes").send().await.refused(401, "unauthenticated");
    hall.get("/notes").header("authorization", "Basic YTpi").send().await.is(401);

    let given = hall.get("/nowhere").header("x-request-id", "from-the-client").send().await;
    assert_eq!(given.body["request_id"], "from-the-client");
    let odd = hall.get("/nowhere").header("x-request-id", "a b\"c").send().await;
    assert_ne!(odd.body["request_id"], "a b\"c");
}

#[tokio::test]
async fn bodies_are_bounded_typed_and_without_unknown_fields() {
    let (hall, [ada]) = Hall::with(["ada"]).await;
    let ask = || ada.ask(&hall, Method::POST, "/notes");
    let large = format!("{{\"text\":\"{}\"}}", "x".repeat(hall.config.body_limit));
    ask()
        .header("content-type", "application/json")
        .raw(large)
        .send()
        .await
        .refused(413, "too-large");
    ask().raw("text=a").send().await.refused(415, "unsupported-media-type");
    let broken = ask().header("content-type", "application/json").raw("{").send().await;
    broken.refused(422, "invalid");
    let twice = ask().header("content-type", "application/json").raw("{} {}").send().await;
    twice.refused(422, "invalid");
    let unknown = ada.post(&hall, "/notes", json!({ "txet": "a" })).await.refused(422, "invalid");
    assert_eq!(unknown.body["errors"][0]["pointer"], "/txet");
    let settings = json!({ "name": "R", "settings": { "is_private": 3 } });
    let nested = ada.post(&hall, "/rooms", settings).await.refused(422, "invalid");
    assert_eq!(nested.body["errors"][0]["pointer"], "/settings/is_private");
    let charset = ask().header("content-type", "application/json; charset=utf-8").raw("{}");
    charset.send().await.is(201);
}

#[tokio::test]
async fn without_a_store_nobody_is_let_in_and_nobody_is_told_that_they_are_out() {
    let (hall, [ada]) = Hall::with(["ada"]).await;
    let note = ada.writes_note(&hall, json!({ "text": "a" })).await;
    let restarted = hall.restarted(|_| {});
    hall.store.close().await;
    let answer = ada.post(&restarted, "/notes", json!({})).await.refused(503, "unavailable");
    assert_eq!(answer.header("retry-after"), "2");
    ada.put(&restarted, &format!("/notes/{note}"), json!({ "text": "b" })).await.is(503);
    let body = json!({ "email": "ada@example.org", "password": crate::hall::PASSWORD });
    restarted.post("/auth/login").json(body).send().await.refused(503, "unavailable");
}

#[tokio::test]
async fn pages_hold_what_was_asked_for_and_stay_when_others_write() {
    let (hall, [ada]) = Hall::with(["ada"]).await;
    let mut made = Vec::new();
    for n in 0..5 {
        made.push(ada.writes_note(&hall, json!({ "text": n.to_string() })).await);
        hall.advance(1);
    }
    let first = ada.get(&hall, "/notes?limit=2").await.is(200);
    let cursor = first.text("next_cursor");
    made.push(ada.writes_note(&hall, json!({ "text": "late" })).await);
    let rest = ada.get(&hall, &format!("/notes?limit=100&cursor={cursor}")).await.is(200);
    let ids = [first.body, rest.body].map(|page| {
        page["items"].as_array().unwrap().iter().map(|note| note["id"].clone()).collect::<Vec<_>>()
    });
    made.sort(); // ids begin with the second they were made in
    assert_eq!(ids.concat(), made);
    for query in ["limit=0", "limit=101", "limit=x", "page=2"] {
        ada.get(&hall, &format!("/notes?{query}")).await.refused(422, "invalid");
    }
}

#[tokio::test]
async fn a_post_under_one_key_is_carried_out_once() {
    let (hall, [ada, ben]) = Hall::with(["ada", "ben"]).await;
    let ask = |text: &str| {
        let ask = ada.ask(&hall, Method::POST, "/notes").header("idempotency-key", "k1");
        ask.json(json!({ "text": text })).send()
    };
    let first = ask("once").await.is(201);
    let again = ask("once").await.is(201);
    assert_eq!((again.header("idempotency-replayed"), &again.body), ("true", &first.body));
    assert_eq!(again.header("etag"), first.header("etag"));
    ask("other").await.refused(422, "idempotency-key-reused");
    let other = ben.ask(&hall, Method::POST, "/notes").header("idempotency-key", "k1");
    other.json(json!({ "text": "ben's" })).send().await.is(201);
    let notes = ada.get(&hall, "/notes").await.is(200);
    assert_eq!(notes.body["items"].as_array().unwrap().len(), 1);

    let bad = || ada.ask(&hall, Method::POST, "/notes").header("idempotency-key", "k2");
    let refused = bad().json(json!({ "txet": 1 })).send().await.refused(422, "invalid");
    let replayed = bad().json(json!({ "txet": 1 })).send().await.is(422);
    assert_eq!(replayed.body["errors"], refused.body["errors"]);
}

#[tokio::test]
async fn twenty_posts_under_one_key_at_once_are_one_note() {
    let (hall, [ada]) = Hall::with(["ada"]).await;
    let asks = (0..20).map(|_| {
        let ask = ada.ask(&hall, Method::POST, "/notes").header("idempotency-key", "k");
        ask.json(json!({ "text": "once" })).send()
    });
    for answer in futures_util::future::join_all(asks).await {
        assert!(answer.status.is_success() || answer.code() == "idempotency-key-in-use");
    }
    let notes = ada.get(&hall, "/notes").await.is(200);
    assert_eq!(notes.body["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn who_asks_too_often_is_told_when_to_come_back() {
    let hall = Hall::open_with(|config| config.rate_limit = true).await;
    let ada = hall.register("ada").await;
    let first = ada.get(&hall, "/auth/me").await.is(200);
    assert_eq!(first.header("ratelimit-policy"), "\"requests\";q=1200;w=60");
    assert_eq!(first.header("ratelimit"), "\"requests\";r=1199;t=0");
    for _ in 0..1199 {
        ada.get(&hall, "/auth/me").await.is(200);
    }
    let refused = ada.get(&hall, "/auth/me").await.refused(429, "too-many-requests");
    assert_eq!(refused.header("retry-after"), "1");
    hall.advance(1);
    ada.get(&hall, "/auth/me").await.is(200);
}

/// What is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn what_is_logged_of_a_request_has_the_id_that_its_person_is_shown() {
    let (hall, [ada]) = Hall::with(["ada"]).await;
    let log = Log::default();
    let written = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || log.clone());
    let _here = tracing::subscriber::set_default(subscriber.finish());
    hall.store.close().await;
    for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        let id = format!("id-of-{method}");
        let ask = ada.ask(&hall, method, "/notes").header("x-request-id", &id);
        ask.json(json!({ "text": "a" })).send().await;
        let written = String::from_utf8(std::mem::take(&mut *written.0.lock().unwrap())).unwrap();
        assert!(written.lines().all(|line| line.contains(&id)), "{id}: {written}");
        if ["id-of-GET", "id-of-POST"].contains(&&*id) {
            assert!(written.contains("the store did not answer"), "{id}: {written}");
        }
    }
}
