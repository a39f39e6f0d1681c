//! What can go wrong in a store.

use thiserror::Error;

/// A store's refusal. Nothing here names a driver.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StoreError {
    /// The store did not do it and may do it later: down, full, timed out before writing.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// A unique index has such a record already (`_id` or an index's name).
    #[error("a record with this {index} exists")]
    Duplicate {
        /// The index's name, `_id` for the id.
        index: String,
    },
    /// The record is not at the expected revision, or is gone.
    #[error("the record has changed meanwhile")]
    Conflict,
    /// What is stored cannot be read back: a wrong checksum, a missing chunk, an unknown form.
    #[error("stored data cannot be read: {0}")]
    Corrupt(String),
    /// The outcome is not known: it may or may not have been written.
    #[error("it is not known whether the store has written this: {0}")]
    Unknown(String),
    /// The store cannot be asked this: a cursor that it did not give, an index that is not
    /// declared, a record that has no BSON form, a URL that names no backend. Asking again will
    /// not help.
    #[error("{0}")]
    Invalid(String),
}
