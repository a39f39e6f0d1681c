//! Who is in a document and where their cursor is: y-protocols' awareness, with owners.
//!
//! Pure state of one document. A connection owns the ids that it sent first, so nobody moves
//! somebody else's cursor; what stock clients reflect of other people's is dropped without a
//! word. It must not know sockets, protocols' envelopes or the clock: time is an argument.
//!
//! The clock that others see of an id (`published`) is kept apart from the clock that its owner
//! sends (`received`): a leave counts it up, and a client that comes back with its old clock would
//! otherwise be invisible until it had caught up.

mod update;

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use bytes::Bytes;
use smallvec::SmallVec;
use studyhall_schema::{Timestamp, ids::UserId};

use self::update::Update;
use crate::{guard::json, wire::lib0::Malformed};

/// The largest state of one id, in bytes of JSON.
pub const MAX_STATE: usize = 16 << 10;
/// Ids that one connection may own.
pub const MAX_OWNED: usize = 8;
/// Ids that one document keeps, those that left lately among them.
pub const MAX_IDS: usize = 10_000;
/// Bytes of states that one document keeps.
pub const MAX_BYTES: usize = 4 << 20;
/// Bytes of states that one person's ids may take in one document; each counts for [`LEAST`], those that
/// left lately as well.
pub const MAX_SHARE: usize = 256 << 10;
const LEAST: usize = 256;
/// So many bytes of states a second may one person have told to everybody, and so many at once: what they
/// change more often is told later, the newest of it.
pub const TOLD_A_SECOND: u64 = 64 << 10;
const TOLD_AT_ONCE: u64 = 128 << 10;
/// After this long without a word an id is gone, as stock clients see it too.
pub const EXPIRY: Duration = Duration::from_secs(30);
/// For this long an id that left is remembered, so that a late reflection does not bring it back.
const MEMORY: Duration = Duration::from_mins(2);

/// One connection, as the session that holds it numbers it.
pub type Connection = u64;

/// Whose an id is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Who {
    /// The person.
    pub user: UserId,
    /// They may write: nobody else writes first under what is theirs.
    pub writes: bool,
}

/// What this node says to others: ids that its connections own, or lately did, and whose they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presence {
    /// An awareness update.
    pub update: Bytes,
    /// Whose its ids are, in their order.
    pub people: Vec<Who>,
}

#[derive(Debug)]
struct Entry {
    /// JSON; `None` when the id is gone.
    state: Option<Box<str>>,
    /// The owner's last clock.
    received: u32,
    /// The clock that was last shown to others.
    published: u64,
    /// When the id was last heard of.
    seen: Timestamp,
    person: Who,
    /// Another node said so last.
    elsewhere: bool,
    owner: Option<Connection>,
    /// Another connection of the same person that sends this id as well. Tabs of one browser
    /// relay each other's ids, so the owner may leave while the id's own tab is still there.
    standby: Option<Connection>,
    /// What it counts for in its person's share.
    counted: usize,
}

#[derive(Debug, Default)]
struct Ids {
    owns: SmallVec<[u64; 2]>,
    stands_by: SmallVec<[u64; 2]>,
}

/// The awareness of one document.
#[derive(Debug, Default)]
pub struct Awareness {
    entries: HashMap<u64, Entry>,
    connections: HashMap<Connection, Ids>,
    changed: BTreeSet<u64>,
    /// What has changed and is told later, since its person has had so much told.
    late: BTreeSet<u64>,
    /// What people have had told lately, in bytes, and when that was so.
    told: HashMap<UserId, (u64, Timestamp)>,
    bytes: usize,
    shares: HashMap<UserId, usize>,
    /// What joiners are told, until it changes.
    full: Option<Bytes>,
}

impl Awareness {
    /// Takes an awareness update of a connection. What is stale, not its own or beyond a limit of
    /// the document is dropped; an error says that the bytes are no awareness update.
    pub fn receive(
        &mut self,
        now: Timestamp,
        connection: Connection,
        person: Who,
        bytes: &[u8],
    ) -> Result<(), Malformed> {
        for update in update::decode(bytes)? {
            if !self.is_for(connection, person.user, &update) {
                continue;
            }
            if let Some(state) = update.state {
                if state.len() > MAX_STATE {
                    return Err(Malformed::Size);
                }
                json::check(state)?;
            }
            if self.fits(person.user, &update) {
                self.give(connection, person, &update, now);
                self.accept(now, &update);
            }
        }
        Ok(())
    }

    /// Takes what another node says of its connections.
    pub fn merge(&mut self, now: Timestamp, presence: &Presence) -> Result<(), Malformed> {
        for (update, person) in update::decode(&presence.update)?.zip(&presence.people) {
            let clock = u64::from(update.clock);
            let is_news = self.entries.get(&update.id).is_none_or(|entry| {
                clock > entry.published
                    || (clock == entry.published && update.state.is_none() && entry.state.is_some())
            });
            if is_news && self.fits(person.user, &update) {
                self.disown(update.id);
                self.count(update.id, 0);
                let new = || Entry::new(*person, now);
                let entry = self.entries.entry(update.id).or_insert_with(new);
                (entry.person, entry.elsewhere) = (*person, true);
                entry.published = clock;
                self.put(now, update.id, update.state);
            }
        }
        Ok(())
    }

    /// Whether the connection may speak for the update's id, and whether it says anything new.
    /// Notes a connection that speaks for an id of its person which another connection owns.
    fn is_for(&mut self, connection: Connection, person: UserId, update: &Update<'_>) -> bool {
        let owned = self.connections.get(&connection).map_or(0, |ids| ids.owns.len());
        let Some(entry) = self.entries.get_mut(&update.id) else {
            // Nobody's id yet; that nobody is gone need not be kept.
            return owned < MAX_OWNED && update.state.is_some();
        };
        if entry.owner == Some(connection) {
            let ends = update.state.is_none() && entry.state.is_some();
            return update.clock > entry.received || (update.clock == entry.received && ends);
        }
        if entry.person.user != person {
            return false;
        }
        let is_taken = match entry.owner {
            // A tab that joins sends back what it was shown: that is no reason to take an id over.
            Some(_) => u64::from(update.clock) > entry.published && update.clock > entry.received,
            // It may be that a tab on another node is shown, and reflected.
            None if entry.elsewhere && entry.state.is_some() => {
                u64::from(update.clock) > entry.published && update.state.is_some()
            }
            // Back again, perhaps with the clock that it had.
            None => update.clock >= entry.received && update.state.is_some(),
        };
        if is_taken {
            return owned < MAX_OWNED;
        }
        if entry.owner.is_some() && entry.standby.is_none() {
            let ids = self.connections.entry(connection).or_default();
            if ids.stands_by.len() < MAX_OWNED {
                ids.stands_by.push(update.id);
                entry.standby = Some(connection);
            }
        }
        false
    }

    /// Whether the document has room for the update, and the person's share of it has.
    fn fits(&self, person: UserId, update: &Update<'_>) -> bool {
        let before = self.entries.get(&update.id);
        let freed = before.and_then(|entry| entry.state.as_deref());
        let bytes = self.bytes - freed.map_or(0, str::len) + update.state.map_or(0, str::len);
        let own = before.filter(|entry| entry.person.user == person);
        let share = self.shares.get(&person).copied().unwrap_or_default();
        let share = share - own.map_or(0, |entry| entry.counted) + weight(update.state);
        bytes <= MAX_BYTES
            && (share <= MAX_SHARE || update.state.is_none())
            && (before.is_some() || self.entries.len() < MAX_IDS)
    }

    /// Makes the connection the owner of the update's id.
    fn give(&mut self, connection: Connection, person: Who, update: &Update<'_>, now: Timestamp) {
        let id = update.id;
        let entry = self.entries.entry(id).or_insert_with(|| Entry::new(person, now));
        (entry.person, entry.elsewhere) = (person, false);
        let before = entry.owner.replace(connection);
        if before == Some(connection) {
            return;
        }
        let standby = std::mem::replace(&mut entry.standby, before);
        for other in before.into_iter().chain(standby) {
            if let Some(ids) = self.connections.get_mut(&other) {
                ids.owns.retain(|own| *own != id);
                ids.stands_by.retain(|own| *own != id);
                if Some(other) == before {
                    ids.stands_by.push(id);
                }
            }
        }
        self.connections.entry(connection).or_default().owns.push(id);
    }

    /// Takes an id away from all connections.
    fn disown(&mut self, id: u64) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        for connection in entry.owner.take().into_iter().chain(entry.standby.take()) {
            if let Some(ids) = self.connections.get_mut(&connection) {
                ids.owns.retain(|own| *own != id);
                ids.stands_by.retain(|own| *own != id);
            }
        }
    }

    /// Takes in what an id's owner says.
    fn accept(&mut self, now: Timestamp, update: &Update<'_>) {
        let Some(entry) = self.entries.get_mut(&update.id) else { return };
        let clock = u64::from(update.clock);
        entry.received = update.clock;
        // A client that was shown its own id with a higher clock repeats it: the end of a circle.
        if clock == entry.published && update.state == entry.state.as_deref() {
            entry.seen = now;
            return;
        }
        // What others have seen is lifted by one where that makes stock clients take it in (a first
        // clock of 0, or a clock that they have seen before), and never by more: an author who hears
        // its own state with a clock above its own takes that state for newer than what it has.
        // With one, that is the very state that it has.
        entry.published = entry.published.max(clock).max((entry.published + 1).min(clock + 1));
        self.put(now, update.id, update.state);
    }

    /// Sets an id's state, to be told at the next tick.
    fn put(&mut self, now: Timestamp, id: u64, state: Option<&str>) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        self.bytes -= entry.state.as_deref().map_or(0, str::len);
        self.bytes += state.map_or(0, str::len);
        entry.state = state.map(Into::into);
        entry.seen = now;
        self.full = None;
        self.changed.insert(id);
        self.count(id, weight(state));
    }

    /// From here on an id counts for so much in its person's share.
    fn count(&mut self, id: u64, weight: usize) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let before = std::mem::replace(&mut entry.counted, weight);
        share(&mut self.shares, entry.person.user, before, weight);
    }

    /// Forgets a connection. What comes back says to all others that its ids are gone; an id that
    /// another connection of the same person sends as well goes over to that one.
    pub fn leave(&mut self, now: Timestamp, connection: Connection) -> Option<Presence> {
        let ids = self.connections.remove(&connection)?;
        for id in ids.stands_by {
            if let Some(entry) = self.entries.get_mut(&id) {
                entry.standby = None;
            }
        }
        let mut gone = Vec::new();
        for id in ids.owns {
            let Some(entry) = self.entries.get_mut(&id) else { continue };
            entry.owner = entry.standby.take();
            if let Some(heir) = entry.owner {
                let ids = self.connections.entry(heir).or_default();
                ids.stands_by.retain(|own| *own != id);
                ids.owns.push(id);
            } else if entry.state.is_some() {
                self.put(now, id, None);
                self.changed.remove(&id);
                gone.push(id);
            }
        }
        self.own(gone)
    }

    /// Ends what was not heard of for [`EXPIRY`], and forgets what is long gone.
    pub fn expire(&mut self, now: Timestamp) {
        let mut gone = Vec::new();
        self.entries.retain(|&id, entry| {
            let silence = now.since(entry.seen);
            if entry.state.is_some() && silence >= EXPIRY {
                gone.push(id);
            }
            let stays = entry.state.is_some() || entry.owner.is_some() || silence < MEMORY;
            if !stays {
                share(&mut self.shares, entry.person.user, entry.counted, 0);
            }
            stays
        });
        for id in gone {
            self.put(now, id, None);
        }
    }

    /// Puts off what people have changed who have had too much told lately. That somebody is gone never is.
    pub fn put_off(&mut self, now: Timestamp) {
        let Self { entries, changed, late, told, .. } = self;
        changed.retain(|id| {
            let Some(entry) = entries.get(id).filter(|entry| entry.state.is_some()) else {
                return true;
            };
            let (bytes, at) = told.entry(entry.person.user).or_insert((0, now));
            let passed = u64::try_from(now.since(*at).as_millis()).unwrap_or(u64::MAX);
            *bytes = bytes.saturating_sub(passed.saturating_mul(TOLD_A_SECOND) / 1000);
            *at = now;
            let is_due = *bytes <= TOLD_AT_ONCE;
            if is_due {
                *bytes += weight(entry.state.as_deref()) as u64;
            } else {
                late.insert(*id);
            }
            is_due
        });
        told.retain(|_, (_, at)| now.since(*at) < EXPIRY);
    }

    /// What changed since the last call and was not put off, as one update for everybody.
    pub fn take_changed(&mut self) -> Option<Bytes> {
        let late = std::mem::take(&mut self.late);
        let changed = std::mem::replace(&mut self.changed, late);
        self.encode(changed)
    }

    /// Of what changed since the last [`Self::take_changed`], what other nodes cannot know.
    pub fn own_changed(&self) -> Option<Presence> {
        self.own(self.changed.iter().copied())
    }

    /// Everybody who is here on this node, for a node that asks.
    pub fn own_full(&self) -> Option<Presence> {
        self.own(self.here())
    }

    /// Whether anything changed since the last [`Self::take_changed`].
    pub fn has_changed(&self) -> bool {
        !self.changed.is_empty()
    }

    /// Everybody who is here, for one who joins.
    pub fn full(&mut self) -> Option<Bytes> {
        if self.full.is_none() {
            self.full = self.encode(self.here());
        }
        self.full.clone()
    }

    fn here(&self) -> impl Iterator<Item = u64> {
        self.entries.iter().filter(|(_, entry)| entry.state.is_some()).map(|(&id, _)| id)
    }

    /// Whose id this is, as long as awareness remembers it.
    pub fn person(&self, id: u64) -> Option<Who> {
        self.entries.get(&id).map(|entry| entry.person)
    }

    /// Whether nobody is here.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    fn own(&self, ids: impl IntoIterator<Item = u64>) -> Option<Presence> {
        let is_own = |id: &u64| self.entries.get(id).is_some_and(|entry| !entry.elsewhere);
        let ids: Vec<u64> = ids.into_iter().filter(is_own).collect();
        let people = ids.iter().filter_map(|id| self.person(*id)).collect();
        Some(Presence { update: self.encode(ids)?, people })
    }

    fn encode(&self, ids: impl IntoIterator<Item = u64>) -> Option<Bytes> {
        let states = ids.into_iter().filter_map(|id| {
            let entry = self.entries.get(&id)?;
            Some((id, entry.published, entry.state.as_deref()))
        });
        update::encode(&states.collect::<Vec<_>>())
    }
}

/// What a state counts for in its person's share.
fn weight(state: Option<&str>) -> usize {
    state.map_or(0, str::len).max(LEAST)
}

fn share(shares: &mut HashMap<UserId, usize>, person: UserId, before: usize, now: usize) {
    let share = shares.entry(person).or_default();
    *share = *share - before + now;
    if *share == 0 {
        shares.remove(&person);
    }
}

/// The client id of an update that is about one client.
pub fn sole(update: &[u8]) -> Option<u64> {
    let mut updates = update::decode(update).ok()?;
    let id = updates.next()?.id;
    updates.next().is_none().then_some(id)
}

impl Entry {
    fn new(person: Who, now: Timestamp) -> Self {
        Self {
            state: None,
            received: 0,
            published: 0,
            seen: now,
            person,
            elsewhere: false,
            owner: None,
            standby: None,
            counted: 0,
        }
    }
}

#[cfg(test)]
mod tests;
