//! What `SQLite`'s errors mean to a store.

use rusqlite::ErrorCode;

use crate::StoreError;

/// A refusal on the way up, before it loses the driver's words.
#[derive(Debug)]
pub(super) enum Fault {
    Sqlite(rusqlite::Error),
    Store(StoreError),
}

impl Fault {
    pub(super) fn corrupt(what: impl Into<String>) -> Self {
        Self::Store(StoreError::Corrupt(what.into()))
    }

    fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Sqlite(error) => error.sqlite_error_code(),
            Self::Store(_) => None,
        }
    }

    /// Whether a unique index said no.
    pub(super) fn is_taken(&self) -> bool {
        self.code() == Some(ErrorCode::ConstraintViolation)
    }

    /// Whether another connection has the lock.
    pub(super) fn is_busy(&self) -> bool {
        self.code() == Some(ErrorCode::DatabaseBusy)
    }

    /// As the store's error. Damage is said here, once, for whoever reads the log.
    pub(super) fn told(self) -> StoreError {
        let error = StoreError::from(self);
        if let StoreError::Corrupt(what) = &error {
            tracing::error!(what, "stored data cannot be read");
            metrics::counter!("studyhall_store_corrupt_total").increment(1);
        }
        error
    }

    /// What a failed commit means. After an IO error the file may hold the commit although `SQLite`
    /// does not count it: a crash now would bring it back.
    pub(super) fn at_commit(self) -> StoreError {
        if self.code() == Some(ErrorCode::SystemIoFailure) {
            let Self::Sqlite(error) = self else { return self.into() };
            return StoreError::Unknown(error.to_string());
        }
        self.into()
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        let error = match fault {
            Fault::Store(error) => return error,
            Fault::Sqlite(error) => error,
        };
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Corrupt(error.to_string())
            }
            Some(ErrorCode::TooBig) => Self::Invalid(error.to_string()),
            // Full, read-only, busy, out of memory, an IO error: nothing was written, and it may
            // work later.
            Some(_) => Self::Unavailable(error.to_string()),
            // A column that has another type than was written, or no UTF-8.
            None => Self::Corrupt(error.to_string()),
        }
    }
}
