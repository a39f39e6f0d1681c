//! Lists of todos behind their doors: whose a todo is, and what goes after one that has moved.

use serde_json::json;
use studyhall_schema::{
    ids::{RoomId, TodoId},
    todo::{Todo, nobody},
};

use super::*;
use crate::contents::{self, MapsMut, NewTodo};

fn ben() -> UserId {
    UserId::from_bytes([2; 12])
}

fn mallory() -> UserId {
    UserId::from_bytes([3; 12])
}

fn todo(number: u8) -> TodoId {
    TodoId::from_bytes([number; 12])
}

fn new(text: &str) -> NewTodo {
    NewTodo { text: text.into(), assignee: None, due: None, created_at: Timestamp::from_millis(5) }
}

/// The list of a room, or of the person who has that number.
fn list(number: u8) -> DocumentId {
    DocumentId::Todos([number; 12])
}

impl Desk {
    async fn has_list(&self, number: u8, owner: UserId, is_rooms: bool) {
        let room = is_rooms.then(|| RoomId::from_bytes([number; 12]));
        let kind = DocumentKind::Todos;
        let record = DocumentRecord { id: list(number), kind, owner, room, ..note(0, kind) };
        self.store.records::<DocumentRecord>().insert(record).await.unwrap();
    }

    /// What a client writes by itself, as nobody else would.
    async fn writes(
        &self,
        list: DocumentId,
        by: UserId,
        write: impl FnOnce(&mut dyn MapsMut) + Send + 'static,
    ) {
        let change: Change = Box::new(move |view, client| {
            contents::edit(view, client, |maps| {
                write(maps);
                Ok(())
            })
        });
        self.documents.edit(list, by, change).await.unwrap();
        self.documents.project(list).await.unwrap();
    }

    async fn row(&self, list: DocumentId, number: u8) -> Option<Todo> {
        let id = Todo::key(list, todo(number));
        self.store.records::<Todo>().get(&id).await.unwrap().map(|row| row.value)
    }
}

#[tokio::test]
async fn a_todo_that_is_one_value_is_nobodys_where_many_write() {
    let desk = desk().await;
    for (number, owner, by, is_rooms, whose) in
        [(1, ada(), ada(), false, ada()), (7, ada(), mallory(), true, nobody())]
    {
        desk.has_list(number, owner, is_rooms).await;
        let words = json!({ "text": "I, Ada, resign", "position": 1 });
        let key = todo(1).to_string();
        desk.writes(list(number), by, move |maps| maps.set("todos", &key, &words)).await;
        let made = desk.documents.edit_todos(list(number), by, |todos| todos.make(todo(2), &new("x")));
        made.await.unwrap();
        assert_eq!(desk.row(list(number), 1).await.unwrap().owner_id, whose);
        assert_eq!(desk.row(list(number), 2).await.unwrap().owner_id, by);
    }
}
