//! How often people may make the document compare what they send with what it has: a comparison looks at
//! all of the document, however small the update is, and no stock client needs many.

use foldhash::HashMap;
use studyhall_schema::{Timestamp, ids::UserId};

/// Bytes of documents that a person may have looked at in one go, and what is added a millisecond.
const BURST: u64 = 64 << 20;
const A_MILLISECOND: u64 = 4 << 10;
/// A comparison counts for at least so many.
const LEAST: u64 = 64 << 10;

/// What each person has had compared lately.
#[derive(Default)]
pub(super) struct Compared {
    people: HashMap<UserId, Spent>,
}

struct Spent {
    bytes: u64,
    at: Timestamp,
}

impl Compared {
    /// Whether a document of so many bytes may be looked at for this person; the first time always.
    pub(super) fn may(&mut self, person: UserId, document: u64, now: Timestamp) -> bool {
        let spent = self.people.entry(person).or_insert(Spent { bytes: 0, at: now });
        let passed = u64::try_from(now.since(spent.at).as_millis()).unwrap_or(u64::MAX);
        spent.bytes = spent.bytes.saturating_sub(passed.saturating_mul(A_MILLISECOND));
        spent.at = spent.at.max(now);
        let may = spent.bytes == 0 || spent.bytes + document.max(LEAST) <= BURST;
        if may {
            spent.bytes += document.max(LEAST);
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_document_is_compared_now_and_then() {
        let (ada, eve) = (UserId::from_bytes([1; 12]), UserId::from_bytes([2; 12]));
        let at = |seconds: i64| Timestamp::from_millis(1_800_000_000_000 + seconds * 1000);
        let mut compared = Compared::default();
        let often = |compared: &mut Compared, person, second| {
            (0..1000).filter(|_| compared.may(person, 30 << 20, at(second))).count()
        };
        assert_eq!(often(&mut compared, eve, 0), 2);
        assert_eq!(often(&mut compared, eve, 1), 0);
        assert_eq!(often(&mut compared, ada, 1), 2, "each person for themselves");
        assert_eq!(often(&mut compared, eve, 20), 2);
        assert_eq!(often(&mut compared, eve, 19), 0, "a clock that goes back gives nothing");
    }
}
