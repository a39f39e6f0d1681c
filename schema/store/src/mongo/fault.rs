//! What the driver's errors mean to a store.
//!
//! A write whose answer did not come may have happened: it is `Unknown`, unless the error says that
//! nothing was sent or that the server refused it.

use mongodb::error::{Error, ErrorKind, WriteFailure};

use crate::StoreError;

/// The server answers that it is not the one that writes. It has not looked further.
const NOT_PRIMARY: [i32; 3] = [10_107, 13_435, 13_436];

/// The server refuses what it was sent: unauthorized, too large, no valid document.
const REFUSED: [i32; 5] = [2, 13, 121, 10_334, 17_280];

/// A unique index, or `_id`, has such a document.
const DUPLICATE: [i32; 3] = [11_000, 11_001, 12_582];

/// Why an operation did not succeed, before it is known what that means.
#[derive(Debug)]
pub(super) enum Failure {
    /// No answer in time.
    Late,
    /// The driver's own word.
    Driver(Error),
}

impl Failure {
    /// The operation has only read.
    pub(super) fn reading(self) -> StoreError {
        match self {
            Self::Late => late(),
            Self::Driver(error) => match error.kind.as_ref() {
                ErrorKind::Bson(_) | ErrorKind::InvalidResponse { .. } => {
                    corrupt(format!("MongoDB's answer: {error}"))
                }
                _ => unsent(&error).unwrap_or_else(|| StoreError::Unavailable(error.to_string())),
            },
        }
    }

    /// The operation would have written one document.
    pub(super) fn writing(self) -> StoreError {
        match self {
            Self::Late => StoreError::Unknown("MongoDB has not answered in time".into()),
            Self::Driver(error) => unsent(&error)
                .or_else(|| refused(&error))
                .unwrap_or_else(|| StoreError::Unknown(error.to_string())),
        }
    }

    /// Whether a unique index said no.
    pub(super) fn is_duplicate(&self) -> bool {
        let Self::Driver(error) = self else { return false };
        match error.kind.as_ref() {
            ErrorKind::Write(WriteFailure::WriteError(write)) => is_duplicate(write.code),
            // FerretDB names SQLite's constraint when a replaced document meets a unique index.
            ErrorKind::Command(command) => {
                is_duplicate(command.code) || command.message.contains("UNIQUE constraint failed")
            }
            _ => false,
        }
    }
}

pub(super) fn is_duplicate(code: i32) -> bool {
    DUPLICATE.contains(&code)
}

pub(super) fn late() -> StoreError {
    StoreError::Unavailable("MongoDB has not answered in time".into())
}

/// Damage is said here, once, for whoever reads the log.
pub(super) fn corrupt(what: String) -> StoreError {
    tracing::error!(what, "stored data cannot be read");
    metrics::counter!("studyhall_store_corrupt_total").increment(1);
    StoreError::Corrupt(what)
}

/// What one document of an insert met that a unique index did not refuse.
pub(super) fn rejected(code: i32, message: &str) -> StoreError {
    if REFUSED.contains(&code) {
        StoreError::Invalid(message.to_owned())
    } else {
        StoreError::Unavailable(message.to_owned())
    }
}

/// The errors that come before anything is sent.
fn unsent(error: &Error) -> Option<StoreError> {
    Some(match error.kind.as_ref() {
        ErrorKind::Shutdown => StoreError::Unavailable("the store is closed".into()),
        ErrorKind::ServerSelection { .. }
        | ErrorKind::ConnectionPoolCleared { .. }
        | ErrorKind::Authentication { .. }
        | ErrorKind::DnsResolve { .. } => StoreError::Unavailable(error.to_string()),
        ErrorKind::InvalidArgument { .. }
        | ErrorKind::InvalidTlsConfig { .. }
        | ErrorKind::IncompatibleServer { .. }
        | ErrorKind::Bson(_) => StoreError::Invalid(error.kind.to_string()),
        _ => return None,
    })
}

/// The errors by which the server says that it has not written.
fn refused(error: &Error) -> Option<StoreError> {
    match error.kind.as_ref() {
        ErrorKind::Command(command) if NOT_PRIMARY.contains(&command.code) => {
            Some(StoreError::Unavailable(error.to_string()))
        }
        ErrorKind::Command(command) if REFUSED.contains(&command.code) => {
            Some(StoreError::Invalid(error.to_string()))
        }
        ErrorKind::Write(WriteFailure::WriteError(write)) => {
            Some(rejected(write.code, &write.message))
        }
        _ => None,
    }
}
