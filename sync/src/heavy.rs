//! Work that takes long enough to keep others waiting: one at a time on a node, and never on a thread
//! that others' documents wait for.

use tokio::{
    runtime::{Handle, RuntimeFlavor},
    sync::Semaphore,
    task,
};

/// Content of so many bytes takes some milliseconds to load.
pub(crate) const LARGE: usize = 1 << 20;

/// Whose turn it is.
pub(crate) struct Heavy(Semaphore);

impl Default for Heavy {
    fn default() -> Self {
        Self(Semaphore::new(1))
    }
}

impl Heavy {
    /// Computes; what is heavy in its turn and aside.
    pub(crate) async fn run<R>(&self, is_heavy: bool, compute: impl FnOnce() -> R) -> R {
        if !is_heavy {
            return compute();
        }
        let _turn = self.0.acquire().await; // never closed
        aside(compute)
    }
}

/// Computes on a thread that nobody waits for, where the runtime has others.
pub(crate) fn aside<R>(compute: impl FnOnce() -> R) -> R {
    if Handle::current().runtime_flavor() == RuntimeFlavor::MultiThread {
        task::block_in_place(compute)
    } else {
        compute()
    }
}
