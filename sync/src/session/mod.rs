//! One socket's task: reads frames and hands them on, writes what waits in its outbox.
//!
//! A session knows its protocol and its callers; it knows nothing of content. Reading and writing go
//! on side by side in one task, so that a slow reader costs itself only.

mod asking;
pub(crate) mod automerge;
pub(crate) mod hocuspocus;
mod register;
mod senders;
mod strangers;
pub(crate) mod yjs;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{
    FutureExt, SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use studyhall_schema::{
    access::{AccessError, Caller, Permission, Resource},
    document::DocumentId,
};
use tokio::{sync::OwnedSemaphorePermit, time::Instant};
use tokio_tungstenite::tungstenite::{
    self, Message,
    protocol::{
        CloseFrame,
        frame::{
            Frame,
            coding::{Data, OpCode},
        },
    },
};

use crate::{
    actor::{Frames, Mail, NotSent},
    document::{Inbound, PeerId},
    guard, heavy,
    node::{Node, Opened},
    outbox::{CONTENT_BYTES, Close, Outbox, Outgoing},
    people::Taken,
    socket::{Connection, Gate, Socket},
    wire::{lib0::Malformed, yjs::SyncMessage},
};
pub(crate) use register::{Register, Registered, patrol, watch};
pub(crate) use senders::Senders;
pub(crate) use strangers::Strangers;

/// Frames taken from a socket at once.
const AT_ONCE: usize = 64;
/// And no more when they have so many bytes.
const AT_ONCE_BYTES: usize = 256 << 10;
/// Bytes of a control frame beside its content (RFC 6455, 5.2).
const CONTROL_HEADER: usize = 6;
/// A ping is sent after so long without a word.
const PING: Duration = Duration::from_secs(30);
/// Without an answer to it for so long the socket is given up.
const AFTER_PING: Duration = Duration::from_secs(45);
/// Of a large frame so many bytes are written at once, and have to go out within so long.
const FRAGMENT: usize = 64 << 10;
const STALLED: Duration = Duration::from_secs(20);
/// Who has not said who they are after so long is closed: what waits for a token waits no longer either.
const UNKNOWN_FOR: Duration = Duration::from_mins(1);
/// What is queued when a socket is closed has so long to go out.
const FAREWELL: Duration = Duration::from_secs(5);

/// The reading half, in batches.
pub(crate) struct Reader {
    stream: SplitStream<Socket>,
    gate: Arc<Gate>,
    outbox: Arc<Outbox>,
    silence: Silence,
    /// When the token ends that the socket was opened with.
    ends: Option<Instant>,
    /// When somebody must have said who they are.
    known_by: Option<Instant>,
    /// Nothing more can be made of what comes.
    is_broken: bool,
    /// The client has said goodbye: what it said before counts, and nothing else will come.
    is_over: bool,
}

/// How long the client may say nothing more. Whoever waits for a batch may stop and wait again.
struct Silence {
    until: Instant,
    pinged: bool,
    progress: usize,
}

impl Silence {
    fn new(progress: usize) -> Self {
        Self { until: Instant::now() + PING, pinged: false, progress }
    }
}

/// What was read at once.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) frames: Vec<Bytes>,
    bytes: usize,
    /// The room that large ones take, until the next batch is read.
    room: Vec<OwnedSemaphorePermit>,
}

impl Reader {
    /// What the client has sent, all that waits of it; `None` when it is gone or to go.
    async fn batch(&mut self, batch: &mut Batch) -> Option<()> {
        *batch = Batch::default(); // whoever says nothing keeps no room
        if self.is_over {
            return None;
        }
        self.outbox.room().await;
        while batch.frames.is_empty() {
            let ends = [self.ends, self.known_by].into_iter().flatten().min();
            let until = ends.map_or(self.silence.until, |ends| ends.min(self.silence.until));
            let next = tokio::time::timeout_at(until, self.stream.next());
            let next = tokio::select! {
                next = next => next,
                () = self.outbox.closing() => return None,
            };
            match next {
                Ok(Some(Ok(message))) => {
                    self.silence = Silence::new(self.gate.progress());
                    self.take(message, batch);
                    if self.is_over {
                        return None;
                    }
                }
                Ok(Some(Err(error))) => {
                    self.is_broken = true;
                    self.outbox.close(broken(&error));
                    return None;
                }
                Ok(None) => return None,
                Err(_) => match self.has_ended() {
                    Some(why) => {
                        self.outbox.close(why);
                        return None;
                    }
                    None => self.is_silent()?,
                },
            }
        }
        while batch.frames.len() < AT_ONCE
            && batch.bytes < AT_ONCE_BYTES
            && !self.is_over
            && let Some(Some(Ok(message))) = self.stream.next().now_or_never()
        {
            self.take(message, batch);
        }
        // While a large frame is held, the library lets go of the buffer that it came in; else that is kept
        // for as long as the socket lives.
        if batch.bytes >= AT_ONCE_BYTES
            && !self.is_over
            && let Some(Some(Ok(message))) = self.stream.next().now_or_never()
        {
            self.take(message, batch);
        }
        if let Some(why) = self.has_ended() {
            self.outbox.close(why);
        }
        if self.outbox.is_closing() { None } else { Some(()) }
    }

    /// Why its time is up.
    fn has_ended(&mut self) -> Option<Close> {
        self.known_by.take_if(|_| self.gate.is_known());
        let is_past = |at: Option<Instant>| at.is_some_and(|at| at <= Instant::now());
        let expired = is_past(self.ends).then_some(Close::TokenExpired);
        expired.or_else(|| is_past(self.known_by).then_some(Close::NotSignedIn))
    }

    /// Nothing was said for long: it is asked whether it is there, then given up.
    fn is_silent(&mut self) -> Option<()> {
        let progress = self.gate.progress();
        if progress != self.silence.progress {
            self.silence = Silence::new(progress); // a large message is on its way, however slowly
        } else if self.silence.pinged {
            self.outbox.close(Close::Silent);
            return None;
        } else {
            self.silence = Silence { until: Instant::now() + AFTER_PING, pinged: true, progress };
            self.outbox.ping();
        }
        Some(())
    }

    fn take(&mut self, message: Message, batch: &mut Batch) {
        match message {
            Message::Binary(frame) => {
                batch.room.extend(self.gate.delivered());
                batch.bytes += frame.len();
                batch.frames.push(frame);
            }
            Message::Text(_) => {
                self.outbox.close(Close::Protocol);
                self.is_over = true;
            }
            Message::Close(_) => self.is_over = true,
            Message::Ping(bytes) | Message::Pong(bytes) => {
                self.gate.control(bytes.len() + CONTROL_HEADER);
            }
            Message::Frame(_) => {} // never read
        }
    }

    /// Waits until the client has closed: what it still sends is no longer listened to.
    async fn let_out(mut self, sink: SplitSink<Socket, Message>) {
        while !self.is_broken
            && let Some(message) = self.stream.next().await
        {
            drop(self.gate.delivered());
            self.is_broken = message.is_err();
        }
        if self.is_broken
            && let Ok(mut socket) = sink.reunite(self.stream)
        {
            socket.get_mut().ignore().await;
        }
    }

    /// Somebody is let in, for as long as what they showed is good: from now on large messages are read.
    fn let_in(&mut self, node: &Node, caller: Caller) -> Result<(), Close> {
        self.ends = ends(node, caller);
        self.gate.open(caller.user)
    }
}

/// Why a socket that failed is closed.
fn broken(error: &tungstenite::Error) -> Close {
    match error {
        tungstenite::Error::Capacity(_) => Close::TooLarge,
        tungstenite::Error::Io(error) if error.kind() == std::io::ErrorKind::TimedOut => {
            Close::TryLater
        }
        _ => Close::Protocol,
    }
}

/// A connection's place in a document: however it ends, the document is told.
pub(crate) struct Seat {
    pub(crate) document: Arc<Opened>,
    pub(crate) peer: PeerId,
}

impl Seat {
    /// Tells the document; an error says that it has ended.
    async fn tell(&self, mail: Mail) -> Result<(), Close> {
        self.document.mailbox.send(mail).await.map_err(|_| Close::Restart)
    }

    /// Hands on what was read at once.
    async fn frames(
        &self,
        messages: Vec<Inbound>,
        room: impl IntoIterator<Item = Taken>,
    ) -> Result<(), Close> {
        let room = room.into_iter().collect();
        self.tell(Mail::Frames(Box::new(Frames { peer: self.peer, messages, room }))).await
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let left = self.document.mailbox.try_send(Mail::Leave(self.peer));
        if let Err(NotSent::Full(leave)) = left {
            let document = self.document.clone();
            tokio::spawn(async move { document.mailbox.send(leave).await });
        }
    }
}

/// Runs a socket: `read` until it ends, while what is queued is written; then says goodbye.
///
/// What is seldom, and what a reader and its session keep, is in boxes: a future keeps room for each place that it
/// passes something through, and an idle socket's is only this.
async fn run<R>(
    connection: Box<Connection>,
    outbox: Arc<Outbox>,
    read: impl FnOnce(Box<Reader>) -> R,
) where
    R: Future<Output = Box<Reader>>,
{
    let Connection { mut sink, stream, gate } = *connection;
    let reader = {
        let silence = Silence::new(gate.progress());
        let writing = write(&mut sink, &outbox);
        let reading = read(Box::new(Reader {
            stream,
            gate,
            outbox: outbox.clone(),
            silence,
            ends: None,
            known_by: Some(Instant::now() + UNKNOWN_FOR),
            is_broken: false,
            is_over: false,
        }));
        tokio::pin!(reading, writing);
        tokio::select! {
            reader = &mut reading => {
                outbox.finish();
                // What is queued, if it goes.
                let _ = Box::pin(tokio::time::timeout(FAREWELL, writing)).await;
                Some(reader)
            }
            () = &mut writing => {
                // It was closed from outside, or the client is gone.
                outbox.close(Close::Silent);
                Box::pin(tokio::time::timeout(FAREWELL, reading)).await.ok()
            }
        }
    };
    let _ = Box::pin(tokio::time::timeout(FAREWELL, goodbye(sink, reader))).await; // it may be gone
}

/// Closes a connection when the client has heard why. One that ends while something of the client's was
/// not read is reset, and what was on its way to the client is lost with it (RFC 1122, 4.2.2.13).
async fn goodbye(mut sink: SplitSink<Socket, Message>, reader: Option<Box<Reader>>) {
    if sink.close().await.is_ok()
        && let Some(reader) = reader
    {
        reader.let_out(sink).await;
    }
}

/// Writes what waits until the socket is to be closed or fails.
async fn write(sink: &mut SplitSink<Socket, Message>, outbox: &Outbox) {
    loop {
        match outbox.next().await {
            Outgoing::Frames(frames) => {
                let mut bytes = 0;
                for frame in frames {
                    bytes += frame.len();
                    let written = if frame.len() > CONTENT_BYTES {
                        Box::pin(write_large(sink, &frame)).await
                    } else {
                        sink.feed(Message::Binary(frame)).await.ok()
                    };
                    if written.is_none() {
                        return;
                    }
                }
                if sink.flush().await.is_err() {
                    return;
                }
                outbox.written(bytes);
            }
            Outgoing::Ping => {
                if sink.send(Message::Ping(Bytes::new())).await.is_err() {
                    return;
                }
            }
            Outgoing::Drained(documents) => {
                for (document, peer) in documents {
                    let _ = Box::pin(document.mailbox.send(Mail::Drained(peer))).await; // gone: so is the connection
                }
            }
            Outgoing::Close(why) => {
                let (code, reason) = why.code();
                let frame = CloseFrame { code: code.into(), reason: reason.into() };
                let _ = sink.send(Message::Close(Some(frame))).await; // the client may be gone
                return;
            }
            Outgoing::End => return,
        }
    }
}

/// Writes a large frame in fragments (RFC 6455, 5.4): the socket copies what it writes and keeps it until
/// the client has read it. `None` when the client is gone, or reads next to nothing.
async fn write_large(sink: &mut SplitSink<Socket, Message>, frame: &Bytes) -> Option<()> {
    let mut start = 0;
    while start < frame.len() {
        let end = frame.len().min(start + FRAGMENT);
        let kind = if start == 0 { Data::Binary } else { Data::Continue };
        let fragment =
            Frame::message(frame.slice(start..end), OpCode::Data(kind), end == frame.len());
        let written = tokio::time::timeout(STALLED, sink.send(Message::Frame(fragment)));
        written.await.ok()?.ok()?;
        start = end;
    }
    Some(())
}

/// What a document is told of a message of the sync protocol; `None` when it is malformed.
fn inbound(message: SyncMessage) -> Option<Inbound> {
    Some(match message {
        SyncMessage::Step1(vector) => {
            guard::state_vector_v1(&vector).ok()?;
            Inbound::Step1(vector)
        }
        SyncMessage::Step2(update) => content(update, true)?,
        SyncMessage::Update(update) => content(update, false)?,
    })
}

fn content(update: Bytes, step2: bool) -> Option<Inbound> {
    match scan(&update) {
        Ok(scan) => Some(Inbound::Update { update, scan, step2 }),
        Err(Malformed::Unsupported) => Some(Inbound::Unsupported),
        Err(_) => None,
    }
}

/// What the guard says of an update, found aside when it is long.
fn scan(update: &Bytes) -> Result<guard::Scan, Malformed> {
    let walk = || guard::update_v1(update);
    if update.len() > heavy::LONG { heavy::aside(walk) } else { walk() }
}

/// When what a caller showed ends.
fn ends(node: &Node, caller: Caller) -> Option<Instant> {
    caller.expires_at.map(|end| Instant::now() + end.since(node.clock.now()))
}

/// What a caller may do with a document.
async fn permission(
    node: &Node,
    caller: Caller,
    document: DocumentId,
) -> Result<Permission, AccessError> {
    node.access.permission(caller, Resource::Document(document)).await
}
