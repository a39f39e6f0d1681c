//! Faults that need a hand on the clock or in the store: F12 (clock jumps) and F19 (a poisoned document).
//! The hall runs in this process; people speak to its router.

use std::{path::Path, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, StatusCode},
};
use clap::Parser;
use serde_json::{Value, json};
use studyhall::{
    config::{Cli, Command, Serve},
    hall::Hall,
};
use studyhall_schema::{clock::TestClock, document::DocumentId, ids::UserId};
use studyhall_store::{
    Store,
    log::{Append, LoggedUpdate, Outcome},
};
use tower::ServiceExt;

fn settings(data: &Path) -> Serve {
    let data = data.to_str().expect("a path in UTF-8");
    let line = ["studyhall", "serve", "--data", data, "--rate-limit", "off"];
    match Cli::parse_from(line).command {
        Some(Command::Serve(serve)) => serve,
        _ => panic!("that is `serve`"),
    }
}

/// Somebody who speaks to a hall.
struct Person {
    router: Router,
    access: String,
    refresh: String,
}

impl Person {
    async fn register(hall: &Hall) -> Self {
        let mut person =
            Self { router: hall.router(), access: String::new(), refresh: String::new() };
        let body = json!({"email": "ada@example.org", "username": "ada",
            "password": "seven geese over the lake"});
        let (status, answer) = person.send("POST", "/auth/register", &body).await;
        assert_eq!(status, StatusCode::CREATED, "{answer}");
        person.signed_in(&answer);
        person
    }

    fn signed_in(&mut self, answer: &Value) {
        let text = |field: &str| answer[field].as_str().expect("a token").to_owned();
        (self.access, self.refresh) = (text("access_token"), text("refresh_token"));
    }

    async fn refreshed(&mut self) {
        self.access.clear();
        let body = json!({"refresh_token": self.refresh});
        let (status, answer) = self.send("POST", "/auth/refresh", &body).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        self.signed_in(&answer);
    }

    async fn send(&self, method: &str, path: &str, body: &Value) -> (StatusCode, Value) {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"))
            .header("content-type", "application/json")
            .header("x-token-delivery", "body");
        if !self.access.is_empty() {
            request = request.header("authorization", format!("Bearer {}", self.access));
        }
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let request = request.body(body).expect("a request");
        let answer = self.router.clone().oneshot(request).await.expect("routers always answer");
        let status = answer.status();
        let bytes = to_bytes(answer.into_body(), 1 << 20).await.expect("a body");
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    async fn note(&self, text: &str) -> String {
        let (status, note) = self.send("POST", "/notes", &json!({"text": text})).await;
        assert_eq!(status, StatusCode::CREATED, "{note}");
        note["id"].as_str().expect("an id").to_owned()
    }
}

async fn open(data: &Path, clock: &Arc<TestClock>) -> Hall {
    Hall::open(&settings(data), clock.clone()).await.expect("the hall opens")
}

async fn close(hall: Hall) {
    hall.drain(Duration::from_secs(5)).await;
    hall.close().await;
}

#[tokio::test]
async fn f12_an_hour_forward_and_two_back_harm_neither_tokens_nor_notes() {
    let (data, clock) = (tempfile::tempdir().expect("a folder"), Arc::new(TestClock::new(1)));
    let hall = open(data.path(), &clock).await;
    let mut ada = Person::register(&hall).await;
    let note = ada.note("before").await;
    let path = format!("/notes/{note}");

    clock.advance(Duration::from_hours(1));
    let (status, _) = ada.send("GET", &path, &Value::Null).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "an access token ends by the clock");
    ada.refreshed().await;
    let (status, shown) = ada.send("PUT", &path, &json!({"text": "an hour later"})).await;
    assert_eq!((status, &shown["text"]), (StatusCode::OK, &json!("an hour later")));

    clock.shift_millis(-2 * 3_600_000);
    ada.refreshed().await;
    let (status, shown) = ada.send("PUT", &path, &json!({"text": "an hour early"})).await;
    assert_eq!((status, &shown["text"]), (StatusCode::OK, &json!("an hour early")));
    close(hall).await;

    let hall = open(data.path(), &clock).await;
    ada.router = hall.router();
    let (status, shown) = ada.send("GET", &path, &Value::Null).await;
    assert_eq!((status, &shown["text"]), (StatusCode::OK, &json!("an hour early")));
    close(hall).await;
}

/// Writes bytes that are no update behind a document's last one.
async fn poison(data: &Path, clock: &Arc<TestClock>, document: DocumentId) {
    let config = settings(data).store_config();
    let store = Store::open(&config, clock.clone()).await.expect("the store opens");
    let snapshot = store.log().latest_snapshot(document).await.expect("it reads");
    let from = snapshot.map_or(1, |snapshot| snapshot.seq + 1);
    let entries = store.log().read(document, from, 1 << 20).await.expect("it reads");
    let seq = entries.last().map_or(from, studyhall_store::log::Entry::next_seq);
    let by = UserId::from_bytes([1; 12]);
    let updates = vec![LoggedUpdate { login: None, put: None, by, data: vec![255; 40].into() }];
    let at = studyhall_schema::clock::Clock::now(clock.as_ref());
    let append = Append { document, seq, batch: 77, at, updates };
    assert_eq!(store.log().append(vec![append]).await, [Outcome::Stored]);
    store.close().await;
}

#[tokio::test]
async fn f19_a_poisoned_document_answers_a_problem_and_all_else_works() {
    let (data, clock) = (tempfile::tempdir().expect("a folder"), Arc::new(TestClock::new(2)));
    let hall = open(data.path(), &clock).await;
    let mut ada = Person::register(&hall).await;
    let (poisoned, healthy) = (ada.note("poisoned").await, ada.note("healthy").await);
    close(hall).await;
    poison(data.path(), &clock, DocumentId::Note(poisoned.parse().expect("an id"))).await;

    let hall = open(data.path(), &clock).await;
    ada.router = hall.router();
    for (method, body) in [("GET", Value::Null), ("PUT", json!({"text": "over it"}))] {
        let (status, problem) = ada.send(method, &format!("/notes/{poisoned}"), &body).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR, "{problem}");
        assert!(problem["code"].is_string(), "{problem}");
    }
    let path = format!("/notes/{healthy}");
    let (status, shown) = ada.send("PUT", &path, &json!({"text": "still healthy"})).await;
    assert_eq!((status, &shown["text"]), (StatusCode::OK, &json!("still healthy")));
    let (status, list) = ada.send("GET", "/notes", &Value::Null).await;
    assert_eq!((status, list["items"].as_array().map(Vec::len)), (StatusCode::OK, Some(2)));
    close(hall).await;
}
