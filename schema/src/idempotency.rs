//! Answers that were given under an `Idempotency-Key`: rows of `idempotency`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    Timestamp,
    ids::CreatedId,
    record::{Index, Record},
};

/// How long an answer is given again.
pub const KEPT: Duration = Duration::from_hours(24);

/// How long a request may be under way before another with its key takes its place. A create is taken up at
/// once: with the same id it is the same one.
pub const UNDER_WAY: Duration = Duration::from_mins(1);

/// An answer, as it went out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Headers worth keeping.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

/// A row of `idempotency`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Idempotent {
    /// `<user>:<SHA-256 of the key>`.
    #[serde(rename = "_id")]
    pub id: String,
    /// SHA-256 of method, path and body.
    pub fingerprint: String,
    /// When the first request came.
    pub created_at: Timestamp,
    /// Its answer; none while it is under way.
    pub answer: Option<Answer>,
    /// The id of what it creates, if it names none. Older rows have none.
    #[serde(default)]
    pub creates: Option<CreatedId>,
    /// It was answered "try again": what it began may be done later.
    #[serde(default)]
    pub is_to_repeat: bool,
}

impl Record for Idempotent {
    const COLLECTION: &'static str = "idempotency";
    type Id = String;
    fn id(&self) -> String {
        self.id.clone()
    }
    fn indexes() -> &'static [Index] {
        &[Index { name: "age", keys: &["created_at", "_id"], unique: false }]
    }
}

/// What a request under a key that is known should do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Give this answer again.
    Replay(Answer),
    /// The key was used for something else.
    Mismatch,
    /// The first one is not done yet.
    UnderWay,
    /// Its request was answered "try again", or died: take its place, with the id of what it creates.
    Repeat,
    /// The row is forgotten: take its place.
    Take,
}

impl Idempotent {
    /// Decides for a request with `fingerprint`; `is_create` if doing it twice with one id is doing it once.
    pub fn judge(&self, fingerprint: &str, now: Timestamp, is_create: bool) -> Verdict {
        let age = now.since(self.created_at);
        match &self.answer {
            _ if age >= KEPT => Verdict::Take,
            _ if self.fingerprint != fingerprint => Verdict::Mismatch,
            Some(answer) => Verdict::Replay(answer.clone()),
            None if self.is_to_repeat || is_create || age >= UNDER_WAY => Verdict::Repeat,
            None => Verdict::UnderWay,
        }
    }
}
