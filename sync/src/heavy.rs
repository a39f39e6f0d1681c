//! Work that takes long enough to keep others waiting: one at a time on a node, by turns among the owners
//! of documents, and never on a thread that others' documents wait for.

use std::time::Duration;

use studyhall_schema::ids::UserId;
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    task,
    time::Instant,
};

use crate::people::{Share, Shares, Taken};

/// Content of so many bytes takes some milliseconds to load.
pub(crate) const LARGE: usize = 1 << 20;

/// A message of so many bytes takes some milliseconds to be read and compared.
pub(crate) const LONG: usize = 256 << 10;

/// Whose turn it is.
pub(crate) struct Heavy(Shares);

impl Default for Heavy {
    fn default() -> Self {
        Self(Shares::new(1, 1))
    }
}

impl Heavy {
    /// The turns of an owner's documents: of one at a time.
    pub(crate) fn of(&self, owner: UserId) -> Turns {
        Turns(self.0.of(owner))
    }
}

/// When a document may do heavy work.
#[derive(Clone)]
pub(crate) struct Turns(Share);

impl Turns {
    /// Computes; what is heavy in its turn and aside.
    pub(crate) async fn run<R>(&self, is_heavy: bool, compute: impl FnOnce() -> R) -> R {
        if !is_heavy {
            return compute();
        }
        // Seldom, and what waits should be small while it does not.
        let _turn = Box::pin(self.turn()).await;
        aside(compute)
    }

    /// Waits for the turn; it lasts until it is dropped.
    pub(crate) async fn turn(&self) -> Option<Taken> {
        self.0.take(1).await
    }
}

/// Computes on a thread that nobody waits for, where the runtime has others.
pub fn aside<R>(compute: impl FnOnce() -> R) -> R {
    let runtime = Handle::try_current();
    if runtime.is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread) {
        task::block_in_place(compute)
    } else {
        compute()
    }
}

/// A document computes for so long before others come in between.
const AT_ONCE: Duration = Duration::from_millis(2);

/// How long somebody has been computing without a pause.
pub(crate) struct Turn {
    /// Whether each step may take long; else only large ones do, and the clock is seldom looked at.
    slow: bool,
    bytes: usize,
    since: Instant,
}

impl Turn {
    pub(crate) fn new(slow: bool) -> Self {
        Self { slow, bytes: 0, since: Instant::now() }
    }

    /// After a step over so many bytes: lets others come in between when it has been long.
    pub(crate) async fn pass(&mut self, bytes: usize) {
        self.bytes += bytes;
        if (self.slow || self.bytes > LARGE / 16) && self.since.elapsed() > AT_ONCE {
            task::yield_now().await;
            self.since = Instant::now();
            self.bytes = 0;
        }
    }
}
