//! A list of todos: `todos: id → {text, assignee_id, due_date, completed: null | {at, by}, created_at,
//! position}`. Every writer may change every field. The text is one that several people type into; completed is
//! one value, so that a merge never mixes two people's halves; `position` is a number, and between any two there is
//! room for another.

mod moves;

use std::borrow::Cow;

use serde_json::{Value, json};
use studyhall_schema::{
    Timestamp,
    ids::{TodoId, UserId},
    todo::{Item, LAST, LONGEST_TEXT, MOST, Setting, Todo},
};

pub use self::moves::{Came, Carried, Late, Received, Whereabouts};
use super::{Maps, MapsMut};
use crate::{document::Refusal, heavy, text};

const TODOS: &str = "todos";
const TEXT: &str = "text";
const ASSIGNEE: &str = "assignee_id";
const DUE: &str = "due_date";
const COMPLETED: &str = "completed";
const CREATED: &str = "created_at";
const POSITION: &str = "position";

/// A todo to be made.
#[derive(Debug, Clone)]
pub struct NewTodo {
    /// What is to be done.
    pub text: String,
    /// Who is to do it.
    pub assignee: Option<UserId>,
    /// Until when.
    pub due: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What is to change about a todo.
#[derive(Debug, Clone, Default)]
pub struct TodoChange {
    /// What is to be done.
    pub text: Option<String>,
    /// Who is to do it, or nobody.
    pub assignee: Setting<UserId>,
    /// Until when, or no day.
    pub due: Setting<Timestamp>,
}

/// Why a todo that is in a list is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hidden {
    /// It is behind the first ones.
    Behind,
    /// It is said to be in another list.
    Moved,
}

/// Where a todo that is in a list is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Placed {
    /// At this position.
    At(f64),
    /// In another list.
    Away,
}

/// A list of todos over a document's maps.
pub struct TodoList<'a, M: ?Sized>(&'a mut M);

impl<'a, M: Maps + ?Sized> TodoList<'a, M> {
    /// The list in these maps.
    pub fn of(maps: &'a mut M) -> Self {
        Self(maps)
    }

    /// A todo; `None` when it is not here, or was moved to another list.
    pub fn item(&self, id: TodoId) -> Option<Item> {
        let key = id.to_string();
        if !self.is_here(&key) {
            return None;
        }
        let completed = self.field(&key, COMPLETED).filter(Value::is_object);
        Some(Item {
            id,
            text: short_text(self.field(&key, TEXT).as_ref()),
            made_by: self.0.made_by(TODOS, &key),
            assignee: parsed(self.field(&key, ASSIGNEE)),
            due: parsed(self.field(&key, DUE)),
            is_completed: completed.is_some(),
            completed_at: completed.and_then(|mut value| parsed(Some(value["at"].take()))),
            created_at: parsed(self.field(&key, CREATED)),
            position: self.position(&key),
        })
    }

    /// The keys of all entries.
    pub(super) fn keys(&self) -> Vec<String> {
        self.0.keys(TODOS)
    }

    /// A todo's place in the list, or that it was moved away; `None` where there is no todo.
    pub(super) fn placed(&self, key: &str) -> Option<(TodoId, Placed)> {
        let id = canonical(key).filter(|_| self.0.is_map(TODOS, key))?;
        Some((id, self.moved_to(key).map_or(Placed::At(self.position(key)), |_| Placed::Away)))
    }

    fn field(&self, key: &str, field: &str) -> Option<Value> {
        self.0.field(TODOS, key, field)
    }

    fn position(&self, key: &str) -> f64 {
        let position = self.field(key, POSITION).and_then(|value| value.as_f64());
        position.filter(|position| position.abs() < LAST).unwrap_or(LAST)
    }

    /// Positions and ids of all that is here.
    fn order(&self) -> Vec<(f64, TodoId)> {
        in_order(self.keys().iter().filter_map(|key| self.placed(key)))
    }
}

impl<M: MapsMut + ?Sized> TodoList<'_, M> {
    /// Makes a todo, at the end. Of one that is here already only what is missing is set.
    pub fn make(&mut self, id: TodoId, new: &NewTodo) -> Result<(), Refusal> {
        let key = id.to_string();
        let fields = [
            (TEXT, json!(new.text)),
            (ASSIGNEE, json!(new.assignee)),
            (DUE, json!(new.due)),
            (COMPLETED, Value::Null),
            (CREATED, json!(new.created_at)),
        ];
        if !self.0.is_map(TODOS, &key) && self.order().len() >= MOST {
            return Err(Refusal::Crowded);
        }
        for (field, value) in fields {
            if self.field(&key, field).is_none() {
                self.set(&key, field, &value);
            }
        }
        if self.field(&key, POSITION).is_none() {
            self.put_last(&key);
        }
        Ok(())
    }

    /// Refuses unless a todo is here, and as `expected` where something is.
    pub fn check(&self, id: TodoId, expected: Option<&Todo>) -> Result<Item, Refusal> {
        let item = self.item(id).ok_or(Refusal::Absent)?;
        if expected.is_some_and(|row| !row.shows(&item)) {
            return Err(Refusal::Changed);
        }
        Ok(item)
    }

    /// Changes what differs.
    pub fn revise(&mut self, id: TodoId, change: &TodoChange) -> Result<(), Refusal> {
        let item = self.check(id, None)?;
        let key = id.to_string();
        if let Some(text) = change.text.as_ref().filter(|text| **text != item.text) {
            self.set(&key, TEXT, &json!(text));
        }
        match change.assignee {
            Setting::To(assignee) if assignee != item.assignee => {
                self.set(&key, ASSIGNEE, &json!(assignee));
            }
            _ => {}
        }
        match change.due {
            Setting::To(due) if due != item.due => self.set(&key, DUE, &json!(due)),
            _ => {}
        }
        Ok(())
    }

    /// Makes of the text of a todo what comes of the one that is shown, of what takes `bytes` besides.
    pub(crate) fn rewrite<'t>(
        &mut self,
        id: TodoId,
        bytes: usize,
        by: impl FnOnce(&str) -> Cow<'t, str>,
    ) -> Result<(), Refusal> {
        self.check(id, None)?;
        self.rewrite_at(&id.to_string(), bytes, by);
        Ok(())
    }

    /// Marks a todo as done; one that is done stays as it is.
    pub fn complete(&mut self, id: TodoId, by: UserId, at: Timestamp) -> Result<(), Refusal> {
        if !self.check(id, None)?.is_completed {
            self.set(&id.to_string(), COMPLETED, &json!({ "at": at, "by": by }));
        }
        Ok(())
    }

    /// Marks a todo as not done.
    pub fn reopen(&mut self, id: TodoId) -> Result<(), Refusal> {
        if self.check(id, None)?.is_completed {
            self.set(&id.to_string(), COMPLETED, &Value::Null);
        }
        Ok(())
    }

    /// Puts a todo behind another one, or first.
    pub fn place(&mut self, id: TodoId, after: Option<TodoId>) -> Result<(), Refusal> {
        self.check(id, None)?;
        let mut order = self.order();
        order.retain(|(_, other)| *other != id);
        let at = match after {
            None => 0,
            Some(after) => {
                order.iter().position(|(_, other)| *other == after).ok_or(Refusal::Absent)? + 1
            }
        };
        let before = at.checked_sub(1).map(|before| order[before].0);
        let next = order.get(at).map(|next| next.0);
        if let Some(position) = between(before, next) {
            if self.position(&id.to_string()).total_cmp(&position).is_ne() {
                self.set(&id.to_string(), POSITION, &json!(position));
            }
            return Ok(());
        }
        order.insert(at, (LAST, id));
        self.respace(&order);
        Ok(())
    }

    /// Removes a todo.
    pub fn remove(&mut self, id: TodoId) {
        self.0.remove(TODOS, &id.to_string());
    }

    fn set(&mut self, key: &str, field: &str, value: &Value) {
        match value {
            Value::String(text) if field == TEXT => self.0.set_text(TODOS, key, field, text),
            _ => self.0.set_field(TODOS, key, field, value),
        }
    }

    /// Changes of a todo's text what differs between two texts; what others have made of it stays.
    fn merge_text(&mut self, key: &str, base: &str, mine: &str) {
        let merge = |now: &str| text::merged(base, mine, now).into();
        self.rewrite_at(key, base.len() + mine.len(), merge);
    }

    /// Makes of a todo's text what comes of it; of what may take `bytes` besides.
    fn rewrite_at<'t>(&mut self, key: &str, bytes: usize, by: impl FnOnce(&str) -> Cow<'t, str>) {
        let field = self.field(key, TEXT);
        let whole = field.as_ref().and_then(Value::as_str).unwrap_or_default();
        let shown = short_text(field.as_ref());
        let compute = || by(&shown);
        let is_large = bytes + shown.len() > text::LARGE;
        let text = if is_large { heavy::aside(compute) } else { compute() };
        if text != shown {
            let behind = &whole[shown.len()..]; // nobody is shown that
            self.set(key, TEXT, &json!(text.into_owned() + behind));
        }
    }

    fn put_last(&mut self, key: &str) {
        let own = canonical(key);
        let mut order = self.order();
        order.retain(|(position, id)| *position < LAST && Some(*id) != own);
        let last = order.last().map(|last| last.0);
        if let Some(position) = between(last, None) {
            self.set(key, POSITION, &json!(position));
        }
    }

    /// Gives everybody a whole number.
    fn respace(&mut self, order: &[(f64, TodoId)]) {
        let mut position = 0.0;
        for (now, id) in order {
            position += 1.0;
            if now.total_cmp(&position).is_ne() {
                self.set(&id.to_string(), POSITION, &json!(position));
            }
        }
    }
}

/// What is here, in order; equal positions by their ids.
pub(super) fn in_order(placed: impl Iterator<Item = (TodoId, Placed)>) -> Vec<(f64, TodoId)> {
    let here = placed.filter_map(|(id, placed)| match placed {
        Placed::At(position) => Some((position, id)),
        Placed::Away => None,
    });
    let mut order: Vec<_> = here.collect();
    order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    order
}

/// A position between two; `None` when there is no room.
fn between(before: Option<f64>, next: Option<f64>) -> Option<f64> {
    let next = next.filter(|next| *next < LAST);
    let position = match (before, next) {
        (None, None) => 1.0,
        (None, Some(next)) => next - 1.0,
        (Some(before), None) => before + 1.0,
        (Some(before), Some(next)) => before + (next - before) / 2.0,
    };
    let fits = before.is_none_or(|before| before < position)
        && next.is_none_or(|next| position < next)
        && position.abs() < LAST;
    fits.then_some(position)
}

/// An id, when it is written as ids are: two entries are never one todo.
pub(super) fn canonical(key: &str) -> Option<TodoId> {
    let id: TodoId = key.parse().ok()?;
    (id.to_string() == key).then_some(id)
}

/// When a todo was done and by whom, as far as that is sound.
fn completion(completed: Option<Value>) -> Value {
    match completed.filter(Value::is_object) {
        None => Value::Null,
        Some(mut value) => json!({
            "at": parsed::<Timestamp>(Some(value["at"].take())),
            "by": parsed::<UserId>(Some(value["by"].take())),
        }),
    }
}

fn parsed<T: serde::de::DeserializeOwned>(value: Option<Value>) -> Option<T> {
    serde_json::from_value(value?).ok()
}

fn short_text(value: Option<&Value>) -> String {
    let text = value.and_then(Value::as_str).unwrap_or_default();
    text.chars().take(LONGEST_TEXT).collect()
}
