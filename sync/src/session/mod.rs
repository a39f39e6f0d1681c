//! One socket's task: reads frames and hands them on, writes what waits in its outbox.
//!
//! A session knows its protocol and its callers; it knows nothing of content. Reading and writing go
//! on side by side in one task, so that a slow reader costs itself only.

pub(crate) mod hocuspocus;
mod register;
pub(crate) mod yjs;

use std::{sync::Arc, time::Duration};

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use bytes::Bytes;
use futures_util::{
    FutureExt, SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use studyhall_schema::access::{AccessError, Caller, Permission, Resource};
use studyhall_schema::document::DocumentId;

use crate::{
    actor::{Inbound, Mail},
    guard,
    node::Node,
    outbox::{Close, Outbox, Outgoing},
    wire::yjs::SyncMessage,
};
pub(crate) use register::{Register, Registered, watch};

/// Frames taken from a socket at once.
const AT_ONCE: usize = 64;
/// The largest frame, with its envelope.
pub(crate) const FRAME_BYTES: usize = (16 << 20) + 1024;
/// Frames above this share the node's budget.
const LARGE_FRAME: usize = 256 << 10;
/// A ping is sent after so long without a word.
const PING: Duration = Duration::from_secs(30);
/// Without an answer to it for so long the socket is given up.
const AFTER_PING: Duration = Duration::from_secs(45);
/// What is queued when a socket is closed has so long to go out.
const FAREWELL: Duration = Duration::from_secs(5);

/// The reading half, in batches.
pub(crate) struct Reader {
    stream: SplitStream<WebSocket>,
    outbox: Arc<Outbox>,
}

impl Reader {
    /// What the client has sent, all that waits of it; `None` when it is gone or to go.
    async fn batch(&mut self, frames: &mut Vec<Bytes>) -> Option<()> {
        self.outbox.room().await;
        let mut pinged = false;
        while frames.is_empty() {
            let wait = if pinged { AFTER_PING } else { PING };
            match tokio::time::timeout(wait, self.stream.next()).await {
                Ok(Some(Ok(message))) => {
                    pinged = false;
                    self.take(message, frames)?;
                }
                Ok(Some(Err(error))) => {
                    self.outbox.close(broken(&error));
                    return None;
                }
                Ok(None) => return None,
                Err(_) if pinged => {
                    self.outbox.close(Close::Silent);
                    return None;
                }
                Err(_) => {
                    pinged = true;
                    self.outbox.ping();
                }
            }
        }
        while frames.len() < AT_ONCE
            && let Some(Some(Ok(message))) = self.stream.next().now_or_never()
        {
            self.take(message, frames)?;
        }
        if self.outbox.is_closing() { None } else { Some(()) }
    }

    fn take(&self, message: Message, frames: &mut Vec<Bytes>) -> Option<()> {
        match message {
            Message::Binary(frame) => frames.push(frame),
            Message::Text(_) => {
                self.outbox.close(Close::Protocol);
                return None;
            }
            Message::Close(_) => return None,
            Message::Ping(_) | Message::Pong(_) => {}
        }
        Some(())
    }
}

/// Why a socket that failed is closed.
fn broken(error: &axum::Error) -> Close {
    if error.to_string().contains("too long") { Close::TooLarge } else { Close::Protocol }
}

/// Runs a socket: `read` until it ends, while what is queued is written; then says goodbye.
async fn run<R>(socket: WebSocket, outbox: Arc<Outbox>, read: impl FnOnce(Reader) -> R)
where
    R: Future<Output = ()>,
{
    let (mut sink, stream) = socket.split();
    {
        let reading = read(Reader { stream, outbox: outbox.clone() });
        let writing = write(&mut sink, &outbox);
        tokio::pin!(reading, writing);
        tokio::select! {
            () = &mut reading => {
                outbox.finish();
                let _ = tokio::time::timeout(FAREWELL, writing).await; // what is queued, if it goes
            }
            () = &mut writing => {}
        }
    }
    let _ = tokio::time::timeout(FAREWELL, sink.close()).await; // the client may be gone
}

/// Writes what waits until the socket is to be closed or fails.
async fn write(sink: &mut SplitSink<WebSocket, Message>, outbox: &Outbox) {
    loop {
        match outbox.next().await {
            Outgoing::Frames(frames) => {
                let mut bytes = 0;
                for frame in frames {
                    bytes += frame.len();
                    if sink.feed(Message::Binary(frame)).await.is_err() {
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
                for (mailbox, peer) in documents {
                    let _ = mailbox.send(Mail::Drained(peer)).await; // gone: so is the connection
                }
            }
            Outgoing::Close(why) => {
                let (code, reason) = why.code();
                let frame = CloseFrame { code, reason: reason.into() };
                let _ = sink.send(Message::Close(Some(frame))).await; // the client may be gone
                return;
            }
            Outgoing::End => return,
        }
    }
}

/// What a document is told of a message of the sync protocol; `None` when it is malformed.
fn inbound(message: SyncMessage) -> Option<Inbound> {
    Some(match message {
        SyncMessage::Step1(vector) => {
            guard::state_vector_v1(&vector).ok()?;
            Inbound::Step1(vector)
        }
        SyncMessage::Step2(update) => {
            Inbound::Update { scan: guard::update_v1(&update).ok()?, update, step2: true }
        }
        SyncMessage::Update(update) => {
            Inbound::Update { scan: guard::update_v1(&update).ok()?, update, step2: false }
        }
    })
}

/// Takes room for the large ones of these frames from the node's budget, for as long as they are
/// looked at: for all at once, since two sockets that each hold some and wait for more never end.
async fn large(node: &Node, frames: &[Bytes]) -> Option<tokio::sync::OwnedSemaphorePermit> {
    let sizes = frames.iter().map(Bytes::len).filter(|size| *size > LARGE_FRAME);
    let bytes = sizes.sum::<usize>().min(node.config.large_frames);
    if bytes == 0 {
        return None;
    }
    let kib = u32::try_from(bytes >> 10).unwrap_or(u32::MAX);
    node.large_frames.clone().acquire_many_owned(kib).await.ok()
}

/// What a caller may do with a document.
async fn permission(
    node: &Node,
    caller: Caller,
    document: DocumentId,
) -> Result<Permission, AccessError> {
    node.access.permission(caller, Resource::Document(document)).await
}
