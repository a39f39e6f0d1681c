//! The change graph, which is the authority: which changes there are, what they stand on, whose their
//! actors are, and the heads. Changes that are accepted and not durable yet stand behind those that are.
//!
//! Must not know automerge: everything is read from a change's header.

use foldhash::{HashMap, fast::RandomState};
use smallvec::SmallVec;
use studyhall_schema::ids::UserId;

use super::{chains::Chains, shape::Run};
use crate::{
    document::Verdict,
    guard::automerge::{Actor, Hash, Scan},
};

/// A change, by its place in the graph.
pub(super) type Place = u32;

/// A change.
pub(super) struct Node {
    hash: Hash,
    deps: SmallVec<[Place; 2]>,
    author: u32,
    /// Its operations' counters.
    pub(super) start: u32,
    pub(super) end: u32,
    /// The end of the counters of all that is known up to here.
    top: u32,
    /// Counters that it leaves out behind what it stands on.
    gap: u32,
    /// It stands on everything before this place.
    floor: Place,
    children: u32,
    memory: u64,
    deletes: u32,
}

/// An actor, whose it is, and what it made.
pub(super) struct Author {
    pub(super) name: Actor,
    owner: UserId,
    nodes: Vec<Place>,
    pub(super) runs: Vec<Run>,
}

/// What one person has taken of what a document's limits leave.
#[derive(Debug, Clone, Copy, Default)]
struct Portion {
    /// Changes of theirs that nothing stands on.
    sides: u32,
    /// Operations that only deleted.
    deleted: u64,
    /// Counters that they left out.
    gaps: u64,
}

/// The changes of a document.
#[derive(Default)]
pub(super) struct Graph {
    nodes: Vec<Node>,
    places: HashMap<Hash, Place>,
    pub(super) authors: Vec<Author>,
    names: HashMap<Actor, u32>,
    /// So many changes are durable.
    durable: usize,
    /// Changes that nothing stands on, durable or not.
    tips: usize,
    /// What each person has of what is limited.
    people: HashMap<UserId, Portion>,
    heads: Vec<Hash>,
    memory: u64,
    /// Operations that made something.
    made: u64,
    /// Counters that changes have left out.
    gaps: u64,
    pub(super) chains: Chains,
    pub(super) hasher: RandomState,
    /// Some change refers to what it does not stand on (a mark, see `shape`).
    pub(super) is_loose: bool,
}

/// Counters that a document's changes may leave out, each of its own: who loads it keeps a place in memory
/// for each of them, a hundred bytes in JavaScript.
const MAX_GAPS: u64 = 1 << 22;
/// Of those, so many may be one person's.
const GAPS_OF_ONE: u64 = MAX_GAPS / 2;

/// So many changes of one person, and so many in all, may stand side by side with nothing on them. Clients name
/// each of them in each message, and in their next change, which then takes their place; frames and changes that
/// name more than 4096 are refused. A person has one for each device that was offline.
const SIDES_OF_ONE: u32 = 256;
const SIDES: usize = 2048;

/// What was made is deleted more than once by one person only on devices that had not heard of each other.
const DELETES_A_THING: u64 = 64;

fn place(at: usize) -> Place {
    u32::try_from(at).unwrap_or(u32::MAX)
}

impl Graph {
    /// The heads of what is durable, in order.
    pub(super) fn heads(&self) -> &[Hash] {
        &self.heads
    }

    /// Whether a change is durable.
    pub(super) fn has(&self, hash: &Hash) -> bool {
        self.places.get(hash).is_some_and(|at| (*at as usize) < self.durable)
    }

    /// Whether a change is durable or accepted.
    pub(super) fn knows(&self, hash: &Hash) -> bool {
        self.places.contains_key(hash)
    }

    /// How many operations have made something, durable or not.
    pub(super) fn operations(&self) -> u64 {
        self.made
    }

    /// How many changes are durable.
    pub(super) fn changes(&self) -> u64 {
        self.durable as u64
    }

    /// About how many bytes of memory what is durable takes.
    pub(super) fn memory(&self) -> u64 {
        self.memory
    }

    /// Actors of what is durable and whose they are, by name.
    pub(super) fn owners(&self) -> Vec<(&Actor, UserId)> {
        let durable = |author: &&Author| self.is_durable(author);
        let mut owners: Vec<_> =
            self.authors.iter().filter(durable).map(|one| (&one.name, one.owner)).collect();
        owners.sort_unstable_by_key(|(name, _)| *name);
        owners
    }

    /// Whose an actor is.
    pub(super) fn owner(&self, name: &[u8]) -> Option<UserId> {
        let author = self.author(&Actor::from_slice(name))?;
        Some(self.authors[author as usize].owner)
    }

    fn is_durable(&self, author: &Author) -> bool {
        author.nodes.first().is_some_and(|first| (*first as usize) < self.durable)
    }

    pub(super) fn author(&self, name: &Actor) -> Option<u32> {
        self.names.get(name).copied()
    }

    /// How many changes of an actor's are durable.
    pub(super) fn made_by(&self, name: &[u8]) -> u32 {
        let author = self.author(&Actor::from_slice(name)).map(|at| &self.authors[at as usize]);
        let is_durable = |at: &&Place| (**at as usize) < self.durable;
        author.map_or(0, |author| place(author.nodes.iter().filter(is_durable).count()))
    }

    /// What the check says of a change of somebody's: its actor belongs to who used it first.
    pub(super) fn judge(&self, by: UserId, client: u64, scan: &Scan) -> Verdict {
        if self.knows(&scan.hash) {
            return Verdict::Covered;
        }
        let author = self.author(&scan.actors[0]).map(|at| &self.authors[at as usize]);
        let is_foreign = author.is_some_and(|author| author.owner != by);
        // Another change with its number is an actor that two devices share, or a forgery.
        let is_taken = author.is_some_and(|author| author.nodes.len() >= scan.seq as usize);
        if (is_foreign || is_taken) && author.is_some_and(|author| self.is_durable(author)) {
            Verdict::Foreign(client)
        } else if is_foreign || is_taken {
            Verdict::Contested
        } else if scan.deps.iter().all(|dep| self.knows(dep)) {
            Verdict::Fits
        } else {
            Verdict::Hole
        }
    }

    /// Where the changes are that a change stands on, if all are known.
    pub(super) fn deps(&self, scan: &Scan) -> Option<SmallVec<[Place; 2]>> {
        scan.deps.iter().map(|dep| self.places.get(dep).copied()).collect()
    }

    /// Whether a change's number and counters follow those that it stands on.
    pub(super) fn follows(&self, by: UserId, scan: &Scan, deps: &[Place]) -> bool {
        let author = self.author(&scan.actors[0]).map(|at| &self.authors[at as usize]);
        let made = author.map_or(&[][..], |author| &author.nodes);
        let last = made.last().copied();
        made.len() + 1 == scan.seq as usize
            && self.leaves_room(by, scan, deps)
            && last.is_none_or(|last| {
                self.nodes[last as usize].end <= scan.start && self.is_past(deps, last)
            })
    }

    /// The end of the counters of all that is known.
    fn top(&self) -> u32 {
        self.nodes.last().map_or(1, |last| last.top)
    }

    /// The end of the counters of these changes.
    fn end(&self, deps: &[Place]) -> u32 {
        deps.iter().map(|dep| self.nodes[*dep as usize].end).max().unwrap_or(1)
    }

    /// Whether a change begins behind what it stands on, and leaves no more out than who goes on from an
    /// older version does: counters end, and who loads a document makes room for what is left out.
    fn leaves_room(&self, by: UserId, scan: &Scan, deps: &[Place]) -> bool {
        let top = self.top();
        match scan.start.checked_sub(self.end(deps)) {
            None => false,
            Some(0) => true,
            Some(gap) => {
                !self.is_hollow(scan, deps)
                    && scan.start <= top
                    && self.gaps + u64::from(gap) <= MAX_GAPS
                    && self.portion(by).gaps + u64::from(gap) <= GAPS_OF_ONE
            }
        }
    }

    /// Whether a change has no operations and begins elsewhere than where what it stands on ends. A saved
    /// document says of a change only where it ends: the library misses operations of this one, and loads
    /// nothing of it. An earlier version took such changes.
    pub(super) fn is_hollow(&self, scan: &Scan, deps: &[Place]) -> bool {
        scan.ops == 0 && scan.start != self.end(deps)
    }

    /// Whether a change leaves no more standing side by side than clients can name.
    pub(super) fn may_stand_beside(&self, by: UserId, deps: &[Place]) -> bool {
        let is_tip = |dep: &&Place| self.nodes[**dep as usize].children == 0;
        let goes_on = deps.iter().any(|dep| is_tip(&dep));
        goes_on || (self.portion(by).sides < SIDES_OF_ONE && self.tips < SIDES)
    }

    /// Whether a change is among these, or they stand on it.
    pub(super) fn is_past(&self, deps: &[Place], at: Place) -> bool {
        if self.covers_all(deps) {
            return true;
        }
        self.chains.is_past(deps, at, |place| self.nodes[place as usize].floor)
    }

    /// Whether somebody's change can delete as much as it says: each thing once, of what is there.
    pub(super) fn could_delete(&self, by: UserId, scan: &Scan) -> bool {
        let deletes = u64::from(scan.deletes);
        let made = self.made + u64::from(scan.ops - scan.deletes);
        deletes <= made && self.portion(by).deleted + deletes <= made * DELETES_A_THING
    }

    fn portion(&self, person: UserId) -> Portion {
        self.people.get(&person).copied().unwrap_or_default()
    }

    /// The heads of what is durable and does not stand on a change.
    pub(super) fn heads_beside(&self, at: Place) -> Vec<Hash> {
        let nodes = &self.nodes[..self.durable];
        let (mut is_on_it, mut has_child) = (vec![false; nodes.len()], vec![false; nodes.len()]);
        for (place, node) in nodes.iter().enumerate() {
            let mut deps = node.deps.iter().map(|dep| *dep as usize);
            is_on_it[place] = place == at as usize || deps.clone().any(|dep| is_on_it[dep]);
            if !is_on_it[place] {
                deps.by_ref().for_each(|dep| has_child[dep] = true);
            }
        }
        let heads = nodes.iter().zip(is_on_it.iter().zip(&has_child));
        heads.filter(|(_, is)| *is == (&false, &false)).map(|(node, _)| node.hash).collect()
    }

    /// Whether these are all tips: then everything is behind them.
    fn covers_all(&self, deps: &[Place]) -> bool {
        let is_tip = |dep: &Place| self.nodes[*dep as usize].children == 0;
        deps.len() == self.tips && deps.iter().all(is_tip)
    }

    /// The change of an actor that holds this counter.
    pub(super) fn node_of(&self, author: u32, counter: u32) -> Option<Place> {
        let made = &self.authors[author as usize].nodes;
        let after = made.partition_point(|at| self.nodes[*at as usize].end <= counter);
        made.get(after).copied().filter(|at| self.nodes[*at as usize].start <= counter)
    }

    /// A change is accepted: what comes next is judged with it. `false` when it is known, or stands on
    /// what is not.
    pub(super) fn push(&mut self, by: UserId, scan: &Scan) -> bool {
        if self.knows(&scan.hash) {
            return false;
        }
        let Some(deps) = self.deps(scan) else { return false };
        let at = place(self.nodes.len());
        let covers_all = self.covers_all(&deps);
        let author = self.author(&scan.actors[0]).unwrap_or_else(|| {
            let author = place(self.authors.len());
            let name = scan.actors[0].clone();
            self.names.insert(name.clone(), author);
            self.authors.push(Author { name, owner: by, nodes: Vec::new(), runs: Vec::new() });
            author
        });
        let (runs, is_loose) = self.shape(scan, author, &deps);
        self.is_loose |= is_loose;
        let gap = scan.start.saturating_sub(self.end(&deps));
        let top = self.top();
        let mut floor = 0;
        for dep in &deps {
            floor = floor.max(self.nodes[*dep as usize].floor);
            if self.nodes[*dep as usize].children == 0 {
                self.is_tip(*dep, false);
            }
            self.nodes[*dep as usize].children += 1;
        }
        while deps.contains(&floor) {
            floor += 1;
        }
        let end = scan.start + scan.ops;
        self.made += u64::from(scan.ops - scan.deletes);
        self.gaps += u64::from(gap);
        let owner = self.authors[author as usize].owner;
        let portion = self.people.entry(owner).or_default();
        portion.deleted += u64::from(scan.deletes);
        portion.gaps += u64::from(gap);
        self.chains.push(&deps);
        self.nodes.push(Node {
            hash: scan.hash,
            deps,
            author,
            start: scan.start,
            end,
            top: top.max(end),
            gap,
            floor: if covers_all { at } else { floor },
            children: 0,
            memory: scan.memory(),
            deletes: scan.deletes,
        });
        self.is_tip(at, true);
        self.places.insert(scan.hash, at);
        let author = &mut self.authors[author as usize];
        author.nodes.push(at);
        for run in runs {
            match author.runs.last_mut() {
                Some(last) if last.goes_on(&run) => last.length += run.length,
                _ => author.runs.push(run),
            }
        }
        true
    }

    /// Nothing stands on a change, or something does from now on.
    fn is_tip(&mut self, at: Place, is: bool) {
        let owner = self.authors[self.nodes[at as usize].author as usize].owner;
        let portion = self.people.entry(owner).or_default();
        if is {
            self.tips += 1;
            portion.sides += 1;
        } else {
            self.tips -= 1;
            portion.sides -= 1;
        }
    }

    /// Everything that is accepted and not durable is forgotten.
    pub(super) fn forget(&mut self) {
        while self.nodes.len() > self.durable {
            self.is_tip(place(self.nodes.len() - 1), false);
            let Some(node) = self.nodes.pop() else { return };
            let owner = self.authors[node.author as usize].owner;
            let portion = self.people.entry(owner).or_default();
            portion.deleted -= u64::from(node.deletes);
            portion.gaps -= u64::from(node.gap);
            self.made -= u64::from(node.end - node.start - node.deletes);
            self.gaps -= u64::from(node.gap);
            self.chains.pop();
            for dep in &node.deps {
                self.nodes[*dep as usize].children -= 1;
                if self.nodes[*dep as usize].children == 0 {
                    self.is_tip(*dep, true);
                }
            }
            self.places.remove(&node.hash);
            let author = &mut self.authors[node.author as usize];
            author.nodes.pop();
            while let Some(last) = author.runs.last_mut().filter(|last| last.end() > node.start) {
                last.length = node.start.saturating_sub(last.start);
                if last.length == 0 {
                    author.runs.pop();
                }
            }
            if author.nodes.is_empty() {
                self.names.remove(&author.name);
                self.authors.pop(); // the last that came
            }
        }
    }

    /// The next change behind what is durable is durable now.
    pub(super) fn commit(&mut self) {
        let node = &self.nodes[self.durable];
        self.durable += 1;
        self.memory += node.memory;
        for dep in &node.deps {
            let dep = self.nodes[*dep as usize].hash;
            if let Ok(at) = self.heads.binary_search(&dep) {
                self.heads.remove(at);
            }
        }
        if let Err(at) = self.heads.binary_search(&node.hash) {
            self.heads.insert(at, node.hash);
        }
    }

    /// The change that is accepted next to be durable.
    pub(super) fn next(&self) -> Option<&Hash> {
        self.nodes.get(self.durable).map(|node| &node.hash)
    }
}
