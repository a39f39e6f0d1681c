//! The store of the simulation: a log with snapshots and the fence, as `store.md` has it.

use studyhall_store::log::{Append, Entry, Outcome, Snapshot};
use studyhall_sync::document::{Applied, Engine};

use crate::cast::NOW;

pub(super) struct Store<E: Engine> {
    log: Vec<Entry>,
    snapshot: Option<Snapshot>,
    /// What is durable, as a document.
    pub(super) durable: E::State,
}

impl<E: Engine> Default for Store<E> {
    fn default() -> Self {
        Self { log: Vec::new(), snapshot: None, durable: E::State::default() }
    }
}

impl<E: Engine> Store<E> {
    fn snapshot_seq(&self) -> u64 {
        self.snapshot.as_ref().map_or(0, |snapshot| snapshot.seq)
    }

    /// The last update that is durable.
    pub(super) fn tail(&self) -> u64 {
        self.log.last().map_or(self.snapshot_seq(), |entry| entry.next_seq() - 1)
    }

    pub(super) fn append(&mut self, append: &Append) -> Outcome {
        if append.seq <= self.snapshot_seq() {
            return Outcome::Fenced { snapshot_seq: self.snapshot_seq() };
        }
        if let Some(entry) = self.log.iter().find(|entry| entry.seq == append.seq) {
            return if entry.batch == append.batch { Outcome::Stored } else { Outcome::Behind };
        }
        if append.seq != self.tail() + 1 {
            return Outcome::Behind;
        }
        let (seq, batch, at) = (append.seq, append.batch, append.at);
        let entry = Entry { seq, batch, at, updates: append.updates.clone() };
        self.durable.apply_entry(&entry).expect("what is appended applies");
        self.log.push(entry);
        Outcome::Stored
    }

    pub(super) fn read(&self, from: u64) -> Vec<Entry> {
        self.log.iter().filter(|entry| entry.next_seq() > from).cloned().collect()
    }

    /// Whether what comes after this is in no log any more.
    pub(super) fn is_compacted_beyond(&self, seq: u64) -> bool {
        self.snapshot_seq() > seq
    }

    pub(super) fn load(&self) -> E::State {
        let mut state = self.snapshot.as_ref().map_or_else(E::State::default, |snapshot| {
            E::State::from_snapshot(snapshot).expect("a snapshot loads")
        });
        for entry in &self.log {
            state.apply_entry(entry).expect("an entry applies");
        }
        state.settle().expect("the log is sound");
        state
    }

    /// Somebody compacts: the log up to here is gone.
    pub(super) fn compact(&mut self) {
        let (seq, state) = (self.tail(), self.durable.full());
        let authors = self.durable.authors_in_order();
        self.snapshot = Some(Snapshot { seq, at: NOW, state, authors });
        self.log.clear();
    }
}
