//! Invite codes: ten Crockford characters that let people into a room. Only their HMAC is stored.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    Timestamp,
    clock::Clock,
    ids::{InviteCodeId, RoomId, UserId},
    record::{Index, Record},
};

/// How long a code is good.
pub const LIFETIME: Duration = Duration::from_hours(7 * 24);

/// Crockford's base 32: no I, L, O or U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A row of `invite_codes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InviteCode {
    /// The HMAC of the code, in hex: what a typed code is found by.
    #[serde(rename = "_id")]
    pub hash: String,
    /// Its name in listings; the code itself is shown once.
    pub code_id: InviteCodeId,
    /// Where it leads.
    pub room_id: RoomId,
    /// Who made it.
    pub created_by: UserId,
    /// When.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// How often it may be used.
    pub max_uses: u32,
    /// How often it was used.
    pub uses: u32,
}

impl Record for InviteCode {
    const COLLECTION: &'static str = "invite_codes";
    type Id = String;
    fn id(&self) -> String {
        self.hash.clone()
    }
    fn indexes() -> &'static [Index] {
        &[Index { name: "room", keys: &["room_id", "code_id"], unique: false }]
    }
}

/// The code is used up or too old.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spent;

impl InviteCode {
    /// Whether it still lets somebody in.
    pub fn is_good(&self, now: Timestamp) -> bool {
        now < self.expires_at && self.uses < self.max_uses
    }

    /// Uses it once.
    pub fn redeem(&mut self, now: Timestamp) -> Result<(), Spent> {
        if !self.is_good(now) {
            return Err(Spent);
        }
        self.uses += 1;
        Ok(())
    }
}

/// A fresh code: 50 bits.
pub fn fresh(clock: &dyn Clock) -> String {
    let mut bytes = [0; 10];
    clock.fill(&mut bytes);
    bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect()
}

/// A code as somebody typed it, in the form it was made: Crockford reads O as 0, I and L as 1, and
/// hyphens and spaces as nothing. `None` when it cannot be one.
pub fn normalize(typed: &str) -> Option<String> {
    let letter = |letter: char| match letter.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    let code: String =
        typed.chars().filter(|c| !matches!(c, '-' | ' ')).take(11).map(letter).collect();
    let known = code.bytes().all(|byte| ALPHABET.contains(&byte));
    (code.len() == 10 && known).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::TestClock;

    #[test]
    fn a_code_survives_being_read_aloud() {
        let code = fresh(&TestClock::new(7));
        assert_eq!(normalize(&code), Some(code.clone()));
        assert_eq!(normalize("abcde-o1il0"), Some("ABCDE01110".into()));
        assert_eq!(normalize("too short"), None);
        assert_eq!(normalize("ABCDEFGHIJU"), None);
    }
}
