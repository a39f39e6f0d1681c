//! From accepted to durable to applied: one append in flight, what waits becomes the next.

use std::collections::VecDeque;

use bytes::Bytes;
use rand::Rng;
use studyhall_schema::{
    Timestamp,
    ids::{LoginId, UserId},
};
use studyhall_store::{
    StoreError,
    log::{Append, Entry, LoggedUpdate, Outcome, PutId},
};

use super::{
    Document, Effect, PeerId, Refusal,
    catch_up::Standing,
    engine::{Applied, Engine},
};

/// An accepted update.
pub struct Waiting<E: Engine> {
    pub(super) by: UserId,
    /// Under which sign-in it was made, over REST.
    pub(super) login: Option<LoginId>,
    /// Which put it is.
    pub(super) put: Option<PutId>,
    pub(super) peer: Option<PeerId>,
    pub(super) ordinal: u64,
    pub(super) data: Bytes,
    pub(super) scan: E::Scan,
    /// How many reads of the log had been asked for when it was accepted.
    pub(super) asked: u64,
    pub(super) decoded: E::Decoded,
}

/// An append under way.
pub(super) struct Flight<E: Engine> {
    pub(super) append: Append,
    pub(super) updates: Vec<Waiting<E>>,
    /// The ordinal of its last update.
    pub(super) through: u64,
}

impl<E: Engine> Waiting<E> {
    pub(super) fn logged(&self) -> LoggedUpdate {
        LoggedUpdate { by: self.by, login: self.login, put: self.put, data: self.data.clone() }
    }
}

impl<E: Engine> Flight<E> {
    /// What is under way.
    pub(super) fn updates(&self) -> std::slice::Iter<'_, Waiting<E>> {
        self.updates.iter()
    }
}

/// Somebody is told when everything up to an ordinal is durable.
pub(super) struct PendingAck {
    ordinal: u64,
    peer: PeerId,
    echo: Option<Bytes>,
}

impl<E: Engine> Document<E> {
    /// Acknowledges to a client once all that is accepted by now is durable: at once when it is.
    pub(super) fn promise(
        &mut self,
        peer: Option<PeerId>,
        echo: Option<Bytes>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(peer) = peer else { return };
        if self.durable == self.ordinal {
            E::acknowledge(self, peer, echo, effects);
        } else {
            self.echo_bytes += echo.as_ref().map_or(0, Bytes::len);
            self.acks.push_back(PendingAck { ordinal: self.ordinal, peer, echo });
        }
    }

    /// The same for a message that adds nothing to the log: nothing else bounds how many wait.
    pub(super) fn promise_unwritten(
        &mut self,
        peer: PeerId,
        echo: Option<Bytes>,
        effects: &mut Vec<Effect>,
    ) {
        let bytes = self.echo_bytes + echo.as_ref().map_or(0, Bytes::len);
        if self.acks.len() >= self.limits.promises || bytes > self.limits.waiting_bytes {
            self.turn_away(peer, bytes, Refusal::Overloaded, effects);
        } else {
            self.promise(Some(peer), echo, effects);
        }
    }

    /// Whether what waits can be appended.
    pub(super) fn may_append(&self) -> bool {
        let waited_for = self.gives_way.as_ref().is_some_and(|time| time.contains(&self.now));
        let gives_way = waited_for && !self.behind;
        self.flight.is_none() && !self.waiting.is_empty() && !self.reads.doubt && !gives_way
    }

    pub(super) fn start_flight(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        if self.may_append() {
            E::before_append(self, effects);
        }
        if !self.may_append() {
            return;
        }
        let updates = std::mem::take(&mut self.waiting);
        let append = Append {
            document: self.id,
            seq: self.state.seq() + 1,
            batch: self.random.random(),
            at: now,
            updates: updates.iter().map(Waiting::logged).collect(),
        };
        effects.push(Effect::Append(append.clone()));
        self.flight = Some(Box::new(Flight { append, updates, through: self.ordinal }));
    }

    pub(super) fn outcome(&mut self, outcome: &Outcome, effects: &mut Vec<Effect>) {
        match outcome {
            Outcome::Stored => self.stored(effects),
            Outcome::Behind => self.beaten(effects),
            Outcome::Fenced { .. } => {
                self.ask(Effect::Reload, effects);
                self.lost = Standing::Fenced { asked: self.reads.asked };
            }
            Outcome::Failed(StoreError::Invalid(why)) => {
                tracing::error!(document = %self.id, why, "the store can never take an append");
                self.give_up(effects);
            }
            Outcome::Failed(_) => {
                self.pause(effects);
                if let Some(flight) = &self.flight {
                    effects.push(Effect::Retry(flight.append.clone()));
                }
            }
        }
    }

    /// What is in flight can never be stored: its authors are told, and what waits is judged without it.
    fn give_up(&mut self, effects: &mut Vec<Effect>) {
        let Some(flight) = self.flight.take() else { return };
        for waiting in &flight.updates {
            self.refuse_waiting(waiting, Refusal::DocumentFull, effects);
        }
        self.judge_again(false, false, effects);
        if self.reads.doubt {
            self.ask_unless_asked(effects);
        }
        self.resume(effects);
    }

    /// What waits cannot be saved now: people are told, once.
    pub(super) fn pause(&mut self, effects: &mut Vec<Effect>) {
        if self.is_unsaved() && !std::mem::replace(&mut self.paused, true) {
            effects.push(Effect::Paused(true));
        }
    }

    /// Nothing waits any more, though nothing was appended: the log had it, or refuses it.
    pub(super) fn resume(&mut self, effects: &mut Vec<Effect>) {
        if !self.is_unsaved() && std::mem::replace(&mut self.paused, false) {
            effects.push(Effect::Paused(false));
        }
    }

    /// What was in flight is durable: apply it, acknowledge it, show it.
    fn stored(&mut self, effects: &mut Vec<Effect>) {
        let Some(flight) = self.flight.take().map(|flight| *flight) else { return };
        self.behind = false;
        if std::mem::replace(&mut self.paused, false) {
            effects.push(Effect::Paused(false));
        }
        let through = flight.append.seq + flight.updates.len() as u64 - 1;
        let only_author = single_author(&flight.updates);
        for waiting in &flight.updates {
            self.waiting_bytes -= waiting.data.len();
            self.waiting_memory -= E::memory(&waiting.scan);
        }
        let update = E::commit(self, flight.updates, through);
        effects.push(Effect::FanOut { update, only_author });
        E::moved(self, only_author, effects);
        self.keep_promises(flight.through, effects);
        effects.push(Effect::Committed { seq: through });
        if !self.limits.alone {
            let Append { seq, batch, at, updates, .. } = flight.append;
            effects.push(Effect::Wrote(Entry { seq, batch, at, updates }));
        }
        self.finish_edit(effects);
        self.reconsider(effects);
        self.read_on(effects);
    }

    /// Everything up to this ordinal is durable.
    pub(super) fn keep_promises(&mut self, through: u64, effects: &mut Vec<Effect>) {
        self.durable = through;
        while let Some(ack) = self.acks.pop_front_if(|ack| ack.ordinal <= through) {
            self.echo_bytes -= ack.echo.as_ref().map_or(0, Bytes::len);
            E::acknowledge(self, ack.peer, ack.echo, effects);
        }
        if self.acks.is_empty() {
            self.acks = VecDeque::new(); // a document at rest keeps no room for more
        }
    }

    /// An update that was accepted is refused after all: its author is not to be acknowledged.
    pub(super) fn refuse_waiting(
        &mut self,
        waiting: &Waiting<E>,
        reason: Refusal,
        effects: &mut Vec<Effect>,
    ) {
        self.waiting_bytes -= waiting.data.len();
        self.waiting_memory -= E::memory(&waiting.scan);
        let Some(peer) = waiting.peer else { return self.refuse_edit(waiting.ordinal, effects) };
        let theirs = |ack: &PendingAck| ack.ordinal == waiting.ordinal && ack.peer == peer;
        if let Some(ack) = self.acks.iter().position(theirs).and_then(|at| self.acks.remove(at)) {
            self.echo_bytes -= ack.echo.as_ref().map_or(0, Bytes::len);
        }
        effects.push(Effect::Refuse { peer, reason });
    }
}

fn single_author<E: Engine>(updates: &[Waiting<E>]) -> Option<PeerId> {
    let first = updates.first()?.peer?;
    updates.iter().all(|waiting| waiting.peer == Some(first)).then_some(first)
}
