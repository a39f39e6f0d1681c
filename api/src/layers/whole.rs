//! A body is read before anything is done, within its sender's room: what is half sent keeps no more than that, and
//! for no longer than a request may take. A write that has begun is then carried to its end, though its client
//! hangs up: what it has stored is announced, or sockets would keep rights that are gone.

use std::time::Duration;

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::StreamExt;
use http::request::Parts;
use studyhall_sync::{Share, Shares};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, timeout, timeout_at},
};
use tracing::Instrument;

use crate::{
    api::Api,
    config::Config,
    extract::{Identity, body_limit},
    fault::Fault,
};

/// So much of a body needs no room, in bytes.
const FREE: usize = 8 << 10;
/// Room is taken as bytes come, so many at once.
const PIECE: usize = 64 << 10;
/// All people's room, in pieces, and one person's, who may send one of the largest at least.
const ROOM: usize = 2_048;
const OF_ONE: usize = 192;
/// Where others wait for room, a piece has to come within so long: all of it, however it is cut.
const WITHIN: Duration = Duration::from_secs(5);

/// Room for bodies.
pub(crate) struct Bodies(Shares);

impl Bodies {
    pub(crate) fn new(config: &Config) -> Self {
        let of_one = OF_ONE.max(config.body_limit.div_ceil(PIECE));
        Self(Shares::new(ROOM.max(of_one), of_one))
    }
}

/// A body while it comes.
struct Coming {
    share: Option<Share>,
    room: Vec<[OwnedSemaphorePermit; 2]>,
    bytes: Vec<u8>,
}

impl Coming {
    /// Reads all of it, no faster than there is room.
    async fn read(&mut self, body: Body, limit: usize) -> Result<(), Fault> {
        let mut body = body.into_data_stream();
        let mut due = Instant::now() + WITHIN;
        loop {
            let more = match timeout_at(due, body.next()).await {
                Ok(None) => return Ok(()),
                Ok(Some(more)) => more.map_err(|_| Fault::invalid("", "the body is cut short"))?,
                Err(_) if self.keeps_others_waiting() => return Err(Fault::Unavailable),
                Err(_) => {
                    due = Instant::now() + WITHIN;
                    continue;
                }
            };
            if self.bytes.len() + more.len() > limit {
                return Err(Fault::TooLarge);
            }
            if self.take_room(self.bytes.len() + more.len()).await? {
                due = Instant::now() + WITHIN;
            }
            self.take(&more);
        }
    }

    /// Whether it took room for what has come: each time that a piece has. Who has some waits no longer for more
    /// than for a piece to come: others wait for theirs.
    async fn take_room(&mut self, bytes: usize) -> Result<bool, Fault> {
        let before = self.room.len();
        let Some(share) = &self.share else { return Ok(false) };
        while self.room.len() * PIECE < bytes.saturating_sub(FREE) {
            let piece = share.take(1);
            let piece = if self.room.is_empty() {
                piece.await
            } else {
                timeout(WITHIN, piece).await.map_err(|_| Fault::Unavailable)?
            };
            self.room.extend(piece);
        }
        Ok(self.room.len() > before)
    }

    fn take(&mut self, more: &Bytes) {
        if self.bytes.capacity() < self.bytes.len() + more.len() {
            self.bytes.reserve_exact(more.len().max(PIECE)); // or it would take twice the room that it has
        }
        self.bytes.extend_from_slice(more);
    }

    fn keeps_others_waiting(&self) -> bool {
        !self.room.is_empty() && self.share.as_ref().is_some_and(Share::is_taken)
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
) -> Result<(Body, Vec<[OwnedSemaphorePermit; 2]>), Fault> {
    let path = parts.uri.path();
    let identity = parts.extensions.get::<Identity>().copied().unwrap_or(Identity::Nobody);
    let limit = match identity.caller() {
        Some(_) => body_limit(api, path),
        // Nobody signs in with more.
        None if path.starts_with("/api/v1/auth/") => FREE,
        None => return Ok((Body::empty(), Vec::new())),
    };
    if body.size_hint().lower() > limit as u64 {
        return Err(Fault::TooLarge);
    }
    let share = identity.caller().map(|caller| api.bodies.0.of(caller.user));
    let mut coming = Coming { share, room: Vec::new(), bytes: Vec::new() };
    coming.read(body, limit).await?;
    Ok((Body::from(coming.bytes), coming.room))
}
