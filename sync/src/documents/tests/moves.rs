//! Moves of todos that others come between: of a todo one is left.

use std::sync::Mutex;

use serde_json::json;
use studyhall_schema::trash::Trashed;
use studyhall_store::Page;

use super::{
    todos::{ben, list, new, rooms_desk, todo},
    *,
};
use crate::contents::{Came, MapsMut, Whereabouts};

/// Rounds of a race.
const ROUNDS: u8 = 12;

impl Desk {
    async fn makes(&self, number: u8, at: DocumentId) {
        let make = self
            .documents
            .edit_todos(at, ada(), move |todos| todos.make(todo(number), &new("draft")));
        make.await.unwrap();
    }

    /// The lists that show a todo, when all rows follow.
    async fn shown_in(&self, number: u8) -> Vec<DocumentId> {
        let mut shown = Vec::new();
        for at in [1, 7, 8, 9].map(list) {
            self.documents.catch_up(at).await.unwrap();
            shown.extend(self.row(at, number).await.map(|row| row.list));
        }
        shown
    }

    async fn trash(&self, number: u8) -> usize {
        let page = Page::of("item").equal(ada()).equal(todo(number).to_string());
        self.store.records::<Trashed>().page(page).await.unwrap().items.len()
    }

    /// What a node does of a move before it is killed.
    async fn begins_to_move(&self, number: u8, from: DocumentId, to: DocumentId) -> Came {
        let item = self.row(from, number).await.unwrap().item();
        let (came, told) = std::sync::mpsc::channel();
        let look = self.documents.edit_todos(from, ada(), move |todos| {
            let _ = came.send((todos.leaving(todo(number), from), todos.completed(todo(number))));
            Ok(())
        });
        look.await.unwrap();
        let (came, completed) = told.recv().unwrap();
        let takes = came.clone();
        let receive = self.documents.edit_todos(to, ada(), move |todos| {
            todos.receive(to, (&item, &completed), Some(&takes)).map(drop)
        });
        receive.await.unwrap();
        came
    }
}

#[tokio::test]
async fn of_two_moves_at_once_one_wins_also_on_two_nodes() {
    let desk = rooms_desk().await;
    let nodes = [desk.documents.clone(), desk.node()];
    for number in 1..ROUNDS {
        desk.makes(number, list(1)).await;
        let row = desk.row(list(1), number).await.unwrap();
        let (here, there) = (&nodes[0], &nodes[usize::from(number % 2)]);
        let (one, other) = tokio::join!(
            here.move_todo(&row, false, list(7), ada()),
            there.move_todo(&row, false, list(8), ada()),
        );
        let won = match (one, other) {
            (Ok(()), Err(SyncFault::Moved | SyncFault::NotFound)) => list(7),
            (Err(SyncFault::Moved | SyncFault::NotFound), Ok(())) => list(8),
            both => panic!("{number}: {both:?}"),
        };
        assert_eq!(desk.shown_in(number).await, [won]);
        assert_eq!(desk.trash(number).await, 0);
    }
}

#[tokio::test]
async fn a_move_beside_a_deletion_leaves_the_todo_in_a_list_or_in_the_trash() {
    let desk = rooms_desk().await;
    let nodes = [desk.documents.clone(), desk.node()];
    for number in 1..ROUNDS {
        desk.makes(number, list(7)).await;
        let row = desk.row(list(7), number).await.unwrap();
        let there = &nodes[usize::from(number % 2)];
        let delete = there.edit_todos(list(7), ada(), move |todos| {
            todos.check(todo(number), None)?;
            todos.remove(todo(number));
            Ok(())
        });
        let (moved, deleted) =
            tokio::join!(nodes[0].move_todo(&row, false, list(1), ada()), delete);
        let (shown, trash) = (desk.shown_in(number).await, desk.trash(number).await);
        let expected = match (moved, deleted) {
            (Ok(()), Err(SyncFault::NotFound)) => (vec![list(1)], 0),
            (Err(SyncFault::NotFound), Ok(())) => (Vec::new(), 1),
            both => panic!("{number}: {both:?} {shown:?}"),
        };
        assert_eq!((shown, trash), expected, "{number}");
    }
}

#[tokio::test]
async fn a_move_that_was_cut_off_is_finished_and_loses_nothing() {
    let desk = rooms_desk().await;
    let lists = [1, 7, 8].map(list);
    desk.makes(1, list(1)).await;
    desk.begins_to_move(1, list(1), list(7)).await;
    // Two who had not heard of each other.
    for (at, field, value) in
        [(1, "text", json!("words")), (7, "due_date", json!("2026-02-01T00:00:00Z"))]
    {
        let key = todo(1).to_string();
        let write = move |maps: &mut dyn MapsMut| {
            maps.set_field("todos", &key, field, &value);
        };
        desk.writes(list(at), ada(), write).await;
    }
    assert_eq!(desk.shown_in(1).await, [list(1), list(7)]);
    desk.documents.settle_todo(todo(1), &lists, ada()).await.unwrap();
    assert_eq!(desk.shown_in(1).await, [list(7)]);
    desk.shows(list(7), 1, |todo| todo.text == "words" && todo.due_date.is_some()).await;
    // On the way back, too, and where two were cut off.
    desk.begins_to_move(1, list(7), list(1)).await;
    desk.documents.settle_todo(todo(1), &lists, ada()).await.unwrap();
    assert_eq!(desk.shown_in(1).await, [list(1)]);
    desk.begins_to_move(1, list(1), list(7)).await;
    desk.begins_to_move(1, list(1), list(8)).await;
    assert_eq!(desk.shown_in(1).await, [list(1), list(7), list(8)]);
    desk.documents.settle_todo(todo(1), &lists, ada()).await.unwrap();
    assert_eq!(desk.shown_in(1).await, [list(7)]);
    assert_eq!(desk.trash(1).await, 0);
}

#[tokio::test]
async fn what_comes_long_after_a_move_stays_behind_and_what_is_there_is_removed() {
    const DAY: Duration = Duration::from_hours(24);
    let desk = rooms_desk().await;
    for number in [1, 2] {
        desk.makes(number, list(7)).await;
    }
    let writes = async |number, words: &str| {
        let (key, words) = (todo(number).to_string(), json!(words));
        let write = move |maps: &mut dyn MapsMut| maps.set_field("todos", &key, "text", &words);
        desk.writes(list(7), ben(), write).await;
    };
    desk.moves(1, list(7), list(1), ada()).await;
    desk.clock.advance(6 * DAY);
    writes(1, "a phone's").await;
    desk.shows(list(1), 1, |todo| todo.text == "a phone's").await;
    assert_eq!(desk.documents.empty_moved().await, Ok(0));
    desk.clock.advance(2 * DAY);
    desk.moves(2, list(7), list(1), ada()).await;
    writes(1, "Mallory's").await;
    writes(2, "another phone's").await;
    desk.shows(list(1), 2, |todo| todo.text == "another phone's").await;
    assert_eq!(desk.row(list(1), 1).await.unwrap().text, "a phone's");
    // Of what was taken back the room keeps nothing for ever.
    assert_eq!(desk.documents.empty_moved().await, Ok(1));
    let keys = Arc::new(Mutex::new(Vec::new()));
    let found = keys.clone();
    let look = move |maps: &mut dyn MapsMut| {
        *found.lock().unwrap() = ["todos", "moved"].map(|root| maps.keys(root)).concat();
    };
    desk.writes(list(7), ben(), look).await;
    let left = todo(2).to_string();
    assert_eq!(*keys.lock().unwrap(), [left.clone(), left]);
    assert_eq!((desk.shown_in(1).await, desk.trash(1).await), (vec![list(1)], 0));
    // It may come again, and go again.
    desk.moves(1, list(1), list(7), ada()).await;
    desk.moves(1, list(7), list(1), ada()).await;
    writes(1, "a third phone's").await;
    desk.shows(list(1), 1, |todo| todo.text == "a third phone's").await;
}

#[tokio::test]
async fn a_node_that_slept_in_a_move_does_not_take_along_what_has_come_back_meanwhile() {
    let desk = rooms_desk().await;
    desk.makes(1, list(1)).await;
    let came = desk.begins_to_move(1, list(1), list(7)).await;
    // Others finish it, and move the todo back.
    desk.documents.settle_todo(todo(1), &[list(1), list(7)], ada()).await.unwrap();
    assert_eq!(desk.shown_in(1).await, [list(7)]);
    let row = desk.row(list(7), 1).await.unwrap();
    desk.documents.move_todo(&row, false, list(1), ada()).await.unwrap();
    let was = Some((came.was, came.moves - 1));
    let is = desk.documents.mark_moved(todo(1), (list(1), list(7)), ada(), was).await.unwrap();
    assert!(matches!(is, Whereabouts::Here(Some(_))), "{is:?}");
    assert_eq!(desk.shown_in(1).await, [list(1)]);
    assert_eq!(desk.trash(1).await, 0);
}
