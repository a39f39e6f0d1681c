//! Maps of a Yjs document. Edits are made on a fork, so that the document itself changes only after
//! the update is committed.

use foldhash::HashMap;
use serde_json::Value;
use studyhall_schema::ids::UserId;
use yrs::{
    Any, BranchID, Doc, Map, MapPrelim, MapRef, Out, ReadTxn, TextPrelim, Transact, TransactionMut,
    Update, WriteTxn, any::Number, types::ToJson, updates::decoder::Decode,
};

use super::{Maps, MapsMut};
use crate::{document::Refusal, text};

/// A document's maps within a transaction.
struct YjsMaps<'a, T> {
    transaction: T,
    authors: &'a HashMap<u64, UserId>,
}

pub(super) fn read<T>(
    doc: &Doc,
    authors: &HashMap<u64, UserId>,
    read: impl FnOnce(&mut dyn Maps) -> T,
) -> T {
    read(&mut YjsMaps { transaction: doc.transact(), authors })
}

pub(super) fn edit(
    state: &[u8],
    authors: &HashMap<u64, UserId>,
    client: u64,
    change: impl FnOnce(&mut dyn MapsMut) -> Result<(), Refusal>,
) -> Result<Option<Vec<u8>>, Refusal> {
    let fork = text::new_doc(client);
    let update = Update::decode_v1(state).map_err(|_| Refusal::Undecodable)?;
    fork.transact_mut().apply_update(update).map_err(|_| Refusal::Undecodable)?;
    let mut maps = YjsMaps { transaction: fork.transact_mut(), authors };
    change(&mut maps)?;
    let update = maps.transaction.encode_update_v1();
    Ok((update != Update::EMPTY_V1).then_some(update))
}

impl<T: ReadTxn> YjsMaps<'_, T> {
    fn entry(&self, root: &str, key: &str) -> Option<Out> {
        self.transaction.get_map(root)?.get(&self.transaction, key)
    }
}

impl<T: ReadTxn> Maps for YjsMaps<'_, T> {
    fn keys(&self, root: &str) -> Vec<String> {
        let root = self.transaction.get_map(root);
        root.map_or_else(Vec::new, |root| root.keys(&self.transaction).map(Into::into).collect())
    }

    fn value(&self, root: &str, key: &str) -> Option<Value> {
        Some(json(&self.entry(root, key)?.to_json(&self.transaction)))
    }

    fn is_map(&self, root: &str, key: &str) -> bool {
        matches!(self.entry(root, key), Some(Out::YMap(_) | Out::Any(Any::Map(_))))
    }

    fn field(&self, root: &str, key: &str, field: &str) -> Option<Value> {
        match self.entry(root, key)? {
            Out::YMap(map) => {
                let value = map.get(&self.transaction, field)?;
                Some(json(&value.to_json(&self.transaction)))
            }
            Out::Any(Any::Map(map)) => map.get(field).map(json),
            _ => None,
        }
    }

    fn made_by(&self, root: &str, key: &str) -> Option<UserId> {
        let Out::YMap(map) = self.entry(root, key)? else { return None };
        let branch: &yrs::branch::Branch = map.as_ref();
        let BranchID::Nested(id) = branch.id() else { return None };
        self.authors.get(&id.client.get()).copied()
    }
}

impl YjsMaps<'_, TransactionMut<'_>> {
    /// An entry as a map of its own; one that is a single value becomes one.
    fn map(&mut self, root: &str, key: &str) -> MapRef {
        let entry = self.entry(root, key);
        let entries = self.transaction.get_or_insert_map(root);
        match entry {
            Some(Out::YMap(map)) => map,
            Some(Out::Any(Any::Map(fields))) => {
                let fields = fields.iter().map(|(name, value)| (name.clone(), value.clone()));
                let fields: MapPrelim = fields.collect();
                entries.insert(&mut self.transaction, key, fields)
            }
            _ => entries.insert(&mut self.transaction, key, MapPrelim::default()),
        }
    }
}

impl MapsMut for YjsMaps<'_, TransactionMut<'_>> {
    fn set(&mut self, root: &str, key: &str, value: &Value) {
        let entries = self.transaction.get_or_insert_map(root);
        entries.insert(&mut self.transaction, key, any(value));
    }

    fn set_field(&mut self, root: &str, key: &str, field: &str, value: &Value) {
        let map = self.map(root, key);
        map.insert(&mut self.transaction, field, any(value));
    }

    fn set_text(&mut self, root: &str, key: &str, field: &str, text: &str) {
        let map = self.map(root, key);
        let transaction = &mut self.transaction;
        if let Some(Out::YText(known)) = map.get(transaction, field)
            && text::edit_text(transaction, &known, text).is_ok()
        {
            return;
        }
        map.insert(transaction, field, TextPrelim::new(text));
    }

    fn remove(&mut self, root: &str, key: &str) {
        if let Some(entries) = self.transaction.get_map(root) {
            entries.remove(&mut self.transaction, key);
        }
    }
}

/// A value as JSON; bytes, which JSON has not, are none.
fn json(value: &Any) -> Value {
    match value {
        Any::Null | Any::Undefined | Any::Buffer(_) => Value::Null,
        Any::Bool(truth) => (*truth).into(),
        Any::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => number.into(), // JavaScript knows no difference
            (None, number) => number.into(),
        },
        Any::String(text) => text.as_ref().into(),
        Any::Array(items) => items.iter().map(json).collect(),
        Any::Map(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), json(value))).collect()
        }
    }
}

fn any(value: &Value) -> Any {
    match value {
        Value::Null => Any::Null,
        Value::Bool(truth) => Any::Bool(*truth),
        Value::Number(number) => match number.as_i64() {
            Some(number) => Any::Number(Number::Int(number)),
            None => Any::Number(Number::Float(number.as_f64().unwrap_or_default())),
        },
        Value::String(text) => Any::from(text.as_str()),
        Value::Array(items) => Any::Array(items.iter().map(any).collect()),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| (name.clone(), any(value)));
            Any::Map(std::sync::Arc::new(fields.collect()))
        }
    }
}
