//! Changes of access between nodes: told on the bus at once, and kept in `access_changes`, which every
//! node reads twice a second, so that losing the bus delays nothing much.
//!
//! A change is written after what it tells of. What takes something from somebody is written before as well,
//! as a plan: its node may die in between, or never learn the outcome, and until a plan is settled all nodes
//! look whether it has come true. Must not know what a change means to a socket.

mod ears;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use studyhall_schema::{
    Timestamp,
    access::AccessChange,
    access_change::SpreadChange,
    document::{DocumentId, DocumentRecord},
    ids::{AccessChangeId, LoginId},
    login::Login,
};
use studyhall_store::StoreError;
use tokio::sync::mpsc;

use self::ears::Ears;
use super::{
    Accounts,
    pulse::{self, Pulse},
};
use crate::fault::Fault;

const TOPIC: &str = "access";
/// How long a row is kept for nodes that could not read.
const KEPT: Duration = Duration::from_mins(10);
/// Changes that may wait to be written.
const WAITING: usize = 4096;
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
    ahead: Ahead,
    pulse: Arc<Pulse>,
}

/// How many milliseconds the clocks of other nodes were ahead of this one's, as rows of theirs told. This
/// node's rows are dated so that they come after those that it has seen: who reads goes by what they have
/// seen, too, so that no clock decides what is found.
#[derive(Debug, Clone, Default)]
struct Ahead(Arc<AtomicU64>);

impl Ahead {
    /// A row of this second was seen.
    fn saw(&self, second: Timestamp, now: Timestamp) {
        let ahead = u64::try_from(second.since(now).as_millis()).unwrap_or(0);
        self.0.fetch_max(ahead, Ordering::Relaxed);
    }

    /// What a row is dated now.
    fn date(&self, now: Timestamp) -> Timestamp {
        now + Duration::from_millis(self.0.load(Ordering::Relaxed))
    }
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
        let id = AccessChangeId::new_at(self.ahead.date(clock.now()), clock);
        SpreadChange { id, at: clock.now(), node, change, is_planned: false, plan }
    }
}

impl Accounts {
    /// Tells other nodes of this installation what changes here, and hears what changes there. To be
    /// called once, within the runtime.
    pub fn join_nodes(&self) {
        let node = AccessChangeId::new(self.clock());
        let (changes, waiting) = mpsc::channel(WAITING);
        let pulse = Arc::new(Pulse::new(self.clock().now()));
        let spread = Spread { node, changes, ahead: Ahead::default(), pulse };
        if self.0.spread.set(spread.clone()).is_err() {
            return;
        }
        tokio::spawn(tell(self.clone(), spread.clone(), waiting));
        tokio::spawn(Ears::new(self.clone(), spread).listen());
        tokio::spawn(clear_away(self.clone()));
        tokio::spawn(stay_awake(self.clone()));
        let accounts = self.clone();
        tokio::spawn(async move { accounts.0.keys.reload().await.map(drop) }); // whoever signs in reads them again
    }

    /// How often this node has slept until now, and may not have heard of changes at others: what it
    /// remembered is forgotten.
    pub(super) fn has_slept(&self) -> u64 {
        let Some(spread) = self.0.spread.get() else { return 0 };
        spread.pulse.sleeps(self.clock().now(), || {
            tracing::info!("this node has slept: who may do what is asked again");
            self.0.logins.forget_all();
            self.0.documents.forget_all();
            self.0.rooms.forget_all();
        })
    }

    /// Refuses what this node may have begun, or was sent, before it slept, where there are others: whoever sent it may
    /// have said more at another node meanwhile.
    pub(crate) fn awake(&self) -> Result<(), Fault> {
        self.has_slept();
        let Some(spread) = self.0.spread.get() else { return Ok(()) };
        let may_be_late = spread.pulse.has_just_woken(self.clock().now());
        if may_be_late { Err(Fault::Unavailable) } else { Ok(()) }
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

/// Feels the pulse where nobody asks.
async fn stay_awake(accounts: Accounts) {
    loop {
        accounts.has_slept();
        tokio::time::sleep(pulse::BEAT).await;
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
    rows.delete_before("_id", old).await.map(drop)
}
