//! Bus and cache: news reach who listens, rates and tickets count once, what was left is found.

use std::{slice, time::Duration};

use bytes::Bytes;

use crate::{
    Store,
    bus::Subscription,
    cache::{Bounds, Rate},
};

/// How long a subscription may take to come about, between nodes.
const SOON: Duration = Duration::from_secs(5);

pub(super) async fn news_reach_who_listens(store: &Store) {
    let bus = store.bus();
    let (mut ada, mut ben) = (bus.subscribe("room:1"), bus.subscribe("room:1"));
    let mut eve = bus.subscribe("room:2");
    let [tick, tock] = [&b"tick"[..], b"tock"].map(Bytes::from_static);
    bus.publish("room:1", tick.clone());
    bus.publish("room:2", tock.clone());
    assert_eq!(next(&mut ada).await, tick, "a message reaches who listens");
    assert_eq!(next(&mut ben).await, tick, "and everybody who listens");
    assert_eq!(next(&mut eve).await, tock, "and nobody who listens to something else");
    bus.publish("room:1", Bytes::new());
    assert_eq!(next(&mut ada).await, Bytes::new(), "an empty message is a message");
    assert_eq!(next(&mut ben).await, Bytes::new(), "each message comes once");
}

/// The next message; that some may have been missed is said before it, at most a few times.
async fn next(subscription: &mut Subscription) -> Bytes {
    for _ in 0..3 {
        let heard = tokio::time::timeout(SOON, subscription.recv()).await;
        if let Ok(message) = heard.expect("a message comes within five seconds") {
            return message;
        }
    }
    panic!("a subscription says only that it missed something");
}

pub(super) async fn rates_are_kept(store: &Store) {
    let (cache, who) = (store.cache(), store.clock().random_u64().to_string());
    let rate = Rate { burst: 3, per: Duration::from_hours(1) };
    let looked = cache.standing(rate, &who).await.unwrap();
    for remaining in [2, 1, 0] {
        let standing = cache.spend(rate, &who).await.unwrap();
        assert_eq!((standing.remaining, standing.wait), (remaining, None));
    }
    assert_eq!((looked.remaining, looked.wait), (2, None), "looking counts nothing");
    let refused = cache.spend(rate, &who).await.unwrap();
    let wait = refused.wait.expect("who has spent all is refused");
    assert!(wait > Duration::from_mins(15) && wait <= Duration::from_mins(20), "{wait:?}");
    assert_eq!(cache.standing(rate, &who).await.unwrap().remaining, 0);
    let other = cache.spend(rate, &format!("not {who}")).await.unwrap();
    assert_eq!(other.remaining, 2, "others have a rate of their own");
}

pub(super) async fn tickets_are_good_once(store: &Store) {
    let (cache, key) = (store.cache(), store.clock().random_u64().to_string());
    let value = Bytes::from_static(b"ada\0\r\n");
    assert_eq!(cache.take_ticket(&key).await, Ok(None), "a ticket that nobody left");
    cache.leave_ticket(&key, value.clone(), Duration::from_mins(1)).await.unwrap();
    assert_eq!(cache.take_ticket(&key).await, Ok(Some(value)));
    assert_eq!(cache.take_ticket(&key).await, Ok(None), "a ticket is good once");
}

pub(super) async fn what_was_left_is_found(store: &Store) {
    let bounds = Bounds { bytes: 1 << 20, kept_for: Duration::from_mins(1) };
    let recent = store.cache().recent("conformance", bounds);
    let key = store.clock().random_u64().to_string();
    assert_eq!(recent.find(slice::from_ref(&key)).await.values, [None], "nobody has left it");
    for value in ["once", "twice"].map(|text| Bytes::from(text.repeat(1000))) {
        recent.leave(vec![(key.clone(), value.clone())]).await;
        assert!(recent.is_left(&key));
        let found = recent.find(&["other".into(), key.clone()]).await.values;
        assert_eq!(found, [None, Some(value)], "the newest is found, and nothing else");
    }
    recent.forget(&["other".into(), key.clone()]).await;
    assert!(!recent.is_left(&key));
    assert_eq!(recent.find(slice::from_ref(&key)).await.values, [None], "it was forgotten");
}
