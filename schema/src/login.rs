//! A sign-in: one row of `logins` with its family of refresh tokens.
//!
//! Only hashes are kept. Pure: what a presented token means is decided here, the tokens themselves
//! are made and checked in `api`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    Timestamp,
    ids::{LoginId, UserId},
    record::{Index, Record},
};

/// How long a rotated refresh token still gets the same successor after that was given: two tabs, or a lost
/// answer.
pub const REPEAT_WINDOW: Duration = Duration::from_secs(10);

/// How long a family lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime {
    /// Without a refresh.
    pub idle: Duration,
    /// At most.
    pub absolute: Duration,
}

/// The token before the current one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Predecessor {
    /// Its SHA-256 in hex.
    pub hash: String,
    /// When it was rotated; then when its successor was first given.
    pub rotated_at: Timestamp,
    /// Nobody was given the successor, as far as is known. Older rows do not say.
    #[serde(default)]
    pub is_waiting: bool,
    /// Its successor, encrypted under a key that only the predecessor gives, in base64.
    pub successor: String,
}

impl Predecessor {
    fn repeats(&self, now: Timestamp) -> bool {
        self.is_waiting || now.since(self.rotated_at) <= REPEAT_WINDOW
    }
}

/// A row of `logins`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// The login's id; access tokens carry it as `sid`.
    #[serde(rename = "_id")]
    pub id: LoginId,
    /// Who signed in.
    pub user_id: UserId,
    /// The SHA-256 of the current refresh token, in hex.
    pub refresh_hash: String,
    /// The token before it.
    pub predecessor: Option<Predecessor>,
    /// When they signed in.
    pub created_at: Timestamp,
    /// When the current refresh token was made.
    pub refreshed_at: Timestamp,
    /// When and whether the login was ended.
    pub revoked_at: Option<Timestamp>,
    /// The client, as it names itself, at most 200 characters.
    pub device: String,
}

impl Record for Login {
    const COLLECTION: &'static str = "logins";
    type Id = LoginId;
    fn id(&self) -> LoginId {
        self.id
    }
    fn indexes() -> &'static [Index] {
        &[Index { name: "user", keys: &["user_id", "_id"], unique: false }]
    }
}

/// What a refresh came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refreshed {
    /// The successor is the current token now.
    Rotated,
    /// The same token again within the window: its successor, still encrypted.
    Repeated(String),
}

/// Why a refresh was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The login has ended, by logout or by time.
    #[error("this login has ended")]
    Ended,
    /// A token that was rotated long ago: somebody else has a copy. The family must be revoked.
    #[error("a refresh token was used again")]
    Reused,
}

impl Login {
    /// Whether the login still stands.
    pub fn stands(&self, now: Timestamp, lifetime: Lifetime) -> bool {
        self.revoked_at.is_none()
            && now < self.refreshed_at + lifetime.idle
            && now < self.created_at + lifetime.absolute
    }

    /// Presents a genuine token of this family by its hash, and offers its successor.
    pub fn refresh(
        &mut self,
        presented: &str,
        successor_hash: String,
        successor_sealed: String,
        now: Timestamp,
        lifetime: Lifetime,
    ) -> Result<Refreshed, Refusal> {
        if !self.stands(now, lifetime) {
            return Err(Refusal::Ended);
        }
        if presented == self.refresh_hash {
            self.predecessor = Some(Predecessor {
                hash: std::mem::replace(&mut self.refresh_hash, successor_hash),
                rotated_at: now,
                is_waiting: true,
                successor: successor_sealed,
            });
            self.refreshed_at = now;
            return Ok(Refreshed::Rotated);
        }
        match &self.predecessor {
            Some(before) if before.hash == presented && before.repeats(now) => {
                Ok(Refreshed::Repeated(before.successor.clone()))
            }
            _ => Err(Refusal::Reused),
        }
    }

    /// The successor of this token is given to who presented it.
    pub fn gives_successor_of(&mut self, presented: &str, now: Timestamp) {
        let before = self.predecessor.as_mut();
        if let Some(before) = before.filter(|it| it.hash == presented && it.is_waiting) {
            (before.is_waiting, before.rotated_at) = (false, now);
        }
    }

    /// Whether this token stands for the login: the current one, or one whose successor nobody has.
    pub fn is_of(&self, presented: &str) -> bool {
        let waits = |before: &Predecessor| before.is_waiting && before.hash == presented;
        presented == self.refresh_hash || self.predecessor.as_ref().is_some_and(waits)
    }

    /// Ends the login; the first end counts.
    pub fn revoke(&mut self, now: Timestamp) {
        self.revoked_at.get_or_insert(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::TestClock;

    const LIFETIME: Lifetime =
        Lifetime { idle: Duration::from_hours(7 * 24), absolute: Duration::from_hours(30 * 24) };

    fn login(at: Timestamp) -> Login {
        let clock = TestClock::new(1);
        Login {
            id: LoginId::new(&clock),
            user_id: UserId::new(&clock),
            refresh_hash: "first".into(),
            predecessor: None,
            created_at: at,
            refreshed_at: at,
            revoked_at: None,
            device: String::new(),
        }
    }

    fn step(login: &mut Login, from: &str, to: &str, at: u64) -> Result<Refreshed, Refusal> {
        let at = Timestamp::from_millis(0) + Duration::from_secs(at);
        login.refresh(from, to.into(), format!("sealed {to}"), at, LIFETIME)
    }

    #[test]
    fn a_rotated_token_repeats_for_ten_seconds_and_then_betrays_a_copy() {
        let mut login = login(Timestamp::from_millis(0));
        assert_eq!(step(&mut login, "first", "second", 60), Ok(Refreshed::Rotated));
        login.gives_successor_of("first", Timestamp::from_millis(60_000));
        let repeated = Ok(Refreshed::Repeated("sealed second".into()));
        assert_eq!(step(&mut login, "first", "other", 70), repeated);
        assert_eq!(step(&mut login.clone(), "first", "other", 71), Err(Refusal::Reused));
        assert_eq!(step(&mut login, "second", "third", 71), Ok(Refreshed::Rotated));
        assert_eq!(step(&mut login, "first", "other", 72), Err(Refusal::Reused));
    }

    #[test]
    fn whom_nobody_gave_the_successor_is_no_thief_until_it_is_used() {
        let mut login = login(Timestamp::from_millis(0));
        assert_eq!(step(&mut login, "first", "second", 60), Ok(Refreshed::Rotated));
        assert!(login.is_of("first") && login.is_of("second"));
        let repeated: Result<_, Refusal> = Ok(Refreshed::Repeated("sealed second".into()));
        assert_eq!(step(&mut login, "first", "other", 600), repeated);
        let mut used = login.clone();
        assert_eq!(step(&mut used, "second", "third", 601), Ok(Refreshed::Rotated));
        assert_eq!(step(&mut used, "first", "other", 602), Err(Refusal::Reused));

        login.gives_successor_of("first", Timestamp::from_millis(600_000));
        login.gives_successor_of("first", Timestamp::from_millis(609_000)); // no longer for that
        assert!(!login.is_of("first"));
        assert_eq!(step(&mut login, "first", "other", 610), repeated);
        assert_eq!(step(&mut login, "first", "other", 611), Err(Refusal::Reused));
    }

    #[test]
    fn a_family_ends_after_seven_idle_days_or_thirty_days() {
        let day = 86_400;
        let mut idle = login(Timestamp::from_millis(0));
        assert_eq!(step(&mut idle, "first", "second", 7 * day), Err(Refusal::Ended));
        let mut busy = login(Timestamp::from_millis(0));
        for n in 1..=5 {
            let (from, to) = (format!("{}", n - 1), format!("{n}"));
            let from = if n == 1 { "first".to_owned() } else { from };
            assert_eq!(step(&mut busy, &from, &to, n * 6 * day - 1), Ok(Refreshed::Rotated));
        }
        assert_eq!(step(&mut busy, "5", "6", 30 * day), Err(Refusal::Ended));
    }
}
