//! Changes of access between nodes: told on the bus at once, and kept in `access_changes`, which every
//! node reads twice a second, so that losing the bus delays nothing much.
//!
//! A change is written after what it tells of. What takes something from somebody is written before as well,
//! as a plan: its node may die in between, or never learn the outcome, and until a plan is settled all nodes
//! look whether it has come true. Must not know what a change means to a socket.

use std::{collections::HashMap, time::Duration};

use bytes::Bytes;
use studyhall_schema::{
    Timestamp,
    access::AccessChange,
    access_change::SpreadChange,
    document::{DocumentId, DocumentRecord},
    ids::{AccessChangeId, LoginId},
    login::Login,
};
use studyhall_store::{Page, StoreError};
use tokio::{sync::mpsc, time::MissedTickBehavior};

use super::Accounts;
use crate::fault::Fault;

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

/// A change to be told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told {
    pub(super) change: AccessChange,
    /// The row that planned it.
    pub(super) plan: Option<AccessChangeId>,
}

/// Where changes of this node go to be told to others.
#[derive(Debug, Clone)]
pub(super) struct Spread {
    node: AccessChangeId,
    changes: mpsc::Sender<Told>,
}

impl Spread {
    /// Tells other nodes, soon.
    pub(super) fn tell(&self, told: Told) {
        if self.changes.try_send(told).is_err() {
            tracing::error!(?told, "a change of access is told late: too many wait");
            let changes = self.changes.clone();
            tokio::spawn(async move { changes.send(told).await });
        }
    }

    /// Writes that a change is about to be made.
    pub(super) async fn plan(
        &self,
        accounts: &Accounts,
        change: AccessChange,
    ) -> Result<AccessChangeId, Fault> {
        let row =
            SpreadChange { is_planned: true, ..self.row(accounts, Told { change, plan: None }) };
        let id = row.id;
        accounts.0.store.records().insert(row).await?;
        Ok(id)
    }

    fn row(&self, accounts: &Accounts, Told { change, plan }: Told) -> SpreadChange {
        let (clock, node) = (accounts.clock(), self.node);
        let id = AccessChangeId::new(clock);
        SpreadChange { id, at: clock.now(), node, change, is_planned: false, plan }
    }
}

impl Accounts {
    /// Tells other nodes of this installation what changes here, and hears what changes there. To be
    /// called once, within the runtime.
    pub fn join_nodes(&self) {
        let node = AccessChangeId::new(self.clock());
        let (changes, waiting) = mpsc::channel(WAITING);
        let spread = Spread { node, changes };
        if self.0.spread.set(spread.clone()).is_err() {
            return;
        }
        tokio::spawn(tell(self.clone(), spread, waiting));
        tokio::spawn(Ears::new(self.clone(), node).listen());
        tokio::spawn(clear_away(self.clone()));
    }

    /// Looks whether what was planned, here or at another node, has come true.
    pub(super) async fn look_for(&self, change: AccessChange) -> Result<(), Fault> {
        match change {
            AccessChange::LoginRevoked(login) if !self.has_ended(login).await? => {}
            AccessChange::DocumentDeleted(id) if !self.is_deleted(id).await? => {}
            change => self.heard(change),
        }
        Ok(())
    }

    async fn has_ended(&self, login: LoginId) -> Result<bool, Fault> {
        let login = self.0.store.records::<Login>().get(&login).await?;
        Ok(login.is_none_or(|login| login.revoked_at.is_some()))
    }

    async fn is_deleted(&self, id: DocumentId) -> Result<bool, Fault> {
        let record = self.0.store.records::<DocumentRecord>().get(&id).await?;
        Ok(record.is_none_or(|record| record.deleted_at.is_some()))
    }
}

/// Writes and tells what this node changes.
async fn tell(accounts: Accounts, spread: Spread, mut changes: mpsc::Receiver<Told>) {
    let rows = accounts.0.store.records::<SpreadChange>();
    while let Some(told) = changes.recv().await {
        let row = spread.row(&accounts, told);
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
    }
}

/// Clears away old rows, now and then.
async fn clear_away(accounts: Accounts) {
    loop {
        if let Err(error) = clear(&accounts).await {
            tracing::debug!(%error, "old changes of access stay");
        }
        tokio::time::sleep(KEPT).await;
    }
}

/// Clears away what is older than any node needs.
async fn clear(accounts: &Accounts) -> Result<(), StoreError> {
    let rows = accounts.0.store.records::<SpreadChange>();
    let old = AccessChangeId::first_of(accounts.clock().now() - KEPT);
    loop {
        let page = rows.page(Page::of("_id").before(old).limit(ROWS)).await?;
        for row in page.items {
            rows.delete(&row.value.id).await?;
        }
        if page.next_cursor.is_none() {
            return Ok(());
        }
    }
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

    async fn read(&mut self) -> Result<(), Fault> {
        let now = self.accounts.clock().now();
        let from = AccessChangeId::first_of(self.read_at - OVERLAP);
        let rows = self.accounts.0.store.records::<SpreadChange>();
        let (mut cursor, mut planned) = (None, Vec::new());
        loop {
            let page = Page::of("_id").after(from).limit(ROWS).cursor(cursor);
            let page = rows.page(page).await?;
            for row in page.items {
                if row.is_planned { planned.push(row.value) } else { self.hear(&row) }
            }
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        self.read_at = now;
        let old = now - KEPT;
        self.heard.retain(|_, at| *at > old);
        for row in planned {
            if !self.heard.contains_key(&row.id) {
                self.accounts.look_for(row.change).await?;
            }
        }
        Ok(())
    }

    fn hear(&mut self, row: &SpreadChange) {
        let now = self.accounts.clock().now();
        if self.heard.insert(row.id, now).is_none() {
            self.heard.extend(row.plan.map(|plan| (plan, now)));
            if row.node != self.node {
                self.accounts.heard(row.change);
            }
        }
    }
}
