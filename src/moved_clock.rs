//! A clock that can be moved on, so that tests need not wait for what takes minutes. Nothing moves it
//! but the door `--debug-doors` opens.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use studyhall_schema::{Timestamp, clock::Clock};

/// Another clock, and how far ahead of it this one is.
pub(crate) struct MovedClock {
    clock: Arc<dyn Clock>,
    millis: AtomicI64,
}

impl MovedClock {
    /// As that clock, for now.
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { clock, millis: AtomicI64::new(0) })
    }

    /// Moves it on by so many seconds.
    pub(crate) fn move_on(&self, seconds: u32) {
        self.millis.fetch_add(i64::from(seconds) * 1000, Ordering::Relaxed);
    }
}

impl Clock for MovedClock {
    fn now(&self) -> Timestamp {
        let now = self.clock.now().as_millis();
        Timestamp::from_millis(now.saturating_add(self.millis.load(Ordering::Relaxed)))
    }

    fn fill(&self, bytes: &mut [u8]) {
        self.clock.fill(bytes);
    }
}
