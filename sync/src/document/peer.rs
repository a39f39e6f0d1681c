//! A connection as its document sees it: what it may do, and what it has not been sent yet.

use bytes::Bytes;
use studyhall_schema::{access::Permission, ids::UserId};
use yrs::{StateVector, updates::decoder::Decode};

use super::{Document, Effect, PeerId};
use crate::guard::Scan;

/// What a client has for certain, and how it is to be sent the rest.
#[derive(Debug, Clone)]
pub struct Missed {
    /// The client's state vector.
    pub since: StateVector,
    /// Whether the rest answers its Step1.
    pub step2: bool,
}

/// A connection to a document.
pub(super) struct Peer {
    pub(super) user: UserId,
    pub(super) permission: Permission,
    /// Its Step1 was answered: from then on it gets every update.
    synced: bool,
    /// What it has missed since its queue was full.
    missed: Option<Missed>,
    /// Updates that cannot be judged yet, most of them above a hole, oldest first.
    pub(super) aside: Vec<Aside>,
    pub(super) aside_bytes: usize,
}

/// An update that is looked at, or kept aside until it can be judged.
pub(super) struct Aside {
    pub(super) update: Bytes,
    pub(super) scan: Scan,
    pub(super) step2: bool,
    /// It can be judged when this read of the log has ended.
    pub(super) read: Option<u64>,
}

impl Peer {
    pub(super) fn new(user: UserId, permission: Permission) -> Self {
        Self { user, permission, synced: false, missed: None, aside: Vec::new(), aside_bytes: 0 }
    }
}

impl Document {
    /// Answers a Step1: the server's own Step1 first, so that what the client made offline is on its
    /// way early, then what the client lacks, from applied state only.
    pub(super) fn step1(&mut self, peer: PeerId, vector: &[u8], effects: &mut Vec<Effect>) {
        let Ok(since) = StateVector::decode_v1(vector) else { return };
        let Some(known) = self.peers.get_mut(&peer) else { return };
        if known.permission == Permission::None {
            return;
        }
        known.synced = true;
        known.missed = None;
        effects.push(Effect::Step1 { peer, vector: self.state.vector() });
        let update = self.state.difference(&since);
        effects.push(Effect::Difference { peer, update, missed: Missed { since, step2: true } });
        self.tell_awareness(peer, effects);
    }

    /// Whether a connection gets what is fanned out now.
    pub fn is_fed(&self, peer: PeerId) -> bool {
        self.peers.get(&peer).is_some_and(|peer| peer.synced && peer.missed.is_none())
    }

    /// The queue of a connection had no room: from here on it gets nothing but acknowledgements,
    /// until the queue is empty.
    pub(super) fn lagging(&mut self, peer: PeerId, missed: Option<Missed>) {
        let since_commit = self.state.vector_before_commit();
        if let Some(peer) = self.peers.get_mut(&peer).filter(|peer| peer.missed.is_none()) {
            peer.missed = Some(missed.unwrap_or(Missed { since: since_commit, step2: false }));
        }
    }

    /// The queue is empty again: one merged difference from what the client had.
    pub(super) fn drained(&mut self, peer: PeerId, effects: &mut Vec<Effect>) {
        let missed = self.peers.get_mut(&peer).and_then(|peer| peer.missed.take());
        if let Some(missed) = missed {
            let update = self.state.difference(&missed.since);
            effects.push(Effect::Difference { peer, update, missed });
        }
    }
}
