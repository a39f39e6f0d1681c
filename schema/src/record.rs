//! What makes a struct a record: its collection, its id and its indexes.
//!
//! A new entity is a struct that implements [`Record`]; it touches no backend.

use serde::{Serialize, de::DeserializeOwned};

/// A key of an index: a top-level field of the BSON form, ascending.
pub type Key = &'static str;

/// An index over top-level fields. No partial, TTL or multikey indexes: the same runs everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Index {
    /// Its name, unique in the collection: `[a-z_]+`.
    pub name: &'static str,
    /// Its fields in order. A record without one of them is indexed under null.
    pub keys: &'static [Key],
    /// Whether two records may not agree on all keys. Prefer a claim record (`user_keys`).
    pub unique: bool,
}

/// A struct that a store can keep. Its serde form (BSON) has `_id` and the names of `requirements.md`;
/// `_rev` is the store's own and not a field of the struct.
pub trait Record: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    /// The collection: `[a-z_]+`.
    const COLLECTION: &'static str;

    /// The type of `_id`: an `ObjectId` or a flat string in BSON.
    type Id: Clone + Into<bson::Bson> + Send + Sync;

    /// This record's `_id`.
    fn id(&self) -> Self::Id;

    /// Its first revision. Of a record that goes and comes back it is above all that were there under its
    /// id, so that what was read before is never taken for what is there now.
    fn first_rev(&self) -> u64 {
        1
    }

    /// Its indexes beside `_id`.
    fn indexes() -> &'static [Index] {
        &[]
    }
}
