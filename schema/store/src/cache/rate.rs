//! Rates: the generic cell rate algorithm (ITU-T I.371). All that is kept of somebody is the moment
//! when everything they may do is back.

use std::time::Duration;

/// At most `burst` at once and `burst` in each `per`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many at once.
    pub burst: u32,
    /// How long it takes until all of them are back.
    pub per: Duration,
}

/// Where somebody stands with a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// How many more at once.
    pub remaining: u32,
    /// When all of them are back.
    pub reset: Duration,
    /// How long to wait, when there are none: this one was refused.
    pub wait: Option<Duration>,
}

impl Rate {
    /// Milliseconds for one.
    pub(super) fn each(self) -> i64 {
        let per = i64::try_from(self.per.as_millis()).unwrap_or(i64::MAX / 4);
        (per / i64::from(self.burst.max(1))).max(1)
    }

    /// With `full` the moment when all is back: the standing after one more, and that moment then.
    pub(super) fn one_more(self, full: i64, now: i64) -> (Standing, i64) {
        let next = full.max(now) + self.each();
        let wait = next - now - self.each() * i64::from(self.burst);
        if wait > 0 {
            let reset = duration(full - now);
            return (Standing { remaining: 0, reset, wait: Some(duration(wait)) }, full);
        }
        let remaining = u32::try_from(-wait / self.each()).unwrap_or(0);
        (Standing { remaining, reset: duration(next - now), wait: None }, next)
    }
}

fn duration(millis: i64) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_spent_and_comes_back_evenly() {
        let rate = Rate { burst: 3, per: Duration::from_secs(30) };
        let mut full = 0;
        let mut at = |now| {
            let (standing, next) = rate.one_more(full, now);
            full = next;
            standing
        };
        let left = [0; 3].map(|seconds| at(seconds).remaining);
        assert_eq!(left, [2, 1, 0]);
        assert_eq!(at(0).wait, Some(Duration::from_secs(10)));
        assert_eq!(at(10_000).wait, None, "one is back");
        assert!(at(10_000).wait.is_some(), "only one");
    }
}
