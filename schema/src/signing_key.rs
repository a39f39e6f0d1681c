//! Keys that sign access tokens: rows of `signing_keys`, their turns and their overlap.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    Timestamp,
    record::{Index, Record},
};

/// A row of `signing_keys`. Rows are never changed: a key's turn ends when a newer one exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningKey {
    /// The `kid`.
    #[serde(rename = "_id")]
    pub id: String,
    /// The Ed25519 public key, base64url.
    pub public: String,
    /// The private seed, encrypted under the installation's secret, base64url.
    pub sealed: String,
    /// When it was made; it signs from then on.
    pub created_at: Timestamp,
}

impl Record for SigningKey {
    const COLLECTION: &'static str = "signing_keys";
    type Id = String;
    fn id(&self) -> String {
        self.id.clone()
    }
    fn indexes() -> &'static [Index] {
        &[Index { name: "created_at", keys: &["created_at", "_id"], unique: false }]
    }
}

/// Which of `keys` (oldest first) still verify: the newest, and those whose successor is younger
/// than `overlap`. The rest are as good as unknown.
pub fn trusted(
    keys: &[SigningKey],
    now: Timestamp,
    overlap: Duration,
) -> impl Iterator<Item = &SigningKey> {
    keys.iter().enumerate().filter_map(move |(at, key)| {
        let replaced = keys.get(at + 1).map(|next| next.created_at);
        let stands = replaced.is_none_or(|replaced| now < replaced + overlap);
        stands.then_some(key)
    })
}
