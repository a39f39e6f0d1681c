//! A connection as its document sees it: what it may do, and what of its cannot be judged yet.

use bytes::Bytes;
use studyhall_schema::{Timestamp, access::Permission, ids::UserId};

use super::{Document, Effect, PeerId, engine::Engine};
use crate::people::Taken;

/// A connection to a document.
pub(super) struct Peer<E: Engine> {
    pub(super) user: UserId,
    pub(super) permission: Permission,
    /// How far it is in sync.
    pub(super) link: E::Link,
    /// Updates that cannot be judged yet, most of them above a hole, oldest first.
    pub(super) aside: Vec<Aside<E>>,
    pub(super) aside_bytes: usize,
    /// Bytes that were refused for want of room, and are to be asked for.
    pub(super) owed: usize,
    /// Bytes that were refused since the document is full, and are to be asked for when it is smaller.
    pub(super) unfit: usize,
    /// So many updates of it were accepted.
    pub(super) accepted: u64,
}

/// An update that is looked at, or kept aside until it can be judged.
pub struct Aside<E: Engine> {
    pub(super) update: Bytes,
    pub(super) scan: E::Scan,
    pub(super) step2: bool,
    /// It can be judged when this read of the log has ended.
    pub(super) read: Option<u64>,
    /// Its author may have it looked at again then.
    pub(super) until: Option<Timestamp>,
    /// Bytes that it takes while it is kept aside, and the room for them.
    pub(super) kept: usize,
    pub(super) room: Option<Taken>,
}

impl<E: Engine> Peer<E> {
    pub(super) fn new(user: UserId, permission: Permission) -> Self {
        let link = E::Link::default();
        let (aside, aside_bytes, owed, unfit, accepted) = (Vec::new(), 0, 0, 0, 0);
        Self { user, permission, link, aside, aside_bytes, owed, unfit, accepted }
    }
}

impl<E: Engine> Document<E> {
    pub(super) fn permit(
        &mut self,
        peer: PeerId,
        permission: Permission,
        effects: &mut Vec<Effect>,
    ) {
        let Some(known) = self.peers.get_mut(&peer) else { return };
        let before = std::mem::replace(&mut known.permission, permission);
        let is_let_in = before == Permission::None;
        if permission > before && (is_let_in || permission == Permission::Write) {
            E::promoted(self, peer, effects);
        }
    }

    pub(super) fn leave(&mut self, now: Timestamp, peer: PeerId, effects: &mut Vec<Effect>) {
        self.peers.remove(&peer);
        E::left(self, now, peer, effects);
    }
}

impl<E: Engine> Aside<E> {
    /// Whether it can be judged now, if there is what it needs.
    pub(super) fn is_due(&self, reads: u64, now: Timestamp) -> bool {
        self.read.is_none_or(|read| read <= reads) && self.until.is_none_or(|until| until <= now)
    }

    /// What a y-websocket client is owed when the fan-out does not hold its update.
    pub(super) fn echo(&self) -> Option<Bytes> {
        (!self.step2).then(|| self.update.clone())
    }
}
