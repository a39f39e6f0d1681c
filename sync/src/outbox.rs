//! What waits to be written to one socket: bounded for content, which can be merged and sent later;
//! never dropped for acknowledgements, whose number the reader's own messages bound.

mod doubts;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use studyhall_schema::document::DocumentId;
use tokio::sync::Notify;

use self::doubts::Doubts;
use crate::{SyncFault, document::PeerId, node::Opened};

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
    /// It is there for the person, and kept by a library that this client does not speak (4409): for good.
    OtherEngine,
    /// The token that opened it has ended (1012): come again with a fresh one.
    TokenExpired,
    /// Come again at once (1012): restart, or a document that was loaded again.
    Restart,
    /// Come again later (1013): the store is down, or too much waits.
    TryLater,
    /// Come again when others of the person's sockets are gone (1013).
    TooManySockets,
    /// Nobody said in time who they are (1008).
    NotSignedIn,
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
            Self::OtherEngine => (4409, "other-engine"),
            Self::TokenExpired => (1012, "token-expired"),
            Self::Restart => (1012, "restart"),
            Self::TryLater => (1013, "try-again-later"),
            Self::TooManySockets => (1013, "too-many-sockets"),
            Self::NotSignedIn => (1008, "not-signed-in"),
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
    lagging: Vec<Lagging>,
    close: Option<Close>,
    /// Of which documents it is being asked whether the person may see them: nothing of them is queued.
    doubts: Doubts,
    ping: bool,
    /// Nothing more will come: write what is here and end.
    finished: bool,
}

/// A place in a document that has something for the socket.
struct Lagging {
    document: Arc<Opened>,
    peer: PeerId,
}

impl Lagging {
    fn of((document, peer): (&Arc<Opened>, PeerId)) -> Self {
        Self { document: document.clone(), peer }
    }
}

/// Whether content would be queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    Free,
    /// Too much waits already.
    Full,
    /// It is being asked whether the person may see the document.
    Held,
}

/// What a writer does next.
pub(crate) enum Outgoing {
    Frames(Vec<Bytes>),
    Drained(Vec<(Arc<Opened>, PeerId)>),
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

    /// Queues content when there is room; otherwise the place that it is `from` is told when the queue is empty.
    pub(crate) fn push_content(&self, frame: Bytes, from: (&Arc<Opened>, PeerId)) -> bool {
        let mut queue = self.queue();
        if queue.close.is_some() {
            return true;
        }
        let size = queue.bytes + frame.len();
        let is_full = size > CONTENT_BYTES && queue.bytes > 0;
        if is_full || queue.doubts.hold(from.0.id, from.1) {
            queue.lagging.push(Lagging::of(from));
            return false;
        }
        queue.bytes = size;
        queue.frames.push(frame);
        if queue.frames.len() == 1 {
            self.filled.notify_one();
        }
        true
    }

    /// Whether content of a place would be queued now.
    pub(crate) fn room_for(&self, (document, peer): (&Arc<Opened>, PeerId)) -> Room {
        let queue = self.queue();
        match queue.bytes {
            _ if queue.doubts.hold(document.id, peer) => Room::Held,
            CONTENT_BYTES.. => Room::Full,
            _ => Room::Free,
        }
    }

    /// The place is told when the person may see its document.
    pub(crate) fn tells(&self, from: (&Arc<Opened>, PeerId)) {
        self.queue().lagging.push(Lagging::of(from));
        self.filled.notify_one();
    }

    /// Closes the socket after what is queued; at once when it is for good. The first reason counts, and
    /// nothing is queued after it.
    pub(crate) fn close(&self, why: Close) {
        let mut queue = self.queue();
        queue.close.get_or_insert(why);
        if why.is_for_good() {
            let dropped: usize = queue.frames.drain(..).map(|frame| frame.len()).sum();
            queue.bytes -= dropped;
            queue.lagging.clear();
        }
        drop(queue);
        self.filled.notify_one();
        self.closing.notify_one();
        self.drained.notify_one();
    }

    /// A change of access was heard, of one document or of all: nothing of them is queued until it was asked
    /// what the person may see.
    pub(crate) fn hear(&self, document: Option<DocumentId>) {
        self.queue().doubts.hear(document);
    }

    /// How many changes were heard until now: who asks from here on asks after them.
    pub(crate) fn heard(&self) -> u64 {
        self.queue().doubts.heard()
    }

    /// After so many the place was asked for, and may show its document.
    pub(crate) fn asked(&self, peer: PeerId, since: u64) {
        self.queue().doubts.ask(peer, since);
        self.filled.notify_one();
    }

    /// After so many all places were asked for.
    pub(crate) fn settle(&self, since: u64) {
        self.queue().doubts.settle(since);
        self.filled.notify_one();
    }

    /// Whether a place has to be asked for, and whether that is because a change names its document.
    pub(crate) fn doubts(&self, document: DocumentId, peer: PeerId) -> (bool, bool) {
        let doubts = &self.queue().doubts;
        (doubts.hold(document, peer), doubts.name(document))
    }

    /// Whether any place has to be asked for.
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.queue().doubts.is_any()
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
        self.closes_with().is_some()
    }

    /// Why the socket is to be closed.
    pub(crate) fn closes_with(&self) -> Option<Close> {
        self.queue().close
    }

    /// Waits for what is to be written. The frames that were taken count until [`Self::written`].
    pub(crate) async fn next(&self) -> Outgoing {
        loop {
            {
                let mut queue = self.queue();
                if !queue.frames.is_empty() {
                    return Outgoing::Frames(std::mem::take(&mut queue.frames));
                }
                let Queue { lagging, doubts, .. } = &mut *queue;
                let is_shown = |one: &mut Lagging| !doubts.hold(one.document.id, one.peer);
                let shown: Vec<_> = lagging.extract_if(.., is_shown).collect();
                if !shown.is_empty() {
                    let places = shown.into_iter().map(|one| (one.document, one.peer));
                    return Outgoing::Drained(places.collect());
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
