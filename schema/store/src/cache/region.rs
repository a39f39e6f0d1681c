//! Values of one kind that were read from the store lately: in memory, and behind it in Redis for
//! all nodes, each level for half of the time that a value may live.
//!
//! A value that was read before an invalidation is never remembered after it: in memory a count of
//! invalidations tells, in Redis a value carries the marks that stood before it was read. While
//! Redis is away values are read from the store, and other nodes' invalidations come with the time
//! to live. Must not know what a value is.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use studyhall_schema::clock::Clock;
use tokio::task::JoinSet;

use super::Shared;
use crate::redis::{Marks, Place};

/// Marks are remembered this much longer than values: longer than any load takes.
const LOADED_WITHIN: Duration = Duration::from_mins(1);

/// Values of one kind, by key. Clones share them.
pub struct Region<V> {
    memory: Memory<V>,
    remote: Option<Arc<Remote>>,
}

/// What all nodes have of a region.
struct Remote {
    name: &'static str,
    keep_for: Duration,
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
    /// Hears what other nodes invalidate; ends with the region.
    _listener: JoinSet<()>,
}

struct Memory<V> {
    values: moka::future::Cache<String, V>,
    /// How often something was invalidated.
    changes: Arc<AtomicU64>,
}

/// BSON's outermost is a document.
#[derive(Serialize, Deserialize)]
struct Wrapped<V> {
    v: V,
}

impl<V> Region<V>
where
    V: Clone + Send + Sync + Serialize + DeserializeOwned + 'static,
{
    pub(super) fn new(
        name: &'static str,
        capacity: u64,
        ttl: Duration,
        shared: Option<Arc<Shared>>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let keep_for = if shared.is_some() { ttl / 2 } else { ttl };
        let values = moka::future::Cache::builder();
        let values = values.max_capacity(capacity).time_to_live(keep_for).build();
        let memory = Memory { values, changes: Arc::default() };
        let remote = shared.map(|shared| {
            let mut listener = JoinSet::new();
            listener.spawn(memory.clone().hear(shared.bus.subscribe(&topic(name))));
            Arc::new(Remote { name, keep_for, shared, clock, _listener: listener })
        });
        Self { memory, remote }
    }

    /// The value, loaded when it is not remembered. A value that was loaded while something was
    /// invalidated is given to the caller, who asked before, and not remembered.
    pub async fn get_or_load<E>(
        &self,
        key: &str,
        load: impl Future<Output = Result<V, E>>,
    ) -> Result<V, E> {
        if let Some(value) = self.memory.values.get(key).await {
            return Ok(value);
        }
        let before = self.memory.changes.load(Ordering::SeqCst);
        let (marks, known) = self.recall(key).await;
        let value = if let Some(value) = known {
            value
        } else {
            let value = load.await?;
            if let (Some(remote), Some(marks)) = (&self.remote, &marks) {
                remote.remember(key, marks, &value).await;
            }
            value
        };
        self.memory.remember(key, value.clone(), before).await;
        Ok(value)
    }

    /// Forgets a value, here and on all nodes: what it was made from has changed.
    pub async fn invalidate(&self, key: &str) {
        self.memory.forget(key).await;
        if let Some(remote) = &self.remote {
            remote.forget(key).await;
        }
    }

    /// Forgets all values, here and on all nodes.
    pub async fn invalidate_all(&self) {
        self.memory.forget_all();
        if let Some(remote) = &self.remote {
            remote.forget_all().await;
        }
    }

    /// What another node has loaded, and under which marks a value may be remembered.
    async fn recall(&self, key: &str) -> (Option<Marks>, Option<V>) {
        let Some(remote) = &self.remote else { return (None, None) };
        let place = remote.place(key);
        match remote.shared.link.ask(async |redis| redis.recall(place).await).await {
            Ok((marks, bytes)) => {
                let value = bytes.and_then(|bytes| {
                    bson::deserialize_from_slice::<Wrapped<V>>(&bytes).ok() // another version's form
                });
                (Some(marks), value.map(|wrapped| wrapped.v))
            }
            Err(_) => (None, None),
        }
    }
}

impl<V: Clone + Send + Sync + 'static> Memory<V> {
    /// Remembers what was read when `before` was the count of changes.
    async fn remember(&self, key: &str, value: V, before: u64) {
        self.values.insert(key.to_owned(), value).await;
        // An invalidation counts itself first and removes then: either it is seen here, or it
        // removes what was just inserted.
        if self.changes.load(Ordering::SeqCst) != before {
            self.values.invalidate(key).await;
        }
    }

    async fn forget(&self, key: &str) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        self.values.invalidate(key).await;
    }

    fn forget_all(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        self.values.invalidate_all();
    }

    /// Follows what other nodes invalidate. No message, or an empty one, is about everything.
    async fn hear(self, mut news: crate::bus::Subscription) {
        loop {
            match news.recv().await.as_deref().map(str::from_utf8) {
                Ok(Ok(key)) if !key.is_empty() => self.forget(key).await,
                _ => self.forget_all(),
            }
        }
    }
}

impl Remote {
    fn place<'a>(&self, key: &'a str) -> Place<'a> {
        Place { region: self.name, key }
    }

    /// Best effort: what Redis does not take, others load.
    async fn remember<V: Serialize>(&self, key: &str, marks: &Marks, value: &V) {
        let Ok(bytes) = bson::serialize_to_vec(&Wrapped { v: value }) else { return };
        let (place, keep_for) = (self.place(key), self.keep_for);
        let _ = (self.shared.link)
            .ask(async |redis| redis.remember(place, marks, &bytes, keep_for).await)
            .await;
    }

    /// Best effort: what Redis is not told ends with its time. The mark stands before others are
    /// told, so that they do not find the old value again.
    async fn forget(&self, key: &str) {
        let (place, mark) = (self.place(key), self.clock.random_u64());
        let keep_for = self.keep_for + LOADED_WITHIN;
        let _ = self.shared.link.ask(async |redis| redis.forget(place, mark, keep_for).await).await;
        self.shared.bus.publish(&topic(self.name), Bytes::copy_from_slice(key.as_bytes()));
    }

    async fn forget_all(&self) {
        let (region, mark) = (self.name, self.clock.random_u64());
        let keep_for = self.keep_for + LOADED_WITHIN;
        let _ = (self.shared.link)
            .ask(async |redis| redis.forget_region(region, mark, keep_for).await)
            .await;
        self.shared.bus.publish(&topic(region), Bytes::new());
    }
}

fn topic(region: &str) -> String {
    format!("cache:{region}")
}

impl<V> Clone for Region<V> {
    fn clone(&self) -> Self {
        Self { memory: self.memory.clone(), remote: self.remote.clone() }
    }
}

impl<V> Clone for Memory<V> {
    fn clone(&self) -> Self {
        Self { values: self.values.clone(), changes: Arc::clone(&self.changes) }
    }
}
