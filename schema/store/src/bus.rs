//! News between nodes: at most once, never the truth.
//!
//! Losing a message delays somebody, it loses nothing: whoever is told `Lagged`, or nothing at all,
//! reads the store. Must not know what a message says.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use thiserror::Error;
use tokio::sync::broadcast::{self, error::RecvError};

/// How many messages wait for a slow subscriber of a topic. Kept small: there is a topic for each
/// open document.
const WAITING: usize = 64;

type Topics = HashMap<String, broadcast::Sender<Bytes>>;

/// Messages to all who listen to a topic, in this process.
#[derive(Clone, Default)]
pub struct Bus {
    topics: Arc<Mutex<Topics>>,
}

/// Messages were dropped because the subscriber was slow or the bus was away: read the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("missed {missed} messages")]
pub struct Lagged {
    /// How many, as far as is known.
    pub missed: u64,
}

impl Bus {
    /// Sends to all who are subscribed now, this node's own subscribers included. Never waits.
    pub fn publish(&self, topic: &str, message: Bytes) {
        if let Some(sender) = lock(&self.topics).get(topic) {
            // An error says that nobody listens, which is nobody's problem.
            let _ = sender.send(message);
        }
    }

    /// Listens to a topic from now on.
    pub fn subscribe(&self, topic: &str) -> Subscription {
        let mut topics = lock(&self.topics);
        let sender =
            topics.entry(topic.to_owned()).or_insert_with(|| broadcast::Sender::new(WAITING));
        let receiver = sender.subscribe();
        Subscription { receiver, topic: topic.to_owned(), topics: Arc::clone(&self.topics) }
    }
}

/// What a topic says from the moment of the subscription. Dropping it ends it.
pub struct Subscription {
    receiver: broadcast::Receiver<Bytes>,
    topic: String,
    topics: Arc<Mutex<Topics>>,
}

impl Subscription {
    /// The next message. Cancel-safe.
    pub async fn recv(&mut self) -> Result<Bytes, Lagged> {
        match self.receiver.recv().await {
            Ok(message) => Ok(message),
            Err(RecvError::Lagged(missed)) => Err(Lagged { missed }),
            // The topic lives as long as its last subscription, so this does not happen.
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut topics = lock(&self.topics);
        // This subscription's receiver is still counted.
        if topics.get(&self.topic).is_some_and(|sender| sender.receiver_count() <= 1) {
            topics.remove(&self.topic);
        }
    }
}

fn lock(topics: &Mutex<Topics>) -> MutexGuard<'_, Topics> {
    topics.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_message_reaches_all_who_listen_and_nobody_else() {
        let bus = Bus::default();
        let (mut ada, mut ben) = (bus.subscribe("room:1"), bus.subscribe("room:1"));
        let mut eve = bus.subscribe("room:2");
        bus.publish("room:1", Bytes::from_static(b"tick"));
        bus.publish("room:2", Bytes::from_static(b"tock"));
        assert_eq!(ada.recv().await, Ok(Bytes::from_static(b"tick")));
        assert_eq!(ben.recv().await, Ok(Bytes::from_static(b"tick")));
        assert_eq!(eve.recv().await, Ok(Bytes::from_static(b"tock")));
    }

    #[tokio::test]
    async fn a_slow_subscriber_is_told_how_much_it_missed_and_goes_on() {
        let bus = Bus::default();
        let mut slow = bus.subscribe("t");
        for number in 0..=u8::try_from(WAITING).unwrap() {
            bus.publish("t", Bytes::from(vec![number]));
        }
        assert_eq!(slow.recv().await, Err(Lagged { missed: 1 }));
        assert_eq!(slow.recv().await, Ok(Bytes::from(vec![1])));
    }

    #[tokio::test]
    async fn a_topic_ends_with_its_last_subscription() {
        let bus = Bus::default();
        let (ada, ben) = (bus.subscribe("t"), bus.subscribe("t"));
        drop(ada);
        assert_eq!(lock(&bus.topics).len(), 1);
        drop(ben);
        assert_eq!(lock(&bus.topics).len(), 0);
    }
}
