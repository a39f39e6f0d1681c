//! The check of what a client sends, against what is accepted (applied, in flight or waiting): what it
//! needs must be there, and nobody writes under somebody else's client id. What an update says is the
//! engine's to judge; what becomes of it is decided here.

use std::time::Duration;

use bytes::Bytes;
use studyhall_schema::{access::Permission, ids::UserId};
use studyhall_store::log::LONGEST_UPDATE;

use super::{
    Document, Effect, PeerId, Refusal,
    commit::Waiting,
    engine::{Applied, Engine},
    peer::Aside,
};

/// A full document of 16 MiB is measured again in some 40 ms: no oftener than this, however often somebody deletes.
const MEASURED_EVERY: Duration = Duration::from_secs(1);

/// All of a document's limits, and what deletions of all people together may take above them.
const ALL: (usize, usize) = (1, 1);
const WITH_DELETIONS: (usize, usize) = (3, 2);
/// What one person's deletions may take above them, as parts of the limits in bytes and in memory: of 16 MiB one.
/// Each has their own, so that nobody keeps the others from deleting; who types over words, or puts a shorter text, has
/// less, so that they can still delete.
pub(super) const FOR_DELETIONS: (usize, u64) = (16, 4);
const FOR_PUTS: (usize, u64) = (32, 8);
const FOR_TYPING_OVER: (usize, u64) = (64, 16);

/// What the check says of an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
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

impl<E: Engine> Document<E> {
    /// Takes content from a client: refuses it, keeps it aside, or accepts it to be made durable.
    pub(super) fn update(
        &mut self,
        peer: PeerId,
        update: Bytes,
        scan: E::Scan,
        step2: bool,
        effects: &mut Vec<Effect>,
    ) {
        self.consider(
            peer,
            Aside { update, scan, step2, read: None, until: None, kept: 0, room: None },
            effects,
        );
    }

    fn consider(&mut self, peer: PeerId, message: Aside<E>, effects: &mut Vec<Effect>) {
        let Some(known) = self.peers.get(&peer) else { return };
        let (user, permission) = (known.user, known.permission);
        if let Some(client) = E::impostor(self, peer) {
            effects.push(Effect::Refuse { peer, reason: Refusal::ForeignClient });
            return effects.push(Effect::Audit { user, client });
        }
        let mut refuse = |reason| effects.push(Effect::Refuse { peer, reason });
        if E::is_empty(&message.scan) {
            return self.promise_unwritten(peer, message.echo(), effects);
        }
        match E::judge(self, user, &message.scan) {
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
            _ if E::memory(&message.scan) > self.limits.hard_memory => {
                refuse(Refusal::DocumentFull);
            }
            Verdict::Fits if !E::is_in_proportion(self, user, &message.scan) => {
                refuse(Refusal::NoParent);
            }
            Verdict::Fits | Verdict::Covered if !E::may_compare(self, user, &message.scan) => {
                self.put_off(peer, user, message, effects);
            }
            Verdict::Fits | Verdict::Covered
                if E::contradicts(self, user, &message.scan, &message.update) =>
            {
                refuse(Refusal::ForeignClient);
                effects.push(Effect::Audit { user, client: E::client(&message.scan) });
            }
            verdict => {
                let Some(mut decoded) = E::decode(&message.update, &message.scan) else {
                    return refuse(Refusal::Undecodable);
                };
                if verdict == Verdict::Covered && E::has(&mut self.state, &decoded) {
                    return self.promise_unwritten(peer, message.echo(), effects);
                }
                if permission != Permission::Write {
                    return refuse(Refusal::ReadOnly);
                }
                let mut message = message;
                E::leave_news(self, &mut message, &mut decoded);
                let bytes = message.update.len();
                let says = (&message.scan, &decoded);
                if let Some(reason) = self.no_room((user, true), bytes, says, effects) {
                    return self.turn_away(peer, bytes, reason, effects);
                }
                if let Some(reason) = E::misplaced(self, user, &message) {
                    return self.sent_too_early(peer, message, reason, effects);
                }
                self.accept(user, Some(peer), message.update, message.scan, decoded);
                self.promise(Some(peer), None, effects);
            }
        }
    }

    /// Refuses what is misplaced, unless what it was written beside may not have come yet.
    fn sent_too_early(
        &mut self,
        peer: PeerId,
        message: Aside<E>,
        reason: Refusal,
        effects: &mut Vec<Effect>,
    ) {
        let is_read = message.read.is_some_and(|read| read <= self.reads.ended);
        if !(self.limits.alone || is_read) || !E::comes_again(self, peer, &message.scan) {
            self.after_reading(peer, message, reason, effects);
        }
    }

    /// Refuses what a client will not send again by itself; what only lacks room is asked for later.
    pub(super) fn turn_away(
        &mut self,
        peer: PeerId,
        bytes: usize,
        reason: Refusal,
        effects: &mut Vec<Effect>,
    ) {
        if let Some(known) = self.peers.get_mut(&peer) {
            if reason == Refusal::Overloaded {
                known.owed += bytes.max(1);
                self.owes = true;
            } else {
                known.unfit += bytes.max(1);
                self.has_unfit = true;
            }
        }
        effects.push(Effect::Refuse { peer, reason });
    }

    /// Measures a full document again when something was deleted, now and then: whoever did not fit is asked again
    /// when it has become smaller. Whether it has.
    pub(super) fn make_room(&mut self) -> bool {
        if !self.state.may_be_smaller() || self.now.since(self.measured_at) < MEASURED_EVERY {
            return false;
        }
        self.measured_at = self.now;
        if !self.state.measure_after_deletions() {
            return false;
        }
        self.ask_who_fits();
        true
    }

    /// Whoever would fit now is asked, as far as they do.
    fn ask_who_fits(&mut self) {
        let limits = *self.limits;
        let mut all = self.state.bytes_above(limits.soft_bytes) + self.waiting_bytes;
        for known in self.peers.values_mut().filter(|known| known.unfit > 0) {
            if all + known.unfit <= limits.hard_bytes {
                all += known.unfit;
                known.owed += std::mem::take(&mut known.unfit);
                self.owes = true;
            }
        }
        self.has_unfit = self.peers.values().any(|known| known.unfit > 0);
    }

    /// Asks for what was refused for want of room, as far as there is room for it now: a client sends all
    /// of it each time that it is asked.
    pub(super) fn ask_for_refused(&mut self, effects: &mut Vec<Effect>) {
        if !self.owes || self.overloaded {
            return;
        }
        let (mut waiting, mut asked) = (self.waiting_bytes, Vec::new());
        for (peer, known) in self.peers.iter_mut().filter(|(_, known)| known.owed > 0) {
            if waiting == 0 || waiting + known.owed <= self.limits.waiting_bytes {
                waiting += std::mem::take(&mut known.owed);
                asked.push(*peer);
            }
        }
        self.owes = self.peers.values().any(|known| known.owed > 0);
        for peer in asked {
            E::ask_for_missing(self, peer, effects);
        }
    }

    /// Keeps an update above a hole until the hole fills, and asks the client for what is missing.
    fn ask_for_missing(&mut self, peer: PeerId, message: Aside<E>, effects: &mut Vec<Effect>) {
        let is_first = self.peers.get(&peer).is_some_and(|peer| peer.aside.is_empty());
        if self.keep_aside(peer, message, effects) && is_first {
            E::ask_for_missing(self, peer, effects);
        }
    }

    /// Keeps what its author may not have looked at now until they may; who sends it again by themselves is
    /// turned away, and for whom there is no room.
    fn put_off(
        &mut self,
        peer: PeerId,
        user: UserId,
        mut message: Aside<E>,
        effects: &mut Vec<Effect>,
    ) {
        let bytes = message.update.len();
        message.until = E::may_compare_at(self, user);
        if message.until.is_none() || !self.keep(peer, message) {
            return self.turn_away(peer, bytes, Refusal::Overloaded, effects);
        }
        self.has_put_off = true;
    }

    /// Looks again at what was put off.
    pub(super) fn take_up(&mut self, effects: &mut Vec<Effect>) {
        if std::mem::take(&mut self.has_put_off) {
            self.reconsider(effects);
            let now = self.now;
            let is_put_off = |it: &Aside<E>| it.until.is_some_and(|until| until > now);
            self.has_put_off = self.peers.values().any(|peer| peer.aside.iter().any(is_put_off));
        }
    }

    /// Keeps an update until it can be judged. What there is no room for is refused, unless it is asked for later.
    fn keep_aside(&mut self, peer: PeerId, message: Aside<E>, effects: &mut Vec<Effect>) -> bool {
        let is_kept = !self.peers.contains_key(&peer) || self.keep(peer, message);
        if !is_kept && !E::comes_later(self, peer) {
            effects.push(Effect::Refuse { peer, reason: Refusal::HoleTooLarge });
        }
        is_kept
    }

    /// The same, while a person has room.
    fn keep(&mut self, peer: PeerId, mut message: Aside<E>) -> bool {
        let Some(known) = self.peers.get(&peer) else { return false };
        let user = known.user;
        if known.aside.iter().any(|kept| E::is_same(&kept.scan, &message.scan)) {
            return true; // who is asked for all sends that again, too
        }
        message.kept = E::keep(&mut message.update, &mut message.scan);
        // One person may come through many connections.
        let (mut bytes, mut updates) = (message.kept, 0);
        for known in self.peers.values().filter(|known| known.user == user) {
            bytes += known.aside_bytes;
            updates += known.aside.len();
        }
        let is_full = bytes > self.limits.aside_bytes || updates >= self.limits.aside_updates;
        if !is_full {
            let kibibytes = u32::try_from(message.kept.div_ceil(1 << 10)).unwrap_or(u32::MAX);
            message.room = self.asides.of(user).try_take(kibibytes);
        }
        match self.peers.get_mut(&peer) {
            Some(known) if message.room.is_some() => {
                known.aside_bytes += message.kept;
                known.aside.push(message);
                true
            }
            _ => false,
        }
    }

    /// Refuses an update: but where other nodes write to the log as well, only after it was read, since
    /// what looks new here may be there. Returns whether it was refused.
    fn after_reading(
        &mut self,
        peer: PeerId,
        mut message: Aside<E>,
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
            let found = self.peers.iter().find_map(|(id, peer)| {
                let at = peer.aside.iter().position(|message| {
                    message.is_due(self.reads.ended, self.now)
                        && !matches!(
                            E::may_come(self, peer.user, &message.scan),
                            Verdict::Hole | Verdict::Contested
                        )
                })?;
                Some((*id, at))
            });
            let Some((peer, at)) = found else { return };
            let Some(known) = self.peers.get_mut(&peer) else { return };
            let mut message = known.aside.remove(at);
            known.aside_bytes -= message.kept;
            message.room = None;
            self.consider(peer, message, effects);
        }
    }

    /// Why there is no room for an update of so many bytes, if so. Where there is none, there is a little for what
    /// makes some: each deletion takes a few bytes itself. `is_live` when it comes from a client.
    pub(super) fn no_room(
        &mut self,
        (by, is_live): (UserId, bool),
        bytes: usize,
        (scan, decoded): (&E::Scan, &E::Decoded),
        effects: &mut Vec<Effect>,
    ) -> Option<Refusal> {
        let too_much = self.waiting_bytes + bytes > self.limits.waiting_bytes;
        if self.overloaded || (self.waiting_bytes > 0 && too_much) {
            return Some(Refusal::Overloaded);
        }
        if bytes > LONGEST_UPDATE {
            return Some(Refusal::DocumentFull);
        }
        let adds = (bytes, E::memory(scan));
        let (bytes, memory) = (self.waiting_bytes + bytes, self.waiting_memory + adds.1);
        let is_full = self.is_above(ALL, bytes, memory)
            && (!self.make_room() || self.is_above(ALL, bytes, memory));
        let part = match E::only_deletes(scan) {
            true => FOR_DELETIONS,
            false if is_live => FOR_TYPING_OVER,
            false => FOR_PUTS,
        };
        if !is_full {
            self.above = None;
        } else if !E::takes_away(&mut self.state, scan, decoded)
            || self.is_above(WITH_DELETIONS, bytes, memory)
            || !self.may_take_above(by, adds, part)
        {
            return Some(Refusal::DocumentFull);
        }
        let near = self.is_nearly_full(bytes);
        if near && !self.told_nearly_full {
            effects.push(Effect::NearlyFull { to: None });
        }
        self.told_nearly_full = near;
        None
    }

    /// Whether it is above its soft limit with so many bytes more.
    pub(super) fn is_nearly_full(&mut self, bytes: usize) -> bool {
        let soft = self.limits.soft_bytes;
        self.state.bytes_above(soft) + bytes > soft
    }

    /// Whether somebody's deletions may take so many bytes more, and so many in memory, of a document that is full: then
    /// that counts.
    fn may_take_above(
        &mut self,
        by: UserId,
        (bytes, memory): (usize, u64),
        part: (usize, u64),
    ) -> bool {
        let limits = *self.limits;
        let above = self.above.get_or_insert_default();
        let (all, all_memory) = above.get(&by).copied().unwrap_or_default();
        let taken = (all + bytes, all_memory + memory);
        let may = taken.0 <= limits.hard_bytes / part.0 && taken.1 <= limits.hard_memory / part.1;
        if may {
            above.insert(by, taken);
        }
        may
    }

    /// Whether the document with so many bytes more, and so many in memory, is larger than so much of its limits.
    fn is_above(&mut self, of: (usize, usize), bytes: usize, memory: u64) -> bool {
        let limits = *self.limits;
        let hard_memory = limits.hard_memory / of.1 as u64 * of.0 as u64;
        let most = hard_memory.saturating_sub(memory);
        let size = self.state.bytes_above(limits.soft_bytes) + bytes;
        size > limits.hard_bytes / of.1 * of.0 || self.state.memory_above(most) > most
    }

    pub(super) fn accept(
        &mut self,
        by: UserId,
        peer: Option<PeerId>,
        update: Bytes,
        scan: E::Scan,
        decoded: E::Decoded,
    ) {
        self.engine.take(&mut self.state, by, &scan, &decoded);
        self.ordinal += 1;
        if let Some(known) = peer.and_then(|peer| self.peers.get_mut(&peer)) {
            known.accepted += 1;
        }
        self.waiting_bytes += update.len();
        self.waiting_memory += E::memory(&scan);
        let (ordinal, asked) = (self.ordinal, self.reads.asked);
        let (login, put, data) = (None, None, update);
        self.waiting.push(Waiting { by, login, put, peer, ordinal, data, scan, asked, decoded });
    }
}
