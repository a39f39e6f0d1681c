//! What is remembered for a while: values with an owner that invalidates them, counters for rate
//! limits, tickets that are good once.
//!
//! Nothing here is the truth: losing it costs time, and counters and tickets fail closed. Must not
//! know what a value or a key means.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use studyhall_schema::{Timestamp, clock::Clock};

use crate::StoreError;

/// How many counters, and how many used tickets, are remembered at most. When there are more, the
/// next is refused: forgetting one would let somebody in.
const MAX_REMEMBERED: usize = 1 << 20;

/// Shared memory of a node. Clones share it.
#[derive(Clone)]
pub struct Cache {
    clock: Arc<dyn Clock>,
    counters: Arc<Mutex<Expiring<u64>>>,
    tickets: Arc<Mutex<Expiring<()>>>,
}

impl Cache {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, counters: Arc::default(), tickets: Arc::default() }
    }

    /// A new place for values of one kind: at most `capacity`, each for at most `ttl`.
    pub fn region<V: Clone + Send + Sync + 'static>(
        &self,
        capacity: u64,
        ttl: Duration,
    ) -> Region<V> {
        let values =
            moka::future::Cache::builder().max_capacity(capacity).time_to_live(ttl).build();
        Region { values, changes: Arc::default() }
    }

    /// Counts one more for `key` in the current window, which began with the key's first count.
    /// `Unavailable` when it cannot be counted: refuse then.
    #[expect(clippy::unused_async, reason = "a shared cache answers over the network")]
    pub async fn increment(&self, key: &str, window: Duration) -> Result<u64, StoreError> {
        let mut counters = lock(&self.counters);
        counters.count(key, self.clock.now(), window)
    }

    /// Whether this is the first time that `key` is taken. It is remembered for `keep_for`, which is
    /// no shorter than the ticket is good. `Unavailable` when it cannot be remembered: refuse then.
    #[expect(clippy::unused_async, reason = "a shared cache answers over the network")]
    pub async fn take_once(&self, key: &str, keep_for: Duration) -> Result<bool, StoreError> {
        let mut tickets = lock(&self.tickets);
        tickets.take(key, self.clock.now(), keep_for)
    }
}

/// Values of one kind, by key.
#[derive(Clone)]
pub struct Region<V> {
    values: moka::future::Cache<String, V>,
    /// How often something was invalidated.
    changes: Arc<AtomicU64>,
}

impl<V: Clone + Send + Sync + 'static> Region<V> {
    /// The value, while it is remembered.
    pub async fn get(&self, key: &str) -> Option<V> {
        self.values.get(key).await
    }

    /// The value, loaded when it is not remembered. A value that was loaded while something was
    /// invalidated is given to the caller, who asked before, and not remembered.
    pub async fn get_or_load<E>(
        &self,
        key: &str,
        load: impl Future<Output = Result<V, E>>,
    ) -> Result<V, E> {
        if let Some(value) = self.get(key).await {
            return Ok(value);
        }
        let before = self.changes.load(Ordering::SeqCst);
        let value = load.await?;
        self.insert(key, value.clone()).await;
        // An invalidation counts itself first and removes then: either it is seen here, or it
        // removes what was just inserted.
        if self.changes.load(Ordering::SeqCst) != before {
            self.values.invalidate(key).await;
        }
        Ok(value)
    }

    /// Remembers a value that cannot have changed meanwhile; else use [`Self::get_or_load`].
    pub async fn insert(&self, key: &str, value: V) {
        self.values.insert(key.to_owned(), value).await;
    }

    /// Forgets a value: what it was made from has changed.
    pub async fn invalidate(&self, key: &str) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        self.values.invalidate(key).await;
    }

    /// Forgets all values.
    pub fn invalidate_all(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        self.values.invalidate_all();
    }
}

/// A map whose entries end. Each has one place in the queue of ends; ends of different lengths may
/// be out of order there, which delays forgetting and changes no answer.
#[derive(Default)]
struct Expiring<V> {
    entries: HashMap<String, (V, Timestamp)>,
    ends: VecDeque<(Timestamp, String)>,
}

impl<V> Expiring<V> {
    /// The live entry of `key`.
    fn live(&mut self, key: &str, now: Timestamp) -> Option<&mut V> {
        self.entries.get_mut(key).filter(|(_, end)| now < *end).map(|(value, _)| value)
    }

    fn insert(
        &mut self,
        key: &str,
        value: V,
        now: Timestamp,
        keep_for: Duration,
    ) -> Result<(), StoreError> {
        self.forget(now);
        if self.ends.len() >= MAX_REMEMBERED {
            return Err(StoreError::Unavailable("too much to remember".into()));
        }
        let end = now + keep_for;
        self.entries.insert(key.to_owned(), (value, end));
        self.ends.push_back((end, key.to_owned()));
        Ok(())
    }

    fn forget(&mut self, now: Timestamp) {
        while let Some((end, _)) = self.ends.front() {
            if *end > now {
                return;
            }
            if let Some((_, key)) = self.ends.pop_front()
                && self.entries.get(&key).is_some_and(|(_, end)| *end <= now)
            {
                self.entries.remove(&key);
            }
        }
    }
}

impl Expiring<u64> {
    fn count(&mut self, key: &str, now: Timestamp, window: Duration) -> Result<u64, StoreError> {
        if let Some(count) = self.live(key, now) {
            *count += 1;
            return Ok(*count);
        }
        self.insert(key, 1, now, window)?;
        Ok(1)
    }
}

impl Expiring<()> {
    fn take(&mut self, key: &str, now: Timestamp, keep_for: Duration) -> Result<bool, StoreError> {
        if self.live(key, now).is_some() {
            return Ok(false);
        }
        self.insert(key, (), now, keep_for)?;
        Ok(true)
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
    async fn a_counter_counts_within_its_window() {
        let (clock, cache) = cache();
        for expected in 1..=3 {
            assert_eq!(cache.increment("a", MINUTE).await, Ok(expected));
        }
        assert_eq!(cache.increment("b", MINUTE).await, Ok(1));
        clock.advance(MINUTE);
        assert_eq!(cache.increment("a", MINUTE).await, Ok(1));
        assert_eq!(lock(&cache.counters).entries.len(), 1, "what has ended is forgotten");
    }

    #[tokio::test]
    async fn a_ticket_is_good_once() {
        let (clock, cache) = cache();
        assert_eq!(cache.take_once("t", MINUTE).await, Ok(true));
        assert_eq!(cache.take_once("t", MINUTE).await, Ok(false));
        clock.shift_millis(-3_600_000);
        assert_eq!(cache.take_once("t", MINUTE).await, Ok(false), "also when the clock jumps back");
    }

    #[tokio::test]
    async fn what_cannot_be_remembered_is_refused() {
        let (_, cache) = cache();
        for number in 0..MAX_REMEMBERED {
            lock(&cache.tickets).take(&number.to_string(), Timestamp::default(), MINUTE).unwrap();
        }
        let refused = lock(&cache.tickets).take("one more", Timestamp::default(), MINUTE);
        assert!(matches!(refused, Err(StoreError::Unavailable(_))));
        let later = Timestamp::default() + MINUTE;
        assert_eq!(lock(&cache.tickets).take("one more", later, MINUTE), Ok(true));
        assert_eq!(lock(&cache.tickets).entries.len(), 1);
    }

    #[tokio::test]
    async fn a_value_is_there_until_it_is_invalidated() {
        let (_, cache) = cache();
        let callers = cache.region::<u32>(10, MINUTE);
        assert_eq!(callers.get("ada").await, None);
        callers.insert("ada", 7).await;
        assert_eq!(callers.get("ada").await, Some(7));
        callers.invalidate("ada").await;
        assert_eq!(callers.get("ada").await, None);
    }

    #[tokio::test]
    async fn a_value_that_changed_while_it_was_loaded_is_not_remembered() {
        let (_, cache) = cache();
        let members = cache.region::<&str>(10, MINUTE);
        let loading = members.get_or_load("ada", async {
            members.invalidate("ada").await;
            Ok::<_, ()>("member")
        });
        assert_eq!(loading.await, Ok("member"));
        assert_eq!(members.get("ada").await, None, "it may be from before the change");
        assert_eq!(members.get_or_load("ada", async { Ok::<_, ()>("gone") }).await, Ok("gone"));
        assert_eq!(members.get_or_load("ada", async { Err(()) }).await, Ok("gone"), "remembered");
    }
}
