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
    /// Whom it was used for: as many as uses at most, each person once.
    #[serde(default)]
    pub redeemed: Vec<Redeemed>,
}

/// A use of a code. It is the person's until they have come in by it and left again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redeemed {
    /// Whose it is.
    pub user_id: UserId,
    /// How often they had left the room before.
    pub departures: u32,
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
    /// Whether it still lets `by` in: there are uses left, or one of them is theirs.
    pub fn is_good(&self, by: Redeemed, now: Timestamp) -> bool {
        now < self.expires_at && (self.uses < self.max_uses || self.redeemed.contains(&by))
    }

    /// Uses it once, unless it was used for them already.
    pub fn redeem(&mut self, by: Redeemed, now: Timestamp) -> Result<(), Spent> {
        if !self.is_good(by, now) {
            return Err(Spent);
        }
        if !self.redeemed.contains(&by) {
            self.redeemed.retain(|one| one.user_id != by.user_id);
            self.redeemed.push(by);
            self.uses += 1;
        }
        Ok(())
    }

    /// Takes their use back, if they have one.
    pub fn give_back(&mut self, by: Redeemed) {
        let before = self.redeemed.len();
        self.redeemed.retain(|one| *one != by);
        if self.redeemed.len() < before {
            self.uses = self.uses.saturating_sub(1);
        }
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
    fn a_use_is_ones_own_until_one_has_left_or_it_is_given_back() {
        let clock = TestClock::new(7);
        let now = clock.now();
        let [ben, cem] =
            [0, 0].map(|departures| Redeemed { user_id: UserId::new(&clock), departures });
        let mut code = InviteCode {
            hash: String::new(),
            code_id: InviteCodeId::new(&clock),
            room_id: RoomId::new(&clock),
            created_by: UserId::new(&clock),
            created_at: now,
            expires_at: now + LIFETIME,
            max_uses: 2,
            uses: 0,
            redeemed: Vec::new(),
        };
        for one in [ben, ben, cem, ben] {
            assert_eq!(code.redeem(one, now), Ok(()));
        }
        let returned = Redeemed { departures: 1, ..ben };
        assert_eq!((code.uses, code.redeem(returned, now)), (2, Err(Spent)));
        for _ in 0..2 {
            code.give_back(cem);
        }
        assert_eq!((code.uses, code.redeem(returned, now)), (1, Ok(())));
        assert_eq!((code.uses, code.redeemed.as_slice()), (2, [returned].as_slice()));
        assert_eq!(code.redeem(returned, now + LIFETIME), Err(Spent));
    }

    #[test]
    fn a_code_survives_being_read_aloud() {
        let code = fresh(&TestClock::new(7));
        assert_eq!(normalize(&code), Some(code.clone()));
        assert_eq!(normalize("abcde-o1il0"), Some("ABCDE01110".into()));
        assert_eq!(normalize("too short"), None);
        assert_eq!(normalize("ABCDEFGHIJU"), None);
    }
}
