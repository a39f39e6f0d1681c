//! What was deleted, for thirty days: whose it was, and how it comes back.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    Timestamp,
    ids::{NoteId, RoomId, UserId},
    note::Note,
    record::{Index, Record},
    todo::Todo,
};

/// So long something stays in the trash.
pub const KEPT: Duration = Duration::from_hours(30 * 24);

/// What it is called is cut after so many characters.
const TITLE: usize = 200;

/// What was deleted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deleted {
    /// A note. Its document is still there, and its record says that it is deleted.
    Note(NoteId),
    /// A todo, as its row was. Its list has nothing of it any more.
    Todo(Todo),
}

/// A row of `trash`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trashed {
    /// The name of the note's document, or the `_id` of the todo's row.
    #[serde(rename = "_id")]
    pub id: String,
    /// Whose it was, and who gets it back.
    pub owner_id: UserId,
    /// The id of the note or the todo, in hex.
    pub item_id: String,
    /// What it was called, or how it began.
    pub title: String,
    /// The room that it was in.
    pub room_id: Option<RoomId>,
    /// When it was deleted.
    pub deleted_at: Timestamp,
    /// What it is.
    pub deleted: Deleted,
}

impl Trashed {
    /// A note that is deleted.
    pub fn note(note: &Note, document: String, now: Timestamp) -> Self {
        let title = if note.title.is_empty() { &note.text } else { &note.title };
        Self {
            id: document,
            owner_id: note.owner_id,
            item_id: note.id.to_string(),
            title: short(title),
            room_id: note.room_id,
            deleted_at: now,
            deleted: Deleted::Note(note.id),
        }
    }

    /// A todo that is gone from its list.
    pub fn todo(todo: Todo, now: Timestamp) -> Self {
        Self {
            id: todo.id.clone(),
            owner_id: todo.owner_id,
            item_id: todo.todo_id.to_string(),
            title: short(&todo.text),
            room_id: todo.room_id,
            deleted_at: now,
            deleted: Deleted::Todo(todo),
        }
    }

    /// When it is gone for good.
    pub fn gone_at(&self) -> Timestamp {
        self.deleted_at + KEPT
    }
}

fn short(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(TITLE).collect()
}

impl Record for Trashed {
    const COLLECTION: &'static str = "trash";
    type Id = String;
    fn id(&self) -> String {
        self.id.clone()
    }
    fn indexes() -> &'static [Index] {
        &[
            Index { name: "owner", keys: &["owner_id", "deleted_at", "_id"], unique: false },
            Index { name: "item", keys: &["owner_id", "item_id"], unique: false },
            Index { name: "age", keys: &["deleted_at", "_id"], unique: false },
        ]
    }
}
