//! A WebSocket whose large messages are read only while the node has room for them.
//!
//! A message comes into memory as its bytes arrive, before anybody can look at it. So what is beyond
//! [`FREE`] is read only with room: first some of its person's own, then one of the [`AT_ONCE`] places of
//! theirs for a larger one, then a piece of the node's for most large messages, then all that a message may
//! have, and none at all from a client that has not said who they are. Who has the last waits for nothing more, so
//! that nobody waits in a circle. Must not know what a message says.

mod cut;

use std::{
    cell::RefCell,
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use axum::{
    body::Body,
    extract::Request,
    response::{IntoResponse, Response},
};
use bytes::{Buf as _, Bytes};
use futures_util::{
    StreamExt as _,
    stream::{SplitSink, SplitStream},
};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use studyhall_schema::ids::UserId;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, Sleep},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message,
        handshake::server::create_response,
        protocol::{Role, WebSocketConfig},
    },
};
use tokio_util::{sync::PollSemaphore, task::TaskTracker};

use self::cut::Cut;
use crate::{outbox::Close, people::People};

/// The largest message, with its envelope.
pub(crate) const MESSAGE_BYTES: usize = (16 << 20) + 1024;
/// So much of a message is read from anybody, on each socket.
const FREE: usize = 64 << 10;
/// And so much of it from somebody who has not said who they are, but for so many of all of them.
const STRANGERS_FREE: usize = 4 << 10;
const STRANGERS_AT_ONCE: usize = 384;
/// And so much with room of its person's own.
const OWN: usize = 256 << 10;
/// So many of a person's messages have that at once.
const OWN_AT_ONCE: usize = 32;
/// So much more is read with a piece of the node's room.
const PIECE: usize = 1 << 20;
/// A message of many frames has their headers beside what it says: no more than this.
const MOST: usize = MESSAGE_BYTES + PIECE;
const BEYOND_PIECE: usize = OWN + PIECE;
/// So many large messages of a person are read at once, on all of their sockets together.
const AT_ONCE: usize = 2;
/// While others wait for room, so much has to come within so long.
const WITHIN: Duration = Duration::from_secs(20);
/// What the library reads at once, and keeps room for: its default of 128 KiB is far too much for thousands of
/// idle sockets.
const READ_BUFFER: usize = 128;
/// What it writes at once.
const WRITE_BUFFER: usize = 1024;
/// What is read from the system at once, into a buffer that a thread's sockets share.
const AHEAD_BYTES: usize = 16 << 10;

pub(crate) type Socket = WebSocketStream<Intake>;

/// A client's connection: its two halves, and the gate that large messages pass.
pub(crate) struct Connection {
    pub(crate) sink: SplitSink<Socket, Message>,
    pub(crate) stream: SplitStream<Socket>,
    pub(crate) gate: Arc<Gate>,
}

/// A node's room for large messages.
pub(crate) struct Room {
    pieces: Arc<Semaphore>,
    wholes: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
    senders: People<Sender>,
    /// A person may have so many sockets.
    sockets: usize,
}

/// A person's room for what they send.
struct Sender {
    sockets: Arc<Semaphore>,
    own: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

impl Sender {
    fn new(sockets: usize) -> Self {
        let [sockets, own, places] = [sockets.min(Semaphore::MAX_PERMITS), OWN_AT_ONCE, AT_ONCE]
            .map(Semaphore::new)
            .map(Arc::new);
        Self { sockets, own, places }
    }

    /// Whether others of their messages may wait for one that has some of their room, or a place as well.
    fn is_short(&self, has_place: bool) -> bool {
        self.own.available_permits() == 0 || has_place && self.places.available_permits() == 0
    }
}

impl Room {
    /// Room for about so many bytes, half of it in pieces, and for so many sockets of a person.
    pub(crate) fn new(bytes: usize, sockets: usize) -> Self {
        let wholes = (bytes / 2 / MESSAGE_BYTES).max(1);
        let pieces = (bytes / 2 / PIECE).max(1);
        Self {
            pieces: Arc::new(Semaphore::new(pieces)),
            wholes: Arc::new(Semaphore::new(wholes)),
            strangers: Arc::new(Semaphore::new(STRANGERS_AT_ONCE)),
            senders: People::default(),
            sockets,
        }
    }

    fn of(&self, person: UserId) -> Arc<Sender> {
        self.senders.of(person, || Sender::new(self.sockets))
    }

    /// Whether others may wait for the room of a large message.
    fn is_short(&self) -> bool {
        self.pieces.available_permits() == 0 || self.wholes.available_permits() == 0
    }

    /// Whether this person has all the sockets that they may have.
    pub(crate) fn is_taken_by(&self, person: UserId) -> bool {
        self.of(person).sockets.available_permits() == 0
    }
}

/// What a socket's reader and its intake know together.
pub(crate) struct Gate {
    node: Arc<Room>,
    /// Bytes read since the last whole message.
    read: AtomicUsize,
    /// Bytes read in all, or more while it waits for room: so that it is not taken for silent.
    progress: AtomicUsize,
    /// Somebody has said who they are.
    is_known: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Who was let in, with their place for this socket: large messages are read.
    sender: Option<(Arc<Sender>, OwnedSemaphorePermit)>,
    waiting: Option<Waker>,
    /// The place of somebody who has not said who they are.
    stranger: Option<OwnedSemaphorePermit>,
    /// Of their own, then a place, then a piece, then a whole.
    room: Vec<OwnedSemaphorePermit>,
}

impl Gate {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A person is let in through this socket, unless they have too many. Its large messages are the first one's.
    pub(crate) fn open(&self, person: UserId) -> Result<(), Close> {
        let mut state = self.state();
        if state.sender.is_none() {
            let sender = self.node.of(person);
            let place = sender.sockets.clone().try_acquire_owned();
            let place = place.map_err(|_| Close::TooManySockets)?;
            state.sender = Some((sender, place));
            state.stranger = None;
            self.is_known.store(true, Ordering::Relaxed);
        }
        if let Some(waker) = state.waiting.take() {
            waker.wake();
        }
        Ok(())
    }

    /// Whether somebody has said who they are.
    pub(crate) fn is_known(&self) -> bool {
        self.is_known.load(Ordering::Relaxed)
    }

    /// Changes while bytes come, or room is waited for.
    pub(crate) fn progress(&self) -> usize {
        self.progress.load(Ordering::Relaxed)
    }

    /// A ping or pong was read, of so many bytes: it is no part of a message, and takes no room.
    pub(crate) fn control(&self, bytes: usize) {
        let taken = |read: usize| Some(read.saturating_sub(bytes));
        let _ = self.read.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken); // always some
    }

    /// A whole message was read. What comes back is to be held for as long as it is looked at.
    pub(crate) fn delivered(&self) -> Vec<OwnedSemaphorePermit> {
        if self.read.swap(0, Ordering::Relaxed) < STRANGERS_FREE {
            return Vec::new();
        }
        let mut state = self.state();
        state.stranger = None;
        std::mem::take(&mut state.room)
    }
}

/// A connection's bytes, counted.
pub(crate) struct Intake {
    io: TokioIo<Upgraded>,
    gate: Arc<Gate>,
    waits: Option<Box<Waits>>,
    stranger: Option<Box<PollSemaphore>>,
    deadline: Option<Deadline>,
    cut: Cut,
    /// What was read and not passed on yet.
    held: Bytes,
}

/// How a large message waits for room.
struct Waits {
    own: PollSemaphore,
    places: PollSemaphore,
    pieces: PollSemaphore,
    wholes: PollSemaphore,
}

/// When a message that has room must have come further.
struct Deadline {
    sleep: Pin<Box<Sleep>>,
    read: usize,
}

impl Intake {
    /// Waits until somebody says who they are, or there is a place for one who has not.
    fn poll_stranger(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let gate = self.gate.clone();
        let mut state = gate.state();
        if state.sender.is_none() && state.stranger.is_none() {
            state.waiting = Some(context.waker().clone());
            let places = || Box::new(PollSemaphore::new(gate.node.strangers.clone()));
            let place = ready!(self.stranger.get_or_insert_with(places).poll_acquire(context));
            state.stranger = Some(place.ok_or(io::ErrorKind::Interrupted)?);
        }
        self.stranger = None;
        Poll::Ready(Ok(()))
    }

    /// Waits until the message may be read on.
    fn poll_room(&mut self, context: &mut Context<'_>, read: usize) -> Poll<io::Result<()>> {
        let gate = self.gate.clone();
        let mut state = gate.state();
        let Some(sender) = state.sender.as_ref().map(|(sender, _)| sender.clone()) else {
            state.waiting = Some(context.waker().clone());
            return Poll::Pending;
        };
        if read > MOST {
            return Poll::Ready(Err(io::ErrorKind::FileTooLarge.into()));
        }
        let held = state.room.len();
        let waits = self.waits.get_or_insert_with(|| {
            let Room { pieces, wholes, .. } = &*gate.node;
            let room = [&sender.own, &sender.places, pieces, wholes].map(Arc::clone);
            let [own, places, pieces, wholes] = room.map(PollSemaphore::new);
            Box::new(Waits { own, places, pieces, wholes })
        });
        loop {
            let next = match (state.room.len(), read) {
                (0, _) => &mut waits.own,
                (1, OWN..) => &mut waits.places,
                (2, _) => &mut waits.pieces,
                (3, BEYOND_PIECE..) => &mut waits.wholes,
                _ => break,
            };
            let Poll::Ready(room) = next.poll_acquire(context) else {
                gate.progress.fetch_add(1, Ordering::Relaxed);
                return Poll::Pending;
            };
            state.room.push(room.ok_or(io::ErrorKind::Interrupted)?);
        }
        let (has, has_more) = (state.room.len(), state.room.len() > held);
        drop(state);
        if has_more {
            let sleep = Box::pin(tokio::time::sleep(WITHIN));
            self.deadline = Some(Deadline { sleep, read });
        }
        let least = if has > 2 && gate.node.is_short() {
            PIECE
        } else {
            usize::from(sender.is_short(has > 1)) // their other devices wait: it may be on a line that is dead
        };
        self.poll_in_time(context, read, least)
    }

    /// Fails when less than this has come; the deadline wakes the task.
    fn poll_in_time(
        &mut self,
        context: &mut Context<'_>,
        read: usize,
        least: usize,
    ) -> Poll<io::Result<()>> {
        let Some(deadline) = &mut self.deadline else { return Poll::Ready(Ok(())) };
        while deadline.sleep.as_mut().poll(context).is_ready() {
            if read < deadline.read + least {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            deadline.read = read;
            deadline.sleep.as_mut().reset(Instant::now() + WITHIN);
        }
        Poll::Ready(Ok(()))
    }
}

thread_local! {
    static AHEAD: RefCell<Box<[u8]>> = RefCell::new(vec![0; AHEAD_BYTES].into());
}

impl Intake {
    /// Reads all that has come, so far as a thread has room for it: the library's buffer is small. How much of it
    /// was passed on.
    fn poll_ahead(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<usize>> {
        let most = if self.gate.is_known() { AHEAD_BYTES } else { STRANGERS_FREE };
        AHEAD.with_borrow_mut(|room| {
            let mut came = ReadBuf::new(&mut room[..most]);
            ready!(Pin::new(&mut self.io).poll_read(context, &mut came))?;
            let more = self.pass(came.filled(), buffer);
            self.held = Bytes::copy_from_slice(&came.filled()[more..]);
            Poll::Ready(Ok(more))
        })
    }

    /// Passes on what there is room for, up to the content of a large frame.
    fn pass(&mut self, from: &[u8], to: &mut ReadBuf<'_>) -> usize {
        let more = self.cut.pass(&from[..from.len().min(to.remaining())]);
        to.put_slice(&from[..more]);
        more
    }

    /// Reads on until the client has closed, and keeps nothing.
    pub(crate) async fn ignore(&mut self) {
        let mut nothing = vec![0; 1024]; // an array would lie in every socket's task
        while let Ok(1..) = self.io.read(&mut nothing).await {}
    }
}

impl AsyncRead for Intake {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = self.gate.read.load(Ordering::Relaxed);
        if read >= STRANGERS_FREE && !self.gate.is_known() {
            ready!(self.poll_stranger(context))?;
        }
        if read >= FREE {
            ready!(self.poll_room(context, read))?;
        } else if self.waits.is_some() {
            (self.waits, self.deadline) = (None, None);
        }
        let more = if self.held.is_empty() {
            ready!(self.poll_ahead(context, buffer))?
        } else {
            let mut held = std::mem::take(&mut self.held);
            let more = self.pass(&held, buffer);
            held.advance(more);
            self.held = if held.is_empty() { Bytes::new() } else { held };
            more
        };
        self.gate.read.fetch_add(more, Ordering::Relaxed);
        self.gate.progress.fetch_add(more, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Intake {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

/// Switches a request to a WebSocket, which `serve` runs in a task among these (RFC 6455, 4.2). An error
/// says what the request lacks.
pub(crate) fn upgrade<F>(
    mut request: Request,
    room: &Arc<Room>,
    tasks: &TaskTracker,
    serve: impl FnOnce(Box<Connection>) -> F + Send + 'static,
) -> Result<Response, Error>
where
    F: Future<Output = ()> + Send + 'static,
{
    let node = room.clone();
    let switching = hyper::upgrade::on(&mut request);
    let (parts, _) = request.into_parts();
    let response = create_response(&Request::from_parts(parts, ()))?;
    let serve = Box::new(serve); // what a task was given lies in it as long as it runs
    tasks.spawn(async move {
        let Ok(upgraded) = switching.await else { return }; // the client has gone
        let gate = Arc::new(Gate {
            node,
            read: AtomicUsize::new(0),
            progress: AtomicUsize::new(0),
            is_known: AtomicBool::new(false),
            state: Mutex::default(),
        });
        let intake = Intake {
            io: TokioIo::new(upgraded),
            gate: gate.clone(),
            waits: None,
            stranger: None,
            deadline: None,
            cut: Cut::default(),
            held: Bytes::new(),
        };
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(WRITE_BUFFER)
            .max_message_size(Some(MESSAGE_BYTES))
            .max_frame_size(Some(MESSAGE_BYTES));
        let socket = WebSocketStream::from_raw_socket(intake, Role::Server, Some(config)).await;
        let (sink, stream) = socket.split();
        serve(Box::new(Connection { sink, stream, gate })).await;
    });
    Ok(response.map(|()| Body::empty()).into_response())
}
