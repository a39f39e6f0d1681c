//! Answers that were given under an `Idempotency-Key`: rows of `idempotency`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    Timestamp,
    record::{Index, Record},
};

/// How long an answer is given again.
pub const KEPT: Duration = Duration::from_hours(24);

/// How long a request may be under way before another with its key takes its place.
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
    /// The row is forgotten or its request died: take its place.
    Take,
}

impl Idempotent {
    /// Decides for a request with `fingerprint`.
    pub fn judge(&self, fingerprint: &str, now: Timestamp) -> Verdict {
        let age = now.since(self.created_at);
        match &self.answer {
            _ if age >= KEPT => Verdict::Take,
            _ if self.fingerprint != fingerprint => Verdict::Mismatch,
            Some(answer) => Verdict::Replay(answer.clone()),
            None if age >= UNDER_WAY => Verdict::Take,
            None => Verdict::UnderWay,
        }
    }
}
