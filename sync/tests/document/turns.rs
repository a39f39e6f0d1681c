//! Two nodes on which people type without a pause: none of the two keeps the other from the log.

use studyhall_schema::access::Permission;
use studyhall_store::log::{Append, Entry, Outcome};
use studyhall_sync::document::{Effect, Input, Limits, Yjs};

use crate::cast::{NOW, Person, Stage, acks, appended};

/// A node with somebody who types there, and what it has sent to the store.
struct Desk {
    stage: Stage,
    person: Person,
    append: Option<Append>,
    /// How many edits it was acknowledged.
    acks: usize,
    /// What it tells the other node.
    news: Vec<Effect>,
}

impl Desk {
    fn new(number: u8) -> Self {
        let limits = Limits { alone: false, ..Limits::default() };
        let mut stage = Stage::<Yjs>::of_a_node(limits, number.into());
        let person = Person::new(number);
        stage.joins(&person, Permission::Write);
        Self { stage, person, append: None, acks: 0, news: Vec::new() }
    }

    fn takes(&mut self, effects: Vec<Effect>) {
        if let Some(append) = appended(&effects) {
            assert!(self.append.replace(append.clone()).is_none(), "one append at a time");
        }
        self.acks += acks(&effects, &self.person);
        let is_news = |effect: &Effect| matches!(effect, Effect::Wrote(_) | Effect::LostPlace);
        self.news.extend(effects.into_iter().filter(is_news));
    }

    fn types(&mut self) {
        let update = self.person.types("x");
        let told = self.stage.sends(&self.person, update);
        self.takes(told);
    }

    fn hears(&mut self, news: Vec<Effect>) {
        for one in news {
            let input = match one {
                Effect::Wrote(entry) => {
                    let told = self.stage.input(Input::GoOn);
                    self.takes(told);
                    Input::Missed { entries: vec![entry], read: None }
                }
                _ => Input::GiveWay { until: NOW + std::time::Duration::from_millis(250) },
            };
            let told = self.stage.input(input);
            self.takes(told);
        }
    }

    /// The store takes what has been sent to it, if its place is free.
    fn is_answered(&mut self, log: &mut Vec<Entry>) {
        let Some(Append { seq, batch, at, updates, .. }) = self.append.take() else { return };
        let tail = log.last().map_or(0, |entry| entry.next_seq() - 1);
        let outcome = if seq == tail + 1 {
            log.push(Entry { seq, batch, at, updates });
            Outcome::Stored
        } else {
            Outcome::Behind
        };
        let told = self.stage.input(Input::Outcome(outcome));
        self.takes(told);
    }
}

#[test]
fn who_lost_the_place_in_the_log_has_the_next_however_fast_others_write() {
    let (mut fast, mut slow) = (Desk::new(1), Desk::new(2));
    let mut log = Vec::new();
    let mut waited = 0;
    for round in 0..200 {
        fast.types();
        slow.types();
        // The store always hears the fast one first, and nobody reads the log.
        let before = slow.acks;
        fast.is_answered(&mut log);
        fast.types();
        slow.hears(std::mem::take(&mut fast.news));
        slow.is_answered(&mut log);
        fast.hears(std::mem::take(&mut slow.news));
        waited = if slow.acks > before { 0 } else { waited + 1 };
        assert!(waited < 5, "in round {round} the other has waited for {waited}");
    }
    assert!(fast.acks > 200, "nor does it keep the fast one: {}", fast.acks);
    let (fast, slow) = (fast.stage.core.state().seq(), slow.stage.core.state().seq());
    assert!(fast.abs_diff(slow) <= 4, "both follow: {fast}, {slow}");
}
