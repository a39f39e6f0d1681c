//! The words of Studyhall: ids, models with their transitions, access, clock and problems.
//!
//! Pure types. Nothing here knows tokio, axum or a database driver; `bson` is a data format here,
//! so that a record has the field names that people see in MongoDB.

pub mod access;
pub mod clock;
pub mod document;
pub mod ids;
pub mod note;
pub mod record;
pub mod timestamp;

pub use timestamp::Timestamp;
