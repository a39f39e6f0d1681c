//! The check of what a client sends, against what is accepted (applied, in flight or waiting): no
//! hole may come before it, nobody writes under somebody else's client id, and nothing is put into
//! what is no type.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use studyhall_schema::{access::Permission, ids::UserId};
use yrs::{Update, updates::decoder::Decode};

use super::{
    Document, Effect, PeerId, Refusal, State,
    commit::{Flight, Waiting},
    peer::Aside,
};
use crate::guard::{self, Id, Run, Scan, parents::Parents};

/// How far each client's content is accepted, and what of it is not durable yet.
#[derive(Default)]
pub(super) struct Accepted {
    clocks: HashMap<u64, u32>,
    /// Whose the clients are that nothing durable was written under.
    authors: HashMap<u64, UserId>,
    /// Types that are not durable.
    types: HashSet<Id>,
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
    /// It inserts under a client id that somebody else has used, and only the log will tell who first.
    Contested,
}

impl Accepted {
    pub(super) fn from_state(state: &State) -> Self {
        let clocks = state.state_vector().iter().map(|(id, clock)| (id.get(), *clock)).collect();
        Self { clocks, ..Self::default() }
    }

    fn clock(&self, client: u64) -> u32 {
        self.clocks.get(&client).copied().unwrap_or(0)
    }

    pub(super) fn judge(&self, state: &State, by: UserId, scan: &Scan) -> Verdict {
        let mut is_contested = false;
        let mut fits = false;
        let provisional = |run: &Run| self.authors.get(&run.client).is_some_and(|one| *one != by);
        is_contested |= scan.inserts.iter().any(provisional);
        for run in scan.inserts.iter().filter(|run| run.end > self.clock(run.client)) {
            fits = true;
            if state.authors().get(&run.client).is_some_and(|author| *author != by) {
                return Verdict::Foreign(run.client);
            }
        }
        match scan.missing(|client| self.clock(client)) {
            _ if is_contested => Verdict::Contested,
            Some(_) => Verdict::Hole,
            None if fits => Verdict::Fits,
            None => Verdict::Covered,
        }
    }

    pub(super) fn take(&mut self, state: &State, by: UserId, scan: &Scan, types: &[Id]) {
        for id in types {
            if id.clock >= self.clock(id.client) {
                self.types.insert(*id);
            }
        }
        for insert in &scan.inserts {
            let known = self.clocks.entry(insert.client).or_default();
            *known = (*known).max(insert.end);
            if !state.authors().contains_key(&insert.client) {
                self.authors.entry(insert.client).or_insert(by);
            }
        }
    }

    /// What an update brought is durable now, and in the state.
    pub(super) fn settle(&mut self, scan: &Scan, types: &[Id]) {
        if !self.authors.is_empty() {
            for insert in &scan.inserts {
                self.authors.remove(&insert.client);
            }
        }
        for id in types {
            self.types.remove(id);
        }
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
        self.consider(peer, Aside { update, scan, step2, read: None }, effects);
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
            None => self.accepted.judge(&self.state, user, &message.scan),
        };
        match verdict {
            _ if permission == Permission::None => refuse(Refusal::ReadOnly),
            Verdict::Foreign(_) | Verdict::Fits | Verdict::Hole | Verdict::Contested
                if permission != Permission::Write =>
            {
                self.after_reading(peer, message, Refusal::ReadOnly, effects);
            }
            Verdict::Foreign(client) => {
                if self.after_reading(peer, message, Refusal::ForeignClient, effects) {
                    effects.push(Effect::Audit { user, client });
                }
            }
            Verdict::Contested => {
                self.keep_aside(peer, message, effects);
            }
            Verdict::Hole => self.ask_for_missing(peer, message, effects),
            _ if message.scan.decoded_size > self.limits.hard_memory => {
                refuse(Refusal::DocumentFull);
            }
            Verdict::Fits | Verdict::Covered
                if self.contradicts(user, &message.scan, &message.update) =>
            {
                refuse(Refusal::ForeignClient);
                effects.push(Effect::Audit { user, client: message.scan.inserts[0].client });
            }
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
                let (bytes, memory) = (message.update.len(), message.scan.decoded_size);
                if let Some(reason) = self.no_room(bytes, memory, effects) {
                    return effects.push(Effect::Refuse { peer, reason });
                }
                if let Some(reason) = self.misplaced(&message) {
                    return effects.push(Effect::Refuse { peer, reason });
                }
                self.accept(user, Some(peer), message.update, message.scan, decoded);
                self.promise(Some(peer), None, effects);
            }
        }
    }

    /// A client id that nobody has written under yet, and that awareness shows to be another person's:
    /// whoever took it first would keep its owner from writing.
    fn squats(&self, by: UserId, scan: &Scan) -> Option<u64> {
        let written = |client: u64| {
            self.state.authors().contains_key(&client)
                || self.accepted.authors.contains_key(&client)
        };
        let unwritten = scan.inserts.iter().filter(|run| !written(run.client));
        let another =
            |client: u64| self.awareness.person(client).is_some_and(|person| person != by);
        unwritten.map(|run| run.client).find(|client| another(*client))
    }

    /// Keeps an update above a hole until the hole fills, and asks the client for what is missing.
    fn ask_for_missing(&mut self, peer: PeerId, message: Aside, effects: &mut Vec<Effect>) {
        let is_first = self.peers.get(&peer).is_some_and(|peer| peer.aside.is_empty());
        if self.keep_aside(peer, message, effects) && is_first {
            effects.push(Effect::Step1 { peer, vector: self.state.vector() });
        }
    }

    /// Keeps an update until it can be judged.
    fn keep_aside(&mut self, peer: PeerId, message: Aside, effects: &mut Vec<Effect>) -> bool {
        let Some(user) = self.peers.get(&peer).map(|known| known.user) else { return false };
        // One person may come through many connections.
        let (mut bytes, mut updates) = (message.update.len(), 0);
        for known in self.peers.values().filter(|known| known.user == user) {
            bytes += known.aside_bytes;
            updates += known.aside.len();
        }
        let is_full = bytes > self.limits.aside_bytes || updates >= self.limits.aside_updates;
        match self.peers.get_mut(&peer) {
            Some(known) if !is_full && !self.no_asides => {
                known.aside_bytes += message.update.len();
                known.aside.push(message);
                true
            }
            _ => {
                effects.push(Effect::Refuse { peer, reason: Refusal::HoleTooLarge });
                false
            }
        }
    }

    /// Refuses an update: but where other nodes write to the log as well, only after it was read, since
    /// what looks new here may be there. Returns whether it was refused.
    fn after_reading(
        &mut self,
        peer: PeerId,
        mut message: Aside,
        reason: Refusal,
        effects: &mut Vec<Effect>,
    ) -> bool {
        if self.limits.alone || message.read.is_some_and(|read| read <= self.reads.ended) {
            effects.push(Effect::Refuse { peer, reason });
            return true;
        }
        message.read = Some(self.reads.asked + 1);
        if self.keep_aside(peer, message, effects) {
            self.ask_unless_asked(effects);
        }
        false
    }

    /// Looks again at what is kept aside, for as long as something can be judged.
    pub(super) fn reconsider(&mut self, effects: &mut Vec<Effect>) {
        loop {
            let Self { accepted, state, reads, .. } = self;
            let found = self.peers.iter_mut().find_map(|(id, peer)| {
                let at = peer.aside.iter().position(|message| {
                    message.read.is_none_or(|read| read <= reads.ended)
                        && !matches!(
                            accepted.judge(state, peer.user, &message.scan),
                            Verdict::Hole | Verdict::Contested
                        )
                })?;
                let message = peer.aside.remove(at);
                peer.aside_bytes -= message.update.len();
                Some((*id, message))
            });
            let Some((peer, message)) = found else { return };
            self.consider(peer, message, effects);
        }
    }

    /// Why there is no room for so many bytes, and so many in memory, if so.
    pub(super) fn no_room(
        &mut self,
        bytes: usize,
        memory: u64,
        effects: &mut Vec<Effect>,
    ) -> Option<Refusal> {
        let too_much = self.waiting_bytes + bytes > self.limits.waiting_bytes;
        if self.overloaded || (self.waiting_bytes > 0 && too_much) {
            return Some(Refusal::Overloaded);
        }
        let size = self.state.bytes_above(self.limits.soft_bytes) + self.waiting_bytes + bytes;
        let memory = self.waiting_memory + memory;
        let most = self.limits.hard_memory.saturating_sub(memory);
        if size > self.limits.hard_bytes || self.state.memory_above(most) > most {
            return Some(Refusal::DocumentFull);
        }
        let near = size > self.limits.soft_bytes;
        if near && !self.told_nearly_full {
            effects.push(Effect::NearlyFull);
        }
        self.told_nearly_full = near;
        None
    }

    /// Whether an update says something else of what others have written than the document does: then
    /// its author's client id was somebody else's first, and an acknowledgement would be a lie.
    pub(super) fn contradicts(&self, by: UserId, scan: &Scan, update: &[u8]) -> bool {
        let another =
            |run: &&Run| self.state.authors().get(&run.client).is_some_and(|author| *author != by);
        let mut others = scan.inserts.iter().filter(another).peekable();
        if others.peek().is_none() {
            return false;
        }
        let there = self.state.after_runs(others);
        guard::same::differs(update, &there).unwrap_or(None).is_some()
    }

    /// What is wrong with where an update puts its items, if anything; else it counts as placed.
    fn misplaced(&mut self, message: &Aside) -> Option<Refusal> {
        if message.scan.nested > 0 && !self.puts_into_types(&message.update) {
            return Some(Refusal::NoParent);
        }
        (!self.is_shallow(&message.scan, &message.update)).then_some(Refusal::TooDeep)
    }

    /// Whether everything that items are put into is a type, here or in the update itself.
    fn puts_into_types(&mut self, update: &[u8]) -> bool {
        let Ok(Parents { types, named }) = guard::parents::parents(update) else { return false };
        let own: HashSet<Id> = types.into_iter().collect();
        let Self { accepted, state, .. } = self;
        named.into_iter().all(|id| {
            if id.clock < accepted.clock(id.client) {
                accepted.types.contains(&id) || state.is_type(id)
            } else {
                own.contains(&id)
            }
        })
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
        scan: Scan,
        decoded: Update,
    ) {
        let types = if scan.types == 0 {
            Vec::new()
        } else {
            guard::parents::parents(&update).unwrap_or_default().types
        };
        self.accepted.take(&self.state, by, &scan, &types);
        self.ordinal += 1;
        self.waiting_bytes += update.len();
        self.waiting_memory += scan.decoded_size;
        let (ordinal, asked) = (self.ordinal, self.reads.asked);
        self.waiting.push(Waiting { by, peer, ordinal, data: update, scan, types, asked, decoded });
    }

    /// Scans and judges an update that the server makes itself for somebody.
    pub(super) fn judge_own(&self, by: UserId, update: &[u8]) -> Option<(Scan, Verdict)> {
        let scan = guard::update_v1(update).ok()?;
        let verdict = self.accepted.judge(&self.state, by, &scan);
        Some((scan, verdict))
    }
}

impl Aside {
    /// What a y-websocket client is owed when the fan-out does not hold its update.
    fn echo(&self) -> Option<Bytes> {
        (!self.step2).then(|| self.update.clone())
    }
}
