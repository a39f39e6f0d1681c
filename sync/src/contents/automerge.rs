//! Maps of an Automerge document. Edits are made on a fork, so that the document itself changes only
//! after the change is committed.
//!
//! Of a string that it writes, the server makes one value, which is replaced whole; only what people
//! read and type is a text (`docs/decisions/automerge-values.md`). Both are read.

use std::{cell::RefCell, fmt::Write};

use automerge::{
    ActorId, AutoCommit, AutomergeError, ChangeHash, ObjId, ObjType, ROOT, ReadDoc, ScalarValue,
    ValueRef, transaction::Transactable,
};
use foldhash::HashMap;
use serde_json::Value;
use studyhall_schema::{Timestamp, ids::UserId};

use super::{Maps, MapsMut};
use crate::{
    document::{
        Refusal,
        automerge::{State, Writers},
    },
    text::automerge::{editor, last_change, splice},
};

pub(super) fn read<T>(state: &mut State, read: impl FnOnce(&mut dyn Maps) -> T) -> T {
    let (doc, writers) = state.content();
    read(&mut AutomergeMaps::of(doc, writers))
}

pub(super) fn edit(
    state: &mut State,
    client: u64,
    change: impl FnOnce(&mut dyn MapsMut) -> Result<(), Refusal>,
) -> Result<Option<Vec<u8>>, Refusal> {
    let (doc, writers) = state.content();
    let mut fork = doc.fork().with_actor(ActorId::from(editor(client)));
    let mut maps = AutomergeMaps::of(&mut fork, writers);
    change(&mut maps)?;
    if let Some(error) = maps.failed {
        tracing::warn!(%error, "the library refused what the server writes");
        return Err(Refusal::Undecodable);
    }
    Ok(if fork.pending_ops() == 0 { None } else { last_change(&mut fork) })
}

/// A document's maps. To look an entry up takes long in the library's document, so what was looked at
/// is kept.
struct AutomergeMaps<'a> {
    doc: &'a mut AutoCommit,
    writers: Writers<'a>,
    roots: RefCell<HashMap<String, Root>>,
    /// The heads of what does not stand on an object that was asked for last.
    beside: RefCell<Option<(ObjId, Vec<ChangeHash>)>>,
    /// What the library said of the first write that it did not take.
    failed: Option<AutomergeError>,
}

/// What was looked at of a root.
#[derive(Default)]
struct Root {
    /// By key; nothing where there is nothing.
    entries: HashMap<String, Option<Entry>>,
    /// Whether all of it was.
    whole: bool,
}

#[derive(Clone)]
struct Entry {
    value: Found,
    /// Of a map.
    fields: HashMap<String, Found>,
}

/// A value, or an object that has to be read for its own.
#[derive(Clone)]
enum Found {
    Value(Value),
    Object(ObjType, ObjId),
}

impl Found {
    fn new(value: &ValueRef<'_>, id: impl FnOnce() -> ObjId) -> Self {
        match value {
            ValueRef::Object(of) => Self::Object(*of, id()),
            ValueRef::Scalar(value) => Self::Value(json(&value.into())),
        }
    }

    /// The object, when it is a map.
    fn map(&self) -> Option<&ObjId> {
        match self {
            Self::Object(ObjType::Map | ObjType::Table, id) => Some(id),
            _ => None,
        }
    }
}

impl<'a> AutomergeMaps<'a> {
    fn of(doc: &'a mut AutoCommit, writers: Writers<'a>) -> Self {
        let (roots, beside) = (RefCell::default(), RefCell::default());
        Self { doc, writers, roots, beside, failed: None }
    }

    fn find(&self, object: &ObjId, key: &str) -> Option<Found> {
        Some(match self.doc.get(object, key).ok()?? {
            (automerge::Value::Object(of), id) => Found::Object(of, id),
            (automerge::Value::Scalar(value), _) => Found::Value(json(&value)),
        })
    }

    fn root(&self, root: &str) -> Option<ObjId> {
        self.find(&ROOT, root)?.map().cloned()
    }

    fn fields(&self, object: &ObjId) -> HashMap<String, Found> {
        let fields = self.doc.map_range(object, ..);
        fields.map(|it| (it.key.to_string(), Found::new(&it.value, || it.id()))).collect()
    }

    fn look(&self, value: Found) -> Entry {
        let fields = value.map().map(|map| self.fields(map)).unwrap_or_default();
        Entry { value, fields }
    }

    fn entry<T>(&self, root: &str, key: &str, pick: impl FnOnce(&Entry) -> Option<T>) -> Option<T> {
        let mut roots = self.roots.borrow_mut();
        let known = roots.entry(root.to_owned()).or_default();
        if !known.entries.contains_key(key) {
            let found = self.root(root).and_then(|object| self.find(&object, key));
            known.entries.insert(key.to_owned(), found.map(|found| self.look(found)));
        }
        known.entries.get(key)?.as_ref().and_then(pick)
    }

    /// What something is as one value.
    fn read(&self, found: Found) -> Value {
        match found {
            Found::Value(value) => value,
            Found::Object(ObjType::Text, id) => self.doc.text(&id).unwrap_or_default().into(),
            Found::Object(ObjType::List, id) => {
                let items = self.doc.list_range(&id, ..);
                items.map(|it| self.read(Found::new(&it.value, || it.id()))).collect()
            }
            Found::Object(ObjType::Map | ObjType::Table, id) => {
                let fields = self.fields(&id).into_iter();
                Value::Object(fields.map(|(name, found)| (name, self.read(found))).collect())
            }
        }
    }

    /// What was written; nothing when the library did not take it, which `edit` then says.
    fn taken<T>(&mut self, written: Result<T, AutomergeError>) -> Option<T> {
        written.map_err(|error| self.failed.get_or_insert(error)).ok()
    }

    /// A map, a root's or an entry's, made when it is none.
    fn map_at(&mut self, object: &ObjId, key: &str) -> Option<ObjId> {
        let known = self.find(object, key).and_then(|found| found.map().cloned());
        known.or_else(|| {
            let made = self.doc.put_object(object, key, ObjType::Map);
            self.taken(made)
        })
    }

    /// An entry's map, made when it is none.
    fn entry_map(&mut self, root: &str, key: &str) -> Option<ObjId> {
        let object = self.map_at(&ROOT, root)?;
        self.map_at(&object, key)
    }

    /// An entry was written: it is looked at again.
    fn forget(&mut self, root: &str, key: &str) {
        let found = self.root(root).and_then(|object| self.find(&object, key));
        let entry = found.map(|found| self.look(found));
        let known = self.roots.get_mut().entry(root.to_owned()).or_default();
        known.entries.insert(key.to_owned(), entry);
    }
}

impl Maps for AutomergeMaps<'_> {
    fn keys(&self, root: &str) -> Vec<String> {
        let mut roots = self.roots.borrow_mut();
        let known = roots.entry(root.to_owned()).or_default();
        if !known.whole {
            known.whole = true;
            let found = self.root(root).map(|object| self.fields(&object)).unwrap_or_default();
            let entries = found.into_iter().map(|(key, found)| (key, Some(self.look(found))));
            known.entries.extend(entries);
        }
        let there = known.entries.iter().filter(|(_, entry)| entry.is_some());
        there.map(|(key, _)| key.clone()).collect()
    }

    fn value(&self, root: &str, key: &str) -> Option<Value> {
        let found = self.entry(root, key, |entry| Some(entry.value.clone()))?;
        Some(self.read(found))
    }

    fn is_map(&self, root: &str, key: &str) -> bool {
        self.entry(root, key, |entry| entry.value.map().map(|_| ())).is_some()
    }

    fn field(&self, root: &str, key: &str, field: &str) -> Option<Value> {
        let found = self.entry(root, key, |entry| entry.fields.get(field).cloned())?;
        Some(self.read(found))
    }

    fn made_by(&self, root: &str, key: &str) -> Option<UserId> {
        match self.entry(root, key, |entry| entry.value.map().cloned())? {
            ObjId::Id(_, actor, _) => self.writers.owner(actor.to_bytes()),
            ObjId::Root => None,
        }
    }

    fn field_beside(&self, root: &str, key: &str, field: &str, of: &str) -> Option<Value> {
        let map = |root| self.entry(root, key, |entry| entry.value.map().cloned());
        let (Some(entry), Some(mark)) = (map(root), map(of)) else {
            return self.field(root, key, field);
        };
        let heads = self.beside(&mark)?;
        Some(match self.doc.get_at(&entry, field, &heads).ok()?? {
            (automerge::Value::Object(ObjType::Text), id) => {
                self.doc.text_at(&id, &heads).ok()?.into()
            }
            (automerge::Value::Object(of), id) => self.read(Found::Object(of, id)),
            (automerge::Value::Scalar(value), _) => json(&value),
        })
    }

    fn own_field(&self, root: &str, key: &str, field: &str) -> Option<Value> {
        let entry = self.entry(root, key, |entry| entry.value.map().cloned())?;
        let of = match self.doc.get(&entry, field).ok()?? {
            (automerge::Value::Object(of), id) => (Some(of), id),
            (automerge::Value::Scalar(_), id) => (None, id),
        };
        let made_by = self.made_by(root, key)?;
        self.is_by(made_by, of.0, &of.1).then(|| self.field(root, key, field))?
    }
}

impl AutomergeMaps<'_> {
    /// The heads of all that does not stand on what made an object.
    fn beside(&self, object: &ObjId) -> Option<Vec<ChangeHash>> {
        let ObjId::Id(counter, actor, _) = object else { return None };
        let mut known = self.beside.borrow_mut();
        if known.as_ref().is_none_or(|(of, _)| of != object) {
            let heads = self.writers.beside((*counter, actor.to_bytes()))?;
            *known = Some((object.clone(), heads));
        }
        known.as_ref().map(|(_, heads)| heads.clone())
    }

    /// Whether somebody has written a value, and all that is in it when it is an object.
    fn is_by(&self, person: UserId, of: Option<ObjType>, id: &ObjId) -> bool {
        let ObjId::Id(_, actor, _) = id else { return false };
        let inner = |value: &ValueRef<'_>, id: &ObjId| match value {
            ValueRef::Object(of) => self.is_by(person, Some(*of), id),
            ValueRef::Scalar(_) => self.is_by(person, None, id),
        };
        self.writers.owner(actor.to_bytes()) == Some(person)
            && match of {
                Some(ObjType::Map | ObjType::Table) => {
                    self.doc.map_range(id, ..).all(|it| inner(&it.value, &it.id()))
                }
                Some(_) => self.doc.list_range(id, ..).all(|it| inner(&it.value, &it.id())),
                None => true,
            }
    }
}

impl MapsMut for AutomergeMaps<'_> {
    fn set(&mut self, root: &str, key: &str, value: &Value) {
        if let Some(object) = self.map_at(&ROOT, root) {
            let set = put(self.doc, &object, key, value);
            self.taken(set);
        }
        self.forget(root, key);
    }

    fn set_field(&mut self, root: &str, key: &str, field: &str, value: &Value) {
        if let Some(object) = self.entry_map(root, key) {
            let set = put(self.doc, &object, field, value);
            self.taken(set);
        }
        self.forget(root, key);
    }

    fn set_text(&mut self, root: &str, key: &str, field: &str, text: &str) {
        if let Some(object) = self.entry_map(root, key) {
            let text_of = |found| match found {
                Found::Object(ObjType::Text, id) => Some(id),
                _ => None,
            };
            let known = self.find(&object, field).and_then(text_of);
            let made = known.map_or_else(|| self.doc.put_object(&object, field, ObjType::Text), Ok);
            let typed = made.and_then(|id| splice(self.doc, &id, text));
            self.taken(typed);
        }
        self.forget(root, key);
    }

    fn remove(&mut self, root: &str, key: &str) {
        if let Some(object) = self.root(root) {
            let removed = self.doc.delete(&object, key);
            self.taken(removed);
        }
        self.forget(root, key);
    }
}

/// Sets a value in a map.
fn put(
    doc: &mut AutoCommit,
    object: &ObjId,
    key: &str,
    value: &Value,
) -> Result<(), AutomergeError> {
    match made_of(value) {
        Ok(scalar) => doc.put(object, key, scalar),
        Err(of) => {
            let inner = doc.put_object(object, key, of)?;
            fill(doc, &inner, value)
        }
    }
}

fn fill(doc: &mut AutoCommit, object: &ObjId, value: &Value) -> Result<(), AutomergeError> {
    match value {
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                match made_of(item) {
                    Ok(scalar) => doc.insert(object, at, scalar)?,
                    Err(of) => {
                        let inner = doc.insert_object(object, at, of)?;
                        fill(doc, &inner, item)?;
                    }
                }
            }
            Ok(())
        }
        Value::Object(fields) => {
            fields.iter().try_for_each(|(name, value)| put(doc, object, name, value))
        }
        _ => Ok(()),
    }
}

/// A value of its own, or what object it is.
fn made_of(value: &Value) -> Result<ScalarValue, ObjType> {
    match value {
        Value::Null => Ok(ScalarValue::Null),
        Value::Bool(truth) => Ok((*truth).into()),
        Value::Number(number) => Ok(match number.as_i64() {
            Some(number) => number.into(),
            None => number.as_f64().unwrap_or_default().into(),
        }),
        Value::String(text) => Ok(text.as_str().into()),
        Value::Array(_) => Err(ObjType::List),
        Value::Object(_) => Err(ObjType::Map),
    }
}

/// A value as JSON; what JSON has not is none.
fn json(value: &ScalarValue) -> Value {
    match value {
        ScalarValue::Str(text) => text.as_str().into(),
        ScalarValue::Int(number) => (*number).into(),
        ScalarValue::Uint(number) => (*number).into(),
        ScalarValue::F64(number) => whole(*number).map_or_else(|| (*number).into(), Into::into),
        ScalarValue::Counter(counter) => i64::from(counter).into(),
        ScalarValue::Timestamp(at) => moment(Timestamp::from_millis(*at)),
        ScalarValue::Boolean(truth) => (*truth).into(),
        ScalarValue::Bytes(_) | ScalarValue::Unknown { .. } | ScalarValue::Null => Value::Null,
    }
}

/// JavaScript knows no difference between 1 and 1.0.
fn whole(number: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "numbers that have a fraction are none")]
    let near = number as i64;
    #[expect(clippy::cast_precision_loss, reason = "such numbers are none")]
    (near as f64).total_cmp(&number).is_eq().then_some(near)
}

/// A moment that can be written; there are numbers that are none.
fn moment(at: Timestamp) -> Value {
    let mut text = String::new();
    write!(text, "{at}").map_or(Value::Null, |()| text.into())
}
