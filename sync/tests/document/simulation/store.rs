//! The store of the simulation: a log with snapshots and the fence, as `store.md` has it.

use studyhall_store::log::{Append, Entry, Outcome, Snapshot};
use studyhall_sync::document::State;
use yrs::{ReadTxn, StateVector, Transact};

use crate::cast::NOW;

#[derive(Default)]
pub(super) struct Store {
    log: Vec<Entry>,
    snapshot: Option<Snapshot>,
    durable: State,
}

impl Store {
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

    pub(super) fn load(&self) -> State {
        let mut state = self.snapshot.as_ref().map_or_else(State::default, |snapshot| {
            State::from_snapshot(snapshot).expect("a snapshot loads")
        });
        for entry in &self.log {
            state.apply_entry(entry).expect("an entry applies");
        }
        state
    }

    /// Somebody compacts: the log up to here is gone.
    pub(super) fn compact(&mut self) {
        let authors = self.durable.authors().clone();
        let (seq, state) = (self.tail(), self.durable.full());
        self.snapshot =
            Some(Snapshot { seq, at: NOW, state, authors: authors.into_iter().collect() });
        self.log.clear();
    }

    /// What is durable, as a state vector.
    pub(super) fn durable(&self) -> StateVector {
        self.durable.doc().transact().state_vector()
    }
}
