//! A hall with an API over a store in a temporary folder, and people who ask it things.

use std::{
    io,
    sync::{Arc, Once},
    time::Duration,
};

use axum::{Router, body::Body, extract::ConnectInfo};
use http::{HeaderMap, Method, Request, StatusCode, header};
use serde_json::{Value, json};
use studyhall_api::{Accounts, Config, Secret, Service};
use studyhall_schema::{
    access::{Access, AccessChange, AccessChanges, Caller, Credential},
    clock::TestClock,
};
use studyhall_store::{Store, StoreConfig};
use tower::ServiceExt;

pub(crate) const PASSWORD: &str = "gravel-otter-teapot";

pub(crate) struct Hall {
    pub(crate) router: Router,
    pub(crate) service: Service,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) store: Store,
    pub(crate) accounts: Accounts,
    pub(crate) config: Config,
    pub(crate) documents: studyhall_sync::Documents,
    folder: Arc<tempfile::TempDir>,
}

static LISTENS: Once = Once::new();

/// Somebody listens to the log from the first request on, as in the program. While nobody does, a place that
/// logs is remembered as one that nobody listens to, and a test that begins to listen just then misses it.
fn listen() {
    let log = tracing_subscriber::fmt().with_writer(io::sink).finish();
    tracing::subscriber::set_global_default(log).unwrap();
}

/// Sockets are not what is tested here.
struct NoDoor;

impl studyhall_sync::Door for NoDoor {
    fn admits(&self, _: &HeaderMap) -> bool {
        false
    }

    fn credential(&self, _: &HeaderMap) -> Option<Credential> {
        None
    }
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    pub(crate) fn text(&self, field: &str) -> String {
        self.body[field].as_str().unwrap_or_else(|| panic!("{field} in {}", self.body)).to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self
    }

    #[track_caller]
    pub(crate) fn refused(self, status: u16, code: &str) -> Self {
        assert_eq!((self.status.as_u16(), self.code()), (status, code), "{}", self.body);
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.body["request_id"], self.header("x-request-id"));
        self
    }
}

/// A request that is being written.
pub(crate) struct Ask<'h> {
    hall: &'h Hall,
    request: http::request::Builder,
    body: Body,
}

impl Ask<'_> {
    pub(crate) fn header(mut self, name: &str, value: impl AsRef<str>) -> Self {
        self.request = self.request.header(name, value.as_ref());
        self
    }

    #[expect(clippy::needless_pass_by_value, reason = "reads better with `json!` in place")]
    pub(crate) fn json(self, body: Value) -> Self {
        let text = body.to_string();
        let mut ask = self.header("content-type", "application/json");
        ask.body = text.into();
        ask
    }

    pub(crate) fn raw(mut self, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) async fn send(self) -> Answer {
        let request = self.request.body(self.body).unwrap();
        let response = self.hall.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 64 << 20).await.unwrap();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Answer { status: parts.status, headers: parts.headers, body }
    }
}

impl Hall {
    pub(crate) async fn open() -> Self {
        Self::open_with(|_| {}).await
    }

    pub(crate) async fn open_with(change: impl FnOnce(&mut Config)) -> Self {
        LISTENS.call_once(listen);
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let clock = Arc::new(TestClock::new(7));
        let place = |name: &str| folder.path().join(name).display().to_string();
        let urls = StoreConfig {
            records: format!("sqlite:{}", place("hall.db")),
            files: format!("dir:{}", place("files")),
            bus: "local".into(),
        };
        let store = Store::open(&urls, clock.clone()).await.unwrap();
        let secret = Secret::new(*b"a secret of the tests, 32 bytes!").unwrap();
        let mut config = Config::new("https://hall.example".parse().unwrap(), secret);
        config.rate_limit = false;
        config.hashing_threads = 2;
        config.hashing_queue = 1000;
        change(&mut config);
        Self::over(config, store, clock, folder)
    }

    /// The same store in a program that has just started and remembers nothing.
    pub(crate) fn restarted(&self, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = self.config.clone();
        change(&mut config);
        Self::over(config, self.store.clone(), self.clock.clone(), self.folder.clone())
    }

    /// Another node over the same records, whose Redis is away. It counts.
    pub(crate) async fn without_redis(&self) -> Self {
        let place = |name: &str| self.folder.path().join(name).display().to_string();
        let urls = StoreConfig {
            records: format!("sqlite:{}", place("hall.db")),
            files: format!("dir:{}", place("files")),
            bus: "redis://127.0.0.1:1".into(),
        };
        let store = Store::open(&urls, self.clock.clone()).await.unwrap();
        let config = Config { rate_limit: true, ..self.config.clone() };
        Self::over(config, store, self.clock.clone(), self.folder.clone())
    }

    /// The store takes no new row of this table until what comes back is given to [`Self::mend`].
    pub(crate) fn breaks(&self, table: &str) -> rusqlite::Connection {
        let store = rusqlite::Connection::open(self.folder.path().join("hall.db")).unwrap();
        // An integer that overflows: nothing is written, as by a disk that is full.
        let overflow = format!(
            "CREATE TABLE broken (at); INSERT INTO broken VALUES (1);
            CREATE TRIGGER breaks BEFORE INSERT ON {table} WHEN EXISTS (SELECT 1 FROM broken)
            BEGIN SELECT abs(-9223372036854775807 - 1); END"
        );
        store.execute_batch(&overflow).unwrap();
        store
    }

    pub(crate) fn mend(store: &rusqlite::Connection) {
        store.execute_batch("DELETE FROM broken").unwrap();
    }

    fn over(
        config: Config,
        store: Store,
        clock: Arc<TestClock>,
        folder: Arc<tempfile::TempDir>,
    ) -> Self {
        let accounts = Accounts::new(config.clone(), store.clone()).unwrap();
        let sync = studyhall_sync::Config::new(Arc::new(NoDoor));
        let sync = studyhall_sync::Service::new(sync, store.clone(), accounts.access());
        let documents = sync.documents();
        let service =
            Service::new(config.clone(), store.clone(), accounts.clone(), documents.clone());
        let router = service.router();
        Self { router, service, clock, store, accounts, config, documents, folder }
    }

    pub(crate) async fn with<const N: usize>(names: [&str; N]) -> (Self, [Person; N]) {
        let hall = Self::open().await;
        let mut people = Vec::new();
        for name in names {
            people.push(hall.register(name).await);
        }
        let Ok(people) = people.try_into() else { unreachable!() };
        (hall, people)
    }

    pub(crate) fn ask(&self, method: Method, path: &str) -> Ask<'_> {
        let peer: std::net::SocketAddr = "192.0.2.7:4000".parse().unwrap();
        let path = match path.strip_prefix("//") {
            Some(other) => format!("/{other}"),
            None => format!("/api/v1{path}"),
        };
        let request = Request::builder().method(method).uri(path).extension(ConnectInfo(peer));
        Ask { hall: self, request, body: Body::empty() }
    }

    pub(crate) fn get(&self, path: &str) -> Ask<'_> {
        self.ask(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str) -> Ask<'_> {
        self.ask(Method::POST, path)
    }

    pub(crate) async fn register(&self, name: &str) -> Person {
        let answer = self
            .post("/auth/register")
            .header("x-token-delivery", "body")
            .json(registration(name))
            .send()
            .await
            .is(201);
        Person::of(&answer)
    }

    pub(crate) async fn login(&self, name: &str) -> Person {
        let body = json!({ "email": format!("{name}@example.org"), "password": PASSWORD });
        let answer =
            self.post("/auth/login").header("x-token-delivery", "body").json(body).send().await;
        Person::of(&answer.is(200))
    }

    pub(crate) async fn refresh(&self, token: &str) -> Answer {
        self.post("/auth/refresh").json(json!({ "refresh_token": token })).send().await
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub(crate) async fn admits(&self, credential: Credential) -> Option<Caller> {
        self.accounts.authenticate(credential).await.ok()
    }

    pub(crate) async fn admits_ticket(&self, ticket: &str) -> Option<Caller> {
        self.admits(Credential::Ticket(ticket.to_owned())).await
    }

    pub(crate) fn changes(&self) -> Box<dyn AccessChanges> {
        self.accounts.changes()
    }
}

pub(crate) fn registration(name: &str) -> Value {
    json!({ "email": format!("{name}@example.org"), "username": name, "password": PASSWORD })
}

/// The next change. What other nodes tell is read twice a second, and later on a busy machine.
pub(crate) async fn told(changes: &mut Box<dyn AccessChanges>) -> AccessChange {
    let next = tokio::time::timeout(Duration::from_secs(30), changes.next());
    next.await.expect("a change that never came").expect("an open stream").expect("none missed")
}

/// Somebody with an access token.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl Person {
    pub(crate) fn of(answer: &Answer) -> Self {
        Self {
            id: answer.body["user"]["id"].as_str().unwrap().to_owned(),
            access: answer.text("access_token"),
            refresh: answer.text("refresh_token"),
        }
    }

    pub(crate) fn ask<'h>(&self, hall: &'h Hall, method: Method, path: &str) -> Ask<'h> {
        let bearer = format!("Bearer {}", self.access);
        hall.ask(method, path).header(header::AUTHORIZATION.as_str(), bearer)
    }

    pub(crate) async fn get(&self, hall: &Hall, path: &str) -> Answer {
        self.ask(hall, Method::GET, path).send().await
    }

    pub(crate) async fn post(&self, hall: &Hall, path: &str, body: Value) -> Answer {
        self.ask(hall, Method::POST, path).json(body).send().await
    }

    pub(crate) async fn put(&self, hall: &Hall, path: &str, body: Value) -> Answer {
        self.ask(hall, Method::PUT, path).json(body).send().await
    }

    pub(crate) async fn delete(&self, hall: &Hall, path: &str) -> Answer {
        self.ask(hall, Method::DELETE, path).send().await
    }

    pub(crate) async fn opens_room(&self, hall: &Hall) -> String {
        self.post(hall, "/rooms", json!({ "name": "Biology" })).await.is(201).text("id")
    }

    /// Makes a code for `room` and lets `others` in with it.
    pub(crate) async fn lets_in(&self, hall: &Hall, room: &str, others: &[&Person]) {
        let path = format!("/rooms/{room}/invite-codes");
        let code = self.post(hall, &path, json!({})).await.is(201).text("code");
        for one in others {
            one.post(hall, "/rooms/join", json!({ "code": code })).await.is(200);
        }
    }

    pub(crate) async fn writes_note(&self, hall: &Hall, body: Value) -> String {
        self.post(hall, "/notes", body).await.is(201).text("id")
    }
}
