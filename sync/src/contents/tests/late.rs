//! What was changed of a todo where it had been, and what was changed of it where it is.

use super::*;

over_both!(
    what_is_late_is_merged_into_what_was_written_where_the_todo_is,
    a_day_that_was_set_where_the_todo_is_stays,
    what_two_nodes_carry_over_is_there_once,
    what_one_node_ticks_off_while_another_carries_more_is_there_once,
    what_goes_on_with_its_todo_is_there_once,
    a_todo_that_comes_back_takes_nothing_from_what_was_written_meanwhile,
    what_a_client_says_that_a_todo_was_takes_no_more_room_than_a_todo,
);

fn change(text: &str) -> TodoChange {
    TodoChange { text: Some(text.into()), ..TodoChange::default() }
}

/// A todo that Ada has moved, and the list that she has moved it to.
struct Moved<E: Engine> {
    here: Hall<E>,
    there: Hall<E>,
}

impl<E: Engine> Moved<E> {
    /// What Ben's phone says, which was offline before.
    fn with(phone: &[&str]) -> (Self, Vec<Vec<u8>>) {
        let (mut here, mut there, mut phones) =
            (Hall::default(), Hall::default(), Hall::<E>::default());
        let made = here.edit(7, |todos| todos.make(id(1), &new("buy milk"))).unwrap().unwrap();
        here.takes(ada(), made.clone());
        phones.takes(ada(), made);
        let mut said = Vec::new();
        for text in phone {
            let typed = phones.edit(9, |todos| todos.revise(id(1), &change(text)));
            said.push(typed.unwrap().unwrap());
            phones.takes(ben(), said[said.len() - 1].clone());
        }
        moves(&mut here, (list(1), list(2)), &mut there);
        (Self { here, there }, said)
    }

    /// His phone is back.
    fn hears(&mut self, phones: Vec<u8>) {
        self.here.takes(ben(), phones);
    }

    /// What is late here by now is carried over, as a node has seen it.
    fn carries(&mut self) -> (Vec<Late>, u64) {
        let (late, seq) = (self.here.late(), self.here.0.seq());
        carries(&mut self.there, &late, seq);
        (late, seq)
    }
}

fn moves<E: Engine>(from: &mut Hall<E>, (at, to): (DocumentId, DocumentId), there: &mut Hall<E>) {
    let item = from.items().remove(0);
    let mut told = None;
    from.edits(|todos| {
        told = Some((todos.leaving(id(1), at), todos.completed(id(1))));
        Ok(())
    });
    let (came, completed) = told.unwrap();
    there.edits(|todos| todos.receive(to, (&item, &completed), Some(&came)).map(drop));
    from.edits(|todos| {
        todos.moved(id(1), to, &came.was);
        Ok(())
    });
}

fn carries<E: Engine>(there: &mut Hall<E>, late: &[Late], seq: u64) -> Vec<Carried> {
    let mut carried = Vec::new();
    there.edits(|todos| {
        carried = late.iter().map(|late| todos.carry(late, (list(1), seq))).collect();
        Ok(())
    });
    carried
}

fn what_is_late_is_merged_into_what_was_written_where_the_todo_is<E: Engine>() {
    let (mut moved, mut phones) = Moved::<E>::with(&["buy milk and honey"]);
    moved.there.edits(|todos| todos.revise(id(1), &change("Ada's urgent: buy milk")));
    moved.hears(phones.remove(0));
    moved.carries();
    assert_eq!(moved.there.texts(), ["Ada's urgent: buy milk and honey"]);
}

fn a_day_that_was_set_where_the_todo_is_stays<E: Engine>() {
    let (mut here, mut there) = (Hall::<E>::default(), Hall::<E>::default());
    here.edits(|todos| todos.make(id(1), &new("buy milk")));
    let due = |at| TodoChange {
        due: Setting::To(Some(Timestamp::from_millis(at))),
        ..TodoChange::default()
    };
    let phones = here.edit(9, |todos| {
        todos.complete(id(1), ben(), Timestamp::from_millis(9))?;
        todos.revise(id(1), &due(50))
    });
    moves(&mut here, (list(1), list(2)), &mut there);
    there.edits(|todos| todos.revise(id(1), &due(99)));
    here.takes(ben(), phones.unwrap().unwrap());
    let late = here.late();
    carries(&mut there, &late, 9);
    let item = there.items().remove(0);
    assert_eq!((item.due, item.is_completed), (due(99).due.value(), true));
}

fn what_two_nodes_carry_over_is_there_once<E: Engine>() {
    let words = ["buy milk and honey", "buy milk and honey, please"];
    let (mut moved, mut phones) = Moved::<E>::with(&words);
    // One node has seen more than the other.
    moved.hears(phones.remove(0));
    let (first, seq) = (moved.here.late(), moved.here.0.seq());
    moved.hears(phones.remove(0));
    let (second, later) = (moved.here.late(), moved.here.0.seq());
    assert_eq!(carries(&mut moved.there, &second, later), [Carried::Over]);
    let change = change("now: buy milk and money, please");
    moved.there.edits(|todos| todos.revise(id(1), &change));
    assert_eq!(carries(&mut moved.there, &first, seq), [Carried::Passed]);
    assert_eq!(carries(&mut moved.there, &second, later), [Carried::Over]);
    assert_eq!(moved.there.texts(), ["now: buy milk and money, please"]);
    // Whoever says last that it is over.
    moved.here.edits(|todos| {
        todos.carried_over(&second[0]);
        todos.carried_over(&first[0]);
        Ok(())
    });
    assert_eq!(moved.here.late(), []);
}

fn what_one_node_ticks_off_while_another_carries_more_is_there_once<E: Engine>() {
    let words = ["buy milk and honey", "buy milk and honey, please"];
    let (mut moved, mut phones) = Moved::<E>::with(&words);
    moved.hears(phones.remove(0));
    let (first, _) = moved.carries();
    moved.hears(phones.remove(0));
    moved.carries();
    moved.here.edits(|todos| {
        todos.carried_over(&first[0]);
        Ok(())
    });
    moved.there.edits(|todos| todos.revise(id(1), &change("buy milk and money, please")));
    let (late, seq) = moved.carries();
    assert_eq!(carries(&mut moved.there, &late, seq), [Carried::Over]);
    assert_eq!(moved.there.texts(), ["buy milk and money, please"]);
}

fn what_goes_on_with_its_todo_is_there_once<E: Engine>() {
    let (mut moved, mut phones) = Moved::<E>::with(&["buy milk and honey"]);
    moved.hears(phones.remove(0));
    let (late, seq) = moved.carries();
    // Before anybody has said that it is over.
    let mut further = Hall::default();
    moves(&mut moved.there, (list(2), list(3)), &mut further);
    further.edits(|todos| todos.revise(id(1), &change("buy milk and bread")));
    assert_eq!(carries(&mut moved.there, &late, seq), [Carried::On { to: list(3), by: ada() }]);
    assert_eq!(carries(&mut further, &late, seq), [Carried::Over]);
    assert_eq!(further.texts(), ["buy milk and bread"]);
}

fn a_todo_that_comes_back_takes_nothing_from_what_was_written_meanwhile<E: Engine>() {
    for is_carried in [false, true] {
        let (mut moved, mut phones) = Moved::<E>::with(&["buy milk and honey"]);
        moved.there.edits(|todos| todos.revise(id(1), &change("urgent: buy milk")));
        moved.hears(phones.remove(0));
        if is_carried {
            moved.carries();
        }
        let Moved { mut here, mut there } = moved;
        moves(&mut there, (list(2), list(1)), &mut here);
        assert_eq!(here.texts(), ["urgent: buy milk and honey"], "{is_carried}");
        // And once more: what is said here now is newer than what was carried over once.
        moves(&mut here, (list(1), list(2)), &mut there);
        assert_eq!(there.texts(), ["urgent: buy milk and honey"], "{is_carried}");
        assert_eq!((here.late(), there.late()), (vec![], vec![]), "{is_carried}");
    }
}

fn what_a_client_says_that_a_todo_was_takes_no_more_room_than_a_todo<E: Engine>() {
    let (mut here, mut there) = (Hall::<E>::default(), Hall::<E>::default());
    here.edits(|todos| todos.make(id(1), &new("buy milk")));
    let (item, open) = (here.items().remove(0), Value::Null);
    there.edits(|todos| todos.receive(list(2), (&item, &open), None).map(drop));
    let words = "words ".repeat(50_000);
    let junk = serde_json::json!({ "text": words, "more": words });
    here.edits(|todos| {
        todos.moved(id(1), list(2), &junk);
        Ok(())
    });
    let late = here.late();
    carries(&mut there, &late, 1);
    assert_eq!(late.len(), 1);
    assert!(there.0.full().len() < 32 << 10, "the other list has {}", there.0.full().len());
    here.edits(|todos| {
        todos.carried_over(&late[0]);
        Ok(())
    });
    assert_eq!(here.late(), [], "it is carried over once");
}
