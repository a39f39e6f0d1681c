//! The words of Studyhall: ids, models with their transitions, access, clock and problems.
//!
//! Pure types. Nothing here knows tokio, axum or a database driver; `bson` is a data format here,
//! so that a record has the field names that people see in `MongoDB`.

pub mod access;
pub mod access_change;
pub mod audit;
pub mod clock;
pub mod document;
pub mod idempotency;
pub mod ids;
pub mod installation;
pub mod invite_code;
pub mod login;
pub mod note;
pub mod note_version;
pub mod record;
pub mod room;
pub mod room_state;
pub mod signing_key;
pub mod timer;
pub mod timestamp;
pub mod todo;
pub mod trash;
pub mod user;
pub mod wire_id;
pub mod xp;

pub use timestamp::Timestamp;
