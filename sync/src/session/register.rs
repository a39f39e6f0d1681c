//! Which sockets are open, and whose: so that a change of access finds those that it concerns.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use studyhall_schema::{
    access::{AccessChange, AccessChanges, Caller, Lagged},
    document::DocumentId,
};
use tokio::{sync::Notify, time::Instant};

use crate::{
    actor::Mail,
    node::Node,
    outbox::{Close, Outbox},
};

/// Sign-ins that one socket may speak for.
const LOGINS: usize = 64;

/// Changes that may concern all that a socket has open count together when they come closer than this: who
/// makes many silences nobody who is in a room of theirs.
const TOGETHER: Duration = Duration::from_millis(250);

/// Access that could not be asked for is asked for again after so long.
const AGAIN: Duration = Duration::from_secs(5);

/// The sockets of this node.
#[derive(Default)]
pub(crate) struct Register {
    sockets: Mutex<HashMap<u64, Arc<Entry>>>,
}

struct Entry {
    outbox: Arc<Outbox>,
    callers: Mutex<Vec<Caller>>,
    documents: Mutex<HashSet<DocumentId>>,
    recheck: Notify,
    heard: Mutex<Heard>,
}

/// Changes that may concern all.
#[derive(Default)]
struct Heard {
    last: Option<Instant>,
    /// The next ones count together, soon.
    is_next: bool,
}

/// A socket that is known to the register for as long as this lives.
pub(crate) struct Registered {
    node: Arc<Node>,
    number: u64,
    entry: Arc<Entry>,
    /// Up to which sleep of the node access was asked for.
    sleeps: AtomicU64,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Registered {
    pub(crate) fn new(node: &Arc<Node>, outbox: Arc<Outbox>) -> Self {
        let entry = Arc::new(Entry {
            outbox,
            callers: Mutex::default(),
            documents: Mutex::default(),
            recheck: Notify::new(),
            heard: Mutex::default(),
        });
        let number = node.peer().0;
        locked(&node.sockets.sockets).insert(number, entry.clone());
        metrics::gauge!("studyhall_ws_connections").increment(1.0);
        let sleeps = AtomicU64::new(node.access.sleeps());
        Self { node: node.clone(), number, entry, sleeps }
    }

    /// The socket's number on this node.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// From now on changes of this caller's access reach the socket: say so before asking for it.
    /// One socket speaks for few logins: `false` when it has too many.
    pub(crate) fn speaks_for(&self, caller: Caller) -> bool {
        let mut callers = locked(&self.entry.callers);
        callers.retain(|known| known.login != caller.login);
        callers.reserve_exact(1); // nearly all speak for one
        callers.push(caller);
        callers.len() <= LOGINS
    }

    /// From now on changes of this document's rights reach the socket: say so before asking for them.
    pub(crate) fn attends(&self, document: DocumentId) {
        locked(&self.entry.documents).insert(document);
    }

    /// The socket has left a document.
    pub(crate) fn leaves(&self, document: DocumentId) {
        locked(&self.entry.documents).remove(&document);
    }

    /// Waits until some caller's access has to be asked again.
    pub(crate) async fn recheck(&self) {
        self.entry.recheck.notified().await;
    }

    /// Whether the node has slept since this was asked: what waited on the socket is not passed on before
    /// access is asked for again.
    pub(super) fn has_slept(&self) -> bool {
        let sleeps = self.node.access.sleeps();
        let has_slept = self.sleeps.swap(sleeps, Ordering::Relaxed) != sleeps;
        if has_slept {
            self.entry.outbox.hear(None);
        }
        has_slept
    }

    /// It could not be asked: the socket stays as it is, and it is asked again in a moment. One that a change
    /// of access was heard of is closed: its person may be out, and be shown nothing that others write.
    pub(super) fn recheck_later(&self) -> Result<(), Close> {
        if self.entry.outbox.is_in_doubt() {
            return Err(Close::TryLater);
        }
        let entry = Arc::downgrade(&self.entry);
        tokio::spawn(async move {
            tokio::time::sleep(AGAIN).await;
            if let Some(entry) = entry.upgrade() {
                entry.recheck.notify_one();
            }
        });
        Ok(())
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        locked(&self.node.sockets.sockets).remove(&self.number);
        self.node.strangers.forget(self.number);
        metrics::gauge!("studyhall_ws_connections").decrement(1.0);
    }
}

impl Register {
    fn each(&self, concerns: impl Fn(&Entry) -> bool, act: impl Fn(&Arc<Entry>)) {
        locked(&self.sockets).values().filter(|entry| concerns(entry)).for_each(act);
    }

    /// Closes every socket, one after the other over this time, so that not all come back at once.
    /// A map's order is random.
    pub(crate) async fn close_all(&self, why: Close, over: Duration) {
        let entries: Vec<Arc<Entry>> = locked(&self.sockets).values().cloned().collect();
        let count = u32::try_from(entries.len().max(1)).unwrap_or(u32::MAX);
        let pause = (over / count).min(Duration::from_millis(20));
        let start = Instant::now();
        for (number, entry) in (1..).zip(entries) {
            entry.outbox.close(why);
            tokio::time::sleep_until(start + pause * number).await;
        }
    }

    fn revoke(&self, concerns: impl Fn(&Caller) -> bool) {
        self.each(
            |entry| entry.speaks_for(&concerns),
            |entry| {
                entry.outbox.close(Close::LoginRevoked);
            },
        );
    }

    fn ask_again(&self, concerns: impl Fn(&Entry) -> bool) {
        self.each(concerns, Entry::hear_of_all);
    }
}

impl Entry {
    fn hear(&self, document: Option<DocumentId>) {
        self.outbox.hear(document);
        self.recheck.notify_one();
    }

    /// What somebody may do has changed, maybe with all that they have open.
    fn hear_of_all(self: &Arc<Self>) {
        let mut heard = locked(&self.heard);
        let now = Instant::now();
        let Some(next) = heard.last.map(|last| last + TOGETHER).filter(|next| *next > now) else {
            heard.last = Some(now);
            return self.hear(None);
        };
        if std::mem::replace(&mut heard.is_next, true) {
            return;
        }
        let entry = Arc::downgrade(self);
        tokio::spawn(async move {
            tokio::time::sleep_until(next).await;
            if let Some(entry) = entry.upgrade() {
                *locked(&entry.heard) = Heard { last: Some(next), is_next: false };
                entry.hear(None);
            }
        });
    }

    fn speaks_for(&self, concerns: impl Fn(&Caller) -> bool) -> bool {
        locked(&self.callers).iter().any(concerns)
    }
}

/// How long it takes to ask about every socket's access once more.
const PATROL: Duration = Duration::from_mins(1);

/// Asks about every socket's access again and again: a node that dies between a change and telling of it
/// leaves others nothing to hear. Ends with the node.
pub(crate) async fn patrol(node: Weak<Node>) {
    loop {
        let entries: Vec<_> = match node.upgrade() {
            Some(node) => locked(&node.sockets.sockets).values().map(Arc::downgrade).collect(),
            None => return,
        };
        let pause = PATROL / u32::try_from(entries.len().max(1)).unwrap_or(u32::MAX);
        if entries.is_empty() {
            tokio::time::sleep(pause).await;
        }
        for entry in entries {
            tokio::time::sleep(pause).await;
            if let Some(entry) = entry.upgrade() {
                entry.recheck.notify_one();
            }
        }
    }
}

/// Acts on changes of access until there are no more.
pub(crate) async fn watch(node: Arc<Node>, mut changes: Box<dyn AccessChanges>) {
    while let Some(change) = changes.next().await {
        match change {
            Ok(AccessChange::LoginRevoked(login)) => {
                node.sockets.revoke(|caller| caller.login == login);
            }
            Ok(AccessChange::UserRevoked(user)) => {
                node.sockets.revoke(|caller| caller.user == user);
            }
            Ok(AccessChange::UserChanged(user)) => {
                node.sockets.ask_again(|entry| entry.speaks_for(|caller| caller.user == user));
            }
            Ok(AccessChange::DocumentChanged(id)) => {
                let has = |entry: &Entry| locked(&entry.documents).contains(&id);
                node.sockets.each(has, |entry| entry.hear(Some(id)));
            }
            Err(Lagged) => node.sockets.ask_again(|_| true),
            // Not waited for: a document that is busy keeps nobody else's change back.
            Ok(AccessChange::DocumentDeleted(id)) => drop(tokio::spawn(deleted(node.clone(), id))),
        }
    }
}

async fn deleted(node: Arc<Node>, id: DocumentId) {
    node.send_if_open(id, Mail::End(Close::NotFound)).await;
}
