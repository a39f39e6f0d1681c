//! How far each client's content is accepted (applied, in flight or waiting): no hole may come before
//! an update, and nobody writes under somebody else's client id.

use std::collections::HashSet;

use foldhash::HashMap;

use studyhall_schema::ids::UserId;

use super::State;
use crate::{
    document::Verdict,
    guard::{Id, Run, Scan},
};

/// How far each client's content is accepted, and what of it is not durable yet.
#[derive(Default)]
pub(super) struct Accepted {
    clocks: HashMap<u64, u32>,
    /// Whose the clients are that nothing durable was written under.
    pub(super) authors: HashMap<u64, UserId>,
    /// Types that are not durable.
    pub(super) types: HashSet<Id>,
}

impl Accepted {
    pub(super) fn from_state(state: &State) -> Self {
        let clocks = state.state_vector().iter().map(|(id, clock)| (id.get(), *clock)).collect();
        Self { clocks, ..Self::default() }
    }

    pub(super) fn clock(&self, client: u64) -> u32 {
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
            if self.authors.is_empty() {
                self.authors = HashMap::default(); // whoever idles keeps no room
            }
        }
        for id in types {
            self.types.remove(id);
        }
    }
}
