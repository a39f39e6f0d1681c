//! Whether this process slept: it was stopped, or its machine was. What others changed meanwhile it has not
//! heard when it wakes, and whoever waited for it is served first. Must not know what is forgotten then.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use studyhall_schema::Timestamp;

/// How often the pulse is felt, where nobody asks.
pub(super) const BEAT: Duration = Duration::from_millis(200);

/// A pause from which on the process is said to have slept: others are to be heard within a second.
const SLEPT: Duration = Duration::from_millis(600);

/// A pause from which on whoever waited may have gone elsewhere, and written more there.
const LONG: Duration = Duration::from_millis(1500);
/// So long after it what comes may have lain in a socket meanwhile.
const JUST_NOW: Duration = Duration::from_secs(1);

/// When the process was last awake, how often it has slept, and when it woke up from a long sleep.
#[derive(Debug)]
pub(super) struct Pulse(Mutex<(Timestamp, u64, Option<Timestamp>)>);

impl Pulse {
    pub(super) fn new(now: Timestamp) -> Self {
        Self(Mutex::new((now, 0, None)))
    }

    /// Whether it has just woken up from a long sleep. Whether it slept is to be asked before.
    pub(super) fn has_just_woken(&self, now: Timestamp) -> bool {
        let pulse = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pulse.2.is_some_and(|woke| now.since(woke) < JUST_NOW)
    }

    /// How often the process has slept until now. `on_waking` is done before anybody is told of a sleep.
    pub(super) fn sleeps(&self, now: Timestamp, on_waking: impl FnOnce()) -> u64 {
        let mut pulse = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if now.since(pulse.0) > SLEPT {
            on_waking();
            pulse.1 += 1;
            if now.since(pulse.0) > LONG {
                pulse.2 = Some(now);
            }
        }
        pulse.0 = now;
        pulse.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_after_a_sleep_is_told_of_it_and_all_was_forgotten_before() {
        let start = Timestamp::from_millis(1_000_000);
        let pulse = Pulse::new(start);
        let mut woken = 0;
        let mut at = |millis| pulse.sleeps(start + Duration::from_millis(millis), || woken += 1);
        assert_eq!([at(200), at(400), at(1000), at(1601), at(1700)], [0, 0, 0, 1, 1]);
        assert_eq!(at(9000), 2);
        assert_eq!(at(100), 2, "a clock that is put back is no sleep");
        assert_eq!(woken, 2);
    }

    #[test]
    fn it_has_just_woken_for_a_while_after_a_long_sleep() {
        let start = Timestamp::from_millis(1_000_000);
        let pulse = Pulse::new(start);
        let has_just_woken = |millis| {
            let now = start + Duration::from_millis(millis);
            pulse.sleeps(now, || {});
            pulse.has_just_woken(now)
        };
        assert_eq!(
            [200, 1200, 2800, 3700, 3900].map(has_just_woken),
            [false, false, true, true, false]
        );
    }
}
