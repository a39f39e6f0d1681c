//! What of a connection is above a hole and finds no room: it is asked for again when there is room.
//!
//! A client leaves out what it takes us to have, now and then wrongly (its guess is a Bloom filter): all that was
//! written since, however much, is above a hole then, and is sent once. Of what is left out only that is kept that
//! something was.

use std::time::Duration;

use studyhall_schema::{Timestamp, access::Permission};

use super::Automerge;
use crate::document::{Document, Effect, PeerId, Refusal};

/// So long a hole may take to fill, until its client is told that what is above it is not saved.
const FILLS_WITHIN: Duration = Duration::from_secs(10);

/// So often all is asked for again while nothing that comes is accepted.
const IN_VAIN: u8 = 3;

/// What of a connection was left out above a hole, and how often it was asked for again.
#[derive(Default)]
pub(super) struct Later {
    left: Option<Left>,
    /// How many of its changes were accepted when it was last asked, and how often it was since more were.
    accepted: u64,
    in_vain: u8,
}

/// That something was left out.
struct Left {
    since: Timestamp,
    /// So many of its changes were kept when the last one was, and had been accepted.
    kept: usize,
    accepted: u64,
    /// There is room, and all is asked for when this ordinal is durable: no sooner, since a client sends all that
    /// is not.
    through: Option<u64>,
    is_told: bool,
}

impl Later {
    /// Whether its client is worth asking, with so many of its changes accepted until now.
    fn may_ask(&self, accepted: u64) -> bool {
        accepted > self.accepted || self.in_vain < IN_VAIN
    }
}

impl Document<Automerge> {
    /// Notes that something above a hole was left out for want of room; not of who may not write.
    pub(super) fn leaves_above_hole(&mut self, peer: PeerId) -> bool {
        let now = self.now;
        let Some(known) = self.peers.get_mut(&peer) else { return false };
        if known.permission != Permission::Write {
            return false;
        }
        let (kept, accepted) = (known.aside.len(), known.accepted);
        match &mut known.link.later.left {
            Some(left) => (left.kept, left.accepted, left.through) = (kept, accepted, None),
            left => {
                *left = Some(Left { since: now, kept, accepted, through: None, is_told: false });
                self.engine.short.push(peer);
            }
        }
        true
    }

    /// Asks for all again where half of what was kept was taken since, so that each time much comes of it; who does
    /// not fill their hole, or sends in vain what they are asked for, is told once.
    pub(super) fn look_at_short(&mut self, effects: &mut Vec<Effect>) {
        if self.engine.short.is_empty() {
            return;
        }
        let (now, ordinal, durable) = (self.now, self.ordinal, self.durable);
        let (mut asked, mut short) = (Vec::new(), std::mem::take(&mut self.engine.short));
        short.retain(|peer| {
            let Some(known) = self.peers.get_mut(peer) else { return false };
            let later = &mut known.link.later;
            let may_ask = later.may_ask(known.accepted);
            let Some(left) = &mut later.left else { return false };
            // What is kept behind what was left out goes on being kept.
            let taken = known.accepted.saturating_sub(left.accepted);
            let has_room = 2 * taken >= left.kept as u64;
            if has_room && may_ask {
                if *left.through.get_or_insert(ordinal) <= durable {
                    asked.push(*peer);
                }
            } else if !left.is_told && (has_room || now.since(left.since) >= FILLS_WITHIN) {
                left.is_told = true;
                effects.push(Effect::Refuse { peer: *peer, reason: Refusal::HoleTooLarge });
            }
            !asked.ends_with(&[*peer])
        });
        self.engine.short = short;
        for peer in asked {
            if let Some(known) = self.peers.get_mut(&peer) {
                let later = &mut known.link.later;
                let is_in_vain = known.accepted == later.accepted;
                later.in_vain = if is_in_vain { later.in_vain + 1 } else { 1 };
                (later.left, later.accepted) = (None, known.accepted);
            }
            self.ask_again(peer, effects);
        }
    }
}
