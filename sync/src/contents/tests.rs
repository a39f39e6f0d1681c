//! Lists of todos over Yjs, as people and as mischief write them.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::json;
use studyhall_schema::{
    Timestamp,
    document::DocumentId,
    ids::{TodoId, UserId},
    todo::{LAST, LONGEST_TEXT, MOST},
};
use studyhall_store::log::{Entry, LoggedUpdate};
use yrs::{
    Any, ArrayPrelim, Doc, Map, MapPrelim, Out, Text, TextPrelim, Transact, Update, WriteTxn,
    updates::decoder::Decode,
};

use super::*;
use crate::{document::State, text};

fn ada() -> UserId {
    UserId::from_bytes([1; 12])
}

fn id(number: u8) -> TodoId {
    TodoId::from_bytes([number; 12])
}

fn new(text: &str) -> NewTodo {
    NewTodo { text: text.into(), assignee: None, due: None, created_at: Timestamp::from_millis(5) }
}

/// A list on its server.
#[derive(Default)]
struct Hall(State);

impl Hall {
    /// Takes what somebody wrote, as the log has it.
    fn takes(&mut self, by: UserId, update: Vec<u8>) {
        let updates = vec![LoggedUpdate { by, data: update.into() }];
        let seq = self.0.seq() + 1;
        let entry = Entry { seq, batch: seq, at: Timestamp::from_millis(0), updates };
        self.0.apply_entry(&entry).unwrap();
    }

    /// What a client does to the document by itself.
    fn client(&mut self, number: u64, write: impl FnOnce(&mut yrs::TransactionMut<'_>)) {
        let doc = self.copy(number);
        let mut transaction = doc.transact_mut();
        write(&mut transaction);
        let update = transaction.encode_update_v1();
        drop(transaction);
        self.takes(ada(), update);
    }

    fn copy(&mut self, number: u64) -> Doc {
        let doc = text::new_doc(number);
        let full: Bytes = self.0.full();
        doc.transact_mut().apply_update(Update::decode_v1(&full).unwrap()).unwrap();
        doc
    }

    /// The update of an edit that the server is asked for.
    fn edit(
        &mut self,
        client: u64,
        change: impl FnOnce(&mut TodoList<'_, dyn MapsMut + '_>) -> Result<(), Refusal>,
    ) -> Result<Option<Vec<u8>>, Refusal> {
        edit(View::Yjs(&mut self.0), client, |maps| change(&mut TodoList::of(maps)))
    }

    fn edits(
        &mut self,
        change: impl FnOnce(&mut TodoList<'_, dyn MapsMut + '_>) -> Result<(), Refusal>,
    ) {
        if let Some(update) = self.edit(7, change).unwrap() {
            self.takes(ada(), update);
        }
    }

    fn items(&mut self) -> Vec<studyhall_schema::todo::Item> {
        read(View::Yjs(&mut self.0), |maps| TodoList::of(maps).shown().0)
    }

    fn texts(&mut self) -> Vec<String> {
        self.items().into_iter().map(|item| item.text).collect()
    }
}

#[tokio::test]
async fn making_what_is_there_sets_only_what_is_missing() {
    let mut hall = Hall::default();
    hall.edits(|todos| todos.make(id(1), &new("first")));
    assert_eq!(hall.edit(8, |todos| todos.make(id(1), &new("again"))), Ok(None));
    hall.client(9, |txn| {
        let map = MapPrelim::from([("position", 0.5)]);
        txn.get_or_insert_map("todos").insert(txn, id(2).to_string(), map);
    });
    hall.edits(|todos| todos.make(id(2), &new("its text was missing")));
    assert_eq!(hall.texts(), ["its text was missing", "first"]);
    assert_eq!(hall.items()[0].made_by, Some(ada()));
}

#[tokio::test]
async fn two_who_reorder_and_complete_apart_both_have_done_it() {
    let mut hall = Hall::default();
    for number in 1..=4 {
        hall.edits(|todos| todos.make(id(number), &new(&number.to_string())));
    }
    let ben = UserId::from_bytes([2; 12]);
    let at = Timestamp::from_millis(9);
    let adas = hall.edit(11, |todos| {
        todos.complete(id(1), ada(), at)?;
        todos.place(id(4), None)
    });
    let bens = hall.edit(12, |todos| {
        todos.place(id(1), Some(id(3)))?;
        todos.complete(id(2), ben, at)
    });
    hall.takes(ben, bens.unwrap().unwrap());
    hall.takes(ada(), adas.unwrap().unwrap());
    assert_eq!(hall.texts(), ["4", "2", "3", "1"]);
    let done: Vec<_> = hall.items().iter().map(|item| item.is_completed).collect();
    assert_eq!(done, [false, true, false, true]);
}

#[tokio::test]
async fn a_todo_that_moved_away_is_not_here_until_it_comes_back() {
    let (mut here, mut there) = (Hall::default(), Hall::default());
    here.edits(|todos| todos.make(id(1), &new("one")));
    here.edits(|todos| todos.complete(id(1), ada(), Timestamp::from_millis(9)));
    let item = here.items().remove(0);
    let completed = json!({ "at": "1970-01-01T00:00:00.009Z", "by": ada() });
    there.edits(|todos| todos.receive(&item, &completed));
    let elsewhere = DocumentId::Todos([2; 12]);
    here.edits(|todos| {
        todos.moved(id(1), elsewhere);
        Ok(())
    });
    assert!(here.items().is_empty());
    assert_eq!(here.edit(8, |todos| todos.reopen(id(1))), Err(Refusal::Absent));
    let got = there.items().remove(0);
    assert_eq!((got.completed_at, got.created_at), (item.completed_at, item.created_at));
    // The same again changes nothing that others have done meanwhile.
    there.edits(|todos| todos.reopen(id(1)));
    there.edits(|todos| todos.receive(&item, &completed));
    assert!(!there.items()[0].is_completed);
    let item = there.items().remove(0);
    here.edits(|todos| todos.receive(&item, &Value::Null));
    assert!(!here.items()[0].is_completed);
}

#[tokio::test]
async fn values_of_the_wrong_type_are_left_out() {
    let mut hall = Hall::default();
    hall.edits(|todos| todos.make(id(1), &new("good")));
    hall.client(9, |txn| {
        let todos = txn.get_or_insert_map("todos");
        let bad = todos.insert(txn, id(2).to_string(), MapPrelim::default());
        bad.insert(txn, "text", 5);
        bad.insert(txn, "assignee_id", "somebody");
        bad.insert(txn, "due_date", "tomorrow");
        bad.insert(txn, "completed", true);
        bad.insert(txn, "created_at", f64::NAN);
        bad.insert(txn, "position", f64::INFINITY);
        let worse = todos.insert(txn, id(3).to_string(), MapPrelim::default());
        worse.insert(txn, "text", MapPrelim::default());
        worse.insert(txn, "assignee_id", ArrayPrelim::default());
        worse.insert(txn, "due_date", Any::Buffer(Arc::from([1, 2])));
        worse.insert(txn, "completed", TextPrelim::new("yes"));
        worse.insert(txn, "position", "1");
        todos.insert(txn, id(4).to_string(), 5);
        todos.insert(txn, id(5).to_string(), Any::Null);
        todos.insert(txn, id(6).to_string(), TextPrelim::new("a text"));
        todos.insert(txn, "", MapPrelim::default());
        todos.insert(txn, "not an id", MapPrelim::default());
        todos.insert(txn, "ABCDEFABCDEFABCDEFABCDEF", MapPrelim::default());
    });
    let items = hall.items();
    assert_eq!(items.iter().map(|item| item.id).collect::<Vec<_>>(), [id(1), id(2), id(3)]);
    for item in &items[1..] {
        assert_eq!((item.text.as_str(), item.assignee, item.due), ("", None, None));
        assert_eq!((item.is_completed, item.created_at), (false, None));
        assert!(item.position.total_cmp(&LAST).is_eq());
    }
    // They can be mended, moved and removed.
    hall.edits(|todos| {
        todos
            .revise(id(2), &TodoChange { text: Some("mended".into()), ..TodoChange::default() })?;
        todos.complete(id(2), ada(), Timestamp::from_millis(1))?;
        todos.place(id(2), None)?;
        todos.remove(id(3));
        Ok(())
    });
    assert_eq!(hall.texts(), ["mended", "good"]);
    hall.edits(|todos| todos.make(id(4), &new("made over a number")));
    assert_eq!(hall.texts(), ["mended", "good", "made over a number"]);
}

#[tokio::test]
async fn a_list_that_is_no_map_is_empty_and_can_be_written() {
    let mut hall = Hall::default();
    hall.client(9, |txn| txn.get_or_insert_text("todos").insert(txn, 0, "no map"));
    assert!(hall.items().is_empty());
    hall.edits(|todos| todos.make(id(1), &new("one")));
    assert_eq!(hall.texts(), ["one"]);
}

#[tokio::test]
async fn a_todo_that_is_one_value_is_read_and_becomes_a_map_when_it_is_changed() {
    let mut hall = Hall::default();
    hall.client(9, |txn| {
        let value = Any::from_json(r#"{"text":"plain","position":1,"extra":"kept"}"#).unwrap();
        txn.get_or_insert_map("todos").insert(txn, id(1).to_string(), value);
    });
    assert_eq!(hall.texts(), ["plain"]);
    hall.edits(|todos| todos.complete(id(1), ada(), Timestamp::from_millis(1)));
    assert!(hall.items()[0].is_completed);
    assert_eq!(hall.texts(), ["plain"]);
}

#[tokio::test]
async fn huge_texts_are_cut() {
    let mut hall = Hall::default();
    let huge = "é".repeat(1 << 20);
    hall.client(9, |txn| {
        let todos = txn.get_or_insert_map("todos");
        let map = todos.insert(txn, id(1).to_string(), MapPrelim::default());
        map.insert(txn, "text", huge.as_str());
        map.insert(txn, "assignee_id", huge.as_str());
        map.insert(txn, huge.as_str(), 1);
        todos.insert(txn, huge.as_str(), MapPrelim::default());
    });
    assert_eq!(hall.texts()[0].chars().count(), LONGEST_TEXT);
    assert_eq!(hall.items().len(), 1);
}

#[tokio::test]
async fn of_very_many_the_first_are_shown_and_no_more_are_made() {
    let mut hall = Hall::default();
    let number = |count: u32| {
        let mut bytes = [0; 12];
        bytes[8..].copy_from_slice(&count.to_be_bytes());
        TodoId::from_bytes(bytes)
    };
    let some = u32::try_from(MOST).unwrap() + 10;
    hall.client(9, |txn| {
        let todos = txn.get_or_insert_map("todos");
        for count in 0..some {
            let map = MapPrelim::from([("position", f64::from(some - count))]);
            todos.insert(txn, number(count).to_string(), map);
        }
    });
    let items = hall.items();
    assert_eq!((items.len(), items[0].id), (MOST, number(some - 1)));
    let full = hall.edit(8, |todos| todos.make(id(9), &new("one more")));
    assert_eq!(full, Err(Refusal::Crowded));
    hall.edits(|todos| todos.place(number(0), None));
    assert_eq!(hall.items()[0].id, number(0));
}

proptest! {
    #[test]
    fn who_is_put_behind_another_comes_right_behind_it(
        moves in proptest::collection::vec((0u8..6, proptest::option::of(0u8..6)), 1..80),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let _entered = runtime.enter();
        let mut hall = Hall::default();
        let mut order: Vec<u8> = (0..6).collect();
        for number in &order {
            hall.edits(|todos| todos.make(id(*number), &new(&number.to_string())));
        }
        for (who, after) in moves {
            if Some(who) == after {
                continue;
            }
            hall.edits(|todos| todos.place(id(who), after.map(id)));
            order.retain(|number| *number != who);
            let at = after.map_or(0, |after| order.iter().position(|number| *number == after).unwrap() + 1);
            order.insert(at, who);
            let ids: Vec<_> = hall.items().into_iter().map(|item| item.id).collect();
            prop_assert_eq!(ids, order.iter().map(|number| id(*number)).collect::<Vec<_>>());
        }
    }
}

#[tokio::test]
async fn what_is_changed_after_a_move_is_late_until_it_is_carried_over() {
    let (mut here, mut there) = (Hall::default(), Hall::default());
    here.edits(|todos| todos.make(id(1), &new("one")));
    let item = here.items().remove(0);
    there.edits(|todos| todos.receive(&item, &Value::Null));
    let elsewhere = DocumentId::Todos([2; 12]);
    here.edits(|todos| {
        todos.moved(id(1), elsewhere);
        Ok(())
    });
    let late = |hall: &mut Hall| read(View::Yjs(&mut hall.0), |maps| TodoList::of(maps).late());
    assert_eq!(late(&mut here), []);
    there.edits(|todos| {
        let text = Some("renamed meanwhile".into());
        todos.revise(id(1), &TodoChange { text, ..TodoChange::default() })
    });
    here.client(9, |txn| {
        let todos = txn.get_or_insert_map("todos");
        let Some(Out::YMap(todo)) = todos.get(txn, &id(1).to_string()) else { panic!("a map") };
        let done = Any::from_json(r#"{"at":"1970-01-01T00:00:00.009Z","by":"?"}"#).unwrap();
        todo.insert(txn, "completed", done);
    });
    let found = late(&mut here);
    assert_eq!((found.len(), found[0].to, found[0].moved_by), (1, elsewhere, ada()));
    there.edits(|todos| todos.carry(&found[0]));
    assert_eq!(there.texts(), ["renamed meanwhile"]);
    assert_eq!(there.items()[0].completed_at, Some(Timestamp::from_millis(9)));
    here.edits(|todos| {
        todos.carried_over(&found[0]);
        Ok(())
    });
    assert_eq!(late(&mut here), []);
    assert!(here.items().is_empty());
}
