//! Large frames to one connection: encoded once for all that wait for the same, and only while the node
//! has room for them. A frame is large when it goes alone.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    Actor, Mail,
    deliver::{Outlet, Payload, Wire},
};
use crate::{
    document::{Engine, Input, Lost, PeerId},
    outbox::{CONTENT_BYTES, Room},
    people::People,
    wire::yjs::SyncMessage,
};

/// A connection that there was no room for is thought of again after so long.
const LATER: Duration = Duration::from_millis(500);

/// So many frames of a person's may be kept at once that were made for them.
const AT_ONCE: usize = 2;

/// A node's room for large frames, each counted once however many wait for it.
pub(crate) struct LargeFrames {
    kib: Arc<Semaphore>,
    people: People<Semaphore>,
}

impl LargeFrames {
    /// Room for so many bytes.
    pub(crate) fn new(bytes: usize) -> Self {
        Self { kib: Arc::new(Semaphore::new(bytes >> 10)), people: People::default() }
    }

    /// Encodes a frame when there is room for it, and a place of its person.
    fn encode(&self, outlet: &Outlet, payload: Payload) -> Option<Arc<Encoded>> {
        let kib = u32::try_from(payload.size() >> 10).ok()?;
        let places = self.people.of(outlet.user, || Semaphore::new(AT_ONCE));
        let room =
            [places.try_acquire_owned().ok()?, self.kib.clone().try_acquire_many_owned(kib).ok()?];
        Some(Arc::new(Encoded { frame: outlet.frame(payload), _room: room }))
    }
}

/// A frame, and the room that it takes for as long as somebody waits for it.
struct Encoded {
    frame: Bytes,
    _room: [OwnedSemaphorePermit; 2],
}

struct Shared(Arc<Encoded>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.0.frame
    }
}

/// What was last sent of a version of the document that is large.
#[derive(Default)]
pub(super) struct Whole {
    update: Bytes,
    step2: bool,
    yjs: Weak<Encoded>,
    plain: Weak<Encoded>,
}

impl Whole {
    /// Where a frame for this wire is kept; a Hocuspocus client with an address of its own has its own.
    fn kept(&mut self, wire: &Wire) -> Option<&mut Weak<Encoded>> {
        match wire {
            Wire::Yjs => Some(&mut self.yjs),
            Wire::Hocuspocus { plain: true, .. } => Some(&mut self.plain),
            Wire::Hocuspocus { plain: false, .. } | Wire::Automerge { .. } => None,
        }
    }

    fn is_of(&self, update: &Bytes, step2: bool) -> bool {
        self.step2 == step2
            && self.update.len() == update.len()
            && std::ptr::eq(self.update.as_ptr(), update.as_ptr())
    }
}

impl<E: Engine> Actor<E> {
    /// Sends what a connection lacks, or tells the core that there was no room for it.
    pub(super) fn send(&mut self, peer: PeerId, payload: Payload, lost: Lost) {
        let Some(outlet) = self.outlets.get(&peer) else { return };
        let frame = match &payload {
            Payload::Sync(SyncMessage::Step2(update) | SyncMessage::Update(update))
            | Payload::Automerge(update)
                if update.len() > CONTENT_BYTES =>
            {
                let step2 = matches!(payload, Payload::Sync(SyncMessage::Step2(_)));
                let whole = self.whole.get_or_insert_default();
                if !whole.is_of(update, step2) {
                    **whole = Whole { update: update.clone(), step2, ..Whole::default() };
                }
                let kept = whole.kept(&outlet.wire);
                let known = kept.as_ref().and_then(|kept| kept.upgrade());
                let frames = &self.node.large_frames;
                let encoded = known.or_else(|| frames.encode(outlet, payload.clone()));
                let Some(encoded) = encoded else { return self.send_later(peer, lost) };
                if let Some(kept) = kept {
                    *kept = Arc::downgrade(&encoded);
                }
                Bytes::from_owner(Shared(encoded))
            }
            _ => outlet.frame(payload),
        };
        if !outlet.outbox.push_content(frame, (&self.me, peer)) {
            self.core(Input::Lagging { peer, lost });
        }
    }

    /// Sends everybody's awareness to one connection. It is worth nothing late: where there is no room
    /// for it, it is not sent.
    pub(super) fn tell_awareness(&mut self, peer: PeerId, update: Bytes) {
        if !self.has_room(peer) {
            return;
        }
        let Some(outlet) = self.outlets.get(&peer) else { return };
        let payload = Payload::Awareness(update);
        if payload.size() <= CONTENT_BYTES {
            outlet.outbox.push(outlet.frame(payload));
        } else if let Some(encoded) = self.node.large_frames.encode(outlet, payload) {
            outlet.outbox.push(Bytes::from_owner(Shared(encoded)));
        }
    }

    /// Whether awareness can be sent to a connection now. While it is being asked whether its person may see it,
    /// it waits: then they are told everybody's.
    pub(super) fn has_room(&mut self, peer: PeerId) -> bool {
        let Some(outlet) = self.outlets.get(&peer) else { return false };
        let room = outlet.outbox.room_for((&self.me, peer));
        if room == Room::Held && self.unaware.get_or_insert_default().insert(peer) {
            outlet.outbox.tells((&self.me, peer));
        }
        room == Room::Free
    }

    /// A connection has room again, or its person may see the document after all.
    pub(super) fn drained(&mut self, peer: PeerId) {
        self.feed(Input::Drained { peer });
        if self.is_told(peer) {
            self.feed(Input::QueryAwareness { peer });
        }
    }

    /// Nobody has to tell a connection everybody's awareness any more. Whether somebody had to.
    pub(super) fn is_told(&mut self, peer: PeerId) -> bool {
        self.unaware.as_mut().is_some_and(|unaware| unaware.remove(&peer))
    }

    fn send_later(&mut self, peer: PeerId, lost: Lost) {
        self.core(Input::Lagging { peer, lost });
        self.drain_later(peer);
    }

    /// Thinks of a connection again after a while.
    pub(super) fn drain_later(&self, peer: PeerId) {
        let me = self.me.clone();
        tokio::spawn(async move {
            tokio::time::sleep(LATER).await;
            let _ = me.mailbox.send(Mail::Drained(peer)).await; // gone: so is the connection
        });
    }
}
