//! The bench's one clock: it measures wall time, so here time is not an argument. Knows nothing else.

use std::time::Instant;

#[expect(clippy::disallowed_methods, reason = "a bench measures wall time, and this is its clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// A start line: moments are stored as nanoseconds after it, so that tasks can share them as atomics.
#[derive(Clone, Copy)]
pub(crate) struct Since(Instant);

impl Since {
    pub(crate) fn now() -> Self {
        Self(now())
    }

    pub(crate) fn nanos(self) -> u64 {
        u64::try_from(now().duration_since(self.0).as_nanos()).unwrap_or(u64::MAX)
    }

    pub(crate) fn seconds(self) -> f64 {
        now().duration_since(self.0).as_secs_f64()
    }
}
