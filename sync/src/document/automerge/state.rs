//! An Automerge document's applied state: the change graph, which is always up to date, and a document of
//! the library's, which catches up with it.
//!
//! In automerge 0.12 one change costs 190 µs and more in a list of 1,000 entries, ten at once a third of
//! that each: so changes are given to it in batches, when somebody reads or when they are many. Everything that calls into `automerge` for content
//! goes through here. Must not know connections.

use std::{
    collections::HashSet,
    panic::{AssertUnwindSafe, catch_unwind},
};

use automerge::{
    AutoCommit, Change, ChangeHash, LoadOptions, TextEncoding,
    sync::{self, Message, SyncDoc},
};
use bytes::Bytes;
use studyhall_schema::ids::UserId;
use studyhall_store::log::{Entry, Snapshot};

use super::{graph::Graph, touched::Touched};
use crate::{
    document::{
        HARD_MEMORY,
        check::FOR_DELETIONS,
        engine::{Applied, Unreadable},
    },
    guard::automerge::{self as guard, Actor, Hash, Scan},
    heavy,
    wire::automerge::{SyncMessage, encode, encode_whole},
};

/// A document as its log has it.
pub struct State {
    pub(super) graph: Graph,
    doc: AutoCommit,
    /// While nobody needs the library's document: what it is made of again. It takes 48 bytes and more for
    /// each letter that was ever written.
    resting: Option<Bytes>,
    touched: Touched,
    /// Changes that the document has not been given yet, and the entry of the log that each is in.
    behind: Vec<(u64, Change)>,
    behind_bytes: usize,
    /// So many of them are the first of their actors: the library goes through the document for each.
    behind_actors: u64,
    seq: u64,
    exact: usize,
    added: usize,
    full: Option<Bytes>,
    whole: Option<Bytes>,
    /// The heads before what is applied and not shown yet.
    shown: Option<Vec<Hash>>,
    /// What the document was loaded from, until it has caught up with the log.
    loaded: Option<Bytes>,
    /// The log has changes that stand on what is in quarantine.
    has_orphans: bool,
}

/// What a document takes for each byte that its limit counts: a text of a million letters, counted 47 MiB,
/// was seen to take 180. What all documents together may take is held against this.
const RESIDENT: u64 = 4;

/// What a change takes of the graph.
const RESTING_CHANGE: u64 = 400;

/// Changes that the library is given at once, whoever reads: they are kept decoded until then. More than
/// somebody makes until their rows are written, which reads the document.
const BATCH: usize = 128;
/// The same in bytes.
const BATCH_BYTES: usize = 64 << 10;
/// Operations that the library is given at once, of more than one change: each takes 350 bytes and more meanwhile.
const OPS_AT_ONCE: usize = 128 << 10;
/// New actors times bytes that are gone through within a few milliseconds.
const WALKED_AT_ONCE: u64 = 32 << 20;

/// Who wrote what, and what they had heard of.
#[derive(Clone, Copy)]
pub(crate) struct Writers<'a>(&'a Graph);

impl Writers<'_> {
    /// Whose an actor is.
    pub(crate) fn owner(self, actor: &[u8]) -> Option<UserId> {
        self.0.owner(actor)
    }

    /// The heads of all that was made by who had not heard of an operation, which is named by its counter and
    /// its actor.
    pub(crate) fn beside(self, (counter, actor): (u64, &[u8])) -> Option<Vec<ChangeHash>> {
        let author = self.0.author(&Actor::from_slice(actor))?;
        let node = self.0.node_of(author, u32::try_from(counter).ok()?)?;
        Some(hashes(&self.0.heads_beside(node)))
    }
}

/// A document of the library's: positions in texts count UTF-16 units, as JavaScript does.
pub(crate) fn new_doc() -> AutoCommit {
    AutoCommit::new_with_encoding(TextEncoding::Utf16CodeUnit)
}

fn load_doc(bytes: &[u8]) -> Result<AutoCommit, automerge::AutomergeError> {
    let options = LoadOptions::new().text_encoding(TextEncoding::Utf16CodeUnit);
    AutoCommit::load_with_options(bytes, options)
}

fn hashes(hashes: &[Hash]) -> Vec<ChangeHash> {
    hashes.iter().copied().map(ChangeHash).collect()
}

impl Default for State {
    fn default() -> Self {
        Self {
            graph: Graph::default(),
            doc: new_doc(),
            resting: None,
            touched: Touched::default(),
            behind: Vec::new(),
            behind_bytes: 0,
            behind_actors: 0,
            seq: 0,
            exact: 0,
            added: 0,
            full: None,
            whole: None,
            shown: None,
            loaded: None,
            has_orphans: false,
        }
    }
}

impl State {
    /// The library's document with all that is applied.
    pub fn doc(&mut self) -> &mut AutoCommit {
        self.catch_up();
        &mut self.doc
    }

    /// The same, and what is known of who wrote what.
    pub(crate) fn content(&mut self) -> (&mut AutoCommit, Writers<'_>) {
        self.catch_up();
        (&mut self.doc, Writers(&self.graph))
    }

    /// The keys of the entries of root maps that have changed since this was asked last; `None` when any
    /// of them may have.
    pub(crate) fn touched(&mut self) -> Option<HashSet<String>> {
        self.catch_up();
        self.touched.take(&mut self.doc)
    }

    /// Whether the library's document lacks so much that it is time to give it that. Who reads it does not
    /// wait for this, and a projection comes soon after each commit.
    pub(super) fn is_far_behind(&self) -> bool {
        self.behind.len() >= BATCH || self.behind_bytes >= BATCH_BYTES
    }

    /// Gives the library what it lacks.
    ///
    /// # Panics
    /// When the library refuses what was checked: the actor contains that, and loads again.
    pub(super) fn catch_up(&mut self) {
        if let Some(whole) = self.resting.take() {
            let load = || load_doc(&whole).expect("what the library saved it loads");
            let is_large = self.graph.memory() > heavy::LARGE as u64;
            self.doc = if is_large { heavy::aside(load) } else { load() };
        }
        if self.behind.is_empty() {
            return;
        }
        self.behind_bytes = 0;
        let walked = std::mem::take(&mut self.behind_actors) * self.graph.memory();
        let changes = std::mem::take(&mut self.behind);
        let apply = || {
            let mut changes = changes.into_iter().map(|(_, change)| change).peekable();
            while let Some(first) = changes.next() {
                let (mut ops, mut part) = (first.len(), vec![first]);
                while let Some(next) = changes.next_if(|next| ops + next.len() <= OPS_AT_ONCE) {
                    ops += next.len();
                    part.push(next);
                }
                self.touched.apply(&mut self.doc, part);
            }
        };
        if walked > WALKED_AT_ONCE { heavy::aside(apply) } else { apply() }
    }

    /// Whether the library takes changes after all that is applied, and can load what it saves then.
    pub(super) fn takes(&mut self, changes: impl Iterator<Item = Change>) -> bool {
        self.catch_up();
        let (mut doc, changes) = (self.doc.fork(), changes.collect::<Vec<_>>());
        let try_out = || doc.apply_changes(changes).is_ok() && load_doc(&doc.save()).is_ok();
        catch_unwind(AssertUnwindSafe(try_out)).unwrap_or(false)
    }

    /// How many operations it has room for at most, with what is kept for deletions.
    pub(crate) fn room(&self) -> u64 {
        let most = HARD_MEMORY + HARD_MEMORY / FOR_DELETIONS.1;
        most.saturating_sub(self.graph.memory()) / guard::OP_MEMORY
    }

    /// The heads of what is durable.
    pub fn heads(&self) -> &[Hash] {
        self.graph.heads()
    }

    /// The heads of what has been shown.
    pub(super) fn shown_heads(&self) -> &[Hash] {
        self.shown.as_deref().unwrap_or(self.graph.heads())
    }

    /// Whether a change is durable.
    pub(super) fn has(&self, hash: &Hash) -> bool {
        self.graph.has(hash)
    }

    /// How many changes of an actor's are durable.
    pub(crate) fn made_by(&self, actor: &[u8]) -> u32 {
        self.graph.made_by(actor)
    }

    /// A change is durable: the graph has it at once, the library's document later.
    pub(super) fn apply(&mut self, seq: u64, by: UserId, scan: &Scan, change: Change) -> bool {
        if self.graph.next() != Some(&scan.hash) {
            self.graph.forget();
            if !self.graph.push(by, scan) {
                return false;
            }
        }
        self.graph.commit();
        self.behind_actors += u64::from(scan.seq == 1);
        self.added += scan.plain.len();
        self.behind_bytes += scan.plain.len();
        self.behind.push((seq, change));
        (self.full, self.whole) = (None, None);
        true
    }

    /// Changes that follow are one commit.
    pub(super) fn begin_commit(&mut self) {
        self.shown.get_or_insert_with(|| self.graph.heads().to_vec());
    }

    pub(super) fn end_commit(&mut self, through: u64) {
        self.seq = self.seq.max(through);
    }

    /// What somebody who has these changes, and what they stand on, lacks.
    pub(super) fn after(&mut self, known: &[Hash]) -> Bytes {
        self.catch_up();
        let known: Vec<Hash> = known.iter().copied().filter(|hash| self.has(hash)).collect();
        let changes = self.doc.get_changes(&hashes(&known));
        encode(self.graph.heads(), &[], changes.iter().map(Change::raw_bytes))
    }

    /// What answers a client that is not in step: what it lacks by what it says to have, and what it is
    /// asked for.
    pub(super) fn answer(&mut self, asked: &SyncMessage) -> Bytes {
        if asked.heads.is_empty() && asked.takes_documents {
            let full = self.full();
            let heads = self.graph.heads();
            return self.whole.get_or_insert_with(|| encode_whole(heads, &full)).clone();
        }
        if asked.need.is_empty() && asked.heads == self.graph.heads() {
            return encode(self.graph.heads(), &[], [].into_iter());
        }
        self.catch_up();
        let question =
            if self.graph.is_loose { asked.without_filter() } else { asked.without_changes() };
        let Ok(message) = Message::decode(&question) else {
            return self.after(&asked.heads);
        };
        let known = asked.heads.iter().copied().filter(|hash| self.has(hash)).collect::<Vec<_>>();
        let mut state = sync::State {
            shared_heads: hashes(&known),
            their_heads: Some(message.heads),
            their_need: Some(message.need),
            their_have: Some(message.have),
            ..sync::State::new()
        };
        let answer = self.doc.sync().generate_sync_message(&mut state);
        // Without flags the client sends changes one by one, which the guard can read.
        let answer = answer.map(|answer| Message { flags: None, ..answer }.encode().into());
        answer.unwrap_or_else(|| encode(self.graph.heads(), &[], [].into_iter()))
    }

    /// What this state has beyond `old`, whose place it takes: that is not shown yet.
    pub(super) fn beyond(&mut self, old: &Self) -> Bytes {
        self.shown = Some(old.shown_heads().to_vec());
        self.after(old.graph.heads())
    }

    fn read(&mut self, entry: &Entry, skip: usize) -> Result<Vec<Bytes>, Unreadable> {
        let unreadable = |reason: String| Unreadable { seq: entry.seq, reason, is_poison: false };
        let mut fresh = Vec::new();
        for logged in entry.updates.iter().skip(skip).filter(|logged| !logged.data.is_empty()) {
            let scan = guard::change(&logged.data).map_err(|bad| unreadable(bad.to_string()))?;
            let change = decode(&scan).ok_or_else(|| unreadable("no change".into()))?;
            if self.graph.deps(&scan).is_some_and(|deps| self.graph.is_hollow(&scan, &deps)) {
                tracing::error!(seq = entry.seq, "a change that no document could be loaded with");
                self.has_orphans = true;
                continue;
            }
            if self.apply(entry.seq, logged.by, &scan, change) {
                fresh.push(logged.data.clone());
            } else if !self.graph.knows(&scan.hash) {
                tracing::error!(seq = entry.seq, "a change stands on what was moved to quarantine");
                self.has_orphans = true;
            }
        }
        Ok(fresh)
    }

    /// A document that was given the changes one by one, or the entry of the log whose change the library panics on.
    fn one_by_one(&self, changes: Vec<(u64, Change)>) -> Result<AutoCommit, u64> {
        let mut doc = match &self.loaded {
            Some(loaded) => load_doc(loaded).map_err(|_| 0_u64)?,
            None => new_doc(),
        };
        for (seq, change) in changes {
            let apply = || doc.apply_changes([change]);
            let applied = catch_unwind(AssertUnwindSafe(apply));
            if !matches!(applied, Ok(Ok(()))) {
                return Err(seq);
            }
        }
        Ok(doc)
    }
}

/// Operations of a change that are expanded to be looked at: each takes 300 bytes of memory and more. What is
/// large is not either, since that makes three more of it.
const EXPANDED: u32 = 1 << 15;

/// Decodes a change that passed the guard; `None` when the library cannot.
pub(super) fn decode(scan: &Scan) -> Option<Change> {
    catch_unwind(|| Change::try_from(&scan.plain[..])).ok()?.ok()
}

/// The same of a client's, which has to be written as the library writes it: whoever loads a document makes
/// each change of it anew, and takes another one for damage. The guard can tell; where it says no, the library
/// is asked, unless the change is large: to write it anew takes as long as to read it.
pub(super) fn decode_sound(scan: &Scan) -> Option<Change> {
    let is_canonical = scan.is_canonical();
    if is_canonical
        || scan.ops.saturating_add(scan.preds) > EXPANDED
        || scan.plain.len() > heavy::LARGE
    {
        return is_canonical.then(|| decode(scan)).flatten();
    }
    let change = decode(scan)?;
    let again = catch_unwind(|| Change::from(change.decode()).hash()).ok()?;
    (again == change.hash()).then_some(change)
}

impl Applied for State {
    fn from_snapshot(snapshot: &Snapshot) -> Result<Self, Unreadable> {
        let unreadable = |reason: String| Unreadable { seq: 0, reason, is_poison: false };
        guard::document(&snapshot.state).map_err(|bad| unreadable(bad.to_string()))?;
        let mut state = Self { seq: snapshot.seq, ..Self::default() };
        state.doc = load_doc(&snapshot.state).map_err(|bad| unreadable(bad.to_string()))?;
        let mut scans = Vec::new();
        for change in state.doc.get_changes(&[]) {
            let bytes = Bytes::copy_from_slice(change.raw_bytes());
            scans.push(guard::change(&bytes).map_err(|bad| unreadable(bad.to_string()))?);
        }
        let mut actors: Vec<_> = scans.iter().map(|scan| &scan.actors[0]).collect();
        actors.sort_unstable();
        actors.dedup();
        for scan in &scans {
            let author = actors.binary_search(&&scan.actors[0]).unwrap_or_default();
            let owner = snapshot.authors.get(author).filter(|owner| owner.0 == author as u64);
            let owner = owner.ok_or_else(|| unreadable("an actor is nobody's".into()))?;
            if !state.graph.push(owner.1, scan) {
                return Err(unreadable("a change stands on what is not there".into()));
            }
            state.graph.commit();
        }
        state.exact = snapshot.state.len();
        state.loaded = Some(snapshot.state.clone());
        state.full = Some(snapshot.state.clone());
        Ok(state)
    }

    fn apply_entry(&mut self, entry: &Entry) -> Result<Option<Bytes>, Unreadable> {
        if entry.seq > self.seq + 1 {
            let reason = format!("updates from {} on are missing", self.seq + 1);
            return Err(Unreadable { seq: entry.seq, reason, is_poison: false });
        }
        let skip = usize::try_from((self.seq + 1).saturating_sub(entry.seq)).unwrap_or(usize::MAX);
        self.begin_commit();
        let fresh = self.read(entry, skip)?;
        self.end_commit(entry.next_seq() - 1);
        let changes = fresh.iter().map(AsRef::as_ref);
        Ok((!fresh.is_empty()).then(|| encode(self.graph.heads(), &[], changes)))
    }

    fn settle(&mut self) -> Result<(), Unreadable> {
        let changes = self.behind.clone();
        let caught_up = catch_unwind(AssertUnwindSafe(|| self.catch_up()));
        let settled = caught_up.or_else(|_| {
            // Some changes it takes one after the other and not at once.
            let doc = self.one_by_one(changes).map_err(|seq| Unreadable {
                seq,
                reason: "the library panics".into(),
                is_poison: seq > 0,
            })?;
            (self.doc, self.touched) = (doc, Touched::default());
            Ok(())
        });
        self.loaded = None;
        // Who comes has most of it already, or asks for the whole as it is saved.
        if settled.is_ok() && self.full.is_some() && self.graph.memory() <= heavy::LARGE as u64 {
            self.rest();
        }
        settled
    }

    fn shown(&mut self) {
        self.shown = None;
    }

    fn has_orphans(&self) -> bool {
        self.has_orphans
    }

    fn seq(&self) -> u64 {
        self.seq
    }

    fn full(&mut self) -> Bytes {
        if let Some(full) = &self.full {
            return full.clone();
        }
        self.catch_up();
        let full = Bytes::from(self.doc.save());
        (self.exact, self.added) = (full.len(), 0);
        self.full = Some(full.clone());
        full
    }

    fn authors_in_order(&mut self) -> Vec<(u64, UserId)> {
        (0..).zip(self.graph.owners()).map(|(at, (_, owner))| (at, owner)).collect()
    }

    fn version(&mut self) -> Vec<u8> {
        self.graph.heads().concat()
    }

    fn bytes(&self) -> usize {
        self.exact + self.added
    }

    fn memory(&self) -> u64 {
        match &self.resting {
            Some(whole) => 2 * whole.len() as u64 + self.graph.changes() * RESTING_CHANGE,
            None => self.graph.memory() * RESIDENT,
        }
    }

    fn rest(&mut self) {
        if self.resting.is_none() && self.behind.is_empty() {
            self.resting = Some(self.full());
            (self.doc, self.touched) = (new_doc(), Touched::default());
        }
    }

    fn added(&self) -> usize {
        self.added
    }

    fn memory_above(&mut self, _: u64) -> u64 {
        self.graph.memory()
    }
}
