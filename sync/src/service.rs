//! The document service: its routes, and how it starts and stops.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::{
        Path, Query, Request, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::any,
};
use serde::Deserialize;
use studyhall_schema::access::{AccessError, Caller, Credential, SharedAccess};
use studyhall_store::Store;
use tracing::Instrument;

use crate::{
    Config, Documents,
    journal::{Gate, Journal},
    node::Node,
    outbox::Close,
    session,
    socket::{self, Connection},
};

/// Close frames have so long to go out.
const GOODBYE: Duration = Duration::from_secs(4);
/// Sockets are closed over so long when the server stops.
const JITTER: Duration = Duration::from_millis(1500);

/// CRDT documents over WebSocket.
#[derive(Clone)]
pub struct Service {
    node: Arc<Node>,
    gate: Gate,
    draining: Arc<AtomicBool>,
}

impl Service {
    /// Starts the journal and begins to listen to changes of access.
    pub fn new(config: Config, store: Store, access: SharedAccess) -> Self {
        // What says whether "saved" comes in time is there before the first word is.
        metrics::gauge!("studyhall_sync_unsaved_bytes").set(0.0);
        drop(metrics::histogram!("studyhall_sync_save_seconds"));
        let changes = access.changes();
        let (journal, gate) = Journal::start(&store);
        let node = Node::new(config, store, access, journal);
        tokio::spawn(session::watch(node.clone(), changes));
        if node.config.poll.is_some() {
            tokio::spawn(session::patrol(Arc::downgrade(&node)));
        }
        Self { node, gate, draining: Arc::default() }
    }

    /// Documents for the REST API.
    pub fn documents(&self) -> Documents {
        Documents::new(self.node.clone())
    }

    /// Holds the journal back, for tests.
    pub fn gate(&self) -> Gate {
        self.gate.clone()
    }

    /// `/sync/yjs/{document}`, `/sync/hocuspocus` and `/sync/automerge`.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/sync/yjs/{document}", any(yjs))
            .route("/sync/hocuspocus", any(hocuspocus))
            .route("/sync/automerge", any(automerge))
            .route("/sync/{*other}", any(no_socket))
            .with_state(self.clone())
    }

    /// No new sockets; every socket closes with 1012, spread over a moment; what is accepted is saved.
    pub async fn drain(&self, patience: Duration) {
        self.draining.store(true, Ordering::Relaxed);
        self.node.sockets.close_all(Close::Restart, JITTER).await;
        if tokio::time::timeout(patience, self.node.stop()).await.is_err() {
            let bytes = self.node.unsaved.load(Ordering::Relaxed);
            if bytes > 0 {
                tracing::error!(bytes, "not all was saved in time; nobody was told that it was");
            } else {
                tracing::warn!("not all rows were written in time: they are when they are read");
            }
        }
        self.node.connections.close();
        if tokio::time::timeout(GOODBYE, self.node.connections.wait()).await.is_err() {
            tracing::debug!("some clients did not close in time");
        }
    }

    /// Who asks for a socket: by ticket, else by header or cookie.
    async fn caller(
        &self,
        ticket: Option<String>,
        headers: &HeaderMap,
    ) -> Result<Caller, AccessError> {
        let ticket = ticket.map(Credential::Ticket);
        let credential = ticket.or_else(|| self.node.config.door.credential(headers));
        match credential {
            None => Err(AccessError::Invalid),
            Some(credential) => self.node.access.authenticate(credential).await,
        }
    }

    /// Whether a socket may be opened now, and what to answer otherwise.
    #[expect(clippy::result_large_err, reason = "it is an answer, and made rarely")]
    fn at_the_door(&self, headers: &HeaderMap) -> Result<(), Response> {
        if self.draining.load(Ordering::Relaxed) {
            let detail = "The server is about to restart; try again in a moment.";
            return Err(problem(StatusCode::SERVICE_UNAVAILABLE, "draining", detail));
        }
        if !self.node.config.door.admits(headers) {
            let detail = "A page of another origin may not open a socket here.";
            return Err(problem(StatusCode::FORBIDDEN, "foreign-origin", detail));
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Ticket {
    ticket: Option<String>,
}

async fn yjs(
    State(service): State<Service>,
    name: Result<Path<String>, PathRejection>,
    ticket: Result<Query<Ticket>, QueryRejection>,
    request: Request,
) -> Response {
    let (Ok(Path(name)), Ok(Query(Ticket { ticket }))) = (name, ticket) else {
        let detail = "Name a document, and at most one ticket.";
        return problem(StatusCode::BAD_REQUEST, "malformed-address", detail);
    };
    // Before the ticket is used up.
    if let Err(problem) = service.at_the_door(request.headers()) {
        return problem;
    }
    let node = service.node.clone();
    // A refusal before the upgrade makes y-websocket 2 wait longer each time; after it, it would not.
    match service.caller(ticket, request.headers()).await {
        Ok(caller) => match session::yjs::turned_away(&node, caller, &name).await {
            Some(Close::OtherEngine) => {
                let detail = "This document is kept in Automerge: open it at /sync/automerge, or use the REST API.";
                problem(StatusCode::CONFLICT, "other-engine", detail)
            }
            Some(_) => {
                problem(StatusCode::NOT_FOUND, "not-found", "There is nothing here for you.")
            }
            None if node.large_messages.is_taken_by(caller.user) => {
                let detail =
                    "Close some of your sockets, or open many documents on one: /sync/hocuspocus.";
                problem(StatusCode::TOO_MANY_REQUESTS, "too-many-sockets", detail)
            }
            None => upgrade(&service, request, move |connection| {
                session::yjs::serve(node, connection, caller, name)
            }),
        },
        Err(AccessError::Invalid) => {
            problem(StatusCode::UNAUTHORIZED, "not-signed-in", "Sign in, or take a new ticket.")
        }
        Err(AccessError::Unavailable) => {
            problem(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Try again in a moment.")
        }
    }
}

async fn automerge(
    State(service): State<Service>,
    ticket: Result<Query<Ticket>, QueryRejection>,
    request: Request,
) -> Response {
    let Ok(Query(Ticket { ticket })) = ticket else {
        let detail = "Name at most one ticket.";
        return problem(StatusCode::BAD_REQUEST, "malformed-address", detail);
    };
    // Before the ticket is used up.
    if let Err(problem) = service.at_the_door(request.headers()) {
        return problem;
    }
    let node = service.node.clone();
    let caller = service.caller(ticket, request.headers()).await;
    upgrade(&service, request, move |connection| {
        session::automerge::serve(node, connection, caller)
    })
}

async fn no_socket() -> Response {
    let detail = "The sockets are /sync/hocuspocus, /sync/yjs/{document} and /sync/automerge.";
    problem(StatusCode::NOT_FOUND, "not-found", detail)
}

async fn hocuspocus(State(service): State<Service>, request: Request) -> Response {
    let node = service.node.clone();
    upgrade(&service, request, |connection| session::hocuspocus::serve(node, connection))
}

fn upgrade<F>(
    service: &Service,
    request: Request,
    serve: impl FnOnce(Box<Connection>) -> F + Send + 'static,
) -> Response
where
    F: Future<Output = ()> + Send + 'static,
{
    if let Err(problem) = service.at_the_door(request.headers()) {
        return problem;
    }
    let node = &service.node;
    // What is logged of one socket has one id.
    let id = format!("{:016x}", node.clock.random_u64());
    let span = tracing::info_span!("socket", socket_id = id, path = request.uri().path());
    let serve = move |connection| serve(connection).instrument(span);
    socket::upgrade(request, &node.large_messages, &node.connections, serve).unwrap_or_else(
        |lacks| {
            let status = StatusCode::UPGRADE_REQUIRED;
            problem(status, "not-a-websocket", &format!("Open a WebSocket here: {lacks}."))
        },
    )
}

/// A refusal before the upgrade (RFC 9457).
fn problem(status: StatusCode, code: &str, detail: &str) -> Response {
    let title = status.canonical_reason().unwrap_or_default();
    let body = serde_json::json!({
        "type": "about:blank", "title": title, "status": status.as_u16(), "code": code,
        "detail": detail,
    });
    let headers = [(CONTENT_TYPE, "application/problem+json")];
    (status, headers, body.to_string()).into_response()
}
