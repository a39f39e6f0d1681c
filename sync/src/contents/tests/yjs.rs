//! Lists of todos over Yjs, as mischief writes them.

use std::sync::Arc;

use yrs::{
    Any, ArrayPrelim, Map, MapPrelim, Text, TextPrelim, Transact, Update, WriteTxn,
    updates::decoder::Decode,
};

use super::*;
use crate::{document::Yjs, text};

type Hall = super::Hall<Yjs>;

impl Hall {
    /// What a client does to the document by itself.
    fn client(&mut self, number: u64, write: impl FnOnce(&mut yrs::TransactionMut<'_>)) {
        let doc = text::new_doc(number);
        let full = self.0.full();
        doc.transact_mut().apply_update(Update::decode_v1(&full).unwrap()).unwrap();
        let mut transaction = doc.transact_mut();
        write(&mut transaction);
        let update = transaction.encode_update_v1();
        drop(transaction);
        self.takes(ada(), update);
    }
}

#[tokio::test]
async fn what_is_missing_of_a_todo_that_somebody_made_is_set() {
    let mut hall = Hall::default();
    hall.edits(|todos| todos.make(id(1), &new("first")));
    hall.client(9, |txn| {
        let map = MapPrelim::from([("position", 0.5)]);
        txn.get_or_insert_map("todos").insert(txn, id(2).to_string(), map);
    });
    hall.edits(|todos| todos.make(id(2), &new("its text was missing")));
    assert_eq!(hall.texts(), ["its text was missing", "first"]);
    assert_eq!(hall.items()[0].made_by, Some(ada()));
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
