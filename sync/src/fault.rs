//! What the REST side is told when a document cannot do what it was asked.

use studyhall_store::StoreError;
use thiserror::Error;

use crate::{
    document::{EditFailure, Refusal},
    load::LoadFailure,
};

/// Why a document did not do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SyncFault {
    /// There is no such document, or it is in the trash.
    #[error("there is no such document")]
    NotFound,
    /// The id belongs to somebody else's document.
    #[error("this id is taken")]
    Exists,
    /// The document is at its hard limit.
    #[error("the document is full")]
    TooLarge,
    /// Its text is longer than a row shows.
    #[error("the text is longer than is shown")]
    TooLong,
    /// Its text would be longer than a row shows.
    #[error("the text is longer than can be shown")]
    TooLongToShow,
    /// It has changed since the caller looked.
    #[error("the document has changed")]
    Changed,
    /// Another move of it came first.
    #[error("it was moved elsewhere")]
    Moved,
    /// Its list has no room for another todo.
    #[error("the list is full")]
    ListFull,
    /// It may not be changed so.
    #[error("the document refuses this change")]
    Refused,
    /// The store, or the document, cannot do it now.
    #[error("it cannot be saved right now")]
    Unavailable,
    /// What is stored cannot be read.
    #[error("the document cannot be read")]
    Corrupt,
}

impl From<StoreError> for SyncFault {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Corrupt(_) => Self::Corrupt,
            _ => Self::Unavailable,
        }
    }
}

impl From<LoadFailure> for SyncFault {
    fn from(failure: LoadFailure) -> Self {
        match failure {
            LoadFailure::NotFound => Self::NotFound,
            LoadFailure::Unavailable => Self::Unavailable,
            LoadFailure::Unreadable(_) => Self::Corrupt,
        }
    }
}

impl From<EditFailure> for SyncFault {
    fn from(failure: EditFailure) -> Self {
        match failure {
            EditFailure::Busy | EditFailure::Refused(Refusal::Overloaded) => Self::Unavailable,
            EditFailure::Refused(Refusal::DocumentFull) => Self::TooLarge,
            EditFailure::Refused(Refusal::Changed) => Self::Changed,
            EditFailure::Refused(Refusal::TooLong) => Self::TooLong,
            EditFailure::Refused(Refusal::TooLongToShow) => Self::TooLongToShow,
            EditFailure::Refused(Refusal::Absent) => Self::NotFound,
            EditFailure::Refused(Refusal::Crowded) => Self::ListFull,
            EditFailure::Refused(_) => Self::Refused,
        }
    }
}
