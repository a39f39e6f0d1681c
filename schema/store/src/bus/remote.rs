//! The bus between nodes: two tasks with a connection each, one that publishes, one that listens.
//!
//! Neither ever makes a publisher wait. While Redis is away messages are dropped and counted; when
//! it is back, everything that is listened to is subscribed again and told that it has a gap. Must
//! not know what a message says, nor the driver.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::{BufMut, Bytes, BytesMut};
use tokio::{
    sync::{Notify, mpsc},
    task::JoinSet,
};

use super::Topics;
use crate::{
    StoreError,
    redis::{Backoff, Connection, Link, Redis},
};

/// The largest message between nodes.
const MAX_MESSAGE: usize = 1 << 20;

/// How many messages, and bytes of them, wait for Redis.
const QUEUE: usize = 4096;
const QUEUED_BYTES: usize = 8 << 20;

/// How many are published at once.
const AT_ONCE: usize = 256;

/// How often the listening connection is asked whether it is well. A connection that only listens
/// would not notice that nobody is there any more.
const CHECKED_EVERY: Duration = Duration::from_secs(2);

/// The way to other nodes.
pub(super) struct Remote {
    origin: u64,
    queue: mpsc::Sender<(String, Bytes)>,
    waiting: Arc<Waiting>,
    listens: Arc<AtomicBool>,
    /// End with the bus.
    _tasks: JoinSet<()>,
}

/// Bytes that wait for Redis.
#[derive(Default)]
struct Waiting(AtomicUsize);

impl Remote {
    /// `origin` is this node, so that it does not hear itself twice.
    pub(super) async fn start(redis: Redis, origin: u64, topics: Arc<Topics>) -> Self {
        let (queue, queued) = mpsc::channel(QUEUE);
        let (waiting, listens) = (Arc::<Waiting>::default(), Arc::<AtomicBool>::default());
        let link = Link::start(redis.clone(), "publish").await;
        let mut tasks = JoinSet::new();
        tasks.spawn(publish(link, queued, Arc::clone(&waiting)));
        let listener = Listener { redis, origin, topics, listens: Arc::clone(&listens) };
        tasks.spawn(listener.run());
        Self { origin, queue, waiting, listens, _tasks: tasks }
    }

    pub(super) fn publish(&self, topic: &str, message: &Bytes) {
        if message.len() > MAX_MESSAGE {
            return dropped("large", 1);
        }
        let mut framed = BytesMut::with_capacity(size_of::<u64>() + message.len());
        framed.put_u64(self.origin);
        framed.put_slice(message);
        let bytes = framed.len();
        if !self.waiting.take(bytes) {
            return dropped("full", 1);
        }
        if self.queue.try_send((topic.to_owned(), framed.freeze())).is_err() {
            self.waiting.give_back(bytes);
            dropped("full", 1);
        }
    }

    pub(super) fn is_up(&self) -> bool {
        self.listens.load(Ordering::Relaxed)
    }
}

impl Waiting {
    fn take(&self, bytes: usize) -> bool {
        let fits = self.0.fetch_add(bytes, Ordering::Relaxed) + bytes <= QUEUED_BYTES;
        if !fits {
            self.give_back(bytes);
        }
        fits
    }

    fn give_back(&self, bytes: usize) {
        self.0.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// Publishes what comes, many at once when many wait. What Redis does not take is dropped: when it
/// is back, everybody reads the store anyway.
async fn publish(link: Link, mut queued: mpsc::Receiver<(String, Bytes)>, waiting: Arc<Waiting>) {
    let mut news = Vec::with_capacity(AT_ONCE);
    while queued.recv_many(&mut news, AT_ONCE).await > 0 {
        if link.ask(async |redis| redis.publish(&news).await).await.is_err() {
            dropped("away", news.len());
        }
        waiting.give_back(news.iter().map(|(_, message)| message.len()).sum());
        news.clear();
    }
}

fn dropped(why: &'static str, messages: usize) {
    metrics::counter!("studyhall_bus_dropped_total", "why" => why).increment(messages as u64);
}

struct Listener {
    redis: Redis,
    origin: u64,
    topics: Arc<Topics>,
    /// Whether it hears other nodes now.
    listens: Arc<AtomicBool>,
}

impl Listener {
    async fn run(self) {
        let mut backoff = Backoff::new("listen");
        loop {
            let ended = Arc::new(Notify::new());
            let error = match self.connect(&ended).await {
                Ok(connection) => self.listen(connection, &ended, &mut backoff).await,
                Err(error) => error,
            };
            self.listens.store(false, Ordering::Relaxed);
            backoff.failed(&error).await;
        }
    }

    async fn connect(&self, ended: &Arc<Notify>) -> Result<Connection, StoreError> {
        let (topics, origin, ended) = (Arc::clone(&self.topics), self.origin, Arc::clone(ended));
        let hear = move |topic: &str, mut message: Bytes| {
            if message.len() < size_of::<u64>() {
                return;
            }
            let from = message.split_to(size_of::<u64>());
            // What this node says, it has told its own already.
            if from.as_ref() != origin.to_be_bytes() {
                topics.deliver(topic, Some(message));
            }
        };
        self.redis.listen(hear, move || ended.notify_one()).await
    }

    /// Listens to what is open until the connection ends.
    async fn listen(
        &self,
        mut connection: Connection,
        ended: &Notify,
        backoff: &mut Backoff,
    ) -> StoreError {
        let mut heard = HashSet::new();
        let mut opened = self.topics.all();
        let mut closed = Vec::new();
        loop {
            if let Err(error) = self.follow(&mut connection, &mut heard, opened, closed).await {
                return error;
            }
            // Only now: a Redis may let one in and forbid to listen.
            backoff.succeeded();
            self.listens.store(true, Ordering::Relaxed);
            tokio::select! {
                () = self.topics.changed.notified() => {}
                () = ended.notified() => {
                    return StoreError::Unavailable("Redis has closed the connection".into());
                }
                () = tokio::time::sleep(CHECKED_EVERY) => {
                    if let Err(error) = connection.ping().await {
                        return error;
                    }
                }
            }
            (opened, closed) = self.topics.changes();
        }
    }

    /// Subscribes and unsubscribes; who listens to what is new has missed what came until now.
    async fn follow(
        &self,
        connection: &mut Connection,
        heard: &mut HashSet<String>,
        mut opened: Vec<String>,
        mut closed: Vec<String>,
    ) -> Result<(), StoreError> {
        opened.retain(|topic| heard.insert(topic.clone()));
        closed.retain(|topic| heard.remove(topic));
        connection.unsubscribe(&closed).await?;
        connection.subscribe(&opened).await?;
        for topic in opened {
            self.topics.deliver(&topic, None);
        }
        Ok(())
    }
}
