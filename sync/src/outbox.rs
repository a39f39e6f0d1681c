//! What waits to be written to one socket: bounded for content, which can be merged and sent later;
//! never dropped for acknowledgements, whose number the reader's own messages bound.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::{Notify, mpsc};

use crate::{SyncFault, actor::Mail, document::PeerId};

/// Content that may wait, in bytes. A larger frame goes alone, when nothing waits.
pub(crate) const CONTENT_BYTES: usize = 256 << 10;
/// With so much waiting the socket is not read.
const READ_BYTES: usize = 512 << 10;

/// Why a socket is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Close {
    /// The sign-in ended (4401): for good.
    LoginRevoked,
    /// The person may not open this any more (4403): for good.
    Removed,
    /// There is no such document (4404): for good.
    NotFound,
    /// Come again at once (1012): restart, or a document that was loaded again.
    Restart,
    /// Come again later (1013): the store is down, or too much waits.
    TryLater,
    /// The client broke the protocol (1002).
    Protocol,
    /// A frame was too large (1009).
    TooLarge,
    /// Nothing was heard for too long (1001).
    Silent,
}

impl Close {
    /// What the person may not see any more, they are not sent any more.
    fn is_for_good(self) -> bool {
        matches!(self, Self::LoginRevoked | Self::Removed | Self::NotFound)
    }

    /// What the REST side is told when a document ends so.
    pub(crate) fn fault(self) -> SyncFault {
        if self == Self::NotFound { SyncFault::NotFound } else { SyncFault::Unavailable }
    }

    /// The close code (RFC 6455, 7.4) and its reason.
    pub(crate) fn code(self) -> (u16, &'static str) {
        match self {
            Self::LoginRevoked => (4401, "login-revoked"),
            Self::Removed => (4403, "removed"),
            Self::NotFound => (4404, "not-found"),
            Self::Restart => (1012, "restart"),
            Self::TryLater => (1013, "try-again-later"),
            Self::Protocol => (1002, "protocol-error"),
            Self::TooLarge => (1009, "too-large"),
            Self::Silent => (1001, "silent"),
        }
    }
}

/// One socket's queue.
#[derive(Default)]
pub(crate) struct Outbox {
    queue: Mutex<Queue>,
    filled: Notify,
    drained: Notify,
    closing: Notify,
}

#[derive(Default)]
struct Queue {
    frames: Vec<Bytes>,
    bytes: usize,
    /// Documents whose updates were dropped: they are told when the queue is empty.
    lagging: Vec<(mpsc::Sender<Mail>, PeerId)>,
    close: Option<Close>,
    /// What the person may see is being asked: nothing is written until that is known.
    held: bool,
    ping: bool,
    /// Nothing more will come: write what is here and end.
    finished: bool,
}

/// What a writer does next.
pub(crate) enum Outgoing {
    Frames(Vec<Bytes>),
    Drained(Vec<(mpsc::Sender<Mail>, PeerId)>),
    Ping,
    Close(Close),
    End,
}

impl Outbox {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a frame that must not be lost.
    pub(crate) fn push(&self, frame: Bytes) {
        let mut queue = self.queue();
        if queue.close.is_some() {
            return;
        }
        queue.bytes += frame.len();
        queue.frames.push(frame);
        if queue.frames.len() == 1 {
            self.filled.notify_one();
        }
    }

    /// Queues content when there is room; otherwise `from` is told when the queue is empty.
    pub(crate) fn push_content(&self, frame: Bytes, from: (&mpsc::Sender<Mail>, PeerId)) -> bool {
        let mut queue = self.queue();
        if queue.close.is_some() {
            return true;
        }
        let size = queue.bytes + frame.len();
        // While it is asked what the person may see, nothing is queued that they may not: who may goes on from
        // what they have then.
        if queue.held || (size > CONTENT_BYTES && queue.bytes > 0) {
            queue.lagging.push((from.0.clone(), from.1));
            return false;
        }
        queue.bytes = size;
        queue.frames.push(frame);
        if queue.frames.len() == 1 {
            self.filled.notify_one();
        }
        true
    }

    /// Whether content would be queued now.
    pub(crate) fn has_room(&self) -> bool {
        self.queue().bytes < CONTENT_BYTES
    }

    /// Closes the socket after what is queued; at once when it is for good. The first reason counts, and
    /// nothing is queued after it.
    pub(crate) fn close(&self, why: Close) {
        let mut queue = self.queue();
        queue.close.get_or_insert(why);
        if why.is_for_good() || queue.held {
            let dropped: usize = queue.frames.drain(..).map(|frame| frame.len()).sum();
            queue.bytes -= dropped;
            queue.lagging.clear();
        }
        drop(queue);
        self.filled.notify_one();
        self.closing.notify_one();
        self.drained.notify_one();
    }

    /// Nothing is written until [`Self::release`], if so: what the person may see is to be asked.
    pub(crate) fn hold_if(&self, is_in_doubt: impl FnOnce() -> bool) {
        let mut queue = self.queue();
        queue.held |= is_in_doubt();
    }

    /// Goes on writing.
    pub(crate) fn release(&self) {
        self.queue().held = false;
        self.filled.notify_one();
    }

    /// Whether nothing is written now.
    pub(crate) fn is_held(&self) -> bool {
        self.queue().held
    }

    /// Waits until the socket is to be closed.
    pub(crate) async fn closing(&self) {
        while !self.is_closing() {
            self.closing.notified().await;
        }
    }

    /// Asks the client for a sign of life.
    pub(crate) fn ping(&self) {
        self.queue().ping = true;
        self.filled.notify_one();
    }

    /// Nothing more will come: what is queued goes out, then the writer ends.
    pub(crate) fn finish(&self) {
        self.queue().finished = true;
        self.filled.notify_one();
    }

    /// Whether the socket is to be closed: then nothing that it still sends counts.
    pub(crate) fn is_closing(&self) -> bool {
        self.queue().close.is_some()
    }

    /// Waits for what is to be written. The frames that were taken count until [`Self::written`].
    pub(crate) async fn next(&self) -> Outgoing {
        loop {
            {
                let mut queue = self.queue();
                if !queue.frames.is_empty() && !queue.held {
                    return Outgoing::Frames(std::mem::take(&mut queue.frames));
                }
                if !queue.lagging.is_empty() && !queue.held {
                    return Outgoing::Drained(std::mem::take(&mut queue.lagging));
                }
                if let Some(why) = queue.close {
                    return Outgoing::Close(why);
                }
                if queue.finished {
                    return Outgoing::End;
                }
                if std::mem::take(&mut queue.ping) {
                    return Outgoing::Ping;
                }
            }
            self.filled.notified().await;
        }
    }

    /// So many bytes of frames have been written.
    pub(crate) fn written(&self, bytes: usize) {
        let mut queue = self.queue();
        queue.bytes -= bytes;
        if queue.bytes < READ_BYTES {
            self.drained.notify_one();
        }
    }

    /// Waits until the socket may be read again: a client that does not read is not read either.
    pub(crate) async fn room(&self) {
        while self.queue().bytes >= READ_BYTES && !self.is_closing() {
            self.drained.notified().await;
        }
    }
}
