//! What operations have made: objects and elements, so that a change is refused when an operation of it
//! refers to what is not there. automerge 0.12 panics at that, in every client that gets the change.
//!
//! Operations that one actor made one after the other at one place are one run.

use std::hash::BuildHasher;

use foldhash::{HashSet, HashSetExt};
use smallvec::SmallVec;

use super::graph::{Graph, Place};
use crate::guard::{
    MAX_DEPTH,
    automerge::{Action, Op, OpId, OpKey, Scan},
};

/// An operation's name: its author in the graph, and its counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Id {
    author: u32,
    counter: u32,
}

const ROOT: Id = Id { author: u32::MAX, counter: 0 };

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    /// An element, which the operation makes.
    Own,
    Element(Id),
    /// A key of a map, hashed.
    Text(u64),
}

/// What an object holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Map,
    List,
    Text,
}

/// What an operation makes, and how deep it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Made {
    Value,
    Mark,
    Object(Kind, u8),
}

/// Operations that follow one another.
#[derive(Debug, Clone)]
pub(super) struct Run {
    pub(super) start: u32,
    pub(super) length: u32,
    object: Id,
    key: Key,
    made: Made,
}

impl Run {
    pub(super) fn end(&self) -> u32 {
        self.start + self.length
    }

    /// Whether another run is the same going on.
    pub(super) fn goes_on(&self, next: &Self) -> bool {
        self.end() == next.start
            && self.object == next.object
            && (self.key, next.key) == (Key::Own, Key::Own)
            && (self.made, next.made) == (Made::Value, Made::Value)
    }
}

fn find(runs: &[Run], counter: u32) -> Option<&Run> {
    runs.get(runs.partition_point(|run| run.end() <= counter)).filter(|run| run.start <= counter)
}

/// One change as it is looked at.
struct Look<'a> {
    graph: &'a Graph,
    authors: SmallVec<[u32; 2]>,
    start: u32,
    deps: &'a [Place],
    /// What it has made so far.
    own: Vec<Run>,
    /// Changes that are known to be behind it.
    past: SmallVec<[Place; 4]>,
    /// What it has deleted so far.
    deleted: HashSet<Id>,
}

impl Graph {
    /// Whether everything that a change refers to is there, and behind it.
    pub(super) fn fits(&self, scan: &Scan, deps: &[Place]) -> bool {
        let own = self.author(&scan.actors[0]).unwrap_or(u32::MAX - 1);
        let others = scan.actors[1..].iter().map(|name| self.author(name));
        let authors: Option<SmallVec<[u32; 2]>> =
            std::iter::once(Some(own)).chain(others).collect();
        let Some(authors) = authors else { return false };
        let mut look = Look::new(self, authors, scan.start, deps);
        let mut counters = scan.start..;
        scan.operations()
            .zip(counters.by_ref())
            .all(|(op, counter)| op.is_ok_and(|op| look.takes(&op, counter).is_some()))
    }

    /// Whether what is behind a change still has all that it refers to, where changes refer to what they do not stand
    /// on: that may have been refused since.
    pub(super) fn still_fits(&self, scan: &Scan) -> bool {
        !self.is_loose || self.deps(scan).is_some_and(|deps| self.fits(scan, &deps))
    }

    /// What a change makes, as runs, and whether it writes behind a mark that it does not stand on.
    pub(super) fn shape(&self, scan: &Scan, author: u32, deps: &[Place]) -> (Vec<Run>, bool) {
        let others = scan.actors[1..].iter().map(|name| self.author(name).unwrap_or(u32::MAX));
        let authors = std::iter::once(author).chain(others).collect();
        let mut look = Look::new(self, authors, scan.start, deps);
        let mut is_loose = false;
        for (op, counter) in scan.operations().zip(scan.start..) {
            let Ok(op) = op else { break };
            if let (true, OpKey::Element(id)) = (op.insert, op.key) {
                let (id, object) = (look.id(id), look.id_of(op.object));
                is_loose |= look.is_mark(id, object) && !look.is_before(id, counter);
            }
            let depth = look.object(look.id_of(op.object)).map_or(0, |(_, depth)| depth);
            look.record(&op, counter, depth);
        }
        (look.own, is_loose)
    }
}

impl<'a> Look<'a> {
    fn new(graph: &'a Graph, authors: SmallVec<[u32; 2]>, start: u32, deps: &'a [Place]) -> Self {
        let (own, past, deleted) = (Vec::new(), SmallVec::new(), HashSet::new());
        Self { graph, authors, start, deps, own, past, deleted }
    }

    fn id(&self, id: OpId) -> Id {
        Id { author: self.authors[id.actor], counter: id.counter }
    }

    fn id_of(&self, object: Option<OpId>) -> Id {
        object.map_or(ROOT, |id| self.id(id))
    }

    /// The run of an operation, of this change or of one behind it.
    fn run(&self, id: Id) -> Option<&Run> {
        if id.author == self.authors[0] && id.counter >= self.start {
            return find(&self.own, id.counter);
        }
        find(&self.graph.authors.get(id.author as usize)?.runs, id.counter)
    }

    /// Whether an operation came before.
    fn is_before(&mut self, id: Id, counter: u32) -> bool {
        if id.author == self.authors[0] {
            return id.counter < counter; // its own are behind it, each behind the next
        }
        let Some(node) = self.graph.node_of(id.author, id.counter) else { return false };
        let is_past = self.past.contains(&node) || self.graph.is_past(self.deps, node);
        if is_past && !self.past.contains(&node) {
            self.past.push(node);
        }
        is_past && id.counter < counter
    }

    /// What an object holds, and how deep it is.
    fn object(&self, object: Id) -> Option<(Kind, u8)> {
        if object == ROOT {
            return Some((Kind::Map, 0));
        }
        match self.run(object)?.made {
            Made::Value | Made::Mark => None,
            Made::Object(kind, depth) => Some((kind, depth)),
        }
    }

    fn key(&self, op: &Op<'_>) -> Key {
        match op.key {
            _ if op.insert => Key::Own,
            OpKey::Text(text) => Key::Text(self.graph.hasher.hash_one(text)),
            OpKey::Element(id) => Key::Element(self.id(id)),
            OpKey::Head => Key::Element(ROOT),
        }
    }

    /// Takes an operation, if all that it refers to is there.
    fn takes(&mut self, op: &Op<'_>, counter: u32) -> Option<()> {
        let object = self.id_of(op.object);
        let (kind, depth) = self.object(object)?;
        let is_map = kind == Kind::Map;
        let is_there = object == ROOT || self.is_before(object, counter);
        let key_fits = match op.key {
            OpKey::Text(_) => is_map && !op.insert,
            OpKey::Head => !is_map && op.insert,
            OpKey::Element(id) => {
                let id = self.id(id);
                let is_mark = self.is_mark(id, object);
                // What is done to a mark itself spoils what clients have stored: it is written behind only.
                let is_behind = op.insert && id.counter < counter;
                !is_map && if is_mark { is_behind } else { self.is_element(id, object, counter) }
            }
        };
        let removes = matches!(op.action, Action::Delete | Action::Increment);
        let is_sound = match op.action {
            Action::Mark if op.insert => op.preds.is_empty() && kind == Kind::Text,
            _ if op.insert => op.preds.is_empty() && !removes,
            Action::Mark => false,
            Action::Delete => !op.preds.is_empty(),
            // A letter does not become another one, and what stands in a list is replaced by name: the library
            // panics, in every client that has it open, when such a value is uncovered.
            _ if !is_map => kind == Kind::List && !op.preds.is_empty(),
            _ => !removes || !op.preds.is_empty(),
        };
        if !is_there || !key_fits || !is_sound || usize::from(depth) >= MAX_DEPTH {
            return None;
        }
        let key = self.key(op);
        let mut last: Option<Id> = None;
        for pred in &op.preds {
            let id = self.id(*pred);
            let run = self.run(id)?;
            let is_same = run.key == key || (run.key == Key::Own && key == Key::Element(id));
            let is_next = last.is_none_or(|last| self.orders(last, id));
            if run.object != object || !is_same || !is_next || !self.is_before(id, counter) {
                return None;
            }
            last = Some(id);
        }
        if op.action == Action::Delete {
            // What is gone cannot be deleted again: no client does that, and it costs as much each time.
            let ids: SmallVec<[Id; 1]> = op.preds.iter().map(|pred| self.id(*pred)).collect();
            if !ids.into_iter().all(|id| self.deleted.insert(id)) {
                return None;
            }
        }
        self.record(op, counter, depth);
        Some(())
    }

    fn is_element(&mut self, id: Id, object: Id, counter: u32) -> bool {
        let is_there = |run: &Run| run.key == Key::Own && run.object == object;
        self.run(id).is_some_and(is_there) && self.is_before(id, counter)
    }

    /// Whether it is where a mark begins or ends, which need not be behind the change: who writes into an older
    /// version (`changeAt`) writes behind what was marked since, since the library looks at all marks for it. It counts
    /// on from all that it knows: what does not makes it panic when it loads both at once.
    /// The log has the mark first, so whoever hears of both hears of it first: a guess of what somebody has
    /// (a Bloom filter) leaves nothing out in such a document.
    fn is_mark(&self, id: Id, object: Id) -> bool {
        self.run(id).is_some_and(|run| run.made == Made::Mark && run.object == object)
    }

    /// Whether two operations are in the order of their counters and actors.
    fn orders(&self, first: Id, second: Id) -> bool {
        let name = |id: Id| self.graph.authors.get(id.author as usize).map(|author| &author.name);
        (first.counter, name(first)) < (second.counter, name(second))
    }

    fn record(&mut self, op: &Op<'_>, counter: u32, depth: u8) {
        let made = match op.action {
            Action::Delete => return,
            Action::MakeMap => Made::Object(Kind::Map, depth.saturating_add(1)),
            Action::MakeList => Made::Object(Kind::List, depth.saturating_add(1)),
            Action::MakeText => Made::Object(Kind::Text, depth.saturating_add(1)),
            Action::Mark => Made::Mark,
            Action::Put | Action::Increment => Made::Value,
        };
        let (object, key) = (self.id_of(op.object), self.key(op));
        let run = Run { start: counter, length: 1, object, key, made };
        match self.own.last_mut() {
            Some(last) if last.goes_on(&run) => last.length += 1,
            _ => self.own.push(run),
        }
    }
}
