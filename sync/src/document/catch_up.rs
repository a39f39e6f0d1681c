//! Catching up with a log that other nodes write to as well: what they wrote is applied and shown, and
//! what waits here is judged again, since it was judged without that.

use rand::Rng;
use studyhall_store::log::Entry;

use super::{
    Document, Effect, State,
    check::{Accepted, Verdict},
    commit::Waiting,
    peer::Aside,
};

/// Reads of the log for the sake of updates that cannot be judged before.
#[derive(Debug, Default)]
pub(super) struct Reads {
    pub(super) started: u64,
    pub(super) ended: u64,
}

impl Document {
    /// Reads the log for what is kept aside, unless that is under way: then again when it has ended.
    pub(super) fn read_for_asides(&mut self, effects: &mut Vec<Effect>) {
        if self.reads.started == self.reads.ended {
            self.reads.started += 1;
            effects.push(Effect::ReadLog);
        }
    }

    /// Reads on behind our own append, if a read had to end before it.
    pub(super) fn read_on(&mut self, effects: &mut Vec<Effect>) {
        if self.reads.started > self.reads.ended {
            effects.push(Effect::ReadLog);
        }
    }

    /// Entries that this node had not seen: they are durable, so they are applied and shown.
    pub(super) fn missed(&mut self, entries: Vec<Entry>, effects: &mut Vec<Effect>) {
        let own = self.flight.as_ref().map(|flight| flight.append.batch);
        let before = self.state.seq();
        let mut to_the_end = true;
        for entry in entries {
            if Some(entry.batch) == own {
                to_the_end = false; // our own append: its outcome will say so
                break;
            }
            match self.state.apply_entry(&entry) {
                Ok(Some(update)) => effects.push(Effect::FanOut { update, only_author: None }),
                Ok(None) => {}
                Err(_) => {
                    effects.push(Effect::Reload);
                    return;
                }
            }
        }
        self.caught_up(before, to_the_end, effects);
    }

    /// The document as it was loaded again, after this node had slept through a compaction.
    pub(super) fn reloaded(&mut self, mut state: State, effects: &mut Vec<Effect>) {
        let before = self.state.seq();
        let update = state.difference(&self.state.state_vector());
        self.state = state;
        effects.push(Effect::FanOut { update, only_author: None });
        self.caught_up(before, true, effects);
    }

    /// After the log was read: what is in flight and lost its place goes to the tail.
    fn caught_up(&mut self, before: u64, to_the_end: bool, effects: &mut Vec<Effect>) {
        let seq = self.state.seq();
        let lost_place = std::mem::replace(&mut self.reading, false);
        if seq > before {
            self.judge_again(lost_place, effects);
            effects.push(Effect::Committed { seq, local: false });
        }
        if lost_place {
            let batch = self.random.random();
            if let Some(flight) = &mut self.flight {
                flight.append.seq = seq + 1;
                flight.append.batch = batch;
                effects.push(Effect::Append(flight.append.clone()));
            }
        }
        if to_the_end {
            self.reads.ended = self.reads.started;
        }
        self.reconsider(effects);
        let later = |message: &Aside| message.read.is_some_and(|read| read > self.reads.started);
        if self.peers.values().any(|peer| peer.aside.iter().any(later)) {
            self.read_for_asides(effects);
        }
    }

    /// Judges what waits here again, over what the log has: somebody may have been first with a client
    /// id. What is in flight is judged when it lost its place; else it has one, and is right.
    fn judge_again(&mut self, lost_place: bool, effects: &mut Vec<Effect>) {
        self.accepted = Accepted::from_state(&self.state);
        if let Some(mut flight) = self.flight.take() {
            let updates = std::mem::take(&mut flight.updates);
            flight.updates = self.still_right(updates, lost_place, effects);
            if !flight.updates.is_empty() {
                flight.append.updates = flight.updates.iter().map(Waiting::logged).collect();
                self.flight = Some(flight);
            }
        }
        let waiting = std::mem::take(&mut self.waiting);
        self.waiting = self.still_right(waiting, true, effects);
        if self.flight.is_none() && self.waiting.is_empty() {
            self.keep_promises(self.ordinal, effects);
            self.finish_edit(effects);
        }
    }

    fn still_right(
        &mut self,
        updates: Vec<Waiting>,
        judge: bool,
        effects: &mut Vec<Effect>,
    ) -> Vec<Waiting> {
        let mut right = Vec::with_capacity(updates.len());
        for waiting in updates {
            let Waiting { by, scan, types, .. } = &waiting;
            let verdict = self.accepted.judge(&self.state, *by, scan);
            if !judge || matches!(verdict, Verdict::Fits | Verdict::Covered) {
                self.accepted.take(&self.state, *by, scan, types);
                right.push(waiting);
                continue;
            }
            self.waiting_bytes -= waiting.data.len();
            self.waiting_memory -= waiting.scan.decoded_size;
            match waiting.peer {
                Some(peer) => self.break_promise(waiting.ordinal, peer, effects),
                None => self.refuse_edit(waiting.ordinal, effects),
            }
            if let Verdict::Foreign(client) = verdict {
                effects.push(Effect::Audit { user: waiting.by, client });
            }
        }
        right
    }
}
