//! What was read from the store lately. An answer that was read before an invalidation is never
//! kept after it.

use std::{
    hash::Hash,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use moka::sync::Cache;

/// Other nodes' changes are seen after this time at the latest.
const FRESH: Duration = Duration::from_secs(2);

/// A bounded cache with an owner that invalidates it.
pub(crate) struct Remembered<K, V> {
    cache: Cache<K, V>,
    generation: Mutex<u64>,
}

impl<K, V> Remembered<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub(crate) fn new(capacity: u64) -> Self {
        let cache = Cache::builder().max_capacity(capacity).time_to_live(FRESH).build();
        Self { cache, generation: Mutex::new(0) }
    }

    /// What is remembered of `key`, or what `load` reads.
    pub(crate) async fn get<E>(
        &self,
        key: K,
        load: impl Future<Output = Result<V, E>>,
    ) -> Result<V, E> {
        if let Some(value) = self.cache.get(&key) {
            return Ok(value);
        }
        self.read(key, load).await
    }

    /// What `load` reads, whatever is remembered of `key`; it is remembered from now on.
    pub(crate) async fn read<E>(
        &self,
        key: K,
        load: impl Future<Output = Result<V, E>>,
    ) -> Result<V, E> {
        let before = *self.lock();
        let value = load.await?;
        let generation = self.lock();
        if *generation == before {
            self.cache.insert(key, value.clone());
        }
        Ok(value)
    }

    /// Forgets `key`, and whatever is being read right now.
    pub(crate) fn forget(&self, key: &K) {
        let mut generation = self.lock();
        *generation += 1;
        self.cache.invalidate(key);
    }

    /// Forgets everything.
    pub(crate) fn forget_all(&self) {
        let mut generation = self.lock();
        *generation += 1;
        self.cache.invalidate_all();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, u64> {
        self.generation.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
