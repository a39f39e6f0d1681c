//! Two nodes on which people type without a pause: none of the two keeps the other from the log.

use std::time::Duration;

use studyhall_schema::{access::Permission, note::Format};
use studyhall_store::log::{Append, Entry, LoggedUpdate, Outcome};
use studyhall_sync::{
    document::{Change, EditId, Effect, Input, Limits, Yjs},
    text::NoteText,
};

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
                _ => Input::GiveWay { until: NOW + Duration::from_millis(250) },
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

/// A node on which somebody has put a text over REST, and what another node wrote before it had its place.
fn with_a_lost_edit(theirs: &str) -> (Stage<Yjs>, Vec<Effect>) {
    let limits = Limits { alone: false, ..Limits::default() };
    let mut stage = Stage::<Yjs>::with_limits(limits);
    let (ada, ben) = (Person::new(1), Person::new(2));
    let change: Change = Box::new(|view, client| {
        let mut note = NoteText::of(view, Format::Plain);
        Ok(note.diff(client, "chapter two").expect("a text is edited"))
    });
    let put = stage.input(Input::Edit { edit: EditId(1), by: ada.user.into(), change });
    assert!(appended(&put).is_some());
    let until = NOW + Duration::from_millis(250);
    stage.input(Input::GiveWay { until });
    let updates =
        vec![LoggedUpdate { login: None, put: None, by: ben.user, data: ben.types(theirs) }];
    let entry = Entry { seq: 1, batch: 7, at: NOW, updates };
    let heard = stage.input(Input::Missed { entries: vec![entry], read: None });
    assert!(appended(&heard).is_none());
    let lost = stage.input(Input::Outcome(Outcome::Behind));
    assert!(lost.iter().any(|effect| matches!(effect, Effect::LostPlace)), "{lost:?}");
    (stage, lost)
}

fn needs_no_place(effects: &[Effect]) -> bool {
    effects.iter().any(|effect| matches!(effect, Effect::NeedsNoPlace))
}

#[test]
fn an_edit_that_is_made_again_waits_for_nobody_who_waits_too() {
    let (mut stage, lost) = with_a_lost_edit("chapter one");
    let again = appended(&lost).expect("it goes to the next place, though others wait for it");
    assert_eq!(again.seq, 2);
    let ada = Person::new(3);
    stage.joins(&ada, Permission::Write);
    stage.sends(&ada, ada.types("new"));
    let stored = stage.stored();
    assert!(!needs_no_place(&stored), "{stored:?}");
    assert!(appended(&stored).is_none(), "what is new waits: {stored:?}");
    assert!(appended(&stage.input(Input::GoOn)).is_some());
}

#[test]
fn who_lost_a_place_and_needs_none_any_more_says_so() {
    let (mut stage, lost) = with_a_lost_edit("chapter two");
    assert!(
        appended(&lost).is_none() && !needs_no_place(&lost),
        "it is looked whether it is there"
    );
    let read = stage.reads(vec![]);
    assert!(needs_no_place(&read), "{read:?}");
    assert!(!needs_no_place(&stage.input(Input::Tick)), "once");
}

#[test]
fn a_look_that_began_before_a_place_was_lost_does_not_say_what_took_it() {
    let limits = Limits { alone: false, ..Limits::default() };
    let mut stage = Stage::<Yjs>::with_limits(limits);
    let (ada, ben) = (Person::new(1), Person::new(2));
    stage.joins(&ada, Permission::Write);
    stage.sends(&ada, ada.types("chapter one"));
    let began = stage.core.reads_asked();
    let lost = stage.input(Input::Outcome(Outcome::Behind));
    assert!(lost.iter().any(|effect| matches!(effect, Effect::ReadLog)), "{lost:?}");
    let looked = stage.input(Input::Missed { entries: vec![], read: Some(began) });
    assert!(appended(&looked).is_none(), "the place is taken: {looked:?}");
    let updates =
        vec![LoggedUpdate { login: None, put: None, by: ben.user, data: ben.types("chapter two") }];
    let read = stage.reads(vec![Entry { seq: 1, batch: 7, at: NOW, updates }]);
    assert_eq!(appended(&read).map(|append| append.seq), Some(2));
}
