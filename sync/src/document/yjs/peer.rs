//! How far a connection to a Yjs document is in sync, and what it has not been sent yet.

use studyhall_schema::access::Permission;
use yrs::{StateVector, updates::decoder::Decode};

use super::Yjs;
use crate::document::{Document, Effect, Lost, PeerId, engine::Applied};

/// A vector of more clients is kept only as far as it matters.
const KEPT: usize = 64;

/// What a client has for certain, and how it is to be sent the rest.
#[derive(Debug, Clone)]
pub struct Missed {
    /// The client's state vector.
    pub since: StateVector,
    /// Whether the rest answers its Step1.
    pub step2: bool,
}

/// How far a connection is in sync.
#[derive(Default)]
pub struct Link {
    /// Its Step1 was answered: from then on it gets every update.
    synced: bool,
    /// What it has missed since its queue was full.
    missed: Option<Missed>,
    /// Its first awareness came, and the client id that it is by that.
    pub(super) introduced: bool,
    pub(super) own: Option<u64>,
    /// It has not been asked yet for what the server lacks: its queue was full.
    owed_step1: bool,
}

impl Link {
    /// Whether it gets what is fanned out now.
    pub(super) fn is_fed(&self) -> bool {
        self.synced && self.missed.is_none()
    }
}

impl Document<Yjs> {
    /// Answers a Step1: the server's own Step1 first, so that what the client made offline is on its
    /// way early, then what the client lacks, from applied state only.
    pub(super) fn step1(&mut self, peer: PeerId, vector: &[u8], effects: &mut Vec<Effect>) {
        let Ok(since) = StateVector::decode_v1(vector) else { return };
        let Some(known) = self.peers.get_mut(&peer) else { return };
        if known.permission == Permission::None {
            return;
        }
        let known = &mut known.link;
        known.synced = true;
        // A vector may name many that nobody here knows: they are not worth keeping.
        let since = if since.len() > KEPT { self.state.known_of(&since) } else { since };
        // To a full queue nothing is added, however often it is asked for.
        let is_owed = known.missed.is_some() || known.owed_step1;
        if is_owed || !self.may_walk(peer, &since) {
            if let Some(known) = self.peers.get_mut(&peer).map(|peer| &mut peer.link) {
                known.missed = Some(Missed { since, step2: true });
                known.owed_step1 = true;
            }
            if !is_owed {
                effects.push(Effect::Later { peer });
            }
            return;
        }
        effects.push(Effect::Step1 { peer, vector: self.state.vector() });
        let update = self.state.difference(&since);
        effects.push(Effect::Difference { peer, update, missed: Missed { since, step2: true } });
        self.tell_awareness(peer, effects);
    }

    /// The queue of a connection had no room: from here on it gets nothing but acknowledgements,
    /// until the queue is empty.
    pub(super) fn lagging(&mut self, peer: PeerId, lost: Lost) {
        let Some(known) = self.peers.get_mut(&peer).map(|peer| &mut peer.link) else { return };
        match lost {
            Lost::Step1 => known.owed_step1 = true,
            _ if known.missed.is_some() => {}
            Lost::Difference(missed) => known.missed = Some(missed),
            Lost::FanOut => {
                let since = self.state.shown_vector();
                known.missed = Some(Missed { since, step2: false });
            }
        }
    }

    /// Whether a connection may be told now what it lacks; all that there is costs nothing.
    fn may_walk(&mut self, peer: PeerId, since: &StateVector) -> bool {
        let Some(user) = self.peers.get(&peer).map(|peer| peer.user) else { return false };
        let bytes = Applied::memory(&self.state);
        since.is_empty() || self.engine.told.may(user, bytes, self.now)
    }

    /// The queue is empty again: one merged difference from what the client had.
    pub(super) fn drained(&mut self, peer: PeerId, effects: &mut Vec<Effect>) {
        let missed = self.peers.get(&peer).and_then(|peer| peer.link.missed.clone());
        if missed.is_some_and(|missed| !self.may_walk(peer, &missed.since)) {
            return effects.push(Effect::Later { peer });
        }
        let Some(known) = self.peers.get_mut(&peer).map(|peer| &mut peer.link) else { return };
        let missed = known.missed.take();
        if std::mem::take(&mut known.owed_step1) {
            effects.push(Effect::Step1 { peer, vector: self.state.vector() });
        }
        if let Some(missed) = missed {
            let update = self.state.difference(&missed.since);
            effects.push(Effect::Difference { peer, update, missed });
        }
    }
}
