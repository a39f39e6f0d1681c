//! Rows of a list that two nodes write to, each of which remembers what it wrote.

use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::json;
use studyhall_schema::ids::TodoId;

use super::*;
use crate::contents;

const LIST: DocumentId = DocumentId::Todos([1; 12]);

fn todo(number: u8) -> String {
    TodoId::from_bytes([number; 12]).to_string()
}

/// Two nodes over one store, and a list of Ada's in it.
async fn nodes(engine: Engine) -> (Desk, [Documents; 2]) {
    let config = || Config { poll: Some(Duration::from_hours(1)), ..Config::new(Arc::new(Nobody)) };
    let first = desk_of(config()).await;
    let second = Service::new(config(), first.store.clone(), Arc::new(Nobody)).documents();
    let kind = DocumentKind::Todos;
    let record = DocumentRecord { id: LIST, engine, ..note(0, kind) };
    first.store.records::<DocumentRecord>().insert(record).await.unwrap();
    let nodes = [first.documents.clone(), second];
    (first, nodes)
}

/// Somebody makes, changes or removes a todo.
async fn writes(node: &Documents, number: u8, step: u8) {
    let change: Change = Box::new(move |view, client| {
        contents::edit(view, client, |maps| {
            let key = todo(number);
            match step {
                0 => maps.remove("todos", &key),
                1 => maps.set_field("todos", &key, "moved_to", &json!("nowhere")),
                2 => maps.set_field("todos", &key, "position", &json!(number / 2)),
                _ => maps.set_text("todos", &key, "text", &format!("{step}")),
            }
            Ok(())
        })
    });
    node.edit(LIST, ada(), change).await.unwrap();
}

async fn the_rows_are_what_the_list_says(engine: Engine) {
    let (desk, nodes) = nodes(engine).await;
    for seed in 0..3 {
        let mut chance = StdRng::seed_from_u64(seed);
        for step in 0..30 {
            let node = &nodes[chance.random_range(0..2)];
            writes(node, chance.random_range(1..6), chance.random_range(0..9)).await;
            if chance.random_range(0..3) == 0 {
                node.follow_todos(LIST).await.unwrap();
                let verified = crate::verify::verify(&desk.store, false).await.unwrap();
                assert_eq!(verified.wrong, [""; 0], "seed {seed}, step {step}");
            }
        }
    }
}

#[tokio::test]
async fn rows_that_two_nodes_write_by_turns_are_what_a_list_in_yjs_says() {
    the_rows_are_what_the_list_says(Engine::Yjs).await;
}

#[tokio::test]
async fn rows_that_two_nodes_write_by_turns_are_what_a_list_in_automerge_says() {
    the_rows_are_what_the_list_says(Engine::Automerge).await;
}
