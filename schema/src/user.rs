//! People: the row of `users`, and the claims that make e-mail addresses and usernames unique.
//!
//! Must not know how a password is hashed or how somebody is let in.

use serde::{Deserialize, Serialize};

use crate::{Timestamp, document::Engine, ids::UserId, record::Record, xp};

/// What a person may do on the whole installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Like everybody.
    #[default]
    User,
    /// Runs the installation.
    Admin,
}

/// Whether a person may sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Yes.
    #[default]
    Active,
    /// No, an admin said so.
    Suspended,
    /// No, the account is about to be purged.
    Deleting,
}

/// What somebody has earned. A row shows the level beside it, for who reads it there; it is never read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "EarnedFields", into = "EarnedFields")]
pub struct Earned {
    /// The sum of the person's ledger.
    pub xp: u64,
}

#[derive(Serialize, Deserialize)]
struct EarnedFields {
    xp: u64,
    #[serde(default)]
    level: u32,
}

impl Earned {
    /// The level that it comes to.
    pub fn level(self) -> u32 {
        xp::level(self.xp)
    }
}

impl From<EarnedFields> for Earned {
    fn from(fields: EarnedFields) -> Self {
        Self { xp: fields.xp }
    }
}

impl From<Earned> for EarnedFields {
    fn from(earned: Earned) -> Self {
        Self { xp: earned.xp, level: earned.level() }
    }
}

/// What a person has set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Settings {
    /// The CRDT library that their own list of todos is to be made with.
    #[serde(default)]
    pub engine: Engine,
}

/// A row of `users`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The person's id.
    #[serde(rename = "_id")]
    pub id: UserId,
    /// The address as it was typed; `user_keys` holds it folded.
    pub email: String,
    /// The name others find them by; `user_keys` holds it folded.
    pub username: String,
    /// A PHC string, `$argon2id$…`.
    pub password_hash: String,
    /// The name others see.
    pub display_name: String,
    /// A picture that this server made; nobody sets it by hand.
    pub avatar_url: Option<String>,
    /// `xp` and `level`.
    #[serde(flatten)]
    pub earned: Earned,
    /// What the person may do on the whole installation.
    pub role: Role,
    /// Whether the person may sign in.
    pub status: Status,
    /// When they registered.
    pub created_at: Timestamp,
    /// When they last did something; moves at most once a minute.
    pub last_active: Timestamp,
    /// What the person has set.
    #[serde(default)]
    pub settings: Settings,
}

impl Record for User {
    const COLLECTION: &'static str = "users";
    type Id = UserId;
    fn id(&self) -> UserId {
        self.id
    }
}

/// What a person may change about themself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProfileChange {
    /// The name others see.
    pub display_name: Option<String>,
    /// The CRDT library of a list that is not there yet.
    pub engine: Option<Engine>,
}

impl User {
    /// Whether the person may sign in.
    pub fn is_active(&self) -> bool {
        self.status == Status::Active
    }

    /// Changes what the person may change about themself.
    pub fn revise(&mut self, change: ProfileChange, now: Timestamp) {
        if let Some(name) = change.display_name {
            self.display_name = name;
        }
        self.settings.engine = change.engine.unwrap_or(self.settings.engine);
        self.last_active = now;
    }
}

/// A row of `user_keys`: a name that one person has. It is inserted before the person's row, so
/// that uniqueness needs no index of `users`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserKey {
    /// `email:<folded>` or `username:<folded>`.
    #[serde(rename = "_id")]
    pub id: String,
    /// Whose it is.
    pub user_id: UserId,
    /// When it was claimed, or last taken up.
    pub created_at: Timestamp,
    /// The `_id` of the claim that it was made with: who registers with both again takes both up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with: Option<String>,
    /// Another try has taken it up: who made it does not give it back.
    #[serde(default)]
    pub is_taken_up: bool,
}

impl Record for UserKey {
    const COLLECTION: &'static str = "user_keys";
    type Id = String;
    fn id(&self) -> String {
        self.id.clone()
    }
}

/// The `_id` of an e-mail address's claim.
pub fn email_key(email: &str) -> String {
    format!("email:{}", email.trim().to_lowercase())
}

/// The `_id` of a username's claim.
pub fn username_key(username: &str) -> String {
    format!("username:{}", username.to_lowercase())
}
