//! The audit trail: who did what, when, from where. Append only.

use serde::{Deserialize, Serialize};

use crate::{
    Timestamp,
    ids::{AuditId, UserId},
    record::{Index, Record},
};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Somebody registered.
    Registered,
    /// Somebody signed in.
    LoggedIn,
    /// A password was wrong.
    LoginFailed,
    /// A rotated refresh token was used again; the login was ended.
    RefreshReused,
    /// All logins of a person were ended.
    LoggedOutEverywhere,
}

/// A row of `audit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// The entry's id.
    #[serde(rename = "_id")]
    pub id: AuditId,
    /// What happened.
    pub event: Event,
    /// Whose account it was; nobody's for an unknown e-mail address.
    pub user_id: Option<UserId>,
    /// When.
    pub at: Timestamp,
    /// The client's address.
    pub from: String,
    /// The request.
    pub request_id: String,
}

impl Record for AuditEntry {
    const COLLECTION: &'static str = "audit";
    type Id = AuditId;
    fn id(&self) -> AuditId {
        self.id
    }
    fn indexes() -> &'static [Index] {
        &[Index { name: "user", keys: &["user_id", "_id"], unique: false }]
    }
}
