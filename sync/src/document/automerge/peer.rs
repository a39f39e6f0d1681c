//! A connection to an Automerge document: whether it is in step, and what it has missed.
//!
//! Who has been answered once is in step: all that becomes durable from then on reaches it in order, in
//! messages that are the same for everybody. Who is not, or has lost something, is answered by the
//! library from what is durable.

use bytes::Bytes;
use studyhall_schema::access::Permission;

use super::{Automerge, later::Later, size};
use crate::{
    document::{Document, Effect, Lost, PeerId, Refusal},
    guard::automerge::Hash,
    wire::automerge::{SyncMessage, encode, encode_again},
};

/// The largest message that is passed on and not kept.
const EPHEMERAL: usize = 64 << 10;

/// So many misplaced changes of a connection are asked for again.
pub(super) const SECOND_CHANCES: usize = 64;

/// What a connection has missed.
#[derive(Debug, Clone)]
pub enum Behind {
    /// What came after these heads.
    After(Vec<Hash>),
    /// The answer to its last question.
    Answer,
    /// That it is to send again what was refused.
    Again,
}

/// How far a connection is in step.
#[derive(Default)]
pub struct Link {
    in_step: bool,
    missed: Option<Behind>,
    /// What it said of what it has, when it was last answered or waits to be.
    asked: Option<Box<SyncMessage>>,
    /// It is answered when this read of the log has ended.
    read: Option<u64>,
    /// When it was last told the heads.
    pub(super) told: u64,
    /// It is to send again what was refused, and has not heard that.
    again: bool,
    /// It has said that it has what is not known here.
    has_more: bool,
    /// Misplaced changes that it was asked for again.
    second: Vec<Hash>,
    /// What of it found no room above a hole.
    pub(super) later: Later,
}

impl Link {
    /// Whether it gets what is fanned out now.
    pub(super) fn is_fed(&self) -> bool {
        self.in_step && self.missed.is_none()
    }
}

impl Document<Automerge> {
    /// A client's message: what it brings goes the way of all updates, and it is answered when it is not
    /// in step.
    pub(super) fn synced(
        &mut self,
        peer: PeerId,
        mut message: SyncMessage,
        effects: &mut Vec<Effect>,
    ) {
        let Some(known) = self.peers.get(&peer) else { return };
        if known.permission == Permission::None {
            return;
        }
        let changes = std::mem::take(&mut message.changes);
        let brings = !changes.is_empty();
        for (change, scan) in changes {
            self.update(peer, change, scan, false, effects);
        }
        if brings {
            self.reconsider(effects);
        }
        let left_out = &self.engine.left_out;
        let is_news =
            |hash: &Hash| !self.state.graph.knows(hash) && !left_out.contains(&(peer, *hash));
        let has_more = message.heads.iter().any(is_news);
        let begins_anew = !brings
            && message.shared.is_empty()
            && !message.has_filter
            && !self.state.heads().is_empty();
        let lacks = !message.need.is_empty() || begins_anew;
        let Some(known) = self.peers.get_mut(&peer) else { return };
        known.link.has_more = has_more;
        if known.link.in_step && !lacks {
            return;
        }
        known.link.asked = Some(Box::new(message.question()));
        self.answer(peer, effects);
    }

    /// Answers what a connection has asked, after a look at the log when it names what only another node
    /// may have heard of.
    fn answer(&mut self, peer: PeerId, effects: &mut Vec<Effect>) {
        let Some(known) = self.peers.get_mut(&peer) else { return };
        let (user, link) = (known.user, &mut known.link);
        if link.missed.is_some() {
            link.missed = Some(Behind::Answer); // to a full queue nothing is added
            return;
        }
        let Some(asked) = link.asked.take() else { return };
        let is_known = asked.shared.iter().all(|hash| self.state.has(hash));
        if !is_known && !self.limits.alone && link.read.is_none() {
            link.read = Some(self.reads.asked + 1);
            link.asked = Some(asked);
            return self.ask_unless_asked(effects);
        }
        if !self.engine.answered.may(user, size(&self.state), self.now) {
            (link.asked, link.missed) = (Some(asked), Some(Behind::Answer));
            return effects.push(Effect::Later { peer });
        }
        let message = self.state.answer(&asked);
        link.read = None;
        link.in_step = is_known;
        link.told = self.engine.moves;
        link.asked = Some(Box::new(asked.answered()));
        effects.push(Effect::Sync { peer, message, missed: Behind::Answer });
    }

    /// A read of the log has ended: who waited for it is answered.
    pub(super) fn answer_waiting(&mut self, effects: &mut Vec<Effect>) {
        let ended = self.reads.ended;
        let waits = |read: Option<u64>| read.is_some_and(|read| read <= ended);
        let waiting: Vec<PeerId> =
            self.peers.iter().filter(|(_, one)| waits(one.link.read)).map(|(id, _)| *id).collect();
        for peer in waiting {
            self.answer(peer, effects);
        }
        if self.peers.values().any(|one| one.link.read.is_some_and(|read| read > self.reads.asked))
        {
            self.ask_unless_asked(effects);
        }
    }

    /// Tells those whose changes are durable now, unless the same commit's message told them.
    pub(super) fn acknowledge_all(&mut self, effects: &mut Vec<Effect>) {
        let (owed, moves) = (std::mem::take(&mut self.engine.owed), self.engine.moves);
        for peer in owed {
            let Some(known) = self.peers.get_mut(&peer) else { continue };
            if known.link.is_fed() && known.link.told < moves {
                known.link.told = moves;
                let heads = self.state.heads();
                let message = encode(heads, &[], [].into_iter());
                effects.push(Effect::Sync { peer, message, missed: Behind::After(heads.to_vec()) });
            }
        }
    }

    /// What was misplaced is refused, once all that came with it was handled. But a client leaves out what it takes us
    /// to have, now and then wrongly (its guess is a Bloom filter), and a change that it made beside that, as an undo
    /// is, does not stand on it: as long as it has more than is known here, all is asked for again, once a change.
    pub(super) fn look_at_left_out(&mut self, effects: &mut Vec<Effect>) {
        let mut asked = Vec::new();
        for (peer, hash) in std::mem::take(&mut self.engine.left_out) {
            let Some(known) = self.peers.get_mut(&peer) else { continue };
            let may_be_beside = known.link.has_more || !known.aside.is_empty();
            let second = &mut known.link.second;
            if may_be_beside && second.len() < SECOND_CHANCES && !second.contains(&hash) {
                second.push(hash);
                if !asked.contains(&peer) {
                    asked.push(peer);
                }
            } else {
                effects.push(Effect::Refuse { peer, reason: Refusal::NoParent });
            }
        }
        for peer in asked {
            self.ask_again(peer, effects);
        }
    }

    /// Asks a client for what its changes stand on.
    pub(super) fn ask_for(&mut self, peer: PeerId, effects: &mut Vec<Effect>) {
        let Some(known) = self.peers.get(&peer) else { return };
        let deps = known.aside.iter().flat_map(|aside| aside.scan.deps.iter());
        let mut need: Vec<Hash> =
            deps.filter(|hash| !self.state.graph.knows(hash)).copied().collect();
        need.sort_unstable();
        need.dedup();
        let heads = self.state.heads();
        let message = encode(heads, &need, [].into_iter());
        effects.push(Effect::Sync { peer, message, missed: Behind::After(heads.to_vec()) });
    }

    /// Asks a client for what it has beyond what is durable, also where it has sent that before: while it
    /// might not write that was refused. Then it is told the heads as they are.
    pub(super) fn ask_again(&mut self, peer: PeerId, effects: &mut Vec<Effect>) {
        let Some(known) = self.peers.get_mut(&peer) else { return };
        known.link.again = known.link.missed.is_some(); // to a full queue nothing is added
        if !known.link.again {
            let heads = self.state.heads();
            let message = encode_again(heads);
            effects.push(Effect::Sync { peer, message, missed: Behind::Again });
            let message = encode(heads, &[], [].into_iter());
            effects.push(Effect::Sync { peer, message, missed: Behind::After(heads.to_vec()) });
        }
    }

    /// The queue of a connection had no room.
    pub(super) fn lags(&mut self, peer: PeerId, lost: Lost) {
        let Some(known) = self.peers.get_mut(&peer) else { return };
        match lost {
            Lost::Sync(Behind::Again) => known.link.again = true, // the heads behind it are lost, too
            Lost::Sync(behind) => {
                known.link.missed.get_or_insert(behind);
            }
            Lost::FanOut => {
                let before = self.state.shown_heads().to_vec();
                known.link.missed.get_or_insert(Behind::After(before));
            }
            Lost::Difference(_) | Lost::Step1 => {}
        }
    }

    /// That queue is empty again: one message with what it has missed.
    pub(super) fn goes_on(&mut self, peer: PeerId, effects: &mut Vec<Effect>) {
        let Some(known) = self.peers.get_mut(&peer) else { return };
        let behind = known.link.missed.take();
        if matches!(behind, Some(Behind::After(_)))
            && !self.engine.answered.may(known.user, size(&self.state), self.now)
        {
            known.link.missed = behind;
            return effects.push(Effect::Later { peer });
        }
        match behind {
            Some(Behind::Answer) => self.answer(peer, effects),
            Some(Behind::After(heads)) => {
                known.link.told = self.engine.moves;
                let message = self.state.after(&heads);
                effects.push(Effect::Sync { peer, message, missed: Behind::After(heads) });
            }
            Some(Behind::Again) | None => {}
        }
        if self.peers.get(&peer).is_some_and(|known| known.link.again) {
            self.ask_again(peer, effects);
        }
    }

    /// What a client says to the others, and is not kept.
    pub(super) fn said(&self, peer: PeerId, message: Bytes, effects: &mut Vec<Effect>) {
        let may = self.peers.get(&peer).is_some_and(|one| one.permission > Permission::None);
        if may && message.len() <= EPHEMERAL {
            effects.push(Effect::Ephemeral { from: peer, message });
        }
    }
}
