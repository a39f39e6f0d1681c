//! How often somebody may do something: the generic cell rate algorithm over a bounded cache, by
//! our own clock.

use std::time::Duration;

use moka::{ops::compute::Op, sync::Cache};
use studyhall_schema::Timestamp;

/// At most `burst` at once and `burst` in each `per`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quota {
    pub(crate) name: &'static str,
    pub(crate) burst: u32,
    pub(crate) per: Duration,
}

/// What any one person, or address of a person who is not signed in, may ask for.
pub(crate) const REQUESTS: Quota =
    Quota { name: "requests", burst: 1200, per: Duration::from_mins(1) };
/// Sign-ins, registrations and refreshes from one address.
pub(crate) const SIGN_INS: Quota =
    Quota { name: "sign-ins", burst: 120, per: Duration::from_mins(1) };
/// Wrong passwords for one account from one address.
pub(crate) const WRONG_BY_ACCOUNT: Quota =
    Quota { name: "wrong-passwords", burst: 10, per: Duration::from_mins(15) };
/// Wrong passwords from one address.
pub(crate) const WRONG_BY_ADDRESS: Quota =
    Quota { name: "wrong-passwords-address", burst: 50, per: Duration::from_mins(15) };
/// Wrong invite codes of one person.
pub(crate) const WRONG_CODES: Quota =
    Quota { name: "wrong-codes", burst: 10, per: Duration::from_mins(10) };

/// Where somebody stands with a quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    /// How many more at once.
    pub(crate) remaining: u32,
    /// When all of them are back.
    pub(crate) reset: Duration,
    /// How long to wait, when there are none.
    pub(crate) wait: Option<Duration>,
}

/// All counters.
pub(crate) struct Limits {
    on: bool,
    cells: Cache<String, i64>,
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}

fn duration(millis: i64) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

impl Quota {
    /// With `full` the moment when all is back: the standing and the moment after one more.
    fn one_more(self, full: i64, now: i64) -> (Standing, i64) {
        let each = (millis(self.per) / i64::from(self.burst)).max(1);
        let next = full.max(now) + each;
        let wait = next - now - each * i64::from(self.burst);
        if wait > 0 {
            let standing =
                Standing { remaining: 0, reset: duration(full - now), wait: Some(duration(wait)) };
            return (standing, full);
        }
        let remaining = u32::try_from(-wait / each).unwrap_or(0);
        (Standing { remaining, reset: duration(next - now), wait: None }, next)
    }
}

impl Limits {
    pub(crate) fn new(on: bool) -> Self {
        let hour = Duration::from_hours(1);
        Self { on, cells: Cache::builder().max_capacity(200_000).time_to_idle(hour).build() }
    }

    /// Counts one. `None` when rates are not limited.
    pub(crate) fn take(&self, quota: Quota, who: &str, now: Timestamp) -> Option<Standing> {
        if !self.on {
            return None;
        }
        let mut seen = None;
        self.cells.entry(format!("{}:{who}", quota.name)).and_compute_with(|cell| {
            let full = cell.map_or(0, moka::Entry::into_value);
            let (standing, full) = quota.one_more(full, now.as_millis());
            seen = Some(standing);
            Op::Put(full)
        });
        seen
    }

    /// How long to wait, without counting.
    pub(crate) fn wait(&self, quota: Quota, who: &str, now: Timestamp) -> Option<Duration> {
        let full = self.on.then(|| self.cells.get(&format!("{}:{who}", quota.name)))??;
        quota.one_more(full, now.as_millis()).0.wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_spent_and_comes_back_evenly() {
        let quota = Quota { name: "test", burst: 3, per: Duration::from_secs(30) };
        let limits = Limits::new(true);
        let at = |seconds: i64| Timestamp::from_millis(1_000_000 + seconds * 1000);
        let left: Vec<_> = (0..3)
            .map(|_| limits.take(quota, "ada", at(0)).map(|standing| standing.remaining))
            .collect();
        assert_eq!(left, [Some(2), Some(1), Some(0)]);
        let refused = limits.take(quota, "ada", at(0)).unwrap();
        assert_eq!(refused.wait, Some(Duration::from_secs(10)));
        assert_eq!(limits.take(quota, "ben", at(0)).unwrap().wait, None);
        assert_eq!(limits.take(quota, "ada", at(10)).unwrap().wait, None);
        assert!(limits.wait(quota, "ada", at(10)).is_some());
        assert_eq!(limits.wait(quota, "ada", at(20)), None);
    }
}
