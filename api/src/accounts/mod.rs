//! People and their logins: registration, passwords, tokens, and the answer to "who may do what"
//! that every service asks. Knows the store and the models, nothing of HTTP.

mod access;
mod keys;
mod logins;
mod passwords;
mod profiles;
mod pulse;
mod registration;
mod remembered;
mod spread;
mod standing;
mod tickets;
mod tokens;

use std::sync::{Arc, OnceLock};

use moka::sync::Cache;
use studyhall_schema::{
    access::{AccessChange, Caller, SharedAccess},
    audit::{AuditEntry, Event},
    clock::Clock,
    document::{DocumentId, DocumentRecord},
    ids::{AccessChangeId, AuditId, LoginId, RoomId, UserId},
    login::Login,
    room::Room,
    user::User,
};
use studyhall_store::Store;
use tokio::sync::broadcast;

pub(crate) use self::{keys::Jwks, registration::NewUser};
use self::{
    keys::Keys,
    passwords::Passwords,
    remembered::Remembered,
    spread::{Spread, Told},
    tickets::Tickets,
};
use crate::{config::Config, fault::Fault, limits::Limits, secrets::PurposeKey};

/// How many changes wait for a slow receiver before it has to ask everything again.
const CHANGES: usize = 4096;

/// Accounts and access. Cheap to clone.
#[derive(Clone)]
pub struct Accounts(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) limits: Limits,
    passwords: Passwords,
    keys: Keys,
    tickets: Tickets,
    refresh_key: PurposeKey,
    /// Verified access tokens by their hash, so that a request pays no signature check.
    tokens: Cache<String, Caller>,
    logins: Remembered<LoginId, Option<Login>>,
    documents: Remembered<DocumentId, Option<DocumentRecord>>,
    rooms: Remembered<RoomId, Option<Arc<Room>>>,
    changes: broadcast::Sender<AccessChange>,
    /// Where there are other nodes.
    spread: OnceLock<Spread>,
}

/// The accounts could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("accounts cannot be set up: {0}")]
pub struct SetupError(String);

/// Where a request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) address: String,
    pub(crate) device: String,
    pub(crate) request_id: String,
}

/// A change that other nodes know to be coming.
pub(crate) struct Planned {
    accounts: Accounts,
    plan: Option<AccessChangeId>,
}

impl Planned {
    /// What it has become, as [`Accounts::announce`] does. After a failure, whose outcome may not be known,
    /// the plan stays open: nodes look for it until it is old, this one among them.
    pub(crate) fn announce<T, E>(self, change: AccessChange, outcome: &Result<T, E>) {
        let settled = self.plan.filter(|_| outcome.is_ok());
        self.accounts.told(change, settled);
    }
}

/// Somebody who has just signed in, or again.
#[derive(Debug, Clone)]
pub(crate) struct SignedIn {
    pub(crate) login: LoginId,
    pub(crate) user: User,
    pub(crate) rev: u64,
    pub(crate) access_token: String,
    pub(crate) refresh_token: String,
}

impl Accounts {
    /// Accounts over `store`. Runs argon2 once.
    pub fn new(config: Config, store: Store) -> Result<Self, SetupError> {
        let clock = store.clock();
        let passwords = Passwords::new(config.hashing_threads, config.hashing_queue, &**clock)
            .map_err(|fault| SetupError(fault.to_string()))?;
        let inner = Inner {
            limits: Limits::new(config.rate_limit, store.cache().clone()),
            passwords,
            keys: Keys::new(&config, &store),
            tickets: Tickets::new(&config, store.cache().clone()),
            refresh_key: PurposeKey::new(&config.secret, "refresh tokens"),
            tokens: Cache::new(100_000),
            logins: Remembered::new(100_000),
            documents: Remembered::new(100_000),
            rooms: Remembered::new(10_000),
            changes: broadcast::channel(CHANGES).0,
            spread: OnceLock::new(),
            store,
            config,
        };
        Ok(Self(Arc::new(inner)))
    }

    /// For the services that ask who may do what.
    pub fn access(&self) -> SharedAccess {
        Arc::new(self.clone())
    }

    /// How often argon2 ran since the start: what a sign-in costs, as metrics show it.
    pub fn password_hashings(&self) -> u64 {
        self.0.passwords.runs()
    }

    /// Makes a new signing key; tokens of the one before stay good until they expire.
    pub async fn rotate_signing_key(&self) -> Result<(), SetupError> {
        self.0.keys.rotate().await.map_err(|fault| SetupError(fault.to_string()))
    }

    pub(crate) async fn jwks(&self) -> Result<Jwks, Fault> {
        self.0.keys.jwks().await
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &**self.0.store.clock()
    }

    /// Forgets what a change makes stale, then tells whoever holds sockets, here and on other nodes.
    pub(crate) fn announce(&self, change: AccessChange) {
        self.told(change, None);
    }

    fn told(&self, change: AccessChange, plan: Option<AccessChangeId>) {
        self.change(change);
        if let Some(spread) = self.0.spread.get() {
            spread.tell(Told { change, plan });
        }
    }

    /// Writes that something is about to be taken from somebody, so that other nodes look for it even when
    /// this one dies before it announces it. Comes before the record is changed.
    pub(crate) async fn plan(&self, change: AccessChange) -> Result<Planned, Fault> {
        let plan = match self.0.spread.get() {
            Some(spread) => Some(spread.plan(self, change).await?),
            None => None,
        };
        Ok(Planned { accounts: self.clone(), plan })
    }

    /// A change that another node made: which room it is about is not told.
    fn heard(&self, change: AccessChange) {
        self.0.rooms.forget_all();
        self.change(change);
    }

    fn change(&self, change: AccessChange) {
        match change {
            AccessChange::LoginRevoked(login) => self.0.logins.forget(&login),
            AccessChange::UserRevoked(_) => self.0.logins.forget_all(),
            AccessChange::UserChanged(_) => {}
            AccessChange::DocumentChanged(id) | AccessChange::DocumentDeleted(id) => {
                self.0.documents.forget(&id);
            }
        }
        // An error says that nobody listens.
        let _ = self.0.changes.send(change);
    }

    /// Forgets a room whose record was changed. Comes before the change is announced.
    pub(crate) fn room_changed(&self, room: RoomId) {
        self.0.rooms.forget(&room);
    }

    /// Writes the audit trail. What it tells of has happened, so its failure is only logged.
    pub(crate) async fn audit(&self, event: Event, user: Option<UserId>, origin: &Origin) {
        let entry = AuditEntry {
            id: AuditId::new(self.clock()),
            event,
            user_id: user,
            at: self.clock().now(),
            from: origin.address.clone(),
            request_id: origin.request_id.clone(),
        };
        if let Err(error) = self.0.store.records::<AuditEntry>().insert(entry).await {
            tracing::error!(%error, ?event, "an audit entry was not written");
        }
    }
}
