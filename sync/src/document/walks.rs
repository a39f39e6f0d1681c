//! How often people may have all of a document looked at: a comparison or a difference does that, however
//! small the message is that asks for it, and no stock client needs many.

use std::time::Duration;

use foldhash::HashMap;
use studyhall_schema::{Timestamp, ids::UserId};

/// A walk counts for at least so many bytes.
const LEAST: u64 = 64 << 10;

/// What each person has had looked at lately.
pub(super) struct Walks {
    people: HashMap<UserId, Spent>,
    /// Bytes of documents that a person may have looked at in one go.
    burst: u64,
    /// What is added to that a millisecond.
    a_millisecond: u64,
}

struct Spent {
    bytes: u64,
    at: Timestamp,
}

impl Walks {
    /// Comparisons of what somebody sends with what is there.
    pub(super) fn comparisons() -> Self {
        Self { people: HashMap::default(), burst: 256 << 20, a_millisecond: 32 << 10 }
    }

    /// Differences from what somebody says they have.
    pub(super) fn differences() -> Self {
        Self { people: HashMap::default(), burst: 512 << 20, a_millisecond: 512 << 10 }
    }

    /// Whether a document of so many bytes may be looked at for this person; the first time always.
    pub(super) fn may(&mut self, person: UserId, document: u64, now: Timestamp) -> bool {
        let spent = self.spent(person, now).bytes;
        let may = spent == 0 || spent + document.max(LEAST) <= self.burst;
        if may {
            self.walk(person, document, now);
        }
        may
    }

    /// A document of so many bytes is looked at for this person.
    pub(super) fn walk(&mut self, person: UserId, document: u64, now: Timestamp) {
        self.spend(person, document.max(LEAST), now);
    }

    /// Whether anything may be looked at for this person.
    pub(super) fn has_left(&mut self, person: UserId, now: Timestamp) -> bool {
        !self.people.contains_key(&person) || self.spent(person, now).bytes <= self.burst
    }

    /// From when on something may be looked at for this person.
    pub(super) fn has_left_at(&mut self, person: UserId, now: Timestamp) -> Timestamp {
        let over = self.spent(person, now).bytes.saturating_sub(self.burst);
        now + Duration::from_millis(over.div_ceil(self.a_millisecond))
    }

    /// So many bytes were looked at.
    pub(super) fn spend(&mut self, person: UserId, bytes: u64, now: Timestamp) {
        self.spent(person, now).bytes += bytes;
    }

    fn spent(&mut self, person: UserId, now: Timestamp) -> &mut Spent {
        let spent = self.people.entry(person).or_insert(Spent { bytes: 0, at: now });
        let passed = u64::try_from(now.since(spent.at).as_millis()).unwrap_or(u64::MAX);
        spent.bytes = spent.bytes.saturating_sub(passed.saturating_mul(self.a_millisecond));
        spent.at = spent.at.max(now);
        spent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_document_is_looked_at_now_and_then() {
        let (ada, eve) = (UserId::from_bytes([1; 12]), UserId::from_bytes([2; 12]));
        let at = |seconds: i64| Timestamp::from_millis(1_800_000_000_000 + seconds * 1000);
        let mut walks = Walks::comparisons();
        let often = |walks: &mut Walks, person, second| {
            (0..1000).filter(|_| walks.may(person, 100 << 20, at(second))).count()
        };
        assert_eq!(often(&mut walks, eve, 0), 2);
        assert_eq!(often(&mut walks, eve, 1), 0);
        assert_eq!(often(&mut walks, ada, 1), 2, "each person for themselves");
        assert_eq!(often(&mut walks, eve, 20), 2);
        assert_eq!(often(&mut walks, eve, 19), 0, "a clock that goes back gives nothing");
    }
}
