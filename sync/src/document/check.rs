//! The check of what a client sends, against what is accepted (applied, in flight or waiting): no
//! hole may come before it, and nobody writes under somebody else's client id.

use std::collections::HashMap;

use bytes::Bytes;
use studyhall_schema::{access::Permission, ids::UserId};
use yrs::{Update, updates::decoder::Decode};

use super::{
    Document, Effect, PeerId, Refusal, State,
    commit::{Flight, Waiting},
    peer::Aside,
};
use crate::guard::{self, Scan};

/// How far each client's content is accepted, and whose client it is.
#[derive(Default)]
pub(super) struct Accepted {
    clocks: HashMap<u64, u32>,
    authors: HashMap<u64, UserId>,
}

/// What the check says of an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It inserts what is not accepted yet.
    Fits,
    /// It inserts nothing new; it may delete.
    Covered,
    /// Something that it needs has not arrived.
    Hole,
    /// It inserts under a client id of somebody else's.
    Foreign(u64),
}

impl Accepted {
    pub(super) fn from_state(state: &State) -> Self {
        let mut accepted = Self::default();
        accepted.merge(state);
        accepted
    }

    /// Takes in what another node or the log has.
    pub(super) fn merge(&mut self, state: &State) {
        for (client, clock) in state.state_vector().iter() {
            let known = self.clocks.entry(client.get()).or_default();
            *known = (*known).max(*clock);
        }
        for (client, user) in state.authors() {
            self.authors.entry(*client).or_insert(*user);
        }
    }

    pub(super) fn judge(&self, by: UserId, scan: &Scan) -> Verdict {
        let known = |client: u64| self.clocks.get(&client).copied().unwrap_or(0);
        let mut new = scan.inserts.iter().filter(|run| run.end > known(run.client)).peekable();
        let fits = new.peek().is_some();
        if let Some(foreign) =
            new.find(|run| self.authors.get(&run.client).is_some_and(|author| *author != by))
        {
            return Verdict::Foreign(foreign.client);
        }
        match scan.missing(known) {
            Some(_) => Verdict::Hole,
            None if fits => Verdict::Fits,
            None => Verdict::Covered,
        }
    }

    fn has_author(&self, client: u64) -> bool {
        self.authors.contains_key(&client)
    }

    pub(super) fn take(&mut self, by: UserId, scan: &Scan) {
        for insert in &scan.inserts {
            let known = self.clocks.entry(insert.client).or_default();
            *known = (*known).max(insert.end);
            self.authors.entry(insert.client).or_insert(by);
        }
    }

    /// Authors of applied content, in order, for the snapshot.
    pub(super) fn authors_applied(&self, state: &State) -> Vec<(u64, UserId)> {
        let vector = state.state_vector();
        let applied = vector.iter().map(|(client, _)| client.get());
        let mut authors: Vec<_> = applied
            .filter_map(|client| self.authors.get(&client).map(|user| (client, *user)))
            .collect();
        authors.sort_unstable_by_key(|(client, _)| *client);
        authors
    }
}

impl Document {
    /// Takes content from a client: refuses it, keeps it aside, or accepts it to be made durable.
    pub(super) fn update(
        &mut self,
        peer: PeerId,
        update: Bytes,
        scan: Scan,
        step2: bool,
        effects: &mut Vec<Effect>,
    ) {
        let inserts = !scan.inserts.is_empty();
        self.consider(peer, Aside { update, scan, step2 }, effects);
        if inserts {
            self.reconsider(effects);
        }
    }

    fn consider(&mut self, peer: PeerId, message: Aside, effects: &mut Vec<Effect>) {
        let Some(known) = self.peers.get(&peer) else { return };
        let (user, permission) = (known.user, known.permission);
        let mut refuse = |reason| effects.push(Effect::Refuse { peer, reason });
        if message.scan.is_empty() {
            return self.promise_unwritten(peer, message.echo(), effects);
        }
        let verdict = match self.squats(user, &message.scan) {
            Some(client) => Verdict::Foreign(client),
            None => self.accepted.judge(user, &message.scan),
        };
        match verdict {
            _ if permission == Permission::None => refuse(Refusal::ReadOnly),
            Verdict::Fits | Verdict::Hole if permission != Permission::Write => {
                refuse(Refusal::ReadOnly);
            }
            Verdict::Foreign(client) => {
                refuse(Refusal::ForeignClient);
                effects.push(Effect::Audit { user, client });
            }
            Verdict::Hole => self.keep_aside(peer, message, effects),
            verdict => {
                let Ok(decoded) = Update::decode_v1(&message.update) else {
                    return refuse(Refusal::Undecodable);
                };
                if verdict == Verdict::Covered && self.state.has_deleted(&decoded) {
                    return self.promise_unwritten(peer, message.echo(), effects);
                }
                if permission != Permission::Write {
                    return refuse(Refusal::ReadOnly);
                }
                if let Some(reason) = self.no_room(message.update.len(), effects) {
                    return effects.push(Effect::Refuse { peer, reason });
                }
                if !self.is_shallow(&message.scan, &message.update) {
                    return effects.push(Effect::Refuse { peer, reason: Refusal::TooDeep });
                }
                self.accept(user, Some(peer), message.update, &message.scan, decoded);
                self.promise(Some(peer), None, effects);
            }
        }
    }

    /// A client id that nobody has written under yet, and that awareness shows to be another person's:
    /// whoever took it first would keep its owner from writing.
    fn squats(&self, by: UserId, scan: &Scan) -> Option<u64> {
        let unwritten = scan.inserts.iter().filter(|run| !self.accepted.has_author(run.client));
        let another =
            |client: u64| self.awareness.person(client).is_some_and(|person| person != by);
        unwritten.map(|run| run.client).find(|client| another(*client))
    }

    /// Keeps an update above a hole until the hole fills, and asks the client for what is missing.
    fn keep_aside(&mut self, peer: PeerId, message: Aside, effects: &mut Vec<Effect>) {
        let limit = self.limits.aside_bytes;
        let vector = self.state.vector();
        let Some(known) = self.peers.get_mut(&peer) else { return };
        let size = known.aside_bytes + message.update.len();
        if size > limit || known.aside.len() >= self.limits.aside_updates {
            effects.push(Effect::Refuse { peer, reason: Refusal::HoleTooLarge });
            return;
        }
        if known.aside.is_empty() {
            effects.push(Effect::Step1 { peer, vector });
        }
        known.aside_bytes = size;
        known.aside.push(message);
    }

    /// Looks again at what is kept aside, for as long as something fits.
    fn reconsider(&mut self, effects: &mut Vec<Effect>) {
        loop {
            let accepted = &self.accepted;
            let found = self.peers.iter_mut().find_map(|(id, peer)| {
                let at = peer.aside.iter().position(|message| {
                    accepted.judge(peer.user, &message.scan) != Verdict::Hole
                })?;
                let message = peer.aside.remove(at);
                peer.aside_bytes -= message.update.len();
                Some((*id, message))
            });
            let Some((peer, message)) = found else { return };
            self.consider(peer, message, effects);
        }
    }

    /// Why there is no room for so many bytes, if so.
    pub(super) fn no_room(&mut self, bytes: usize, effects: &mut Vec<Effect>) -> Option<Refusal> {
        let too_much = self.waiting_bytes + bytes > self.limits.waiting_bytes;
        if self.overloaded || (self.waiting_bytes > 0 && too_much) {
            return Some(Refusal::Overloaded);
        }
        let size = self.state.bytes_above(self.limits.soft_bytes) + self.waiting_bytes + bytes;
        if size > self.limits.hard_bytes {
            return Some(Refusal::DocumentFull);
        }
        let near = size > self.limits.soft_bytes;
        if near && !self.told_nearly_full {
            effects.push(Effect::NearlyFull);
        }
        self.told_nearly_full = near;
        None
    }

    /// Whether the document, with all that is on its way into it, stays within the nesting that the
    /// CRDT library can walk without overflowing its stack.
    fn is_shallow(&mut self, scan: &Scan, update: &Bytes) -> bool {
        let Self { state, waiting, flight, nesting, .. } = self;
        let everything = || {
            let flying = flight.iter().flat_map(Flight::updates);
            let ahead = flying.chain(waiting.iter()).map(|waiting| waiting.data.clone());
            std::iter::once(state.full()).chain(ahead).collect::<Vec<_>>()
        };
        nesting.admit(scan, update, everything).unwrap_or(false)
    }

    pub(super) fn accept(
        &mut self,
        by: UserId,
        peer: Option<PeerId>,
        update: Bytes,
        scan: &Scan,
        decoded: Update,
    ) {
        self.accepted.take(by, scan);
        self.ordinal += 1;
        self.waiting_bytes += update.len();
        let starts = scan.inserts.iter().map(|insert| (insert.client, insert.start)).collect();
        self.waiting.push(Waiting { by, peer, data: update, starts, decoded });
    }

    /// Scans and judges an update that the server makes itself for somebody.
    pub(super) fn judge_own(&self, by: UserId, update: &[u8]) -> Option<(Scan, Verdict)> {
        let scan = guard::update_v1(update).ok()?;
        let verdict = self.accepted.judge(by, &scan);
        Some((scan, verdict))
    }
}

impl Aside {
    /// What a y-websocket client is owed when the fan-out does not hold its update.
    fn echo(&self) -> Option<Bytes> {
        (!self.step2).then(|| self.update.clone())
    }
}
