//! Lists of todos over Automerge, as stock clients and mischief write them.

use ::automerge::{
    ActorId, AutoCommit, ObjId, ObjType, ROOT, ReadDoc, ScalarValue, Value as Found,
    transaction::{CommitOptions, Transactable},
};

use super::*;

type Hall = super::Hall<Automerge>;

impl Hall {
    /// What a client does to the document by itself.
    pub(super) fn client(&mut self, by: UserId, write: impl FnOnce(&mut AutoCommit, &ObjId)) {
        let actor = ActorId::from([&b"phone"[..], &by.bytes()].concat());
        let mut doc = self.0.doc().fork().with_actor(actor);
        let Some((Found::Object(ObjType::Map), todos)) = doc.get(ROOT, "todos").unwrap() else {
            panic!("a list begins with a map");
        };
        write(&mut doc, &todos);
        doc.commit_with(CommitOptions::default().with_time(0));
        let change = doc.get_last_local_change().expect("something was written");
        self.takes(by, change.raw_bytes().to_vec());
    }
}

/// A todo as a stock JavaScript client makes one: strings are texts.
fn makes(doc: &mut AutoCommit, todos: &ObjId, key: &str, fields: &[(&str, &str)]) -> ObjId {
    let todo = doc.put_object(todos, key, ObjType::Map).unwrap();
    for (field, text) in fields {
        let object = doc.put_object(&todo, *field, ObjType::Text).unwrap();
        doc.splice_text(&object, 0, 0, text).unwrap();
    }
    todo
}

#[tokio::test]
async fn what_a_stock_client_makes_is_a_todo_whose_strings_are_texts() {
    let mut hall = Hall::default();
    let due = "2026-02-01T00:00:00.000Z";
    hall.client(ben(), |doc, todos| {
        let assignee = ada().to_string();
        let fields = [("text", "read 😀"), ("due_date", due), ("assignee_id", &*assignee)];
        let todo = makes(doc, todos, &id(1).to_string(), &fields);
        doc.put(&todo, "position", 1).unwrap();
        doc.put(&todo, "created_at", ScalarValue::Timestamp(9)).unwrap();
        let done = doc.put_object(&todo, "completed", ObjType::Map).unwrap();
        doc.put(&done, "at", due).unwrap();
        doc.put(&done, "by", ben().to_string()).unwrap();
    });
    let item = hall.items().remove(0);
    let moment = Timestamp::from_millis(1_769_904_000_000);
    assert_eq!((item.text.as_str(), item.made_by), ("read 😀", Some(ben())));
    assert_eq!((item.assignee, item.due), (Some(ada()), Some(moment)));
    assert_eq!(
        (item.completed_at, item.created_at),
        (Some(moment), Some(Timestamp::from_millis(9)))
    );
    assert_eq!(item.position.to_string(), "1");
}

#[tokio::test]
async fn a_text_that_is_put_merges_with_what_somebody_types() {
    let mut hall = Hall::default();
    hall.edits(|todos| todos.make(id(1), &new("read chapter 5")));
    let put = |text: &str| TodoChange { text: Some(text.into()), ..TodoChange::default() };
    let theirs = hall.edit(8, |todos| todos.revise(id(1), &put("read chapter 5 and 6")));
    hall.edits(|todos| todos.revise(id(1), &put("Read chapter 5")));
    hall.takes(ben(), theirs.unwrap().unwrap());
    assert_eq!(hall.texts(), ["Read chapter 5 and 6"]);
}

#[tokio::test]
async fn values_of_the_wrong_type_are_left_out() {
    let mut hall = Hall::default();
    hall.edits(|todos| todos.make(id(1), &new("good")));
    hall.client(ada(), |doc, todos| {
        let bad = doc.put_object(todos, id(2).to_string(), ObjType::Map).unwrap();
        doc.put(&bad, "text", 5).unwrap();
        doc.put(&bad, "assignee_id", "somebody").unwrap();
        doc.put(&bad, "due_date", "0000-01-01T00:00:00+10:00").unwrap();
        doc.put(&bad, "completed", true).unwrap();
        doc.put(&bad, "created_at", ScalarValue::Timestamp(i64::MAX)).unwrap();
        doc.put(&bad, "position", f64::INFINITY).unwrap();
        let worse = doc.put_object(todos, id(3).to_string(), ObjType::Map).unwrap();
        doc.put_object(&worse, "text", ObjType::Map).unwrap();
        doc.put_object(&worse, "assignee_id", ObjType::List).unwrap();
        doc.put(&worse, "due_date", ScalarValue::Bytes(vec![1, 2])).unwrap();
        doc.put_object(&worse, "completed", ObjType::Text).unwrap();
        doc.put(&worse, "position", ScalarValue::counter(-5)).unwrap();
        doc.put(todos, id(4).to_string(), 5).unwrap();
        doc.put_object(todos, id(6).to_string(), ObjType::Text).unwrap();
        for key in ["", "not an id", "ABCDEFABCDEFABCDEFABCDEF"] {
            doc.put_object(todos, key, ObjType::Map).unwrap();
        }
    });
    let items = hall.items();
    assert_eq!(items.iter().map(|item| item.id).collect::<Vec<_>>(), [id(3), id(1), id(2)]);
    for item in [&items[0], &items[2]] {
        assert_eq!((item.text.as_str(), item.assignee, item.due), ("", None, None));
        assert_eq!((item.is_completed, item.created_at), (false, None));
    }
    assert!(items[2].position.total_cmp(&LAST).is_eq());
    hall.edits(|todos| {
        let text = Some("mended".into());
        todos.revise(id(2), &TodoChange { text, ..TodoChange::default() })?;
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
    for replaces in [true, false] {
        let mut hall = Hall::default();
        hall.client(ada(), |doc, _| {
            if replaces {
                doc.put(ROOT, "todos", "no map").unwrap();
            } else {
                doc.delete(ROOT, "todos").unwrap();
            }
        });
        assert!(hall.items().is_empty());
        hall.edits(|todos| todos.make(id(1), &new("one")));
        assert_eq!(hall.texts(), ["one"]);
    }
}

#[tokio::test]
async fn huge_texts_are_cut() {
    let mut hall = Hall::default();
    let huge = "é".repeat(1 << 13);
    hall.client(ada(), |doc, todos| {
        let fields = [("text", &*huge), ("assignee_id", &*huge)];
        let todo = makes(doc, todos, &id(1).to_string(), &fields);
        doc.put(&todo, huge.as_str(), 1).unwrap();
        doc.put_object(todos, huge.as_str(), ObjType::Map).unwrap();
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
    hall.client(ada(), |doc, todos| {
        for count in 0..some {
            let todo = doc.put_object(todos, number(count).to_string(), ObjType::Map).unwrap();
            doc.put(&todo, "position", f64::from(some - count)).unwrap();
        }
    });
    let items = hall.items();
    assert_eq!((items.len(), items[0].id), (MOST, number(some - 1)));
    let full = hall.edit(8, |todos| todos.make(id(9), &new("one more")));
    assert_eq!(full, Err(Refusal::Crowded));
    hall.edits(|todos| todos.place(number(0), None));
    assert_eq!(hall.items()[0].id, number(0));
}

/// What the server writes, as changes in hex: `schema/fixtures/automerge.json` has it for TypeScript.
fn written() -> Value {
    let hex =
        |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    let (at, config) = (Timestamp::from_millis(1_767_225_600_000), TimerConfig::default());
    let mut todos = Hall::default();
    let todo = NewTodo { assignee: Some(ada()), due: Some(at), ..new("read 😀") };
    let made = todos.edit(7, |todos| todos.make(id(1), &todo)).unwrap().unwrap();
    todos.takes(ada(), made.clone());
    let done = todos.edit(7, |todos| todos.complete(id(1), ada(), at)).unwrap().unwrap();
    let mut room: Hall = Hall(<Automerge as Engine>::State::default());
    let first = |kind| Automerge::first(kind).unwrap();
    room.takes(ada(), first(DocumentKind::Room));
    let started = edit(View::Automerge(&mut room.0), 7, |maps| {
        RoomState::of(maps).set_timer(timer::after(None, TimerAction::Start, &config, at));
        Ok(())
    });
    json!({
        "room": [hex(&first(DocumentKind::Room)), hex(&started.unwrap().unwrap())],
        "todos": [hex(&first(DocumentKind::Todos)), hex(&made), hex(&done)],
    })
}

/// `STUDYHALL_WRITE=1 cargo test -p studyhall-sync --lib written` writes it anew.
#[tokio::test]
async fn what_is_written_is_what_the_fixture_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../schema/fixtures/automerge.json");
    let mut fixture: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    if std::env::var_os("STUDYHALL_WRITE").is_some() {
        fixture["written"] = written();
        let text = serde_json::to_string_pretty(&fixture).unwrap();
        std::fs::write(path, format!("{text}\n")).unwrap();
    }
    assert_eq!(fixture["written"], written());
}

#[tokio::test]
async fn who_has_heard_that_a_todo_was_moved_changes_nothing_of_it_where_it_was() {
    let mut hall = Hall::default();
    let key = id(1).to_string();
    hall.client(ada(), |doc, todos| drop(makes(doc, todos, &key, &[("text", "mine")])));
    // A phone that is offline, and somebody who is not.
    let phones = hall.edit(9, |todos| todos.complete(id(1), ben(), Timestamp::from_millis(9)));
    hall.edits(|todos| {
        todos.moved(id(1), DocumentId::Todos([2; 12]), &todos.taken_along(id(1)));
        Ok(())
    });
    hall.client(ben(), |doc, todos| {
        let Some((_, todo)) = doc.get(todos, &key).unwrap() else { panic!("it is still there") };
        let Some((_, text)) = doc.get(&todo, "text").unwrap() else { panic!("a text") };
        doc.splice_text(&text, 0, 0, "not ").unwrap();
        doc.put(&todo, "assignee_id", ben().to_string()).unwrap();
    });
    assert_eq!(hall.late(), []);
    hall.takes(ben(), phones.unwrap().unwrap());
    let (mut there, late) = (Hall::default(), hall.late());
    there.edits(|todos| todos.make(id(1), &new("mine")));
    there.edits(|todos| {
        todos.carry(&late[0], (list(1), 9));
        Ok(())
    });
    let item = there.items().remove(0);
    assert_eq!((item.text.as_str(), item.assignee, item.is_completed), ("mine", None, true));
}

#[tokio::test]
async fn what_was_typed_before_one_heard_of_a_move_is_late_whatever_one_types_then() {
    let mut hall = Hall::default();
    let key = id(1).to_string();
    let types = |doc: &mut AutoCommit, todos: &ObjId, at: usize, deleted: isize, words: &str| {
        let Some((_, todo)) = doc.get(todos, &key).unwrap() else { panic!("it is there") };
        let Some((_, text)) = doc.get(&todo, "text").unwrap() else { panic!("a text") };
        doc.splice_text(&text, at, deleted, words).unwrap();
    };
    hall.client(ada(), |doc, todos| drop(makes(doc, todos, &key, &[("text", "buy")])));
    let mark = hall.edit(9, |todos| {
        todos.moved(id(1), DocumentId::Todos([2; 12]), &todos.taken_along(id(1)));
        Ok(())
    });
    hall.client(ben(), |doc, todos| types(doc, todos, 3, 0, " milk"));
    hall.takes(ada(), mark.unwrap().unwrap());
    // He is back, and has heard.
    hall.client(ben(), |doc, todos| types(doc, todos, 0, 3, "!"));
    let (mut there, late) = (Hall::default(), hall.late());
    there.edits(|todos| todos.make(id(1), &new("buy")));
    there.edits(|todos| {
        todos.carry(&late[0], (list(1), 9));
        Ok(())
    });
    assert_eq!(there.texts(), ["buy milk"]);
    hall.edits(|todos| {
        todos.carried_over(&late[0]);
        Ok(())
    });
    assert_eq!(hall.late(), []);
}

#[tokio::test]
async fn what_a_todo_was_when_it_was_moved_only_its_mover_says() {
    let mut hall = Hall::default();
    hall.edits(|todos| todos.make(id(1), &new("as it was")));
    hall.edits(|todos| {
        todos.moved(id(1), DocumentId::Todos([2; 12]), &todos.taken_along(id(1)));
        Ok(())
    });
    let mallorys = |doc: &mut AutoCommit| {
        let Some((_, moved)) = doc.get(ROOT, "moved").unwrap() else { panic!("marks") };
        let Some((_, mark)) = doc.get(&moved, id(1).to_string()).unwrap() else { panic!("a mark") };
        let Some((_, was)) = doc.get(&mark, "was").unwrap() else { panic!("what it was") };
        doc.put(&was, "text", "zzz").unwrap();
    };
    hall.client(ben(), |doc, _| mallorys(doc));
    assert_eq!(hall.late(), []);
}
