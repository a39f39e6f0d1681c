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
    extract::{Identity, body_limit},
    fault::Fault,
};

/// So much of a body needs no room, in bytes.
const FREE: usize = 8 << 10;
/// Room is taken as bytes come, so many at once.
const PIECE: usize = 64 << 10;
/// All people's room, in pieces, and one person's.
const ROOM: usize = 1_024;
const OF_ONE: usize = 64;
/// So many bodies have all the room that one may need, one of a person's. So bodies that have some of it, and
/// wait for more, never wait for each other alone.
const WHOLE: usize = 8;
/// Where others wait for room, a piece has to come within so long: all of it, however it is cut.
const WITHIN: Duration = Duration::from_secs(5);

/// Room for bodies.
pub(crate) struct Bodies {
    pieces: Shares,
    wholes: Shares,
}

impl Default for Bodies {
    fn default() -> Self {
        Self { pieces: Shares::new(ROOM, OF_ONE), wholes: Shares::new(WHOLE, 1) }
    }
}

type Taken = [OwnedSemaphorePermit; 2];

/// A body while it comes.
struct Coming {
    shares: Option<[Share; 2]>,
    /// Pieces, and then all that it may need.
    room: Vec<Taken>,
    is_whole: bool,
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
            let pieces = self.bytes.len() / PIECE;
            let has_waited = self.take_room(self.bytes.len() + more.len()).await?;
            self.take(&more);
            if has_waited || self.bytes.len() / PIECE > pieces {
                due = Instant::now() + WITHIN;
            }
        }
    }

    /// Takes room for so many bytes, and says whether it had to wait. Who has some waits for more only while there
    /// is some for others.
    async fn take_room(&mut self, bytes: usize) -> Result<bool, Fault> {
        let Some([pieces, wholes]) = &self.shares else { return Ok(false) };
        let mut has_waited = false;
        while !self.is_whole && self.room.len() * PIECE < bytes.saturating_sub(FREE) {
            if let Some(piece) = pieces.try_take(1) {
                self.room.push(piece);
                continue;
            }
            has_waited = true;
            if self.room.is_empty() {
                self.room.extend(pieces.take(1).await);
            } else if let Ok(whole) = timeout(WITHIN, wholes.take(1)).await {
                self.room.extend(whole);
                self.is_whole = true;
            } else if pieces.is_short() {
                return Err(Fault::Unavailable);
            }
        }
        Ok(has_waited)
    }

    fn take(&mut self, more: &Bytes) {
        if self.bytes.capacity() < self.bytes.len() + more.len() {
            self.bytes.reserve_exact(more.len().max(PIECE)); // or it would take twice the room that it has
        }
        self.bytes.extend_from_slice(more);
    }

    fn keeps_others_waiting(&self) -> bool {
        let is_taken =
            |[pieces, wholes]: &[Share; 2]| pieces.is_taken() || self.is_whole && wholes.is_taken();
        !self.room.is_empty() && self.shares.as_ref().is_some_and(is_taken)
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
async fn whole(api: &Api, parts: &Parts, body: Body) -> Result<(Body, Vec<Taken>), Fault> {
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
    let Bodies { pieces, wholes } = &api.bodies;
    let shares = identity.caller().map(|caller| [pieces, wholes].map(|all| all.of(caller.user)));
    let mut coming = Coming { shares, room: Vec::new(), is_whole: false, bytes: Vec::new() };
    coming.read(body, limit).await?;
    Ok((Body::from(coming.bytes), coming.room))
}
