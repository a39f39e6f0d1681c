//! From accepted to durable to applied: one append in flight, what waits becomes the next.

use bytes::Bytes;
use rand::Rng;
use studyhall_schema::{Timestamp, ids::UserId};
use studyhall_store::log::{Append, Entry, LoggedUpdate, Outcome};
use yrs::Update;

use super::{Document, Effect, PeerId, Refusal, State};

/// An accepted update.
pub(super) struct Waiting {
    pub(super) by: UserId,
    pub(super) peer: Option<PeerId>,
    pub(super) data: Bytes,
    /// Where its content starts, by client.
    pub(super) starts: Vec<(u64, u32)>,
    pub(super) decoded: Update,
}

/// An append under way.
pub(super) struct Flight {
    append: Append,
    updates: Vec<Waiting>,
    /// The ordinal of its last update.
    through: u64,
}

impl Flight {
    /// What is under way.
    pub(super) fn updates(&self) -> std::slice::Iter<'_, Waiting> {
        self.updates.iter()
    }
}

/// Somebody is told when everything up to an ordinal is durable.
pub(super) struct PendingAck {
    ordinal: u64,
    peer: PeerId,
    echo: Option<Bytes>,
}

impl Document {
    /// Acknowledges to a client once all that is accepted by now is durable: at once when it is.
    pub(super) fn promise(
        &mut self,
        peer: Option<PeerId>,
        echo: Option<Bytes>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(peer) = peer else { return };
        if self.durable == self.ordinal {
            effects.push(Effect::Ack { peer, echo });
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
            effects.push(Effect::Refuse { peer, reason: Refusal::Overloaded });
        } else {
            self.promise(Some(peer), echo, effects);
        }
    }

    pub(super) fn start_flight(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        if self.flight.is_some() || self.waiting.is_empty() {
            return;
        }
        let updates = std::mem::take(&mut self.waiting);
        let logged = updates
            .iter()
            .map(|waiting| LoggedUpdate { by: waiting.by, data: waiting.data.clone() })
            .collect();
        let append = Append {
            document: self.id,
            seq: self.state.seq() + 1,
            batch: self.random.random(),
            at: now,
            updates: logged,
        };
        effects.push(Effect::Append(append.clone()));
        self.flight = Some(Flight { append, updates, through: self.ordinal });
    }

    pub(super) fn outcome(&mut self, outcome: &Outcome, effects: &mut Vec<Effect>) {
        match outcome {
            Outcome::Stored => self.stored(effects),
            Outcome::Behind => {
                self.reading = true;
                effects.push(Effect::ReadLog { from: self.state.seq() + 1 });
            }
            Outcome::Fenced { .. } => {
                self.reading = true;
                effects.push(Effect::Reload);
            }
            Outcome::Failed(_) => {
                if !std::mem::replace(&mut self.paused, true) {
                    effects.push(Effect::Paused(true));
                }
                if let Some(flight) = &self.flight {
                    effects.push(Effect::Retry(flight.append.clone()));
                }
            }
        }
    }

    /// What was in flight is durable: apply it, acknowledge it, show it.
    fn stored(&mut self, effects: &mut Vec<Effect>) {
        let Some(flight) = self.flight.take() else { return };
        if std::mem::replace(&mut self.paused, false) {
            effects.push(Effect::Paused(false));
        }
        let through = flight.append.seq + flight.updates.len() as u64 - 1;
        let only_author = single_author(&flight.updates);
        let alone = (flight.updates.len() == 1).then(|| flight.updates[0].data.clone());
        let mut starts = Vec::with_capacity(flight.updates.len());
        let mut decoded = Vec::with_capacity(flight.updates.len());
        for waiting in flight.updates {
            self.waiting_bytes -= waiting.data.len();
            starts.extend(waiting.starts);
            decoded.push(waiting.decoded);
        }
        let update = self.state.commit(decoded, &starts, through, alone);
        self.durable = flight.through;
        effects.push(Effect::FanOut { update, only_author });
        while let Some(ack) = self.acks.pop_front_if(|ack| ack.ordinal <= flight.through) {
            self.echo_bytes -= ack.echo.as_ref().map_or(0, Bytes::len);
            effects.push(Effect::Ack { peer: ack.peer, echo: ack.echo });
        }
        effects.push(Effect::Committed { seq: through, local: true });
        self.finish_edit(effects);
    }

    /// Entries that this node had not seen: they are durable, so they are applied and shown.
    pub(super) fn missed(&mut self, entries: Vec<Entry>, effects: &mut Vec<Effect>) {
        let own = self.flight.as_ref().map(|flight| flight.append.batch);
        let before = self.state.seq();
        for entry in entries {
            if Some(entry.batch) == own {
                break; // our own append: its outcome will say so
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
        self.caught_up(before, effects);
    }

    /// The document as it was loaded again, after this node had slept through a compaction.
    pub(super) fn reloaded(&mut self, mut state: State, effects: &mut Vec<Effect>) {
        let before = self.state.seq();
        let update = state.difference(&self.state.state_vector());
        self.state = state;
        effects.push(Effect::FanOut { update, only_author: None });
        self.caught_up(before, effects);
    }

    /// After the log was read: what is in flight and lost its place goes to the tail.
    fn caught_up(&mut self, before: u64, effects: &mut Vec<Effect>) {
        let seq = self.state.seq();
        if seq > before {
            self.accepted.merge(&self.state);
            effects.push(Effect::Committed { seq, local: false });
        }
        if !std::mem::replace(&mut self.reading, false) {
            return;
        }
        let batch = self.random.random();
        if let Some(flight) = &mut self.flight {
            flight.append.seq = seq + 1;
            flight.append.batch = batch;
            effects.push(Effect::Append(flight.append.clone()));
        }
    }
}

fn single_author(updates: &[Waiting]) -> Option<PeerId> {
    let first = updates.first()?.peer?;
    updates.iter().all(|waiting| waiting.peer == Some(first)).then_some(first)
}
