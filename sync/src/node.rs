//! What all documents of this process share: the store, the journal, and which documents are open.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use moka::sync::Cache;
use studyhall_schema::{
    Timestamp,
    access::SharedAccess,
    clock::Clock,
    document::{DocumentId, DocumentRecord},
    ids::UserId,
    installation::Installation,
};
use studyhall_store::{Store, StoreError, bus::Subscription};
use tokio::sync::{OnceCell, Semaphore, oneshot};
use tokio_util::task::TaskTracker;

use crate::{
    Config,
    actor::{self, LargeFrames, Mail, Mailbox},
    document::{Document, Engine, Limits, PeerId},
    heavy::Heavy,
    journal::Journal,
    news::{News, NodeId},
    outbox::Close,
    people::{People, Shares, Taken},
    session::{Register, Senders, Strangers},
    socket::Room,
    wire::automerge::MAX_INFLATED,
};

fn topic(id: DocumentId) -> String {
    format!("document:{id}")
}

/// Documents in use may take so many times the budget at which idle ones leave.
const FULL: usize = 4;
/// The part of the room for what waits for its document that one person may take.
const INBOUND_SHARE: usize = 4;
/// The part of the room for what cannot be judged yet that one person may take, in all their documents.
const ASIDE_SHARE: usize = 8;
/// Documents whose rows are known to be current.
const CURRENT: u64 = 50_000;
/// Of so many people and documents it is known that they were turned away, and for so long.
const TURNED_AWAY: u64 = 50_000;
const TURNED_AWAY_FOR: Duration = Duration::from_secs(10);
/// Mail of this size takes no room of the node's.
const SMALL: usize = 8 << 10;

/// Shared by every socket and every document.
pub(crate) struct Node {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) access: SharedAccess,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) journal: Journal,
    pub(crate) registry: Registry,
    pub(crate) sockets: Register,
    /// Peers of automerge-repo.
    pub(crate) senders: Senders,
    storage_id: OnceCell<String>,
    /// Which node this is, among those that share the store.
    pub(crate) id: NodeId,
    /// Bytes accepted by all documents and not durable yet.
    pub(crate) unsaved: AtomicUsize,
    /// What each document keeps to.
    pub(crate) limits: Arc<Limits>,
    /// Room for what documents keep until they can judge it, in KiB.
    pub(crate) asides: Arc<Shares>,
    /// Room for large messages that come in.
    pub(crate) large_messages: Arc<Room>,
    /// The tasks of sockets, until their clients have closed too.
    pub(crate) connections: TaskTracker,
    /// Room for large frames that were made for one connection or a few.
    pub(crate) large_frames: LargeFrames,
    /// Heavy work of documents.
    pub(crate) heavy: Heavy,
    /// Large texts that are put, and very large ones, one of each at a time: they compute for up to a second, and for
    /// seconds.
    pub(crate) large_puts: [Shares; 3],
    /// Who makes a snapshot of a large document: one at a time, since that writes and reads all of it, and
    /// what people wrote should not wait for it.
    pub(crate) snapshots: Arc<Semaphore>,
    /// Room for what waits for its document, in KiB.
    inbound: Shares,
    /// Room for what grows when it is inflated, in KiB.
    inflated: Shares,
    /// What waits on sockets until somebody is let in through them.
    pub(crate) strangers: Strangers,
    /// Documents whose rows were looked at within the last minute, and had all of them.
    pub(crate) current: Cache<DocumentId, ()>,
    /// Who was told through a socket of its own, seconds ago, that they cannot have a document, and why: by its name.
    pub(crate) turned_away: Cache<(UserId, Box<str>), Close>,
    /// When this node began: what was written before, others had open, and they may be gone.
    pub(crate) began: Timestamp,
    numbers: AtomicU64,
}

/// An open document: where its actor takes mail, and what it is in the books for.
pub(crate) struct Opened {
    pub(crate) id: DocumentId,
    pub(crate) mailbox: Mailbox,
    bytes: AtomicUsize,
    /// What all open documents of its owner take.
    of_owner: OnceLock<Arc<AtomicUsize>>,
    used: AtomicU64,
}

/// Which documents are open.
#[derive(Default)]
pub(crate) struct Registry {
    open: Mutex<HashMap<DocumentId, Arc<Opened>>>,
    bytes: AtomicUsize,
    /// What people's own documents take, and what is in the rooms of theirs, where others write.
    owners: [People<AtomicUsize>; 2],
}

impl Node {
    pub(crate) fn new(
        config: Config,
        store: Store,
        access: SharedAccess,
        journal: Journal,
    ) -> Arc<Self> {
        let inbound = config.inbound_bytes >> 10;
        let asides = config.aside_bytes >> 10;
        let limits = Limits { alone: config.poll.is_none(), ..config.limits };
        Arc::new(Self {
            id: NodeId(store.clock().random_u64()),
            clock: store.clock().clone(),
            began: store.clock().now(),
            connections: TaskTracker::new(),
            large_messages: Arc::new(Room::new(config.large_messages, config.sockets)),
            large_frames: LargeFrames::new(config.large_frames),
            heavy: Heavy::default(),
            large_puts: std::array::from_fn(|_| Shares::new(1, 1)),
            snapshots: Arc::new(Semaphore::new(1)),
            inbound: Shares::new(inbound, inbound / INBOUND_SHARE),
            inflated: Shares::new(config.inflated_bytes >> 10, MAX_INFLATED >> 10),
            strangers: Strangers::new(config.unauthenticated_bytes),
            current: Cache::builder()
                .max_capacity(CURRENT)
                .time_to_live(Duration::from_mins(1))
                .build(),
            turned_away: Cache::builder()
                .max_capacity(TURNED_AWAY)
                .time_to_live(TURNED_AWAY_FOR)
                .build(),
            config,
            store,
            access,
            journal,
            registry: Registry::default(),
            sockets: Register::default(),
            senders: Senders::default(),
            storage_id: OnceCell::new(),
            unsaved: AtomicUsize::new(0),
            limits: Arc::new(limits),
            asides: Arc::new(Shares::new(asides, asides / ASIDE_SHARE)),
            numbers: AtomicU64::new(1),
        })
    }

    /// What Automerge clients know this installation's storage by, on every node; `None` while the store is
    /// away.
    pub(crate) async fn storage_id(&self) -> Option<String> {
        let read = self.storage_id.get_or_try_init(|| async {
            let records = self.store.records::<Installation>();
            let fresh = Installation::new([self.clock.random_u64(), self.clock.random_u64()]);
            match records.insert(fresh.clone()).await {
                Ok(_) => Ok(fresh.storage_id),
                Err(StoreError::Duplicate { .. }) => {
                    let known = records.get(&Installation::ID.into()).await?;
                    Ok(known.map_or(fresh.storage_id, |known| known.value.storage_id))
                }
                Err(error) => Err(error),
            }
        });
        read.await.ok().cloned()
    }

    /// A number that no other connection of this node has.
    pub(crate) fn peer(&self) -> PeerId {
        PeerId(self.numbers.fetch_add(1, Ordering::Relaxed))
    }

    /// The document's actor, started when there is none.
    pub(crate) fn open(self: &Arc<Self>, id: DocumentId) -> Arc<Opened> {
        let mut open = self.registry.open();
        if let Some(opened) = open.get(&id).filter(|opened| !opened.mailbox.is_closed()) {
            opened.used.store(self.numbers.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
            return opened.clone();
        }
        let opened = Arc::new(Opened {
            id,
            mailbox: Mailbox::default(),
            bytes: AtomicUsize::new(0),
            of_owner: OnceLock::new(),
            used: AtomicU64::new(self.numbers.fetch_add(1, Ordering::Relaxed)),
        });
        open.insert(id, opened.clone());
        drop(open);
        tokio::spawn(actor::run(self.clone(), opened.clone()));
        self.make_room(&opened);
        opened
    }

    /// Sends mail to a document, opening it again when it was just leaving memory.
    pub(crate) async fn send(self: &Arc<Self>, id: DocumentId, mail: Mail) -> Arc<Opened> {
        let mut mail = mail;
        loop {
            let opened = self.open(id);
            match opened.mailbox.send(mail).await {
                Ok(()) => return opened,
                Err(back) => mail = back,
            }
        }
    }

    /// Sends mail to a document only if it is open.
    pub(crate) async fn send_if_open(&self, id: DocumentId, mail: Mail) {
        let opened = self.registry.open().get(&id).cloned();
        if let Some(opened) = opened {
            let _ = opened.mailbox.send(mail).await; // it has just left memory: nobody is there
        }
    }

    /// Room for so many bytes of somebody's on their way to a document; small ones take none, since the
    /// mailbox bounds how many there are.
    pub(crate) async fn room(&self, person: UserId, bytes: usize) -> Option<Taken> {
        if bytes <= SMALL {
            return None;
        }
        let most = (self.config.inbound_bytes >> 10) / INBOUND_SHARE;
        let kib = u32::try_from((bytes >> 10).min(most)).unwrap_or(u32::MAX);
        Box::pin(self.inbound.of(person).take(kib)).await // large in a future, and seldom
    }

    /// Room for one message of somebody's to be inflated in. They have one at a time, and few others do: what is
    /// a few KB on its way may take a thousand times as much.
    pub(crate) async fn room_to_inflate(&self, person: UserId) -> Option<Taken> {
        let kib = u32::try_from(MAX_INFLATED >> 10).unwrap_or(u32::MAX);
        Box::pin(self.inflated.of(person).take(kib)).await
    }

    /// A document that was loaded takes so much; no when there was no memory for it by then: many may
    /// have been asked for at once.
    pub(crate) fn has_memory_for(&self, opened: &Opened, bytes: usize) -> bool {
        opened.set_bytes(&self.registry, bytes);
        self.make_room(opened);
        let budget = self.config.memory_bytes;
        let others = |sum: &AtomicUsize| sum.load(Ordering::Relaxed).saturating_sub(bytes);
        let of_owner = opened.of_owner.get().map_or(0, |sum| others(sum));
        of_owner <= budget && others(&self.registry.bytes) <= budget.saturating_mul(FULL)
    }

    /// Lets a document know whether the whole node has too much that is not durable.
    pub(crate) fn overload<E: Engine>(&self, document: &mut Document<E>) {
        document.set_overloaded(self.unsaved.load(Ordering::Relaxed) > self.config.unsaved_bytes);
    }

    /// News for other nodes: losing it delays them, it loses nothing.
    pub(crate) fn tell_nodes(&self, id: DocumentId, news: News) {
        self.store.bus().publish(&topic(id), news.encode(self.id));
    }

    /// News of other nodes about a document, where there may be some.
    pub(crate) fn news_of(&self, id: DocumentId) -> Option<Subscription> {
        self.config.poll.map(|_| self.store.bus().subscribe(&topic(id)))
    }

    /// Least recently opened documents are asked to leave memory when all take more than the budget, or those
    /// of this one's owner half of it.
    fn make_room(&self, new: &Opened) {
        let budget = self.config.memory_bytes;
        self.ask_to_leave(&self.registry.bytes, budget, |_| true);
        if let Some(sum) = new.of_owner.get() {
            let is_theirs = |sum_of: &Arc<AtomicUsize>| Arc::ptr_eq(sum_of, sum);
            self.ask_to_leave(sum, budget / 2, |one| one.of_owner.get().is_some_and(is_theirs));
        }
    }

    fn ask_to_leave(&self, sum: &AtomicUsize, budget: usize, is_one: impl Fn(&Opened) -> bool) {
        let mut over = sum.load(Ordering::Relaxed);
        if over <= budget {
            return;
        }
        let open = self.registry.open();
        let mut opened: Vec<Arc<Opened>> =
            open.values().filter(|one| is_one(one)).cloned().collect();
        drop(open);
        opened.sort_unstable_by_key(|opened| opened.used.load(Ordering::Relaxed));
        for opened in opened {
            if over <= budget {
                break;
            }
            let _ = opened.mailbox.try_send(Mail::Evict); // full: it is in use
            over = over.saturating_sub(opened.bytes.load(Ordering::Relaxed));
        }
    }

    /// Writes what waits, closes every document and waits for that.
    pub(crate) async fn stop(&self) {
        let open: Vec<Arc<Opened>> = self.registry.open().values().cloned().collect();
        let mut waiting = Vec::with_capacity(open.len());
        for opened in open {
            let (done, stopped) = oneshot::channel();
            if opened.mailbox.send(Mail::Stop(Close::Restart, done)).await.is_ok() {
                waiting.push(stopped);
            }
        }
        for stopped in waiting {
            let _ = stopped.await; // an error means that it had ended already
        }
    }
}

impl Registry {
    fn open(&self) -> MutexGuard<'_, HashMap<DocumentId, Arc<Opened>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether open documents take so much that no other may be opened, though idle ones have left.
    pub(crate) fn is_full(&self, config: &Config) -> bool {
        self.bytes.load(Ordering::Relaxed) > config.memory_bytes.saturating_mul(FULL)
    }

    /// A document has left memory.
    pub(crate) fn forget(&self, gone: &Arc<Opened>) {
        gone.set_bytes(self, 0);
        let mut open = self.open();
        if open.get(&gone.id).is_some_and(|opened| Arc::ptr_eq(opened, gone)) {
            open.remove(&gone.id);
        }
    }
}

impl Opened {
    /// Says whose it is, before it takes any memory; no when that person's open documents take the whole
    /// budget of the node already: others' have to open too. What others put into shared documents keeps
    /// nobody from their own.
    pub(crate) fn owned_by(&self, record: &DocumentRecord, node: &Node) -> bool {
        let owners = &node.registry.owners[usize::from(record.room.is_some())];
        let sum = self.of_owner.get_or_init(|| owners.of(record.owner, AtomicUsize::default));
        sum.load(Ordering::Relaxed) <= node.config.memory_bytes
    }

    /// What the document takes, about.
    pub(crate) fn set_bytes(&self, registry: &Registry, bytes: usize) {
        let before = self.bytes.swap(bytes, Ordering::Relaxed);
        for sum in std::iter::once(&registry.bytes).chain(self.of_owner.get().map(AsRef::as_ref)) {
            sum.fetch_add(bytes, Ordering::Relaxed);
            sum.fetch_sub(before, Ordering::Relaxed);
        }
    }
}
