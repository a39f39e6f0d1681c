//! News between nodes: at most once, never the truth.
//!
//! Losing a message delays somebody, it loses nothing: whoever is told `Lagged`, or nothing at all,
//! reads the store. Within a node messages go by memory; where there is a Redis, it carries them
//! between nodes. Must not know what a message says.

mod remote;

use std::{
    collections::{HashMap, HashSet},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use thiserror::Error;
use tokio::sync::{
    Notify,
    broadcast::{self, error::RecvError},
};

use self::remote::Remote;
use crate::{StoreError, redis::Redis};

/// How many messages wait for a slow subscriber of a topic. Kept small: there is a topic for each
/// open document.
const WAITING: usize = 64;

/// Messages to all who listen to a topic: in this process, and on the nodes that share a Redis.
#[derive(Clone, Default)]
pub struct Bus {
    topics: Arc<Topics>,
    remote: Option<Arc<Remote>>,
}

/// Messages may have been dropped because the subscriber was slow or the bus was away: read the
/// store. Between nodes this is also said when a subscription has come about, since messages may
/// have gone by while it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("missed {missed} messages or more")]
pub struct Lagged {
    /// How many, as far as is known.
    pub missed: u64,
}

/// Who listens to what on this node.
#[derive(Default)]
struct Topics {
    open: Mutex<Open>,
    /// Told when a topic was opened or closed.
    changed: Notify,
}

#[derive(Default)]
struct Open {
    /// `None` is a gap.
    senders: HashMap<String, broadcast::Sender<Option<Bytes>>>,
    /// Opened or closed since the remote side looked.
    changed: HashSet<String>,
    /// Whether anybody looks.
    watched: bool,
}

impl Bus {
    pub(crate) async fn on(redis: Redis, origin: u64) -> Self {
        let topics = Arc::<Topics>::default();
        topics.lock().watched = true;
        let remote = Remote::start(redis, origin, Arc::clone(&topics)).await;
        Self { topics, remote: Some(Arc::new(remote)) }
    }

    /// Sends to all who are subscribed now, this node's own subscribers included. Never waits.
    /// Between nodes a message of more than 1 MiB, or more of them than Redis takes, is dropped.
    pub fn publish(&self, topic: &str, message: Bytes) {
        if let Some(remote) = &self.remote {
            remote.publish(topic, &message);
        }
        self.topics.deliver(topic, Some(message));
    }

    /// Listens to a topic from now on.
    pub fn subscribe(&self, topic: &str) -> Subscription {
        let receiver = self.topics.subscribe(topic);
        Subscription { receiver, topic: topic.to_owned(), topics: Arc::clone(&self.topics) }
    }

    /// Whether news go to other nodes now, for `/readyz`. A bus that is away only delays.
    pub fn healthy(&self) -> Result<(), StoreError> {
        match &self.remote {
            Some(remote) if !remote.is_up() => {
                Err(StoreError::Unavailable("Redis is not connected".into()))
            }
            _ => Ok(()),
        }
    }
}

impl Topics {
    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To whoever listens on this node.
    fn deliver(&self, topic: &str, message: Option<Bytes>) {
        if let Some(sender) = self.lock().senders.get(topic) {
            // An error says that nobody listens, which is nobody's problem.
            let _ = sender.send(message);
        }
    }

    fn subscribe(&self, topic: &str) -> broadcast::Receiver<Option<Bytes>> {
        let mut open = self.lock();
        if let Some(sender) = open.senders.get(topic) {
            return sender.subscribe();
        }
        let (sender, receiver) = broadcast::channel(WAITING);
        open.senders.insert(topic.to_owned(), sender);
        self.changed(&mut open, topic);
        receiver
    }

    /// A subscription ends, whose receiver is still counted.
    fn leave(&self, topic: &str) {
        let mut open = self.lock();
        if open.senders.get(topic).is_some_and(|sender| sender.receiver_count() <= 1) {
            open.senders.remove(topic);
            self.changed(&mut open, topic);
        }
    }

    fn changed(&self, open: &mut Open, topic: &str) {
        if open.watched {
            open.changed.insert(topic.to_owned());
            self.changed.notify_one();
        }
    }

    /// What was opened and what was closed since the last time.
    fn changes(&self) -> (Vec<String>, Vec<String>) {
        let mut open = self.lock();
        let changed = mem::take(&mut open.changed);
        changed.into_iter().partition(|topic| open.senders.contains_key(topic))
    }

    /// Everything that is open, as if it had just been opened.
    fn all(&self) -> Vec<String> {
        let mut open = self.lock();
        open.changed.clear();
        open.senders.keys().cloned().collect()
    }
}

/// What a topic says from the moment of the subscription. Dropping it ends it.
pub struct Subscription {
    receiver: broadcast::Receiver<Option<Bytes>>,
    topic: String,
    topics: Arc<Topics>,
}

impl Subscription {
    /// The next message. Cancel-safe.
    pub async fn recv(&mut self) -> Result<Bytes, Lagged> {
        match self.receiver.recv().await {
            Ok(Some(message)) => Ok(message),
            Ok(None) => Err(Lagged { missed: 0 }),
            Err(RecvError::Lagged(missed)) => Err(Lagged { missed }),
            // The topic lives as long as its last subscription, so this does not happen.
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.topics.leave(&self.topic);
    }
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
        assert_eq!(bus.topics.lock().senders.len(), 1);
        drop(ben);
        assert_eq!(bus.topics.lock().senders.len(), 0);
    }
}
