//! Pages of records in the order of an index, and the cursors between them.
//!
//! A cursor holds the keys of the last record of a page, so that pages are stable under inserts.
//! It is opaque to people and checked when it comes back: another query's cursor is refused. Must
//! not know a backend's way of comparing keys.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use bson::{Bson, RawDocument, doc};
use studyhall_schema::record::{Index, Key};

use crate::{
    StoreError,
    backend::{Collection, Row, Scan},
    records::Versioned,
};

/// The most records a page has.
pub const MAX_LIMIT: usize = 1000;

/// The longest cursor that is looked at. Keys are ids, dates and short texts.
const MAX_CURSOR: usize = 4096;

/// Which way along the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Direction {
    /// From the smallest key.
    #[default]
    Ascending,
    /// From the greatest key.
    Descending,
}

/// Which records: those whose first keys equal `prefix`, in the order of the keys that follow and
/// then of `_id`.
#[derive(Debug, Clone)]
pub struct Page<'a> {
    /// A declared index, or `_id`.
    pub index: &'a str,
    /// Values of the index's first keys.
    pub prefix: Vec<Bson>,
    /// The key after the prefix is greater than this, whatever the direction.
    pub after: Option<Bson>,
    /// The key after the prefix is less than this, whatever the direction.
    pub before: Option<Bson>,
    /// The order.
    pub direction: Direction,
    /// `next_cursor` of the page before this one, with all else the same.
    pub cursor: Option<String>,
    /// How many records at most; cut to 1 to [`MAX_LIMIT`].
    pub limit: usize,
    /// A field that is not read.
    pub without: Option<Key>,
}

impl<'a> Page<'a> {
    /// The first 50 of all records in the order of an index.
    pub fn of(index: &'a str) -> Self {
        Self {
            index,
            prefix: Vec::new(),
            after: None,
            before: None,
            direction: Direction::Ascending,
            cursor: None,
            limit: 50,
            without: None,
        }
    }

    /// Adds a value that the next key equals.
    #[must_use]
    pub fn equal(mut self, value: impl Into<Bson>) -> Self {
        self.prefix.push(value.into());
        self
    }

    /// The key after the prefix is greater than this.
    #[must_use]
    pub fn after(mut self, value: impl Into<Bson>) -> Self {
        self.after = Some(value.into());
        self
    }

    /// The key after the prefix is less than this.
    #[must_use]
    pub fn before(mut self, value: impl Into<Bson>) -> Self {
        self.before = Some(value.into());
        self
    }

    /// Greatest first.
    #[must_use]
    pub fn descending(mut self) -> Self {
        self.direction = Direction::Descending;
        self
    }

    /// Goes on where a page ended.
    #[must_use]
    pub fn cursor(mut self, cursor: Option<String>) -> Self {
        self.cursor = cursor;
        self
    }

    /// Reads the records without a field, which may be large and which a record can be read without: an `Option`.
    /// They are at revision 0, so that none is replaced by one that lacks it.
    #[must_use]
    pub fn without(mut self, field: Key) -> Self {
        self.without = Some(field);
        self
    }

    /// At most this many records.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }
}

/// A page.
#[derive(Debug, Clone)]
pub struct PageOf<T> {
    /// The records.
    pub items: Vec<Versioned<T>>,
    /// Where to go on; none when this was the last page.
    pub next_cursor: Option<String>,
}

/// A page that has been checked against its collection.
pub(crate) struct Checked {
    pub(crate) scan: Scan,
    fingerprint: i64,
}

/// Checks a page's index, prefix and cursor.
pub(crate) fn check(collection: Collection, page: Page<'_>) -> Result<Checked, StoreError> {
    let index = collection.index(page.index)?;
    if page.prefix.len() > index.keys.len() {
        return Err(StoreError::Invalid(format!("{} has no such many keys", index.name)));
    }
    let ranged = page.after.is_some() || page.before.is_some();
    if ranged && page.prefix.len() == index.keys.len() {
        return Err(StoreError::Invalid(format!("{} has no key after the prefix", index.name)));
    }
    let fingerprint = fingerprint(collection, &page)?;
    let expected = resume_keys(index, page.prefix.len()).len();
    let resume =
        page.cursor.as_deref().map(|cursor| open(cursor, fingerprint, expected)).transpose()?;
    let scan = Scan {
        index,
        prefix: page.prefix,
        after: page.after,
        before: page.before,
        direction: page.direction,
        resume,
        limit: page.limit.clamp(1, MAX_LIMIT),
        without: page.without,
    };
    Ok(Checked { scan, fingerprint })
}

impl Checked {
    /// The cursor that goes on after `last`.
    pub(crate) fn cursor_after(&self, last: &Row) -> Result<String, StoreError> {
        let keys = resume_keys(self.scan.index, self.scan.prefix.len())
            .into_iter()
            .map(|key| value_of(&last.document, key))
            .collect::<Result<Vec<_>, _>>()?;
        let cursor = doc! { "q": self.fingerprint, "k": keys };
        let bytes = bson::serialize_to_vec(&cursor)
            .map_err(|error| StoreError::Invalid(error.to_string()))?;
        Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
    }
}

/// The keys that say where a page ended: those after the prefix, and `_id` last.
pub(crate) fn resume_keys(index: Index, prefix: usize) -> Vec<&'static str> {
    let mut keys = index.keys[prefix..].to_vec();
    if index.keys.last() != Some(&"_id") {
        keys.push("_id");
    }
    keys
}

/// A top-level field; null when it is missing, as indexes have it.
fn value_of(document: &RawDocument, key: &str) -> Result<Bson, StoreError> {
    let unreadable = |error: String| StoreError::Corrupt(format!("field {key}: {error}"));
    match document.get(key).map_err(|error| unreadable(error.to_string()))? {
        None => Ok(Bson::Null),
        Some(value) => Bson::try_from(value).map_err(|error| unreadable(error.to_string())),
    }
}

/// What a cursor is bound to, so that it cannot be used with another query.
fn fingerprint(collection: Collection, page: &Page<'_>) -> Result<i64, StoreError> {
    let query = doc! {
        "collection": collection.name,
        "index": page.index,
        "prefix": page.prefix.clone(),
        "after": page.after.clone().unwrap_or(Bson::Undefined),
        "before": page.before.clone().unwrap_or(Bson::Undefined),
        "descending": page.direction == Direction::Descending,
    };
    let bytes =
        bson::serialize_to_vec(&query).map_err(|error| StoreError::Invalid(error.to_string()))?;
    Ok(i64::from(crc32fast::hash(&bytes)))
}

fn open(cursor: &str, fingerprint: i64, keys: usize) -> Result<Vec<Bson>, StoreError> {
    let refused = || StoreError::Invalid("this cursor is not of this list".into());
    if cursor.len() > MAX_CURSOR {
        return Err(refused());
    }
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).map_err(|_| refused())?;
    let document: bson::Document = bson::deserialize_from_slice(&bytes).map_err(|_| refused())?;
    if document.get_i64("q").ok() != Some(fingerprint) {
        return Err(refused());
    }
    let values = document.get_array("k").map_err(|_| refused())?;
    // Only what an index can hold: an operator document never reaches a driver.
    if values.len() != keys || !values.iter().all(is_key) {
        return Err(refused());
    }
    Ok(values.clone())
}

/// Whether an index can hold it.
pub(crate) fn is_key(value: &Bson) -> bool {
    matches!(
        value,
        Bson::Null
            | Bson::Boolean(_)
            | Bson::Int32(_)
            | Bson::Int64(_)
            | Bson::Double(_)
            | Bson::String(_)
            | Bson::ObjectId(_)
            | Bson::DateTime(_)
    )
}
