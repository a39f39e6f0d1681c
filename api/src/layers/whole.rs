//! A body is read before anything is done, within its sender's room: what is half sent keeps no more than that, and
//! for no longer than a request may take. A write that has begun is then carried to its end, though its client
//! hangs up: what it has stored is announced, or sockets would keep rights that are gone.

use std::sync::Arc;

use axum::{
    body::{Body, HttpBody},
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::request::Parts;
use studyhall_sync::Shares;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::Instrument;

use crate::{
    api::Api,
    config::Config,
    extract::{Identity, body_limit, read_body},
    fault::Fault,
};

/// A body that is no longer, in bytes, needs no room.
const FREE: usize = 8 << 10;
/// All people's room, in KiB, and one person's, who may send one of the largest at least.
const ROOM: usize = 128 << 10;
const OF_ONE: usize = 8 << 10;
/// That of all who have not said who they are.
const OF_STRANGERS: usize = 16 << 10;

/// Room for bodies, in KiB.
pub(crate) struct Bodies {
    people: Shares,
    strangers: Arc<Semaphore>,
}

impl Bodies {
    pub(crate) fn new(config: &Config) -> Self {
        let of_one = OF_ONE.max(config.body_limit.div_ceil(1 << 10));
        let strangers = Arc::new(Semaphore::new(OF_STRANGERS));
        Self { people: Shares::new(ROOM.max(of_one), of_one), strangers }
    }

    /// Waits for room for so many bytes.
    async fn take(&self, identity: Identity, bytes: usize) -> Vec<OwnedSemaphorePermit> {
        let permits = u32::try_from(bytes.div_ceil(1 << 10)).unwrap_or(u32::MAX);
        match identity.caller() {
            _ if bytes <= FREE => Vec::new(),
            Some(caller) => {
                self.people.of(caller.user).take(permits).await.map(Vec::from).unwrap_or_default()
            }
            None => self.strangers.clone().acquire_many_owned(permits).await.into_iter().collect(),
        }
    }
}

pub(super) async fn carry(State(api): State<Api>, request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let (body, room) = match whole(&api, &parts, body).await {
        Ok(whole) => whole,
        Err(fault) => return fault.into_response(),
    };
    let running = next.run(Request::from_parts(parts, body));
    let carried = async move {
        let response = running.await;
        drop(room);
        response
    };
    match tokio::spawn(carried.in_current_span()).await {
        Ok(response) => response,
        Err(error) => Fault::Internal(error.to_string()).into_response(),
    }
}

/// The whole body, with the room that it takes. Who is refused anyway is not listened to.
async fn whole(
    api: &Api,
    parts: &Parts,
    body: Body,
) -> Result<(Body, Vec<OwnedSemaphorePermit>), Fault> {
    let path = parts.uri.path();
    let identity = parts.extensions.get::<Identity>().copied().unwrap_or(Identity::Nobody);
    if identity.caller().is_none() && !path.starts_with("/api/v1/auth/") {
        return Ok((Body::empty(), Vec::new()));
    }
    let limit = body_limit(api, path);
    let says = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    if says(body.size_hint().lower()) > limit {
        return Err(Fault::TooLarge);
    }
    let most = body.size_hint().upper().map_or(limit, says).min(limit);
    let room = api.bodies.take(identity, most).await;
    let bytes = read_body(body, limit).await?;
    Ok((Body::from(bytes), room))
}
