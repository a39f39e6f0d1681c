//! Bus and cache over a real Redis: nodes hear each other and count together; a Redis that dies or
//! hangs delays, and nothing waits for it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use studyhall_schema::clock::{Clock, SystemClock};
use studyhall_services::Redis;
use studyhall_store::{
    Store, StoreConfig, StoreError,
    bus::Subscription,
    cache::{Bounds, Rate},
    conformance,
};
use tempfile::TempDir;

use crate::hall;

const MINUTE: Duration = Duration::from_mins(1);

/// Longer than one question to Redis may take, all its limits together.
const PATIENCE: Duration = Duration::from_millis(1500);

/// Longer than it takes to come back: the longest wait, and an attempt.
const BACK_WITHIN: Duration = Duration::from_secs(5);

/// A node with a folder of its own; nodes share the bus.
struct Node {
    store: Store,
    _folder: TempDir,
}

impl Node {
    async fn on(bus: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let config = StoreConfig { bus: bus.to_owned(), ..hall::config(folder.path()) };
        Self { store: Store::open(&config, Arc::new(SystemClock)).await.unwrap(), _folder: folder }
    }

    async fn listen(&self, topic: &str) -> Subscription {
        let mut subscription = self.store.bus().subscribe(topic);
        let established = tokio::time::timeout(BACK_WITHIN, subscription.recv()).await.unwrap();
        assert_eq!(
            established.unwrap_err().missed,
            0,
            "a subscription says when it has come about"
        );
        subscription
    }

    fn publish(&self, topic: &str, message: &'static str) {
        self.store.bus().publish(topic, Bytes::from_static(message.as_bytes()));
    }
}

async fn heard(subscription: &mut Subscription) -> Bytes {
    tokio::time::timeout(BACK_WITHIN, subscription.recv()).await.unwrap().unwrap()
}

fn unavailable<T>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Unavailable(_)))
}

/// Runs it, and it must not have waited long.
#[expect(clippy::disallowed_methods, reason = "what a person would wait is real time")]
async fn promptly<T>(doing: impl Future<Output = T>) -> T {
    let began = Instant::now();
    let done = doing.await;
    assert!(began.elapsed() < PATIENCE, "it took {:?}", began.elapsed());
    done
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_does_what_every_bus_and_cache_must() {
    let (url, _redis) = Redis::any();
    let folder = TempDir::new().unwrap();
    let config = StoreConfig { bus: url, ..hall::config(folder.path()) };
    // Other runs may have left theirs there: names are really random.
    conformance(&Store::open(&config, Arc::new(SystemClock)).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_hear_each_other_once() {
    let redis = Redis::start();
    let (one, two) = (Node::on(&redis.url()).await, Node::on(&redis.url()).await);
    let elsewhere = Node::on(&format!("{}/1", redis.url())).await;
    let (mut ada, mut ben) = (one.listen("room").await, two.listen("room").await);
    let mut eve = elsewhere.listen("room").await;
    for message in ["first", "second"] {
        one.publish("room", message);
    }
    elsewhere.publish("room", "another installation");
    for subscription in [&mut ada, &mut ben] {
        assert_eq!(heard(subscription).await, "first");
        assert_eq!(heard(subscription).await, "second");
    }
    assert_eq!(heard(&mut eve).await, "another installation");
    one.store.bus().publish("room", Bytes::from(vec![0; (1 << 20) + 1]));
    one.publish("room", "third");
    assert_eq!(heard(&mut ben).await, "third", "what is too large stays on its node");
    assert_eq!(heard(&mut ada).await.len(), (1 << 20) + 1);
    assert_eq!(heard(&mut ada).await, "third");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_count_together() {
    let redis = Redis::start();
    let (one, two) = (Node::on(&redis.url()).await, Node::on(&redis.url()).await);
    let (one, two) = (one.store.cache(), two.store.cache());
    let rate = Rate { burst: 10, per: MINUTE };
    let spends = (0..20).map(|number| if number % 2 == 0 { one } else { two }.spend(rate, "ada"));
    let standings = futures_util::future::join_all(spends).await;
    let allowed = standings.iter().filter(|standing| standing.as_ref().unwrap().wait.is_none());
    assert_eq!(allowed.count(), 10);
    let quick = Rate { burst: 1, per: Duration::from_millis(200) };
    assert_eq!(one.spend(quick, "ben").await.unwrap().wait, None);
    let wait = two.spend(quick, "ben").await.unwrap().wait.unwrap();
    tokio::time::sleep(wait).await;
    assert_eq!(two.spend(quick, "ben").await.unwrap().wait, None, "it comes back");

    one.leave_ticket("t", Bytes::from_static(b"ada"), MINUTE).await.unwrap();
    let takes = futures_util::future::join(one.take_ticket("t"), two.take_ticket("t")).await;
    let taken = [takes.0.unwrap(), takes.1.unwrap()];
    assert_eq!(taken.iter().flatten().count(), 1, "a ticket is good once, wherever");
    one.leave_ticket("t", Bytes::new(), Duration::from_millis(50)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(two.take_ticket("t").await, Ok(None), "a ticket ends");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_dies_comes_back_and_nobody_waits() {
    let mut redis = Redis::start();
    let (one, two) = (Node::on(&redis.url()).await, Node::on(&redis.url()).await);
    let mut ben = two.listen("room").await;
    let cache = one.store.cache();
    redis.kill();
    let rate = Rate { burst: 1, per: MINUTE };
    assert!(unavailable(&promptly(cache.spend(rate, "ada")).await), "sign-ins fail closed");
    assert!(unavailable(&promptly(cache.take_ticket("t")).await));
    assert_eq!(cache.spend_here(rate, "ada").map(|standing| standing.wait), Ok(None));
    assert!(cache.spend_here(rate, "ada").unwrap().wait.is_some(), "each node counts for itself");
    let mut ada = one.store.bus().subscribe("room");
    promptly(async {
        for _ in 0..20_000 {
            one.publish("room", "nobody elsewhere hears this");
        }
    })
    .await;
    assert!(ada.recv().await.is_err_and(|lagged| lagged.missed > 0), "on its node all is heard");
    assert!(unavailable(&one.store.bus().healthy()));

    redis.restart();
    let back = tokio::time::timeout(BACK_WITHIN, ben.recv()).await.unwrap();
    assert!(back.is_err(), "who listens is told to read the store");
    tokio::time::timeout(BACK_WITHIN, async {
        while cache.spend(rate, "ben").await.is_err() || one.store.bus().healthy().is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        // Each connection comes back by itself.
        loop {
            one.publish("room", "again");
            if tokio::time::timeout(Duration::from_millis(100), ben.recv()).await.is_ok() {
                break;
            }
        }
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_hangs_is_left_alone() {
    let redis = Redis::start();
    let one = Node::on(&redis.url()).await;
    let mut ben = one.listen("room").await;
    redis.pause();
    let rate = Rate { burst: 1, per: MINUTE };
    for who in ["ada", "ben", "eve"] {
        assert!(unavailable(&promptly(one.store.cache().spend(rate, who)).await));
    }
    // Nobody waits for a connection that is known not to answer.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let refused = tokio::time::timeout(Duration::from_millis(20), async {
        one.store.cache().spend(rate, "ada").await
    });
    assert!(unavailable(&refused.await.unwrap()));
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(unavailable(&one.store.bus().healthy()), "listening, it notices by itself");
    redis.resume();
    let back = tokio::time::timeout(BACK_WITHIN, ben.recv()).await.unwrap();
    assert!(back.is_err(), "who listens is told to read the store");
    tokio::time::timeout(BACK_WITHIN, async {
        while one.store.cache().spend(rate, "eve").await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_store_opens_while_redis_is_away() {
    let mut redis = Redis::start();
    redis.kill();
    let one = Node::on(&redis.url()).await;
    assert!(unavailable(&one.store.bus().healthy()));
    redis.restart();
    one.listen("room").await;
}

fn left(values: &[(&str, &[u8])]) -> Vec<(String, Bytes)> {
    values.iter().map(|(key, value)| ((*key).to_owned(), Bytes::copy_from_slice(value))).collect()
}

fn keys<const N: usize>(keys: [&str; N]) -> [String; N] {
    keys.map(str::to_owned)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_node_leaves_the_other_finds_until_it_is_too_much() {
    let redis = Redis::start();
    let (one, two) = (Node::on(&redis.url()).await, Node::on(&redis.url()).await);
    let bounds = Bounds { bytes: 100_000, kept_for: MINUTE };
    let [one, two] = [&one, &two].map(|node| node.store.cache().recent("texts", bounds));
    let before = two.find(&keys(["ada"])).await;
    assert_eq!(before.values, [None]);
    assert!(before.complete_for < MINUTE, "this Redis has just begun");
    let long = vec![b'x'; 50_000];
    one.leave(left(&[("ada", b"one"), ("ben", &long), ("nul", b"\0\r\n")])).await;
    assert!(one.is_left("ben") && !two.is_left("ben"));
    let found = two.find(&keys(["ada", "eve", "ben", "nul"])).await.values;
    let found: Vec<_> = found.iter().map(Option::as_deref).collect();
    assert_eq!(found, [Some(&b"one"[..]), None, Some(&long), Some(b"\0\r\n")]);
    two.leave(left(&[("ada", b"two")])).await;
    assert_eq!(
        one.find(&keys(["ada"])).await.values[0].as_deref(),
        Some(&b"two"[..]),
        "the newest"
    );

    // What nothing can pack: the oldest goes, and who finds nothing is told that something went.
    let random: Vec<u8> = std::iter::repeat_with(|| SystemClock.random_u64().to_le_bytes())
        .take(5000)
        .flatten()
        .collect();
    for key in ["first", "second", "third"] {
        one.leave(left(&[(key, &random)])).await;
    }
    let fresh = Node::on(&redis.url()).await;
    let fresh = fresh.store.cache().recent("texts", bounds);
    let found = fresh.find(&keys(["ada", "first", "second", "third"])).await;
    let there: Vec<_> = found.values.iter().map(Option::is_some).collect();
    assert_eq!(there, [false, false, true, true]);
    assert!(found.complete_for < Duration::from_secs(30), "{:?}", found.complete_for);
    one.leave(left(&[("third", &random)])).await;
    assert!(fresh.find(&keys(["second"])).await.values[0].is_some(), "in its place, not beside it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_left_ends() {
    let redis = Redis::start();
    let (one, two) = (Node::on(&redis.url()).await, Node::on(&redis.url()).await);
    let bounds = Bounds { bytes: 100_000, kept_for: Duration::from_millis(300) };
    let [one, two] = [&one, &two].map(|node| node.store.cache().recent("texts", bounds));
    one.leave(left(&[("ada", b"one")])).await;
    assert!(two.find(&keys(["ada"])).await.values[0].is_some());
    tokio::time::sleep(Duration::from_millis(200)).await;
    one.leave(left(&[("ben", b"two")])).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let found = two.find(&keys(["ada", "ben"])).await;
    assert_eq!(found.values.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true]);
    assert!(found.complete_for >= Duration::from_millis(400), "in time is not too early");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_finds_nothing_is_told_what_may_be_missing() {
    let mut redis = Redis::start();
    let (one, two) = (Node::on(&redis.url()).await, Node::on(&redis.url()).await);
    let bounds = Bounds { bytes: 100_000, kept_for: MINUTE };
    let [one, two] = [&one, &two].map(|node| node.store.cache().recent("texts", bounds));
    redis.kill();
    promptly(one.leave(left(&[("ada", b"one")]))).await;
    assert!(!one.is_left("ada"), "others do not find it");
    let found = promptly(one.find(&keys(["ada"]))).await;
    assert_eq!(
        (found.values[0].as_deref(), found.complete_for),
        (Some(&b"one"[..]), Duration::ZERO)
    );
    let back = tokio::time::Instant::now();
    redis.restart();
    tokio::time::timeout(2 * BACK_WITHIN, async {
        // Nobody asks: it counts from when it was there again all the same.
        tokio::time::sleep(BACK_WITHIN / 2).await;
        while two.find(&keys(["ben"])).await.complete_for < Duration::from_millis(500) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        while !one.is_left("ben") {
            one.leave(left(&[("ben", b"two")])).await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .unwrap();
    let found = two.find(&keys(["ada", "ben"])).await;
    assert_eq!(found.values.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true]);
    assert!(found.complete_for < back.elapsed(), "what one could not leave is a gap");
}
