//! Marks are tried out before they are saved: where one begins and ends only the library knows, and it
//! cannot load a document in which one ends first.
//!
//! Which of two places in a text comes first never changes, so what is sound with all that it stands on
//! stays so: all that waits is tried out at once, on one copy of the document.

use std::collections::VecDeque;

use studyhall_schema::ids::UserId;

use super::Automerge;
use crate::document::{Document, Effect, Refusal, Waiting, engine::Applied};

type Change = Waiting<Automerge>;

/// Whether a client brings marks; what the server makes itself is not tried out.
fn has_marks(change: &Change) -> bool {
    change.peer.is_some() && change.scan.has_marks
}

impl Document<Automerge> {
    /// About how many bytes are looked at before what waits can be appended.
    pub(super) fn work_of_trial(&self) -> u64 {
        if self.waiting.iter().any(has_marks) { Applied::memory(&self.state) } else { 0 }
    }

    /// Tries out what waits, when it has marks, and refuses what the library does not take.
    pub(super) fn try_out(&mut self, effects: &mut Vec<Effect>) {
        let marked = self.waiting.iter().filter(|change| has_marks(change));
        let mut people: Vec<UserId> = marked.map(|change| change.by).collect();
        people.sort_unstable();
        people.dedup();
        if people.is_empty() {
            return;
        }
        let share = self.state.graph.memory() / people.len() as u64;
        for person in people {
            self.engine.compared.walk(person, share, self.now);
        }
        if !self.takes(&[]) {
            self.sort_out(effects);
        }
    }

    /// Whether the library takes all that waits, and these after it.
    fn takes(&mut self, more: &[Change]) -> bool {
        let changes = self.waiting.iter().chain(more).map(|change| change.decoded.clone());
        self.state.takes(changes)
    }

    /// Finds what the library does not take, among what each person has sent.
    fn sort_out(&mut self, effects: &mut Vec<Effect>) {
        let mut people: Vec<(UserId, VecDeque<Change>)> = Vec::new();
        for change in std::mem::take(&mut self.waiting) {
            match people.iter_mut().find(|(person, _)| *person == change.by) {
                Some((_, theirs)) => theirs.push_back(change),
                None => people.push((change.by, VecDeque::from([change]))),
            }
        }
        self.state.graph.forget();
        for (person, theirs) in people {
            self.sort_out_of(person, theirs, effects);
        }
        if self.waiting.is_empty() {
            self.keep_promises(self.ordinal, effects);
            self.finish_edit(effects);
        }
    }

    /// The same of one person's, by halves, for as long as they may have something looked at: then they
    /// have to come again.
    fn sort_out_of(
        &mut self,
        person: UserId,
        mut theirs: VecDeque<Change>,
        effects: &mut Vec<Effect>,
    ) {
        let mut at_once = theirs.len();
        while !theirs.is_empty() {
            let mut few: Vec<Change> = theirs.drain(..at_once).collect();
            if few.iter().any(has_marks) {
                if !self.engine.compared.has_left(person, self.now) {
                    few.extend(theirs);
                    return self.turn_back(few, effects);
                }
                self.engine.compared.walk(person, self.state.graph.memory(), self.now);
                if !self.takes(&few) {
                    at_once = few.len() / 2;
                    if at_once > 0 {
                        few.into_iter().rev().for_each(|change| theirs.push_front(change));
                        continue;
                    }
                    for bad in few.drain(..) {
                        self.refuse_waiting(&bad, Refusal::NoParent, effects);
                    }
                }
            }
            for change in few {
                self.wait_again(change, Refusal::NoParent, effects);
            }
            at_once = theirs.len();
        }
    }

    /// A change goes on waiting, unless what it stands on was refused, or the mark that it writes behind.
    fn wait_again(&mut self, change: Change, otherwise: Refusal, effects: &mut Vec<Effect>) {
        let graph = &mut self.state.graph;
        if graph.still_fits(&change.scan) && graph.push(change.by, &change.scan) {
            self.waiting.push(change);
        } else {
            self.refuse_waiting(&change, otherwise, effects);
        }
    }

    /// Turns back what clients have sent, who send it again when they come again.
    fn turn_back(&mut self, changes: Vec<Change>, effects: &mut Vec<Effect>) {
        for change in changes {
            if change.peer.is_some() {
                self.refuse_waiting(&change, Refusal::Overloaded, effects);
            } else {
                self.wait_again(change, Refusal::Overloaded, effects);
            }
        }
    }
}
