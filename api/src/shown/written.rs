//! What it is that people are shown and put: the text of a note, or of a todo. Must not know what is kept of it.

use std::fmt;

use studyhall_schema::{
    Timestamp,
    document::DocumentId,
    ids::{NoteId, TodoId},
    note::Note,
    todo::Todo,
};

use super::held::{Held, Text};
use crate::secrets::sha256;

/// What has a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Thing {
    Note(NoteId),
    /// In whatever list it is.
    Todo(TodoId),
}

impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Note(id) => id.fmt(f),
            Self::Todo(id) => write!(f, "todo:{id}"),
        }
    }
}

/// A text as its row shows it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written<'a> {
    pub(crate) id: Thing,
    pub(crate) text: &'a str,
    pub(super) at: At,
    /// When it was made.
    pub(super) made: Timestamp,
    /// When it came to say something else; not known of older rows.
    pub(super) changed: Option<Timestamp>,
}

/// Of when it is.
#[derive(Debug, Clone, Copy)]
pub(super) enum At {
    /// After this update of the note.
    Note(NoteId, u64),
    /// After this update of the list.
    List { list: DocumentId, seq: u64 },
}

impl<'a> From<&'a Note> for Written<'a> {
    fn from(note: &'a Note) -> Self {
        let at = At::Note(note.id, note.projected_seq);
        let (made, changed) = (note.created_at, Some(note.updated_at));
        Self { id: Thing::Note(note.id), text: &note.text, at, made, changed }
    }
}

impl<'a> From<&'a Todo> for Written<'a> {
    fn from(todo: &'a Todo) -> Self {
        let at = At::List { list: todo.list, seq: todo.projected_seq };
        let (made, changed) = (todo.created_at, todo.text_changed_at);
        Self { id: Thing::Todo(todo.todo_id), text: &todo.text, at, made, changed }
    }
}

impl Written<'_> {
    /// What its text is a part of.
    pub(super) fn document(&self) -> DocumentId {
        match self.at {
            At::Note(id, ..) => DocumentId::Note(id),
            At::List { list, .. } => list,
        }
    }

    /// The last update of that which changed it.
    pub(super) fn seq(&self) -> u64 {
        match self.at {
            At::Note(_, seq) | At::List { seq, .. } => seq,
        }
    }

    /// Up to which update somebody who holds this has seen it.
    pub(super) fn known(&self, held: &Held) -> Option<u64> {
        match self.at {
            At::Note(..) => held.newest_seq(),
            At::List { list, .. } => held.newest_in(list),
        }
    }

    /// A todo was in its list so.
    pub(super) fn place(&self, held: &mut Held) {
        if let At::List { list, seq, .. } = self.at {
            held.is_in(list, seq);
        }
    }

    /// The name of this text among those of its thing. A todo goes from list to list, and is short.
    pub(super) fn name(&self) -> Text {
        match self.at {
            At::Note(_, seq) => Text::After(seq),
            At::List { .. } => Text::Says(sha256(self.text.as_bytes())),
        }
    }
}
