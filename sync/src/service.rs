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
    extract::{FromRequestParts, Path, Query, Request, State, WebSocketUpgrade, ws::WebSocket},
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Deserialize;
use studyhall_schema::access::{AccessError, Credential, SharedAccess};
use studyhall_store::Store;
use tokio::time::Instant;

use crate::{
    Config, Documents,
    journal::{Gate, Journal},
    node::Node,
    outbox::Close,
    session::{self, FRAME_BYTES},
};

/// Buffers of a socket: the default of 128 KiB is far too much for thousands of idle ones.
const BUFFER: usize = 4096;
/// Close frames have so long to go out.
const GOODBYE: Duration = Duration::from_secs(5);
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
        let changes = access.changes();
        let (journal, gate) = Journal::start(store.clone());
        let node = Node::new(config, store, access, journal);
        tokio::spawn(session::watch(node.clone(), changes));
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

    /// `/sync/yjs/{document}` and `/sync/hocuspocus`.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/sync/yjs/{document}", get(yjs))
            .route("/sync/hocuspocus", get(hocuspocus))
            .with_state(self.clone())
    }

    /// No new sockets; every socket closes with 1012, spread over a moment; what is accepted is saved.
    pub async fn drain(&self, patience: Duration) {
        self.draining.store(true, Ordering::Relaxed);
        self.node.sockets.close_all(Close::Restart, JITTER).await;
        if tokio::time::timeout(patience, self.node.stop()).await.is_err() {
            tracing::error!("documents were not saved in time; nobody was told that they were");
        }
        let goodbye = Instant::now() + GOODBYE;
        while !self.node.sockets.is_empty() && Instant::now() < goodbye {
            tokio::time::sleep(Duration::from_millis(10)).await;
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
    Path(name): Path<String>,
    Query(Ticket { ticket }): Query<Ticket>,
    request: Request,
) -> Response {
    let ticket = ticket.map(Credential::Ticket);
    let credential = ticket.or_else(|| service.node.config.door.credential(request.headers()));
    let node = service.node.clone();
    // A refusal before the upgrade makes y-websocket 2 wait longer each time; after it, it would not.
    let caller = match credential {
        None => Err(AccessError::Invalid),
        Some(credential) => node.access.authenticate(credential).await,
    };
    match caller {
        Ok(caller) => {
            upgrade(&service, request, move |socket| {
                session::yjs::serve(node, socket, caller, name)
            })
            .await
        }
        Err(AccessError::Invalid) => {
            problem(StatusCode::UNAUTHORIZED, "not-signed-in", "Sign in, or take a new ticket.")
        }
        Err(AccessError::Unavailable) => {
            problem(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Try again in a moment.")
        }
    }
}

async fn hocuspocus(State(service): State<Service>, request: Request) -> Response {
    let node = service.node.clone();
    upgrade(&service, request, |socket| session::hocuspocus::serve(node, socket)).await
}

async fn upgrade<F>(
    service: &Service,
    request: Request,
    serve: impl FnOnce(WebSocket) -> F + Send + 'static,
) -> Response
where
    F: Future<Output = ()> + Send + 'static,
{
    if let Err(problem) = service.at_the_door(request.headers()) {
        return problem;
    }
    let (mut parts, _) = request.into_parts();
    match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => upgrade
            .max_message_size(FRAME_BYTES)
            .max_frame_size(FRAME_BYTES)
            .read_buffer_size(BUFFER)
            .write_buffer_size(BUFFER)
            .on_upgrade(serve),
        Err(rejection) => problem(rejection.status(), "not-a-websocket", &rejection.body_text()),
    }
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
