//! Values that were left lately, for whichever node is asked for them next: in this process, and in
//! Redis for all nodes. The oldest go when all together are too large.
//!
//! Who finds nothing is told for how long nothing was forgotten, so that "never left" can be told
//! from "gone". Must not know what a value is.

use std::{
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use flate2::{
    Compression,
    read::{DeflateDecoder, DeflateEncoder},
};
use moka::{notification::RemovalCause, policy::EvictionPolicy, sync::Cache};
use studyhall_schema::{Timestamp, clock::Clock};
use tokio::runtime::Handle;

use super::{Shared, kept::Memory, lock};

/// What is shorter is not worth packing.
const PACKED_FROM: usize = 512;

/// What is packed together beyond this would keep others waiting.
const ASIDE_FROM: usize = 64 << 10;

/// How often it is seen whether Redis still has what it had.
const WATCH: Duration = Duration::from_millis(500);

/// How an entry begins.
const PLAIN: u8 = 0;
const PACKED: u8 = 1;

/// How much is kept, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// All values together in this process, and once more in Redis, packed.
    pub bytes: u64,
    /// How long a value is kept at most.
    pub kept_for: Duration,
}

/// See the module.
pub struct Recent {
    bounds: Bounds,
    clock: Arc<dyn Clock>,
    own: Cache<String, Left>,
    /// What was left here until then may be gone: this process began then, or its oldest went.
    complete_since: Arc<AtomicI64>,
    remote: Option<Arc<Remote>>,
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// In the order of the keys.
    pub values: Vec<Option<Bytes>>,
    /// For so long back, what was left is there: nothing was refused, forgotten or out of reach.
    pub complete_for: Duration,
}

/// A value, and since when.
#[derive(Clone)]
pub(super) struct Left {
    pub(super) value: Bytes,
    pub(super) at: Timestamp,
}

struct Remote {
    name: &'static str,
    shared: Arc<Shared>,
    /// Redis has not taken something, and has not been told so yet.
    has_gap: AtomicBool,
    /// What was left until then may not be in Redis.
    lost_at: Mutex<Timestamp>,
}

impl Recent {
    pub(super) fn new(
        name: &'static str,
        bounds: Bounds,
        shared: Option<Arc<Shared>>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let weigh = |key: &String, left: &Left| {
            u32::try_from(key.len() + left.value.len() + 64).unwrap_or(u32::MAX)
        };
        // To the second, as ids tell when they were made.
        let began = clock.now().as_millis() / 1000 * 1000;
        let complete_since = Arc::new(AtomicI64::new(began));
        let until = complete_since.clone();
        let forgets = move |_: Arc<String>, left: Left, cause: RemovalCause| {
            if cause == RemovalCause::Size {
                until.fetch_max(left.at.as_millis(), Ordering::Relaxed);
            }
        };
        let own = Cache::builder().weigher(weigh).max_capacity(bounds.bytes);
        let own = own.eviction_listener(forgets);
        let own = own.eviction_policy(EvictionPolicy::lru()).time_to_live(bounds.kept_for).build();
        let remote = shared.map(|shared| {
            let lost_at = Mutex::new(Timestamp::default());
            Arc::new(Remote { name, shared, has_gap: AtomicBool::new(false), lost_at })
        });
        if let (Some(remote), Ok(runtime)) = (&remote, Handle::try_current()) {
            runtime.spawn(watch(Arc::downgrade(remote), bounds));
        }
        Self { bounds, clock, own, complete_since, remote }
    }

    /// What this process remembers itself.
    pub(super) fn memory(&self, name: &'static str) -> Memory {
        Memory { name, own: self.own.clone(), complete_since: Arc::clone(&self.complete_since) }
    }

    /// Leaves values, in the place of what was left under their keys. Where Redis does not take
    /// them, they are found on this node alone.
    pub async fn leave(&self, values: Vec<(String, Bytes)>) {
        let at = self.clock.now();
        for (key, value) in &values {
            self.own.insert(key.clone(), Left { value: value.clone(), at });
        }
        let Some(remote) = &self.remote else { return };
        let (values, bounds) = (packed(values).await, self.bounds);
        let has_gap = remote.has_gap.swap(false, Ordering::SeqCst);
        let name = remote.name;
        let left = remote
            .shared
            .link
            .ask(async |redis| redis.leave_recent(name, bounds, has_gap, &values).await);
        if left.await.is_err() {
            remote.has_gap.store(true, Ordering::SeqCst);
            *lock(&remote.lost_at) = self.clock.now();
        }
    }

    /// Makes room before their time: nobody asks for these any more. Whoever did would find that they are gone, and
    /// is not told so by `complete_for`. Where Redis cannot be asked they go when all are too many.
    pub async fn forget(&self, keys: &[String]) {
        if keys.is_empty() {
            return;
        }
        for key in keys {
            self.own.invalidate(key);
        }
        if let Some(Remote { name, shared, .. }) = self.remote.as_deref() {
            let forgotten = shared.link.ask(async |redis| redis.forget_recent(name, keys).await);
            if let Err(error) = forgotten.await {
                tracing::debug!(%error, "what nobody asks for any more stays in Redis for a while");
            }
        }
    }

    /// Whether this node has left a value here that will be found for a while: who leaves the same
    /// again may spare it.
    pub fn is_left(&self, key: &str) -> bool {
        let lost_at = self.remote.as_ref().map(|remote| *lock(&remote.lost_at));
        self.own.get(key).is_some_and(|left| {
            lost_at.is_none_or(|lost| left.at > lost)
                && self.clock.now().since(left.at) < self.bounds.kept_for / 2
        })
    }

    /// Whether several processes keep this together.
    pub fn is_shared(&self) -> bool {
        self.remote.is_some()
    }

    /// The newest of what any node left under these keys. While Redis is away: what this node knows.
    pub async fn find(&self, keys: &[String]) -> Found {
        let own = |key: &String| self.own.get(key).map(|left| left.value);
        let Some(remote) = &self.remote else {
            let values = keys.iter().map(own).collect();
            let since = Timestamp::from_millis(self.complete_since.load(Ordering::Relaxed));
            return Found { values, complete_for: self.clock.now().since(since) };
        };
        let (name, kept_for) = (remote.name, self.bounds.kept_for);
        let found = remote
            .shared
            .link
            .ask(async |redis| redis.find_recent(name, kept_for, keys).await)
            .await;
        let Ok((complete_for, values)) = found else {
            return Found { values: keys.iter().map(own).collect(), complete_for: Duration::ZERO };
        };
        let values = values.into_iter().map(|value| value.and_then(|value| unpacked(&value)));
        let values = values.zip(keys).map(|(value, key)| value.or_else(|| own(key))).collect();
        Found { values, complete_for }
    }

    /// Values of which each is the same wherever it was left, in the order of the keys.
    pub async fn find_fixed(&self, keys: &[String]) -> Vec<Option<Bytes>> {
        let own = |key: &String| self.own.get(key).map(|left| left.value);
        let mut values: Vec<_> = keys.iter().map(own).collect();
        let missing = keys.iter().zip(&values).filter(|(_, value)| value.is_none());
        let missing: Vec<_> = missing.map(|(key, _)| key.clone()).collect();
        if self.remote.is_some() && !missing.is_empty() {
            let mut found = self.find(&missing).await.values.into_iter();
            for value in values.iter_mut().filter(|value| value.is_none()) {
                *value = found.next().flatten();
            }
        }
        values
    }
}

/// Sees to it that Redis counts from when it lost everything, or a node could not tell it something: not from
/// when somebody asks next, before whom much may have come.
async fn watch(remote: Weak<Remote>, bounds: Bounds) {
    loop {
        let Some(remote) = remote.upgrade() else { return };
        let (name, link) = (remote.name, &remote.shared.link);
        if remote.has_gap.swap(false, Ordering::SeqCst) {
            let told = link.ask(async |redis| redis.leave_recent(name, bounds, true, &[]).await);
            if told.await.is_err() {
                remote.has_gap.store(true, Ordering::SeqCst);
            }
        } else {
            let kept_for = bounds.kept_for;
            // Whoever asks while Redis is away knows that nothing is known.
            let _ = link.ask(async |redis| redis.find_recent(name, kept_for, &[]).await).await;
        }
        drop(remote);
        tokio::time::sleep(WATCH).await;
    }
}

/// As they are sent; what is large is packed elsewhere.
async fn packed(values: Vec<(String, Bytes)>) -> Vec<(String, Vec<u8>)> {
    let bytes: usize = values.iter().map(|(_, value)| value.len()).sum();
    let pack_all =
        move || -> Vec<_> { values.into_iter().map(|(key, value)| (key, pack(&value))).collect() };
    if bytes < ASIDE_FROM {
        return pack_all();
    }
    tokio::task::spawn_blocking(pack_all).await.unwrap_or_default()
}

fn pack(value: &[u8]) -> Vec<u8> {
    use std::io::Read;
    let mut packed = vec![PACKED];
    if value.len() >= PACKED_FROM
        && DeflateEncoder::new(value, Compression::fast()).read_to_end(&mut packed).is_ok()
        && packed.len() <= value.len()
    {
        return packed;
    }
    [&[PLAIN], value].concat()
}

fn unpacked(bytes: &[u8]) -> Option<Bytes> {
    use std::io::Read;
    match bytes.split_first()? {
        (&PLAIN, value) => Some(Bytes::copy_from_slice(value)),
        (&PACKED, packed) => {
            let mut value = Vec::new();
            DeflateDecoder::new(packed).read_to_end(&mut value).ok()?;
            Some(value.into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use studyhall_schema::clock::TestClock;

    use super::*;

    #[tokio::test]
    async fn a_process_on_its_own_tells_for_how_long_it_has_forgotten_nothing() {
        let clock = Arc::new(TestClock::new(1));
        let bounds = Bounds { bytes: 10_000, kept_for: Duration::from_hours(1) };
        clock.advance(Duration::from_millis(900));
        let recent = Recent::new("test", bounds, None, clock.clone());
        clock.advance(Duration::from_mins(1));
        let find = async || recent.find(&["first".to_owned()]).await;
        assert_eq!(find().await.complete_for.as_millis(), 60_900, "since the second it began in");
        for key in ["first", "second", "third"] {
            recent.leave(vec![(key.to_owned(), Bytes::from(vec![7; 4000]))]).await;
            clock.advance(Duration::from_secs(10));
        }
        recent.own.run_pending_tasks();
        let found = find().await;
        assert_eq!((found.values, found.complete_for.as_secs()), (vec![None], 30));
    }

    #[test]
    fn what_was_packed_is_what_it_was() {
        let random: Vec<u8> =
            (0..5000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        let alike = vec![b'a'; 100_000];
        for value in [&b""[..], b"short", &alike, &random] {
            assert_eq!(unpacked(&pack(value)).as_deref(), Some(value));
        }
        assert!(pack(&alike).len() < 1000);
        assert_eq!(unpacked(b""), None);
        assert_eq!(unpacked(b"\x02other"), None);
    }
}
