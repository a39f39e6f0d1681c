//! Lists of todos as people write them, over each library.

mod automerge;
mod kept;
mod layout;
mod yjs;

use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::json;
use studyhall_schema::{
    Timestamp,
    document::{DocumentId, DocumentKind},
    ids::{TodoId, UserId},
    timer::{self, TimerAction, TimerConfig},
    todo::{Item, LAST, LONGEST_TEXT, MOST, Setting},
};
use studyhall_store::log::{Entry, LoggedUpdate};

use super::*;
use crate::document::{Applied, Automerge, Engine, Yjs};

fn ada() -> UserId {
    UserId::from_bytes([1; 12])
}

fn ben() -> UserId {
    UserId::from_bytes([2; 12])
}

fn id(number: u8) -> TodoId {
    TodoId::from_bytes([number; 12])
}

fn list(number: u8) -> DocumentId {
    DocumentId::Todos([number; 12])
}

fn new(text: &str) -> NewTodo {
    NewTodo { text: text.into(), assignee: None, due: None, created_at: Timestamp::from_millis(5) }
}

/// A list on its server.
struct Hall<E: Engine>(E::State);

impl<E: Engine> Default for Hall<E> {
    fn default() -> Self {
        let mut hall = Self(E::State::default());
        if let Some(first) = E::first(DocumentKind::Todos) {
            hall.takes(ada(), first);
        }
        hall
    }
}

impl<E: Engine> Hall<E> {
    /// Takes what somebody wrote, as the log has it.
    fn takes(&mut self, by: UserId, update: Vec<u8>) {
        let updates = vec![LoggedUpdate { login: None, put: None, by, data: Bytes::from(update) }];
        let seq = self.0.seq() + 1;
        let entry = Entry { seq, batch: seq, at: Timestamp::from_millis(0), updates };
        self.0.apply_entry(&entry).unwrap();
    }

    /// The update of an edit that the server is asked for.
    fn edit(
        &mut self,
        client: u64,
        change: impl FnOnce(&mut TodoList<'_, dyn MapsMut + '_>) -> Result<(), Refusal>,
    ) -> Result<Option<Vec<u8>>, Refusal> {
        edit(E::view(&mut self.0), client, |maps| change(&mut TodoList::of(maps)))
    }

    fn edits(
        &mut self,
        change: impl FnOnce(&mut TodoList<'_, dyn MapsMut + '_>) -> Result<(), Refusal>,
    ) {
        if let Some(update) = self.edit(7, change).unwrap() {
            self.takes(ada(), update);
        }
    }

    fn items(&mut self) -> Vec<Item> {
        read(E::view(&mut self.0), |maps| Kept::default().shown(&TodoList::of(maps), None).0)
    }

    fn texts(&mut self) -> Vec<String> {
        self.items().into_iter().map(|item| item.text).collect()
    }

    fn late(&mut self) -> Vec<Late> {
        read(E::view(&mut self.0), |maps| TodoList::of(maps).late())
    }
}

/// Each of these over both libraries.
macro_rules! over_both {
    ($($plot:ident),* $(,)?) => {
        mod over_yjs {
            $(#[tokio::test] async fn $plot() { super::$plot::<super::Yjs>(); })*
        }
        mod over_automerge {
            $(#[tokio::test] async fn $plot() { super::$plot::<super::Automerge>(); })*
        }
    };
}

mod late;

over_both!(
    making_what_is_there_sets_only_what_is_missing,
    two_who_reorder_and_complete_apart_both_have_done_it,
    a_todo_that_moved_away_is_not_here_until_it_comes_back,
    what_only_seems_to_have_moved_is_here,
    what_a_phone_changes_of_a_todo_that_went_and_came_back_stays,
    what_is_changed_after_a_move_is_late_until_it_is_carried_over,
    what_is_done_to_a_todo_while_it_is_moved_is_late,
    who_is_put_behind_another_comes_right_behind_it,
    what_is_put_again_changes_nothing,
    a_timer_and_how_long_phases_are_are_what_they_were_set_to,
);

fn making_what_is_there_sets_only_what_is_missing<E: Engine>() {
    let mut hall = Hall::<E>::default();
    hall.edits(|todos| todos.make(id(1), &new("first")));
    assert_eq!(hall.edit(8, |todos| todos.make(id(1), &new("again"))), Ok(None));
    assert_eq!(hall.texts(), ["first"]);
    assert_eq!(hall.items()[0].made_by, Some(ada()));
}

fn two_who_reorder_and_complete_apart_both_have_done_it<E: Engine>() {
    let mut hall = Hall::<E>::default();
    for number in 1..=4 {
        hall.edits(|todos| todos.make(id(number), &new(&number.to_string())));
    }
    let at = Timestamp::from_millis(9);
    let adas = hall.edit(11, |todos| {
        todos.complete(id(1), ada(), at)?;
        todos.place(id(4), None)
    });
    let bens = hall.edit(12, |todos| {
        todos.place(id(1), Some(id(3)))?;
        todos.complete(id(2), ben(), at)
    });
    hall.takes(ben(), bens.unwrap().unwrap());
    hall.takes(ada(), adas.unwrap().unwrap());
    assert_eq!(hall.texts(), ["4", "2", "3", "1"]);
    let done: Vec<_> = hall.items().iter().map(|item| item.is_completed).collect();
    assert_eq!(done, [false, true, false, true]);
}

fn a_todo_that_moved_away_is_not_here_until_it_comes_back<E: Engine>() {
    let (mut here, mut there) = (Hall::<E>::default(), Hall::<E>::default());
    here.edits(|todos| todos.make(id(1), &new("one")));
    here.edits(|todos| todos.complete(id(1), ada(), Timestamp::from_millis(9)));
    let item = here.items().remove(0);
    let completed = json!({ "at": "1970-01-01T00:00:00.009Z", "by": ada() });
    there.edits(|todos| todos.receive(list(2), (&item, &completed), None).map(drop));
    let elsewhere = list(2);
    here.edits(|todos| {
        todos.moved(id(1), elsewhere, &todos.taken_along(id(1)));
        Ok(())
    });
    assert!(here.items().is_empty());
    assert_eq!(here.edit(8, |todos| todos.reopen(id(1))), Err(Refusal::Absent));
    let got = there.items().remove(0);
    assert_eq!((got.completed_at, got.created_at), (item.completed_at, item.created_at));
    // The same again changes nothing that others have done meanwhile.
    there.edits(|todos| todos.reopen(id(1)));
    there.edits(|todos| todos.receive(list(2), (&item, &completed), None).map(drop));
    assert!(!there.items()[0].is_completed);
    let item = there.items().remove(0);
    here.edits(|todos| todos.receive(list(1), (&item, &Value::Null), None).map(drop));
    assert!(!here.items()[0].is_completed);
}

fn what_a_phone_changes_of_a_todo_that_went_and_came_back_stays<E: Engine>() {
    // Whichever of two who write at once is preferred, and whether the phone is heard of before or after.
    for (client, is_before) in [(1, false), (1, true), (99, false), (99, true)] {
        let mut hall = Hall::<E>::default();
        hall.edits(|todos| todos.make(id(1), &new("one")));
        let item = hall.items().remove(0);
        let change = |text: &str| TodoChange { text: Some(text.into()), ..TodoChange::default() };
        let phones = hall.edit(client, |todos| {
            todos.revise(id(1), &change("a phone's words"))?;
            todos.complete(id(1), ben(), Timestamp::from_millis(9))
        });
        hall.edits(|todos| {
            todos.moved(id(1), list(2), &todos.taken_along(id(1)));
            Ok(())
        });
        let phones = phones.unwrap().unwrap();
        if is_before {
            hall.takes(ben(), phones.clone());
        }
        // There it got a day.
        let item = Item { due: Some(Timestamp::from_millis(99)), ..item };
        hall.edits(|todos| todos.receive(list(1), (&item, &Value::Null), None).map(drop));
        if !is_before {
            hall.takes(ben(), phones);
        }
        let back = hall.items().remove(0);
        assert_eq!((back.text.as_str(), back.is_completed), ("a phone's words", true));
        assert_eq!(back.due, item.due);
    }
}

fn what_only_seems_to_have_moved_is_here<E: Engine>() {
    let mut hall = Hall::<E>::default();
    hall.edits(|todos| todos.make(id(1), &new("one")));
    let elsewhere = list(2);
    let writes = |hall: &mut Hall<E>, to: Value| {
        let edited = edit(E::view(&mut hall.0), 9, |maps| {
            maps.set_field("todos", &id(1).to_string(), "moved_to", &to);
            Ok(())
        });
        hall.takes(ben(), edited.unwrap().unwrap());
    };
    for junk in [json!("nowhere"), json!(5), json!(""), json!("todos:me"), json!(elsewhere)] {
        writes(&mut hall, junk.clone());
        assert_eq!(hall.texts(), ["one"], "{junk} without a mark");
    }
    hall.edits(|todos| {
        todos.moved(id(1), elsewhere, &todos.taken_along(id(1)));
        Ok(())
    });
    assert!(hall.items().is_empty());
    let note = DocumentId::Note(studyhall_schema::ids::NoteId::from_bytes([2; 12]));
    for junk in [json!("nowhere"), json!(5), json!(note)] {
        writes(&mut hall, junk.clone());
        assert_eq!(hall.texts(), ["one"], "{junk}");
    }
}

fn what_is_done_to_a_todo_while_it_is_moved_is_late<E: Engine>() {
    let mut here = Hall::<E>::default();
    here.edits(|todos| todos.make(id(1), &new("one")));
    let mut was = Value::Null;
    here.edits(|todos| {
        was = todos.taken_along(id(1));
        Ok(())
    });
    here.edits(|todos| todos.complete(id(1), ben(), Timestamp::from_millis(9)));
    here.edits(|todos| {
        todos.moved(id(1), list(2), &was);
        Ok(())
    });
    assert_eq!(here.late().len(), 1);
}

fn what_is_changed_after_a_move_is_late_until_it_is_carried_over<E: Engine>() {
    let (mut here, mut there) = (Hall::<E>::default(), Hall::<E>::default());
    here.edits(|todos| todos.make(id(1), &new("one")));
    let item = here.items().remove(0);
    there.edits(|todos| todos.receive(list(2), (&item, &Value::Null), None).map(drop));
    // A phone that has not heard of the move.
    let done = here.edit(9, |todos| todos.complete(id(1), ben(), Timestamp::from_millis(9)));
    let elsewhere = list(2);
    here.edits(|todos| {
        todos.moved(id(1), elsewhere, &todos.taken_along(id(1)));
        Ok(())
    });
    assert_eq!(here.late(), []);
    there.edits(|todos| {
        let text = Some("renamed meanwhile".into());
        todos.revise(id(1), &TodoChange { text, ..TodoChange::default() })
    });
    here.takes(ben(), done.unwrap().unwrap());
    let found = here.late();
    assert_eq!((found.len(), found[0].to, found[0].moved_by), (1, elsewhere, ada()));
    there.edits(|todos| {
        assert_eq!(todos.carry(&found[0], (list(1), 9)), Carried::Over);
        Ok(())
    });
    assert_eq!(there.texts(), ["renamed meanwhile"]);
    assert_eq!(there.items()[0].completed_at, Some(Timestamp::from_millis(9)));
    here.edits(|todos| {
        todos.carried_over(&found[0]);
        Ok(())
    });
    assert_eq!(here.late(), []);
    assert!(here.items().is_empty());
    // From there it has gone on.
    let further = list(3);
    there.edits(|todos| {
        todos.moved(id(1), further, &todos.taken_along(id(1)));
        Ok(())
    });
    let goes_on = there.edit(8, |todos| {
        assert_eq!(todos.carry(&found[0], (list(1), 9)), Carried::On { to: further, by: ada() });
        Ok(())
    });
    assert_eq!(goes_on, Ok(None));
}

fn what_is_put_again_changes_nothing<E: Engine>() {
    let mut hall = Hall::<E>::default();
    hall.edits(|todos| todos.make(id(1), &new("one")));
    let change = TodoChange {
        text: Some("two".into()),
        assignee: Setting::To(Some(ben())),
        due: Setting::To(Some(Timestamp::from_millis(99))),
    };
    hall.edits(|todos| todos.revise(id(1), &change));
    hall.edits(|todos| todos.complete(id(1), ben(), Timestamp::from_millis(9)));
    let item = hall.items().remove(0);
    assert_eq!(
        (item.text.as_str(), item.assignee, item.due),
        ("two", Some(ben()), Some(Timestamp::from_millis(99)))
    );
    assert_eq!(item.completed_at, Some(Timestamp::from_millis(9)));
    let again = hall.edit(8, |todos| {
        todos.make(id(1), &new("one"))?;
        todos.revise(id(1), &change)?;
        todos.complete(id(1), ada(), Timestamp::from_millis(10))?;
        todos.place(id(1), None)
    });
    assert_eq!(again, Ok(None));
    hall.edits(|todos| {
        todos.remove(id(1));
        Ok(())
    });
    assert_eq!(hall.items(), []);
    assert_eq!(
        hall.edit(8, |todos| {
            todos.remove(id(1));
            Ok(())
        }),
        Ok(None)
    );
}

fn a_timer_and_how_long_phases_are_are_what_they_were_set_to<E: Engine>() {
    let mut state = E::State::default();
    let mut edits = |client, timer, config| {
        let made = edit(E::view(&mut state), client, |maps| {
            let mut room = RoomState::of(maps);
            room.set_timer(timer);
            room.set_config(config);
            Ok(())
        });
        if let Some(data) = made.unwrap() {
            let updates =
                vec![LoggedUpdate { login: None, put: None, by: ada(), data: Bytes::from(data) }];
            let (seq, at) = (state.seq() + 1, Timestamp::from_millis(0));
            state.apply_entry(&Entry { seq, batch: seq, at, updates }).unwrap();
        }
        let shown = read(E::view(&mut state), |maps| {
            let room = RoomState::of(maps);
            (room.timer(), room.config())
        });
        assert_eq!(shown, (timer, config));
        state.seq()
    };
    let usual = TimerConfig::default();
    assert_eq!(edits(7, None, usual), 0, "nothing to say");
    let now = Timestamp::from_millis(1_767_225_600_000);
    let started = timer::after(None, TimerAction::Start, &usual, now);
    edits(7, started, usual);
    let paused = timer::after(started, TimerAction::Pause, &usual, now + Duration::from_secs(1));
    let through = edits(8, paused, TimerConfig { focus_s: 60, ..usual });
    assert_eq!(edits(9, paused, TimerConfig { focus_s: 60, ..usual }), through);
    edits(9, None, usual);
}

fn who_is_put_behind_another_comes_right_behind_it<E: Engine>() {
    let moves = proptest::collection::vec((0u8..6, proptest::option::of(0u8..6)), 1..80);
    proptest!(ProptestConfig::with_cases(64), |(moves in moves)| {
        let mut hall = Hall::<E>::default();
        let mut order: Vec<u8> = (0..6).collect();
        for number in &order {
            hall.edits(|todos| todos.make(id(*number), &new(&number.to_string())));
        }
        for (who, after) in moves.into_iter().filter(|(who, after)| Some(*who) != *after) {
            hall.edits(|todos| todos.place(id(who), after.map(id)));
            order.retain(|number| *number != who);
            let behind = |after| order.iter().position(|number| *number == after).unwrap() + 1;
            order.insert(after.map_or(0, behind), who);
            let ids: Vec<_> = hall.items().into_iter().map(|item| item.id).collect();
            prop_assert_eq!(ids, order.iter().map(|number| id(*number)).collect::<Vec<_>>());
        }
    });
}
