//! Time and randomness as arguments: the only place that reads either.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use rand::{Rng, RngCore, SeedableRng, rngs::StdRng};

use crate::Timestamp;

/// What time it is, and random bytes. `SystemClock` in the program, `TestClock` in tests.
pub trait Clock: Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> Timestamp;

    /// Fills `bytes` with randomness that is good enough for secrets (in `SystemClock`).
    fn fill(&self, bytes: &mut [u8]);

    /// A random number.
    fn random_u64(&self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }
}

/// The machine's clock and the operating system's randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everybody is given")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    #[expect(clippy::disallowed_methods, reason = "this is the randomness that everybody is given")]
    fn fill(&self, bytes: &mut [u8]) {
        rand::rng().fill_bytes(bytes);
    }
}

/// A clock that stands still until it is moved, with seeded randomness.
#[derive(Debug)]
pub struct TestClock {
    millis: AtomicI64,
    random: Mutex<StdRng>,
}

impl TestClock {
    /// Starts at 2026-01-01T00:00:00Z.
    pub fn new(seed: u64) -> Self {
        Self {
            millis: AtomicI64::new(1_767_225_600_000),
            random: Mutex::new(StdRng::seed_from_u64(seed)),
        }
    }

    /// Moves the clock, backwards with a negative number of milliseconds.
    pub fn shift_millis(&self, by: i64) {
        self.millis.fetch_add(by, Ordering::SeqCst);
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.shift_millis(i64::try_from(by.as_millis()).unwrap_or(i64::MAX));
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.millis.load(Ordering::SeqCst))
    }

    fn fill(&self, bytes: &mut [u8]) {
        let mut random = self.random.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        random.fill(bytes);
    }
}
