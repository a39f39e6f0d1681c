//! A todo's row: a projection of its list's document and of that document's `DocumentRecord`,
//! rebuildable from them. What a list says of a todo is an [`Item`].

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};

use crate::{
    Timestamp,
    document::DocumentId,
    ids::{RoomId, TodoId, UserId},
    record::{Index, Record},
};

/// The longest text that a row shows, in characters.
pub const LONGEST_TEXT: usize = 2_000;

/// Todos of a list that have rows: the first ones, in order.
pub const MOST: usize = 5_000;

/// So long what somebody does to a todo who has not heard that it was moved goes after it.
pub const LATE_FOR: Duration = Duration::from_hours(7 * 24);

/// Where a todo is whose list gives it no position: at the end.
pub const LAST: f64 = 1e15;

/// Whose a todo is that nobody is known to have made. Nobody has this id.
pub fn nobody() -> UserId {
    UserId::from_bytes([0; 12])
}

/// What a change says of a field that may be empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Setting<T> {
    /// Nothing: it stays.
    #[default]
    Kept,
    /// It becomes this, or empty.
    To(Option<T>),
}

impl<T> Setting<T> {
    /// What is set, if something is.
    pub fn value(self) -> Option<T> {
        match self {
            Self::Kept => None,
            Self::To(value) => value,
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Setting<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(Self::To)
    }
}

/// A todo as its list's document has it: what is of the wrong type or beyond its limits is left out.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The todo.
    pub id: TodoId,
    /// What is to be done.
    pub text: String,
    /// Who made it, by the list's log; nobody who is known for a todo that is no map of its own.
    pub made_by: Option<UserId>,
    /// Who is to do it; it may be somebody who does not exist.
    pub assignee: Option<UserId>,
    /// Until when.
    pub due: Option<Timestamp>,
    /// Whether it is done.
    pub is_completed: bool,
    /// Since when, as far as that is known.
    pub completed_at: Option<Timestamp>,
    /// When it was made, as its maker says.
    pub created_at: Option<Timestamp>,
    /// Its place in the list; equal ones are in the order of their ids.
    pub position: f64,
}

/// A row of `todos`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Todo {
    /// `<list>:<todo>`: what somebody writes into a list of theirs takes nobody else's row.
    #[serde(rename = "_id")]
    pub id: String,
    /// The todo's id.
    pub todo_id: TodoId,
    /// The document that it is in.
    pub list: DocumentId,
    /// What is to be done; at most [`LONGEST_TEXT`] characters.
    pub text: String,
    /// Who made it.
    pub owner_id: UserId,
    /// The room whose list it is in.
    pub room_id: Option<RoomId>,
    /// Whether it is in a room's list.
    pub is_shared: bool,
    /// Who is to do it.
    pub assignee_id: Option<UserId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when.
    pub due_date: Option<Timestamp>,
    /// Whether it is done.
    pub is_completed: bool,
    /// Since when.
    pub completed_at: Option<Timestamp>,
    /// Its place in the list.
    pub position: f64,
    /// When its text was seen to be another; not known of older rows.
    #[serde(default)]
    pub text_changed_at: Option<Timestamp>,
    /// The list's last update when this row was written; only a higher one replaces it.
    pub projected_seq: u64,
}

impl Todo {
    /// The `_id` of a todo's row in a list.
    pub fn key(list: DocumentId, todo: TodoId) -> String {
        format!("{list}:{todo}")
    }

    /// The todo as it may be put into a list again.
    pub fn item(&self) -> Item {
        Item {
            id: self.todo_id,
            text: self.text.clone(),
            made_by: Some(self.owner_id),
            assignee: self.assignee_id,
            due: self.due_date,
            is_completed: self.is_completed,
            completed_at: self.completed_at,
            created_at: Some(self.created_at),
            position: self.position,
        }
    }

    /// The row with what a list says of the todo, but for its place.
    #[must_use]
    pub fn with(self, item: Item) -> Self {
        Self {
            text: item.text,
            assignee_id: item.assignee,
            due_date: item.due,
            is_completed: item.is_completed,
            completed_at: item.completed_at,
            ..self
        }
    }

    /// Whether the row shows a todo as its list has it.
    pub fn shows(&self, item: &Item) -> bool {
        self.text == item.text
            && self.assignee_id == item.assignee
            && self.due_date == item.due
            && self.is_completed == item.is_completed
            && self.completed_at == item.completed_at
            && self.position.total_cmp(&item.position).is_eq()
    }
}

impl Record for Todo {
    const COLLECTION: &'static str = "todos";
    type Id = String;
    fn id(&self) -> String {
        self.id.clone()
    }
    /// A todo's row goes when it is deleted or moved, and another comes when it is restored, or elsewhere:
    /// what it says then was never under a revision that somebody has seen.
    fn first_rev(&self) -> u64 {
        let made = self.text_changed_at.unwrap_or(self.created_at);
        u64::try_from(made.as_millis()).unwrap_or_default().max(1)
    }
    fn indexes() -> &'static [Index] {
        &[
            Index { name: "list", keys: &["list", "position", "_id"], unique: false },
            Index { name: "todo", keys: &["todo_id", "_id"], unique: false },
            Index { name: "owner", keys: &["owner_id", "list", "position", "_id"], unique: false },
            Index {
                name: "assignee",
                keys: &["assignee_id", "list", "position", "_id"],
                unique: false,
            },
        ]
    }
}

/// How far the rows of a list follow its document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectedList {
    /// The list.
    #[serde(rename = "_id")]
    pub id: DocumentId,
    /// The document's last update that the rows show.
    pub projected_seq: u64,
}

impl Record for ProjectedList {
    const COLLECTION: &'static str = "projected_lists";
    type Id = DocumentId;
    fn id(&self) -> DocumentId {
        self.id
    }
}

/// When a todo was moved away from a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovedAway {
    /// `<list>:<todo>`.
    #[serde(rename = "_id")]
    pub id: String,
    /// The list that it left.
    pub list: DocumentId,
    /// The todo.
    pub todo_id: TodoId,
    /// When that was seen.
    pub at: Timestamp,
}

impl MovedAway {
    /// A todo that has left a list.
    pub fn new(list: DocumentId, todo: TodoId, at: Timestamp) -> Self {
        Self { id: Todo::key(list, todo), list, todo_id: todo, at }
    }

    /// Whether it is so long ago that nothing goes after it any more.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.at + LATE_FOR <= now
    }
}

impl Record for MovedAway {
    const COLLECTION: &'static str = "moved_todos";
    type Id = String;
    fn id(&self) -> String {
        self.id.clone()
    }
    fn indexes() -> &'static [Index] {
        &[Index { name: "age", keys: &["at", "_id"], unique: false }]
    }
}

/// Who moves a todo, or carries over what was changed of it, alone: one node at a time, until it is over or
/// the node is taken for dead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveLease {
    /// `<who moves it>:<todo>`: nobody waits for somebody else who has taken the same id.
    #[serde(rename = "_id")]
    pub id: String,
    /// When another may take it.
    pub until: Timestamp,
}

impl MoveLease {
    /// So long nobody else moves a todo that a node which was killed was about to move.
    pub const LASTS: Duration = Duration::from_secs(4);

    /// A lease from now on.
    pub fn new(by: UserId, todo: TodoId, now: Timestamp) -> Self {
        Self { id: format!("{by}:{todo}"), until: now + Self::LASTS }
    }
}

impl Record for MoveLease {
    const COLLECTION: &'static str = "move_leases";
    type Id = String;
    fn id(&self) -> String {
        self.id.clone()
    }
    fn indexes() -> &'static [Index] {
        &[Index { name: "age", keys: &["until", "_id"], unique: false }]
    }
}
