//! Lists of todos behind their doors: whose a todo is, and what goes after one that has moved.

use serde_json::json;
use studyhall_schema::{
    ids::{RoomId, TodoId, UserId},
    todo::{Todo, nobody},
    trash::Trashed,
};
use studyhall_store::Page;

use super::*;
use crate::contents::{self, MapsMut, NewTodo};

pub(super) fn ben() -> UserId {
    UserId::from_bytes([2; 12])
}

pub(super) fn mallory() -> UserId {
    UserId::from_bytes([3; 12])
}

pub(super) fn todo(number: u8) -> TodoId {
    TodoId::from_bytes([number; 12])
}

pub(super) fn new(text: &str) -> NewTodo {
    NewTodo { text: text.into(), assignee: None, due: None, created_at: Timestamp::from_millis(5) }
}

/// Everybody may write into every list but into this one's own.
struct AllBut(UserId);

impl Access for AllBut {
    fn authenticate(&self, _: Credential) -> BoxFuture<'_, Result<Caller, AccessError>> {
        Box::pin(async { Err(AccessError::Invalid) })
    }

    fn permission(&self, _: Caller, _: Resource) -> BoxFuture<'_, Result<Permission, AccessError>> {
        Box::pin(async { Ok(Permission::None) })
    }

    fn permission_of(
        &self,
        user: UserId,
        resource: Resource,
    ) -> BoxFuture<'_, Result<Permission, AccessError>> {
        let own = Resource::Document(DocumentId::Todos(self.0.bytes()));
        let may = resource != own || user == self.0;
        Box::pin(async move { Ok(if may { Permission::Write } else { Permission::None }) })
    }

    fn changes(&self) -> Box<dyn AccessChanges> {
        Box::new(Nobody)
    }
}

/// Ada's own list is 1, those of rooms are 7, 8 and 9.
pub(super) async fn rooms_desk() -> Desk {
    let mut desk = desk().await;
    desk.documents = desk.node();
    for (number, is_rooms) in [(1, false), (7, true), (8, true), (9, true)] {
        desk.has_list(number, ada(), is_rooms).await;
    }
    desk
}

/// The list of a room, or of the person who has that number.
pub(super) fn list(number: u8) -> DocumentId {
    DocumentId::Todos([number; 12])
}

impl Desk {
    /// The documents of one of several nodes.
    pub(super) fn node(&self) -> Documents {
        let poll = Some(Duration::from_millis(200));
        let config = Config { poll, ..Config::new(Arc::new(Nobody)) };
        Service::new(config, self.store.clone(), Arc::new(AllBut(ada()))).documents()
    }

    async fn has_list(&self, number: u8, owner: UserId, is_rooms: bool) {
        let room = is_rooms.then(|| RoomId::from_bytes([number; 12]));
        let kind = DocumentKind::Todos;
        let record = DocumentRecord { id: list(number), kind, owner, room, ..note(0, kind) };
        self.store.records::<DocumentRecord>().insert(record).await.unwrap();
    }

    /// What a client writes by itself, as nobody else would.
    pub(super) async fn writes(
        &self,
        list: DocumentId,
        by: UserId,
        mut write: impl FnMut(&mut dyn MapsMut) + Send + 'static,
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

    /// Waits until a todo in a list is as `expected`.
    pub(super) async fn shows(
        &self,
        list: DocumentId,
        number: u8,
        expected: impl Fn(&Todo) -> bool,
    ) {
        for _ in 0..200 {
            self.documents.follow_todos(list).await.unwrap();
            if self.row(list, number).await.as_ref().is_some_and(&expected) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{list} has {:?}", self.row(list, number).await);
    }

    /// Moves a todo as its owner asks.
    pub(super) async fn moves(&self, number: u8, from: DocumentId, to: DocumentId, by: UserId) {
        let row = self.row(from, number).await.unwrap();
        self.documents.move_todo(&row, false, to, by).await.unwrap();
    }

    pub(super) async fn row(&self, list: DocumentId, number: u8) -> Option<Todo> {
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
        let made =
            desk.documents.edit_todos(list(number), by, |todos| todos.make(todo(2), &new("x")));
        made.await.unwrap();
        assert_eq!(desk.row(list(number), 1).await.unwrap().owner_id, whose);
        assert_eq!(desk.row(list(number), 2).await.unwrap().owner_id, by);
        let (one, other) = (todo(1).to_string(), todo(2).to_string());
        desk.writes(list(number), by, move |maps| {
            maps.remove("todos", &one);
            maps.remove("todos", &other);
        })
        .await;
        let page = Page::of("_id").limit(10);
        let trash = desk.store.records::<Trashed>().page(page).await.unwrap().items;
        let here = trash.iter().filter(|it| it.id.starts_with(&list(number).to_string()));
        let owners: Vec<_> = here.map(|it| it.owner_id).collect();
        assert_eq!(owners, vec![by; if is_rooms { 1 } else { 2 }], "nobody's trash stays empty");
    }
}

#[tokio::test]
async fn what_somebody_puts_in_the_place_of_anothers_todo_is_theirs_and_the_todo_is_in_the_trash() {
    let desk = rooms_desk().await;
    for number in [1, 2] {
        let make = move |list: &mut contents::TodoList<'_, dyn MapsMut + '_>| {
            list.make(todo(number), &new("Ada's"))
        };
        desk.documents.edit_todos(list(7), ada(), make).await.unwrap();
    }
    let (one, other) = (todo(1).to_string(), todo(2).to_string());
    desk.writes(list(7), mallory(), move |maps| {
        maps.remove("todos", &one);
        maps.set_field("todos", &one, "text", &json!("Mallory's"));
        maps.set("todos", &other, &json!({ "text": "nobody's" }));
    })
    .await;
    for (number, whose) in [(1, mallory()), (2, nobody())] {
        assert_eq!(desk.row(list(7), number).await.unwrap().owner_id, whose);
        let id = Todo::key(list(7), todo(number));
        let trashed = desk.store.records::<Trashed>().get(&id).await.unwrap().unwrap();
        assert_eq!((trashed.owner_id, trashed.title.as_str()), (ada(), "Ada's"));
    }
}

#[tokio::test]
async fn a_row_that_a_killed_node_wrote_too_late_goes_by_itself() {
    let desk = rooms_desk().await;
    let make = |list: &mut contents::TodoList<'_, dyn MapsMut + '_>| list.make(todo(1), &new("x"));
    desk.documents.edit_todos(list(7), ada(), make).await.unwrap();
    let late = desk.row(list(7), 1).await.unwrap();
    let key = todo(1).to_string();
    desk.writes(list(7), ada(), move |maps| maps.remove("todos", &key)).await;
    assert_eq!(desk.row(list(7), 1).await, None);
    // The other node had begun to write it when the todo was still there.
    desk.store.records::<Todo>().insert(late).await.unwrap();
    for _ in 0..200 {
        if desk.row(list(7), 1).await.is_none() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("nobody gets rid of a todo that is not in the list");
}

#[tokio::test]
async fn what_a_phone_does_goes_after_a_todo_that_was_moved_more_than_once() {
    let desk = rooms_desk().await;
    let made =
        desk.documents.edit_todos(list(7), ada(), |todos| todos.make(todo(1), &new("draft")));
    made.await.unwrap();
    for (from, to) in [(7, 8), (8, 9)] {
        desk.moves(1, list(from), list(to), ada()).await;
    }
    let key = todo(1).to_string();
    let words = json!("Ben's offline words");
    desk.writes(list(7), ben(), move |maps| maps.set_field("todos", &key, "text", &words)).await;
    desk.shows(list(9), 1, |todo| todo.text == "Ben's offline words").await;
    // Where it went on by somebody who may not write there, it waits and is not lost.
    desk.moves(1, list(9), list(1), ben()).await;
    let key = todo(1).to_string();
    desk.writes(list(7), ben(), move |maps| maps.set_field("todos", &key, "text", &json!("more")))
        .await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(desk.row(list(1), 1).await.unwrap().text, "Ben's offline words");
    desk.moves(1, list(1), list(9), ada()).await;
    let key = todo(2).to_string();
    desk.writes(list(7), ben(), move |maps| maps.set_field("todos", &key, "text", &json!("other")))
        .await;
    desk.shows(list(9), 1, |todo| todo.text == "more").await;
}

#[tokio::test]
async fn what_is_on_its_way_after_a_todo_that_has_come_back_is_there_once() {
    let desk = rooms_desk().await;
    let make =
        |list: &mut contents::TodoList<'_, dyn MapsMut + '_>| list.make(todo(1), &new("buy milk"));
    desk.documents.edit_todos(list(7), ada(), make).await.unwrap();
    desk.moves(1, list(7), list(8), ada()).await;
    let key = todo(1).to_string();
    let words: Change = Box::new(move |view, client| {
        contents::edit(view, client, |maps| {
            maps.set_text("todos", &key, "text", "buy milk [ben]");
            Ok(())
        })
    });
    desk.documents.edit(list(7), ben(), words).await.unwrap();
    let late = desk.documents.change_list(list(7), ben(), Box::new(|list| Ok(list.late())));
    let late = late.await.unwrap();
    assert_eq!(late.len(), 1);
    desk.shows(list(8), 1, |todo| todo.text == "buy milk [ben]").await;
    desk.moves(1, list(8), list(7), ada()).await;
    let key = todo(1).to_string();
    desk.writes(list(7), ada(), move |maps| {
        maps.set_text("todos", &key, "text", "buy milk [ben] [ada]");
    })
    .await;
    // A node that has looked before comes to it only now.
    desk.documents.carry_over(list(7), late).await;
    desk.documents.project(list(7)).await.unwrap();
    assert_eq!(desk.row(list(7), 1).await.unwrap().text, "buy milk [ben] [ada]");
}

#[tokio::test]
async fn a_todo_that_is_said_to_go_in_a_circle_is_followed_for_a_while() {
    let desk = rooms_desk().await;
    for (from, to) in [(7, 8), (8, 9), (9, 7)] {
        let made = desk
            .documents
            .edit_todos(list(from), mallory(), move |todos| todos.make(todo(1), &new("round")));
        made.await.unwrap();
        desk.documents.mark_moved(todo(1), (list(from), list(to)), mallory(), None).await.unwrap();
    }
    let key = todo(1).to_string();
    desk.writes(list(7), mallory(), move |maps| maps.set_field("todos", &key, "text", &json!("x")))
        .await;
    let log = desk.store.log();
    let mut seen = Vec::new();
    while seen.len() < 3 || seen[seen.len() - 3..].iter().any(|len| *len != seen[seen.len() - 1]) {
        assert!(seen.len() < 50, "it goes on for ever: {seen:?}");
        tokio::time::sleep(Duration::from_millis(300)).await;
        let mut entries = 0;
        for number in [7, 8, 9] {
            entries += log.read(list(number), 1, 1 << 20).await.unwrap().len();
        }
        seen.push(entries);
    }
}

#[tokio::test]
async fn forged_marks_do_not_keep_others_changes_from_going_after_their_todos() {
    let desk = rooms_desk().await;
    desk.has_list(3, mallory(), false).await;
    // To Ada's own list, into which she may not write, and to her own and a room's, where nothing is.
    desk.writes(list(7), mallory(), |maps| {
        for number in 0..1200_u32 {
            let bytes: Vec<_> = [3; 8].into_iter().chain(number.to_be_bytes()).collect();
            let key = TodoId::from_bytes(bytes.try_into().unwrap()).to_string();
            let to = list([1, 1, 3, 8][number as usize % 4]);
            maps.set_field("todos", &key, "text", &json!("x"));
            maps.set_field("todos", &key, "moved_to", &json!(to));
            maps.set_field("moved", &key, "was", &json!({}));
        }
    })
    .await;
    // More than are carried over at once.
    for (to, moves) in [(list(7), None), (list(9), None), (list(7), Some(list(9)))] {
        let edit = desk.documents.edit_todos(to, ada(), move |todos| {
            for id in (10..130).map(todo) {
                match moves {
                    None => todos.make(id, &new("draft"))?,
                    Some(to) => drop(todos.moved(id, to, &todos.taken_along(id))),
                }
            }
            Ok(())
        });
        edit.await.unwrap();
    }
    desk.writes(list(7), ben(), |maps| {
        for number in 10..130 {
            maps.set_field("todos", &todo(number).to_string(), "text", &json!("Ben's words"));
        }
    })
    .await;
    // All of them, though nobody writes meanwhile.
    for number in 10..130 {
        desk.shows(list(9), number, |todo| todo.text == "Ben's words").await;
    }
}
