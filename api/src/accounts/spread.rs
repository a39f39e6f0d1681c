//! Changes of access between nodes: told on the bus at once, and kept in `access_changes`, which every
//! node reads twice a second, so that losing the bus delays nothing much.
//!
//! A change is written after what it tells of. Must not know what a change means to a socket.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use bytes::Bytes;
use studyhall_schema::{
    Timestamp, access::AccessChange, access_change::SpreadChange, ids::AccessChangeId,
};
use studyhall_store::{Page, StoreError};
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior},
};

use super::Accounts;

const TOPIC: &str = "access";
/// How often what others wrote is read.
const POLL: Duration = Duration::from_millis(500);
/// How far back each read looks: clocks differ, and a write may take its time.
const OVERLAP: Duration = Duration::from_secs(10);
/// How long a row is kept for nodes that could not read.
const KEPT: Duration = Duration::from_mins(10);
/// Changes that may wait to be written.
const WAITING: usize = 4096;
/// Rows read at once.
const ROWS: usize = 1000;
/// A pause before a write that failed is tried again.
const AGAIN: Duration = Duration::from_millis(200);

/// Where changes of this node go to be told to others.
#[derive(Debug, Clone)]
pub(super) struct Spread(mpsc::Sender<AccessChange>);

impl Spread {
    /// Tells other nodes, soon.
    pub(super) fn tell(&self, change: AccessChange) {
        if self.0.try_send(change).is_err() {
            tracing::error!(?change, "a change of access is told late: too many wait");
            let (changes, change) = (self.0.clone(), change);
            tokio::spawn(async move { changes.send(change).await });
        }
    }
}

impl Accounts {
    /// Tells other nodes of this installation what changes here, and hears what changes there. To be
    /// called once, within the runtime.
    pub fn join_nodes(&self) {
        let node = AccessChangeId::new(self.clock());
        let (changes, waiting) = mpsc::channel(WAITING);
        if self.0.spread.set(Spread(changes)).is_err() {
            return;
        }
        tokio::spawn(tell(self.clone(), node, waiting));
        tokio::spawn(Ears::new(self.clone(), node).listen());
    }
}

/// Writes and tells what this node changes, and clears away what is old.
async fn tell(accounts: Accounts, node: AccessChangeId, mut changes: mpsc::Receiver<AccessChange>) {
    let rows = accounts.0.store.records::<SpreadChange>();
    if let Err(error) = clear(&accounts).await {
        tracing::debug!(%error, "what nodes that are gone had written stays");
    }
    let mut written: VecDeque<(Instant, AccessChangeId)> = VecDeque::new();
    while let Some(change) = changes.recv().await {
        let clock = accounts.clock();
        let row = SpreadChange { id: AccessChangeId::new(clock), at: clock.now(), node, change };
        match serde_json::to_vec(&row) {
            Ok(news) => accounts.0.store.bus().publish(TOPIC, Bytes::from(news)),
            Err(error) => tracing::error!(%error, "a change of access has no JSON"),
        }
        loop {
            match rows.insert(row.clone()).await {
                // An insert whose outcome was not known may have been one.
                Ok(_) | Err(StoreError::Duplicate { .. }) => break,
                Err(error) => {
                    tracing::warn!(%error, "a change of access is not written yet");
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
        written.push_back((Instant::now(), row.id));
        while let Some((_, old)) = written.pop_front_if(|(at, _)| at.elapsed() > KEPT) {
            if let Err(error) = rows.delete(&old).await {
                tracing::debug!(%error, "an old change of access stays");
            }
        }
    }
}

/// Clears away what is older than any node needs.
async fn clear(accounts: &Accounts) -> Result<(), StoreError> {
    let rows = accounts.0.store.records::<SpreadChange>();
    let old = AccessChangeId::first_of(accounts.clock().now() - KEPT);
    for row in rows.page(Page::of("_id").before(old).limit(ROWS)).await?.items {
        rows.delete(&row.value.id).await?;
    }
    Ok(())
}

/// What hears other nodes.
struct Ears {
    accounts: Accounts,
    node: AccessChangeId,
    /// What was heard lately, so that nothing is done twice.
    heard: HashMap<AccessChangeId, Timestamp>,
    /// When the rows were last read.
    read_at: Timestamp,
}

impl Ears {
    fn new(accounts: Accounts, node: AccessChangeId) -> Self {
        let read_at = accounts.clock().now();
        Self { accounts, node, heard: HashMap::new(), read_at }
    }

    async fn listen(mut self) {
        let mut news = self.accounts.0.store.bus().subscribe(TOPIC);
        let mut poll = tokio::time::interval(POLL);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                told = news.recv() => {
                    // What is missed is in the rows.
                    if let Ok(row) = told && let Ok(row) = serde_json::from_slice(&row) {
                        self.hear(&row);
                    }
                }
                _ = poll.tick() => {
                    if let Err(error) = self.read().await {
                        tracing::debug!(%error, "changes of access cannot be read now");
                    }
                }
            }
        }
    }

    async fn read(&mut self) -> Result<(), StoreError> {
        let now = self.accounts.clock().now();
        let from = AccessChangeId::first_of(self.read_at - OVERLAP);
        let rows = self.accounts.0.store.records::<SpreadChange>();
        let mut cursor = None;
        loop {
            let page = Page::of("_id").after(from).limit(ROWS).cursor(cursor);
            let page = rows.page(page).await?;
            page.items.iter().for_each(|row| self.hear(&row.value));
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        self.read_at = now;
        let old = now - KEPT;
        self.heard.retain(|_, at| *at > old);
        Ok(())
    }

    fn hear(&mut self, row: &SpreadChange) {
        let now = self.accounts.clock().now();
        if row.node != self.node && self.heard.insert(row.id, now).is_none() {
            self.accounts.heard(row.change);
        }
    }
}
