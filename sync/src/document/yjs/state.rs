//! A Yjs document's applied state: what is durable, and nothing else.
//!
//! Everything that calls into `yrs` for content goes through here. Must not know connections.

use bytes::Bytes;
use foldhash::{HashMap, HashMapExt};
use studyhall_schema::ids::UserId;
use studyhall_store::log::{Entry, Snapshot};
use yrs::{
    BranchID, ClientID, Doc, ID, IdSet, ReadTxn, StateVector, Transact, Update,
    updates::{decoder::Decode, encoder::Encode},
};

use super::fold::{Fold, Said};
use crate::{
    document::engine::{Applied, Unreadable},
    guard::{self, Run, Scan},
    text,
};

/// Growth in memory that is worth a look at how much of it stays.
const MEASURE_AGAIN: u64 = 1 << 20;

/// A difference of so many bytes is large.
const SHARED: usize = 256 << 10;

/// A document as its log has it.
pub struct State {
    doc: Doc,
    seq: u64,
    authors: HashMap<u64, UserId>,
    /// Bytes of the whole when it was last encoded, and what was added since.
    exact: usize,
    added: usize,
    /// Whether something was deleted since it was last measured for that.
    has_removed: bool,
    /// About how many bytes it takes in memory, when that was last measured, and what was added since.
    measured: u64,
    grown: u64,
    /// Where what is applied and not shown yet starts, by client: enough to tell the vector before it.
    unshown: Vec<(u64, u32)>,
    full: Option<Bytes>,
    vector: Option<Bytes>,
    /// What is deleted, once somebody has asked.
    deleted: Option<IdSet>,
}

/// What is kept, without the room that its encoder had beside it: a kilobyte at least.
fn exact(encoded: Vec<u8>) -> Bytes {
    encoded.into_boxed_slice().into()
}

impl Default for State {
    fn default() -> Self {
        Self {
            doc: text::new_doc(0),
            seq: 0,
            authors: HashMap::new(),
            exact: 0,
            added: 0,
            has_removed: false,
            measured: 0,
            grown: 0,
            unshown: Vec::new(),
            full: None,
            vector: None,
            deleted: None,
        }
    }
}

impl State {
    /// Builds a document from its snapshot.
    pub fn from_snapshot(snapshot: &Snapshot) -> Result<Self, Unreadable> {
        let mut state =
            Self { authors: snapshot.authors.iter().copied().collect(), ..Self::default() };
        let unreadable = |reason: String| Unreadable { seq: 0, reason, is_poison: false };
        let scan = guard::update_v1(&snapshot.state).map_err(|bad| unreadable(bad.to_string()))?;
        let update =
            Update::decode_v1(&snapshot.state).map_err(|error| unreadable(error.to_string()))?;
        state
            .apply(vec![Said::More(update)], &[], Some(snapshot.state.clone()))
            .map_err(|error| unreadable(error.to_string()))?;
        state.seq = snapshot.seq;
        state.exact = snapshot.state.len();
        state.added = 0;
        state.measured = scan.decoded_size;
        Ok(state)
    }

    /// Applies an entry of the log. Updates without bytes were moved to quarantine.
    pub fn apply_entry(&mut self, entry: &Entry) -> Result<Option<Bytes>, Unreadable> {
        let unreadable = |reason: String| Unreadable { seq: entry.seq, reason, is_poison: false };
        let poison = |error: yrs::error::Error| Unreadable {
            seq: entry.seq,
            reason: error.to_string(),
            is_poison: true,
        };
        if entry.seq > self.seq + 1 {
            return Err(unreadable(format!("updates from {} on are missing", self.seq + 1)));
        }
        let skip = usize::try_from((self.seq + 1).saturating_sub(entry.seq)).unwrap_or(usize::MAX);
        let mut said = Vec::with_capacity(entry.updates.len());
        let mut starts = Vec::new();
        for logged in entry.updates.iter().skip(skip).filter(|logged| !logged.data.is_empty()) {
            let scan = guard::update_v1(&logged.data).map_err(|bad| unreadable(bad.to_string()))?;
            self.count(&scan, logged.by);
            starts.extend(scan.inserts.iter().map(|insert| (insert.client, insert.start)));
            let read = Said::read(&logged.data, &scan);
            said.push(read.map_err(|bad| unreadable(bad.to_string()))?);
        }
        let frame = if said.is_empty() {
            None
        } else {
            Some(self.apply(said, &starts, None).map_err(poison)?)
        };
        self.seq = self.seq.max(entry.next_seq() - 1);
        Ok(frame)
    }

    /// Applies what one append made durable, in one transaction; what comes back holds all of it.
    ///
    /// # Panics
    /// When the CRDT library refuses what it has decoded: the actor contains that, and loads again.
    pub(super) fn commit(
        &mut self,
        said: Vec<Said>,
        starts: &[(u64, u32)],
        through: u64,
        alone: Option<Bytes>,
    ) -> Bytes {
        let applied = self.apply(said, starts, alone);
        self.seq = through;
        applied.expect("a decoded update applies")
    }

    fn apply(
        &mut self,
        said: Vec<Said>,
        starts: &[(u64, u32)],
        alone: Option<Bytes>,
    ) -> Result<Bytes, yrs::error::Error> {
        let mut fold = Fold::default();
        for one in said {
            fold.add(one)?;
        }
        let updates = fold.finish()?;
        let mut transaction = self.doc.transact_mut();
        for update in updates {
            transaction.apply_update(update)?;
        }
        // yjs cannot put what it has had, and has let go since, in front of what is new in one item.
        let is_new = |(client, start): &(u64, u32)| {
            transaction.insert_set().contains(&ID::new(ClientID::new(*client), *start))
        };
        let frame = alone.filter(|_| starts.iter().all(is_new));
        let frame = frame.unwrap_or_else(|| transaction.encode_update_v1().into());
        self.has_removed |= transaction.delete_set().iter().next().is_some();
        if let Some(deleted) = &mut self.deleted {
            for (client, ranges) in transaction.delete_set().iter() {
                for range in ranges.iter() {
                    deleted.insert(ID::new(*client, range.start), range.end - range.start);
                }
            }
        }
        drop(transaction);
        self.added += frame.len();
        self.unshown.extend_from_slice(starts);
        self.full = None;
        self.vector = None;
        Ok(frame)
    }

    /// The last update of the log that is applied.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// The document, to read from.
    pub fn doc(&self) -> &Doc {
        &self.doc
    }

    /// Which person each client id belongs to.
    pub fn authors(&self) -> &HashMap<u64, UserId> {
        &self.authors
    }

    /// Counts an update in: what it takes, and whose the client ids are that it writes under, where
    /// nobody's were known.
    pub(in crate::document) fn count(&mut self, scan: &Scan, by: UserId) {
        self.grown += scan.growth();
        for insert in &scan.inserts {
            self.authors.entry(insert.client).or_insert(by);
        }
    }

    /// The state vector, encoded once a version.
    pub fn vector(&mut self) -> Bytes {
        let doc = &self.doc;
        let encode = || exact(doc.transact().state_vector().encode_v1());
        self.vector.get_or_insert_with(encode).clone()
    }

    /// The state vector.
    pub fn state_vector(&self) -> StateVector {
        self.doc.transact().state_vector()
    }

    /// The state vector of what has been shown.
    pub(in crate::document) fn shown_vector(&self) -> StateVector {
        let now = self.state_vector();
        let mut clocks: HashMap<u64, u32> =
            now.iter().map(|(client, clock)| (client.get(), *clock)).collect();
        for (client, start) in &self.unshown {
            if let Some(clock) = clocks.get_mut(client) {
                *clock = (*clock).min(*start);
            }
        }
        clocks.into_iter().map(|(client, clock)| (ClientID::new(client), clock)).collect()
    }

    /// What this state has beyond `old`, whose place it takes: that is not shown yet.
    pub(in crate::document) fn beyond(&mut self, old: &Self) -> Bytes {
        let (before, now) = (old.state_vector(), self.state_vector());
        let more = now.iter().filter(|(client, clock)| before.get(client) < **clock);
        let starts = more.map(|(client, _)| (client.get(), before.get(client)));
        self.unshown = starts.chain(old.unshown.iter().copied()).collect();
        self.difference(&before)
    }

    /// A vector without clients that the document does not know.
    pub(in crate::document) fn known_of(&self, vector: &StateVector) -> StateVector {
        let known = self.state_vector();
        vector
            .iter()
            .filter(|(id, _)| known.contains_client(id))
            .map(|(id, at)| (*id, *at))
            .collect()
    }

    /// What a client with this vector lacks. The whole state is encoded once a version.
    pub fn difference(&mut self, since: &StateVector) -> Bytes {
        if since.is_empty() {
            return self.full();
        }
        let difference: Bytes = self.doc.transact().encode_state_as_update_v1(since).into();
        // What is nearly all is sent as all, of which there is one for everybody.
        if difference.len() > SHARED && difference.len() > self.bytes() / 4 {
            return self.full();
        }
        difference
    }

    /// What there is of these clients from where these runs start, as an update.
    pub(in crate::document) fn after_runs<'a>(
        &self,
        runs: impl Iterator<Item = &'a Run>,
    ) -> Vec<u8> {
        let mut since: HashMap<ClientID, u32> =
            self.state_vector().iter().map(|(id, clock)| (*id, *clock)).collect();
        for run in runs {
            let clock = since.entry(ClientID::new(run.client)).or_default();
            *clock = (*clock).min(run.start);
        }
        let since: StateVector = since.into_iter().collect();
        self.doc.transact().encode_state_as_update_v1(&since)
    }

    /// The whole state as one update.
    pub fn full(&mut self) -> Bytes {
        if let Some(full) = &self.full {
            return full.clone();
        }
        let full = exact(self.doc.transact().encode_state_as_update_v1(&StateVector::default()));
        self.exact = full.len();
        self.added = 0;
        if self.grown > MEASURE_AGAIN {
            self.measure(&full);
        }
        self.full = Some(full.clone());
        full
    }

    fn measure(&mut self, full: &[u8]) {
        // What stays in memory is what has been merged into longer blocks.
        self.measured = guard::update_v1(full).map_or(self.memory(), |scan| scan.decoded_size);
        self.grown = 0;
    }

    /// What there is and what of it is deleted. Not how it is encoded: what many transactions have made is
    /// merged into fewer blocks when one transaction makes it again.
    pub fn version(&self) -> Vec<u8> {
        let snapshot = self.doc.transact().snapshot();
        let mut vector: Vec<_> = snapshot.state_map.iter().collect();
        vector.sort_unstable();
        let mut version = snapshot.delete_set.encode_v1();
        for (client, clock) in vector {
            version.extend(client.get().to_le_bytes());
            version.extend(clock.to_le_bytes());
        }
        version
    }

    /// Whether everything that an update deletes is deleted already.
    pub(super) fn has_deleted(&mut self, said: &Said) -> bool {
        self.undeleted(said).next().is_none()
    }

    /// How many of the ranges that an update deletes are not deleted yet.
    pub(super) fn not_deleted(&mut self, said: &Said) -> u32 {
        u32::try_from(self.undeleted(said).count()).unwrap_or(u32::MAX)
    }

    /// Those ranges.
    pub(super) fn undeleted<'a>(&'a mut self, said: &'a Said) -> impl Iterator<Item = Run> + 'a {
        let deleted = self.deleted();
        said.deleted().filter(move |run| {
            let known = deleted.get(&ClientID::new(run.client));
            // Neighbouring ranges are one: no two of them cover it together.
            let found = known.and_then(|known| known.get(known.find_start(run.start)?));
            !found.is_some_and(|(found, ())| found.start <= run.start && run.end <= found.end)
        })
    }

    /// Whether this is a type, or was: items may be put into it.
    pub(in crate::document) fn is_type(&mut self, id: guard::Id) -> bool {
        let id = ID::new(ClientID::new(id.client), id.clock);
        BranchID::get_nested(&self.doc.transact(), &id).is_some() || self.deleted().contains(&id)
    }

    fn deleted(&mut self) -> &IdSet {
        let doc = &self.doc;
        self.deleted.get_or_insert_with(|| doc.transact().snapshot().delete_set)
    }
}

impl Applied for State {
    fn from_snapshot(snapshot: &Snapshot) -> Result<Self, Unreadable> {
        Self::from_snapshot(snapshot)
    }

    fn apply_entry(&mut self, entry: &Entry) -> Result<Option<Bytes>, Unreadable> {
        self.apply_entry(entry)
    }

    fn seq(&self) -> u64 {
        self.seq
    }

    fn full(&mut self) -> Bytes {
        self.full()
    }

    fn authors_in_order(&mut self) -> Vec<(u64, UserId)> {
        let vector = self.state_vector();
        let applied = vector.iter().map(|(client, _)| client.get());
        let mut authors: Vec<_> = applied
            .filter_map(|client| self.authors.get(&client).map(|user| (client, *user)))
            .collect();
        authors.sort_unstable_by_key(|(client, _)| *client);
        authors
    }

    fn version(&mut self) -> Vec<u8> {
        Self::version(self)
    }

    fn bytes(&self) -> usize {
        self.exact + self.added
    }

    fn memory(&self) -> u64 {
        self.measured + self.grown
    }

    fn added(&self) -> usize {
        self.added
    }

    fn may_be_smaller(&self) -> bool {
        self.has_removed
    }

    fn measure_after_deletions(&mut self) -> bool {
        let before = (self.bytes(), self.memory());
        let full = self.full();
        self.measure(&full);
        self.has_removed = false;
        self.bytes() < before.0 || self.memory() < before.1
    }

    fn shown(&mut self) {
        self.unshown.clear();
    }

    fn memory_above(&mut self, limit: u64) -> u64 {
        if self.memory() > limit && self.grown > self.measured / 8 {
            self.full();
        }
        self.memory()
    }
}
