//! What is remembered for a while: what was left lately, counters for rate limits, tickets that are
//! good once. In this process, or shared by the nodes over a Redis.
//!
//! Nothing here is the truth: losing it costs time, and counters and tickets fail closed. Must not
//! know what a value or a key means.

mod expiring;
mod kept;
mod rate;
mod recent;

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use studyhall_schema::{Timestamp, clock::Clock};

pub(crate) use self::kept::Stamp;
use self::{expiring::Expiring, kept::Kept};
pub use self::{
    rate::{Rate, Standing},
    recent::{Bounds, Found, Recent},
};
use crate::{
    StoreError,
    redis::{Link, Redis},
};

/// Shared memory of a node, or of all nodes. Clones share it.
#[derive(Clone)]
pub struct Cache {
    clock: Arc<dyn Clock>,
    own: Arc<Own>,
    /// Where that is while the process is not there.
    kept: Option<Arc<Kept>>,
    shared: Option<Arc<Shared>>,
}

/// What one process remembers.
#[derive(Default)]
struct Own {
    rates: Mutex<Expiring<i64>>,
    tickets: Mutex<Expiring<Bytes>>,
}

/// Where all nodes remember.
struct Shared {
    link: Link,
}

impl Cache {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, own: Arc::default(), kept: None, shared: None }
    }

    /// The cache of the only process that opens these records, and as it found them.
    pub(crate) fn beside(records: &Path, found: Option<Stamp>, clock: Arc<dyn Clock>) -> Self {
        Self { kept: Some(Arc::new(Kept::beside(records, found))), ..Self::new(clock) }
    }

    /// The records are closed. What was left lately is there again when the process that is alone with its records starts again.
    pub(crate) async fn close(&self) {
        if let Some(kept) = self.kept.clone() {
            let written = tokio::task::spawn_blocking(move || kept.write()).await;
            if let Err(error) = written {
                tracing::warn!(%error, "what is remembered cannot be kept");
            }
        }
    }

    pub(crate) async fn on(redis: Redis, clock: Arc<dyn Clock>) -> Self {
        let link = Link::start(redis, "cache").await;
        Self { shared: Some(Arc::new(Shared { link })), ..Self::new(clock) }
    }

    /// A place for what was left lately, by a name that nothing else has. Nodes that share a cache
    /// share what is left there.
    pub fn recent(&self, name: &'static str, bounds: Bounds) -> Recent {
        let recent = Recent::new(name, bounds, self.shared.clone(), Arc::clone(&self.clock));
        if let Some(kept) = &self.kept {
            kept.takes(recent.memory(name), self.clock.now(), bounds.kept_for);
        }
        recent
    }

    /// Counts one more for `key` where the rate allows it. `Unavailable` when it cannot be counted:
    /// the caller decides whether that closes a door.
    pub async fn spend(&self, rate: Rate, key: &str) -> Result<Standing, StoreError> {
        self.rate(rate, key, true).await
    }

    /// Where `key` would stand after one more, without counting it.
    pub async fn standing(&self, rate: Rate, key: &str) -> Result<Standing, StoreError> {
        self.rate(rate, key, false).await
    }

    async fn rate(&self, rate: Rate, key: &str, counting: bool) -> Result<Standing, StoreError> {
        if let Some(shared) = &self.shared {
            let (each, burst) = (rate.each(), rate.burst);
            let ask = shared.link.ask(async |redis| redis.spend(key, each, burst, counting).await);
            let spent = ask.await?;
            return Ok(rate.one_more(spent.full, spent.now).0);
        }
        self.rate_here(rate, key, counting)
    }

    /// Counts one more for `key` in this process alone: for what may go on while it cannot be counted
    /// together.
    pub fn spend_here(&self, rate: Rate, key: &str) -> Result<Standing, StoreError> {
        self.rate_here(rate, key, true)
    }

    fn rate_here(&self, rate: Rate, key: &str, counting: bool) -> Result<Standing, StoreError> {
        let now = self.clock.now();
        let mut rates = lock(&self.own.rates);
        let full = rates.get(key, now).copied().unwrap_or(0);
        let (standing, next) = rate.one_more(full, now.as_millis());
        if counting && standing.wait.is_none() {
            rates.put(key, next, now, Timestamp::from_millis(next))?;
        }
        Ok(standing)
    }

    /// Leaves a value for whoever takes it first, for a while. `Unavailable` when it cannot be
    /// remembered: try again.
    pub async fn leave_ticket(
        &self,
        key: &str,
        value: Bytes,
        good_for: Duration,
    ) -> Result<(), StoreError> {
        if let Some(shared) = &self.shared {
            let ask = shared.link.ask(async |redis| redis.leave(key, &value, good_for).await);
            return ask.await;
        }
        let now = self.clock.now();
        lock(&self.own.tickets).put(key, value, now, now + good_for)
    }

    /// Whether it takes anything now: a Redis that is full answers, and remembers nothing.
    pub async fn healthy(&self) -> Result<(), StoreError> {
        if self.shared.is_none() {
            return Ok(());
        }
        self.leave_ticket("healthy", Bytes::from_static(b"1"), Duration::from_secs(1)).await
    }

    /// Takes what was left, once. `Unavailable` when it cannot be asked: it may be taken later, or is
    /// gone.
    pub async fn take_ticket(&self, key: &str) -> Result<Option<Bytes>, StoreError> {
        if let Some(shared) = &self.shared {
            let taken = shared.link.ask(async |redis| redis.take(key).await).await?;
            return Ok(taken.map(Bytes::from));
        }
        Ok(lock(&self.own.tickets).take(key, self.clock.now()))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use studyhall_schema::clock::TestClock;

    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn cache() -> (Arc<TestClock>, Cache) {
        let clock = Arc::new(TestClock::new(1));
        (Arc::clone(&clock), Cache::new(clock))
    }

    #[tokio::test]
    async fn a_rate_is_forgotten_when_all_is_back() {
        let (clock, cache) = cache();
        let rate = Rate { burst: 2, per: MINUTE };
        for remaining in [1, 0] {
            assert_eq!(cache.spend(rate, "a").await.unwrap().remaining, remaining);
        }
        assert!(cache.spend(rate, "a").await.unwrap().wait.is_some());
        clock.advance(MINUTE);
        assert_eq!(cache.spend(rate, "b").await.unwrap().remaining, 1);
        assert_eq!(lock(&cache.own.rates).len(), 1, "what has ended is forgotten");
    }

    #[tokio::test]
    async fn a_ticket_ends() {
        let (clock, cache) = cache();
        cache.leave_ticket("t", Bytes::from_static(b"ada"), MINUTE).await.unwrap();
        clock.advance(MINUTE);
        assert_eq!(cache.take_ticket("t").await, Ok(None));
    }
}
