//! Catching up with a log that other nodes write to as well: what they wrote is applied and shown, and
//! what waits here is judged again, since it was judged without that.

use rand::Rng;
use studyhall_store::log::Entry;

use super::{
    Document, Effect, Refusal,
    check::Verdict,
    commit::{Flight, Waiting},
    edit::Edits,
    engine::{Applied, Engine},
    peer::Aside,
};

/// Reads of the log that the core waits for.
#[derive(Debug, Default)]
pub(super) struct Reads {
    /// How many were asked for.
    pub(super) asked: u64,
    /// How many of them have ended: whatever was accepted before they were asked for can be judged.
    pub(super) ended: u64,
    /// Something that waits looks wrong, and the log has to be read before that is certain.
    pub(super) doubt: bool,
}

/// Whether what is in flight has the place in the log that it was sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// As far as is known.
    Kept,
    /// Another node was first. It goes to the tail as soon as it is known here what took its place, or the log was
    /// read later than this: who looked for the end of the log first would be late for as long as others go on writing.
    Taken { asked: u64 },
    /// This node had slept through a compaction: first all of the document is read, later than this.
    Fenced { asked: u64 },
}

impl<E: Engine> Document<E> {
    /// Another node was first with what is in flight.
    pub(super) fn beaten(&mut self, effects: &mut Vec<Effect>) {
        self.lost = Standing::Taken { asked: self.reads.asked };
        self.behind = true;
        effects.push(Effect::LostPlace);
        if self.may_regain(None) {
            self.after_missed(self.state.seq(), None, true, effects);
        } else {
            self.ask(Effect::ReadLog, effects);
            self.lost = Standing::Taken { asked: self.reads.asked };
        }
    }

    /// Whether what lost its place can be judged and sent to the next one, with what was read or heard.
    fn may_regain(&self, read: Option<u64>) -> bool {
        let is_known = |flight: &Flight<E>| flight.append.seq <= self.state.seq();
        match self.lost {
            Standing::Kept => false,
            Standing::Taken { .. } if self.flight.as_deref().is_some_and(is_known) => true,
            Standing::Taken { asked } | Standing::Fenced { asked } => {
                read.is_some_and(|read| read >= asked)
            }
        }
    }

    /// Asks for the log, or for all of the document.
    pub(super) fn ask(&mut self, read: Effect, effects: &mut Vec<Effect>) {
        self.reads.asked += 1;
        effects.push(read);
    }

    /// Asks for the log, unless that is under way: then again when it has ended.
    pub(super) fn ask_unless_asked(&mut self, effects: &mut Vec<Effect>) {
        if self.reads.asked == self.reads.ended {
            self.ask(Effect::ReadLog, effects);
        }
    }

    /// Reads on behind our own append, if a read had to end before it.
    pub(super) fn read_on(&mut self, effects: &mut Vec<Effect>) {
        if self.reads.asked > self.reads.ended {
            effects.push(Effect::ReadLog);
        }
    }

    /// Entries that this node had not seen: they are durable, so they are applied and shown.
    pub(super) fn missed(
        &mut self,
        entries: Vec<Entry>,
        read: Option<u64>,
        effects: &mut Vec<Effect>,
    ) {
        let own = self.flight.as_ref().map(|flight| flight.append.batch);
        let before = self.state.seq();
        let mut up_to_own = false;
        for entry in entries {
            if Some(entry.batch) == own {
                up_to_own = true; // our own append: its outcome will say so
                break;
            }
            match self.state.apply_entry(&entry) {
                Ok(Some(update)) => {
                    effects.push(Effect::FanOut { update, only_author: None });
                    E::moved(self, None, effects);
                }
                Ok(None) => {}
                Err(_) => {
                    effects.push(Effect::Reload);
                    return;
                }
            }
        }
        self.after_missed(before, read, !up_to_own, effects);
    }

    /// The document as it was loaded again, after this node had slept through a compaction.
    pub(super) fn reloaded(&mut self, mut state: E::State, read: u64, effects: &mut Vec<Effect>) {
        let before = self.state.seq();
        // It may have been read before news that was applied since.
        if state.seq() > before {
            let update = E::between(&mut self.state, &mut state);
            self.state = state;
            effects.push(Effect::FanOut { update, only_author: None });
            E::moved(self, None, effects);
        }
        self.after_missed(before, Some(read), true, effects);
    }

    /// What was read, or heard, is applied: what is in flight and lost its place goes to the tail.
    fn after_missed(
        &mut self,
        before: u64,
        read: Option<u64>,
        to_the_end: bool,
        effects: &mut Vec<Effect>,
    ) {
        if let Some(read) = read.filter(|_| to_the_end) {
            self.reads.ended = self.reads.ended.max(read);
        }
        let regains = self.may_regain(read);
        let is_certain = self.grown(before, regains, effects);
        if regains && is_certain {
            self.go_to_the_tail(effects);
        }
        self.reconsider(effects);
        if read.is_some() {
            self.caught_up(effects);
        } else if self.reads.doubt {
            self.ask_unless_asked(effects);
        }
    }

    fn go_to_the_tail(&mut self, effects: &mut Vec<Effect>) {
        self.lost = Standing::Kept;
        let batch = self.random.random();
        if let Some(flight) = &mut self.flight {
            flight.append.seq = self.state.seq() + 1;
            flight.append.batch = batch;
            effects.push(Effect::Append(flight.append.clone()));
        }
    }

    /// The log was read.
    fn caught_up(&mut self, effects: &mut Vec<Effect>) {
        E::caught_up(self, effects);
        let later = |message: &Aside<E>| message.read.is_some_and(|read| read > self.reads.asked);
        let is_wanted = self.reads.doubt
            || self.edits.as_ref().is_some_and(|edits| edits.wants_read(self.reads.asked))
            || self.peers.values().any(|peer| peer.aside.iter().any(later));
        if is_wanted {
            self.ask_unless_asked(effects);
        }
    }

    /// What is applied may have grown since `before`. Whether what is in flight is right for certain.
    fn grown(&mut self, before: u64, lost_place: bool, effects: &mut Vec<Effect>) -> bool {
        let seq = self.state.seq();
        let is_judged = seq > before || lost_place || self.reads.doubt;
        let is_certain = !is_judged || self.judge_again(lost_place, seq > before, effects);
        if seq > before {
            effects.push(Effect::Committed { seq });
        }
        is_certain
    }

    /// Judges what waits here again, over what the log has: somebody may have been first with a client
    /// id. What is in flight is judged when it lost its place; else it has one, and is right. What came
    /// after the log was asked for may hold what is in the log by now: that is judged after another look.
    /// The server's own edits are made once more instead: what they looked at may have changed. Whether
    /// what is in flight is right for certain.
    pub(super) fn judge_again(
        &mut self,
        lost_place: bool,
        has_grown: bool,
        effects: &mut Vec<Effect>,
    ) -> bool {
        self.engine.forget(&mut self.state);
        self.reads.doubt = false;
        if let Some(mut flight) = self.flight.take() {
            let mut updates = std::mem::take(&mut flight.updates);
            if lost_place && flight.append.seq <= self.state.seq() {
                self.make_edits_again(&mut updates);
            }
            flight.updates = self.still_right(updates, lost_place, effects);
            if !flight.updates.is_empty() {
                flight.append.updates = flight.updates.iter().map(Waiting::logged).collect();
                self.flight = Some(flight);
            }
        }
        let is_certain = !self.reads.doubt;
        let mut waiting = std::mem::take(&mut self.waiting);
        if has_grown {
            self.make_edits_again(&mut waiting);
        }
        self.waiting = self.still_right(waiting, true, effects);
        if self.flight.is_none() && self.waiting.is_empty() {
            self.keep_promises(self.ordinal, effects);
            self.finish_edit(effects);
        }
        is_certain
    }

    fn make_edits_again(&mut self, updates: &mut Vec<Waiting<E>>) {
        updates.retain(|waiting| {
            let make_again = |edits: &mut Box<Edits>| edits.make_again(waiting.ordinal);
            let is_made_again =
                waiting.peer.is_none() && self.edits.as_mut().is_some_and(make_again);
            if is_made_again {
                self.waiting_bytes -= waiting.data.len();
                self.waiting_memory -= E::memory(&waiting.scan);
            }
            !is_made_again
        });
    }

    fn still_right(
        &mut self,
        updates: Vec<Waiting<E>>,
        judge: bool,
        effects: &mut Vec<Effect>,
    ) -> Vec<Waiting<E>> {
        let mut right = Vec::with_capacity(updates.len());
        for waiting in updates {
            let Waiting { by, scan, data, decoded, .. } = &waiting;
            let mut verdict = E::may_come(self, *by, scan);
            if judge && E::contradicts(self, *by, scan, data) {
                verdict = Verdict::Foreign(E::client(scan));
            }
            let is_right = matches!(verdict, Verdict::Covered)
                || (verdict == Verdict::Fits && E::still_fits(self, scan));
            let is_certain = waiting.asked < self.reads.ended;
            self.reads.doubt |= judge && !is_right && !is_certain;
            if is_right || !judge || !is_certain {
                self.engine.take(&mut self.state, *by, scan, decoded);
                right.push(waiting);
                continue;
            }
            self.refuse_waiting(&waiting, Refusal::ForeignClient, effects);
            if let Verdict::Foreign(client) = verdict {
                effects.push(Effect::Audit { user: waiting.by, client });
            }
        }
        right
    }
}
