//! Lists of todos as TypeScript has them (`schema/fixtures/todos.json`): the same steps leave the same
//! document and show the same todos.

use std::{collections::BTreeMap, path::Path};

use serde::Deserialize;
use serde_json::{Map, Value, json};
use studyhall_schema::{
    Timestamp,
    document::DocumentId,
    ids::{TodoId, UserId},
    todo::{Item, Setting},
};

use super::{
    Came, Engine, Kept, Maps, MapsMut, NewTodo, Refusal, TodoChange, TodoList, Yjs, ada, edit, read,
};

type Hall = super::Hall<Yjs>;

#[derive(Deserialize)]
struct Fixture {
    lists: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    #[serde(default)]
    before: BTreeMap<String, BTreeMap<String, Map<String, Value>>>,
    #[serde(default)]
    values: Map<String, Value>,
    steps: Vec<Step>,
    document: Value,
    shown: Value,
}

#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
enum Step {
    Make {
        id: TodoId,
        text: String,
        assignee_id: Option<UserId>,
        due_date: Option<Timestamp>,
        at: Timestamp,
    },
    Revise {
        id: TodoId,
        text: Option<String>,
        #[serde(default)]
        assignee_id: Setting<UserId>,
        #[serde(default)]
        due_date: Setting<Timestamp>,
    },
    Complete {
        id: TodoId,
        by: UserId,
        at: Timestamp,
    },
    Reopen {
        id: TodoId,
    },
    Place {
        id: TodoId,
        after: Option<TodoId>,
    },
    Remove {
        id: TodoId,
    },
    Moved {
        id: TodoId,
        to: DocumentId,
    },
    Receive {
        id: TodoId,
        text: String,
        assignee_id: Option<UserId>,
        due_date: Option<Timestamp>,
        created_at: Timestamp,
        completed: Value,
        #[serde(default)]
        came: Option<Told>,
    },
}

#[derive(Deserialize)]
struct Told {
    from: DocumentId,
    was: Value,
    moves: u64,
}

fn take(step: Step, list: &mut TodoList<'_, dyn MapsMut + '_>) -> Result<(), Refusal> {
    match step {
        Step::Make { id, text, assignee_id, due_date, at } => {
            let new = NewTodo { text, assignee: assignee_id, due: due_date, created_at: at };
            list.make(id, &new)
        }
        Step::Revise { id, text, assignee_id, due_date } => {
            list.revise(id, &TodoChange { text, assignee: assignee_id, due: due_date })
        }
        Step::Complete { id, by, at } => list.complete(id, by, at),
        Step::Reopen { id } => list.reopen(id),
        Step::Place { id, after } => list.place(id, after),
        Step::Remove { id } => {
            list.remove(id);
            Ok(())
        }
        Step::Moved { id, to } => {
            list.moved(id, to, &list.taken_along(id));
            Ok(())
        }
        Step::Receive { id, text, assignee_id, due_date, created_at, completed, came } => {
            let item = Item {
                id,
                text,
                made_by: None,
                assignee: assignee_id,
                due: due_date,
                is_completed: false,
                completed_at: None,
                created_at: Some(created_at),
                position: 0.0,
            };
            let took = Value::Null;
            let came = came.map(|Told { from, was, moves }| Came { from, was, moves, took });
            list.receive(super::list(9), (&item, &completed), came.as_ref()).map(drop)
        }
    }
}

fn shown(item: &Item) -> Value {
    json!({
        "id": item.id,
        "text": item.text,
        "assignee_id": item.assignee,
        "due_date": item.due,
        "is_completed": item.is_completed,
        "completed_at": item.completed_at,
        "created_at": item.created_at,
        "position": whole(item.position),
    })
}

/// JavaScript knows no difference between 1 and 1.0.
#[expect(clippy::cast_possible_truncation, reason = "only what is whole and small is cast")]
fn whole(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() <= 1e15 { json!(number as i64) } else { json!(number) }
}

/// JavaScript writes a whole second with its thousandths.
fn whole_seconds(value: &Value) -> String {
    value.to_string().replace(".000Z", "Z")
}

fn root(maps: &dyn Maps, root: &str) -> Value {
    let keys = maps.keys(root).into_iter();
    keys.map(|key| (key.clone(), maps.value(root, &key).unwrap_or_default())).collect()
}

#[tokio::test]
async fn the_same_steps_leave_the_same_list() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schema/fixtures/todos.json");
    let fixture: Fixture = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    for case in fixture.lists {
        let mut hall = Hall::default();
        let before = edit(Yjs::view(&mut hall.0), 1, |maps| {
            for (root, entries) in &case.before {
                for (key, fields) in entries {
                    for (field, value) in fields {
                        maps.set_field(root, key, field, value);
                    }
                }
            }
            for (key, value) in &case.values {
                maps.set("todos", key, value);
            }
            Ok(())
        });
        if let Some(update) = before.unwrap() {
            hall.takes(ada(), update);
        }
        for (client, step) in (2..).zip(case.steps) {
            // One that is refused, as of a todo that is not here, changes nothing.
            if let Ok(Some(update)) = hall.edit(client, |list| take(step, list)) {
                hall.takes(ada(), update);
            }
        }
        let (document, items) = read(Yjs::view(&mut hall.0), |maps| {
            let document = json!({ "todos": root(maps, "todos"), "moved": root(maps, "moved") });
            (document, Kept::default().shown(&TodoList::of(maps), None).0)
        });
        assert_eq!(whole_seconds(&document), whole_seconds(&case.document), "{}", case.name);
        let items: Value = items.iter().map(shown).collect();
        assert_eq!(whole_seconds(&items), whole_seconds(&case.shown), "{}", case.name);
    }
}
