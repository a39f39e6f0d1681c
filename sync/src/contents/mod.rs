//! What documents hold beside text, as maps of JSON values, in whichever CRDT library: views such as
//! [`TodoList`] talk to [`Maps`] and know no library. `edit` and `read` are where a library comes in.
//!
//! What a client writes is input like any other: a view ignores what is of the wrong type.

mod automerge;
mod kept;
mod room;
mod todos;
mod yjs;

use serde_json::Value;
use studyhall_schema::ids::UserId;

pub(crate) use kept::Kept;
pub use room::RoomState;
pub use todos::{
    Came, Carried, Hidden, Late, NewTodo, Received, TodoChange, TodoList, Whereabouts,
};

use crate::{
    document::{Refusal, View},
    heavy,
};

/// Root maps whose entries are values, or maps of values.
pub trait Maps {
    /// The keys of a root's entries, in no order.
    fn keys(&self, root: &str) -> Vec<String>;

    /// An entry as one value.
    fn value(&self, root: &str, key: &str) -> Option<Value>;

    /// Whether an entry is a map.
    fn is_map(&self, root: &str, key: &str) -> bool;

    /// A field of an entry that is a map.
    fn field(&self, root: &str, key: &str, field: &str) -> Option<Value>;

    /// Who made an entry, where the log tells.
    fn made_by(&self, root: &str, key: &str) -> Option<UserId>;

    /// What a field says without all that was written by those who had heard of the entry `of` another root
    /// with the same key; all of it, where the library does not tell.
    fn field_beside(&self, root: &str, key: &str, field: &str, _of: &str) -> Option<Value> {
        self.field(root, key, field)
    }

    /// A field that only who made the entry has written; any, where the library does not tell.
    fn own_field(&self, root: &str, key: &str, field: &str) -> Option<Value> {
        self.field(root, key, field)
    }
}

/// The same, to be changed.
pub trait MapsMut: Maps {
    /// Makes an entry this value.
    fn set(&mut self, root: &str, key: &str, value: &Value);

    /// Sets a field of an entry, which becomes a map when it is none.
    fn set_field(&mut self, root: &str, key: &str, field: &str, value: &Value);

    /// The same of what people read and type: a text, which is edited where it differs.
    fn set_text(&mut self, root: &str, key: &str, field: &str, text: &str);

    /// Removes an entry.
    fn remove(&mut self, root: &str, key: &str);
}

/// Reads a document's maps.
pub(crate) fn read<T>(view: View<'_>, read: impl FnOnce(&mut dyn Maps) -> T) -> T {
    let is_large = view.memory() > heavy::LARGE as u64;
    let compute = || match view {
        View::Yjs(state) => yjs::read(state.doc(), state.authors(), read),
        View::Automerge(state) => automerge::read(state, read),
    };
    if is_large { heavy::aside(compute) } else { compute() }
}

/// The update by which a document's maps come to be as `change` leaves them, made under `client`;
/// `None` when it changes nothing.
pub(crate) fn edit(
    view: View<'_>,
    client: u64,
    change: impl FnOnce(&mut dyn MapsMut) -> Result<(), Refusal>,
) -> Result<Option<Vec<u8>>, Refusal> {
    let is_large = view.memory() > heavy::LARGE as u64;
    let compute = || match view {
        View::Yjs(state) => yjs::edit(&state.full(), state.authors(), client, change),
        View::Automerge(state) => automerge::edit(state, client, change),
    };
    if is_large { heavy::aside(compute) } else { compute() }
}

#[cfg(test)]
mod tests;
