//! The ring of Ed25519 keys that sign access tokens, kept in `signing_keys`.
//!
//! A key is named after the one before it, by the installation's secret: nodes that make the next one at
//! once make one, and a name that nobody else could make is looked up at once.

use std::{
    sync::{Arc, Once, PoisonError, RwLock},
    time::Duration,
};

use ed25519_dalek::SigningKey as Ed25519;
use jsonwebtoken::{DecodingKey, EncodingKey};
use serde::Serialize;
use studyhall_schema::{
    Timestamp,
    clock::Clock,
    signing_key::{SigningKey, trusted},
};
use studyhall_store::{Page, Store, StoreError};
use utoipa::ToSchema;

use crate::{
    config::Config,
    fault::Fault,
    secrets::{PurposeKey, base64url, from_base64url},
};

/// What PKCS#8 puts before the 32 bytes of an Ed25519 seed (RFC 8410).
const PKCS8: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

/// How often an unknown `kid` that anybody may have made up makes us look into the store.
const RELOAD_EVERY: Duration = Duration::from_secs(5);

/// Another node may have made so many keys since this one looked.
const AHEAD: usize = 3;

/// At most this many keys are read; older ones are long past their overlap.
const KEYS_READ: usize = 100;

/// A public key (RFC 7517, RFC 8037).
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Jwk {
    kty: &'static str,
    crv: &'static str,
    alg: &'static str,
    #[serde(rename = "use")]
    usage: &'static str,
    kid: String,
    x: String,
}

/// The public keys that verify access tokens now.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Jwks {
    keys: Vec<Jwk>,
}

/// Keys, the newest last.
#[derive(Default)]
pub(super) struct Ring {
    rows: Vec<SigningKey>,
    read_at: Timestamp,
}

/// The ring.
pub(crate) struct Keys {
    store: Store,
    seal: PurposeKey,
    names: PurposeKey,
    turn: Duration,
    overlap: Duration,
    ring: RwLock<Arc<Ring>>,
}

impl Keys {
    pub(crate) fn new(config: &Config, store: &Store) -> Self {
        Self {
            store: store.clone(),
            seal: PurposeKey::new(&config.secret, "signing keys"),
            names: PurposeKey::new(&config.secret, "names of signing keys"),
            turn: config.key_turn,
            overlap: config.access_ttl + Duration::from_mins(1),
            ring: RwLock::default(),
        }
    }

    fn clock(&self) -> &dyn Clock {
        &**self.store.clock()
    }

    fn ring(&self) -> Arc<Ring> {
        self.ring.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads what nodes have made, and says in the log when that is not of this node's secret.
    pub(super) async fn reload(&self) -> Result<Arc<Ring>, Fault> {
        let newest = Page::of("created_at").descending().limit(KEYS_READ);
        let found = self.store.records::<SigningKey>().page(newest).await?;
        let rows: Vec<_> = found.items.into_iter().rev().map(|row| row.value).collect();
        self.warn_of_other_secret(&rows);
        let ring = Arc::new(Ring { rows, read_at: self.clock().now() });
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = ring.clone();
        Ok(ring)
    }

    /// Makes a key that signs from now on; the one before it verifies for the overlap.
    pub(crate) async fn rotate(&self) -> Result<(), Fault> {
        let ring = self.reload().await?;
        self.make_next(&ring).await?;
        Ok(())
    }

    /// Makes the key after a ring's last, unless another node has made it.
    async fn make_next(&self, ring: &Ring) -> Result<Arc<Ring>, Fault> {
        let mut seed = [0; 32];
        self.clock().fill(&mut seed);
        let public = Ed25519::from_bytes(&seed).verifying_key().to_bytes();
        let sealed = self.seal.seal(self.clock(), &seed);
        let (last, now) = (ring.rows.last(), self.clock().now());
        let row = SigningKey {
            id: self.name_after(last.map(|row| row.id.as_str())),
            public: base64url(&public),
            sealed: sealed.ok_or_else(|| Fault::Internal("a key could not be sealed".into()))?,
            // Nodes' clocks differ, the order of keys does not.
            created_at: last
                .map_or(now, |last| now.max(last.created_at + Duration::from_millis(1))),
        };
        match self.store.records::<SigningKey>().insert(row).await {
            Ok(_) | Err(StoreError::Duplicate { .. }) => self.reload().await,
            Err(error) => Err(error.into()),
        }
    }

    fn name_after(&self, last: Option<&str>) -> String {
        self.names.tag(&[last.unwrap_or_default().as_bytes()])
    }

    /// Whether a `kid` is of a key that comes after this ring's last.
    fn comes_next(&self, ring: &Ring, kid: &str) -> bool {
        let next = self.name_after(ring.rows.last().map(|row| row.id.as_str()));
        let names = std::iter::successors(Some(next), |name| Some(self.name_after(Some(name))));
        names.take(AHEAD).any(|name| name == kid)
    }

    /// The key that signs now, with its `kid`; made when there is none or its turn is over.
    pub(crate) async fn signing(&self) -> Result<(String, EncodingKey), Fault> {
        if let Some(key) = self.newest(&self.ring()) {
            return Ok(key);
        }
        let ring = self.reload().await?;
        if let Some(key) = self.newest(&ring) {
            return Ok(key);
        }
        let key = self.newest(&*self.make_next(&ring).await?);
        key.ok_or_else(|| Fault::Internal("a key that was just made does not sign".into()))
    }

    /// Some key whose turn lasts was sealed under another secret.
    fn warn_of_other_secret(&self, rows: &[SigningKey]) {
        static ONCE: Once = Once::new();
        let now = self.clock().now();
        let is_strange = |row: &SigningKey| self.seal.open(&row.sealed).is_none();
        if rows.iter().any(|row| now.since(row.created_at) < self.turn && is_strange(row)) {
            ONCE.call_once(|| {
                tracing::warn!(
                    "this store has signing keys that were sealed under another secret: all nodes need the same \
                     --secret-file, else people are signed out whenever they reach another node (after it was \
                     changed, everybody has to sign in again, and this passes with the old keys)"
                );
            });
        }
    }

    /// The newest key whose turn lasts. One that was sealed under another secret cannot sign.
    fn newest(&self, ring: &Ring) -> Option<(String, EncodingKey)> {
        let now = self.clock().now();
        let has_turn = |row: &&SigningKey| now.since(row.created_at) < self.turn;
        ring.rows.iter().rev().take_while(has_turn).find_map(|row| {
            let der = [&PKCS8[..], &self.seal.open(&row.sealed)?].concat();
            Some((row.id.clone(), EncodingKey::from_ed_der(&der)))
        })
    }

    /// The key that verifies tokens of `kid` now.
    pub(crate) async fn verifying(&self, kid: &str) -> Result<Option<DecodingKey>, Fault> {
        let now = self.clock().now();
        let mut ring = self.ring();
        let known = ring.rows.iter().any(|row| row.id == kid);
        if !known && (self.comes_next(&ring, kid) || now.since(ring.read_at) >= RELOAD_EVERY) {
            ring = self.reload().await?;
        }
        let row = trusted(&ring.rows, now, self.overlap).find(|row| row.id == kid);
        let public = row.and_then(|row| from_base64url(&row.public));
        Ok(public.map(|public| DecodingKey::from_ed_der(&public)))
    }

    /// The public keys that verify now.
    pub(crate) async fn jwks(&self) -> Result<Jwks, Fault> {
        self.signing().await?;
        let now = self.clock().now();
        let mut ring = self.ring();
        if now.since(ring.read_at) >= RELOAD_EVERY {
            ring = self.reload().await?; // what other nodes have made
        }
        let jwk = |row: &SigningKey| Jwk {
            kty: "OKP",
            crv: "Ed25519",
            alg: "EdDSA",
            usage: "sig",
            kid: row.id.clone(),
            x: row.public.clone(),
        };
        Ok(Jwks { keys: trusted(&ring.rows, now, self.overlap).map(jwk).collect() })
    }
}
