//! Tickets for sockets, which cannot send headers: single-use ones for 30 s, reusable ones for as
//! long as their login. A ticket says who comes, never what they may do.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use studyhall_schema::{
    Timestamp,
    access::Caller,
    clock::Clock,
    ids::{LoginId, UserId},
};
use studyhall_store::{Cache, StoreError};

use crate::{
    config::Config,
    secrets::{PurposeKey, random_token, sha256},
};

/// How long a single-use ticket waits.
const SINGLE_USE: Duration = Duration::from_secs(30);

/// A ticket and how long it is good; `None` is as long as its login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) text: String,
    pub(crate) lasts: Option<Duration>,
}

/// The tickets that are out. Reusable ones need no memory: they prove themselves.
pub(crate) struct Tickets {
    key: PurposeKey,
    unused: Cache,
}

/// Whose a single-use ticket is.
#[derive(Serialize, Deserialize)]
struct Holder {
    user: UserId,
    login: LoginId,
    ends: Timestamp,
}

impl Tickets {
    pub(crate) fn new(config: &Config, unused: Cache) -> Self {
        Self { key: PurposeKey::new(&config.secret, "tickets"), unused }
    }

    /// A ticket that is used once.
    pub(crate) async fn single_use(
        &self,
        clock: &dyn Clock,
        caller: Caller,
    ) -> Result<Ticket, StoreError> {
        let text = format!("s.{}", random_token(clock));
        let ends = clock.now() + SINGLE_USE;
        let holder = Holder { user: caller.user, login: caller.login, ends };
        let holder = serde_json::to_vec(&holder)
            .map_err(|error| StoreError::Invalid(format!("a ticket's holder: {error}")))?;
        self.unused.leave_ticket(&key(&text), Bytes::from(holder), SINGLE_USE).await?;
        Ok(Ticket { text, lasts: Some(SINGLE_USE) })
    }

    /// A ticket for all sockets of one login.
    pub(crate) fn reusable(&self, clock: &dyn Clock, caller: Caller) -> Ticket {
        let secret = random_token(clock);
        let tag = self.tag(caller.user, caller.login, &secret);
        let text = format!("r.{}.{}.{secret}.{tag}", caller.user, caller.login);
        Ticket { text, lasts: None }
    }

    fn tag(&self, user: UserId, login: LoginId, secret: &str) -> String {
        self.key.tag(&[&user.bytes(), &login.bytes(), secret.as_bytes()])
    }

    /// Who comes with a ticket. A single-use one is gone afterwards.
    pub(crate) async fn redeem(
        &self,
        now: Timestamp,
        text: &str,
    ) -> Result<Option<Caller>, StoreError> {
        if text.starts_with("s.") {
            let taken = self.unused.take_ticket(&key(text)).await?;
            let holder = taken.and_then(|holder| serde_json::from_slice::<Holder>(&holder).ok());
            let caller = holder
                .filter(|holder| now < holder.ends)
                .map(|Holder { user, login, .. }| Caller { user, login, expires_at: None });
            return Ok(caller);
        }
        Ok(self.reusable_of(text))
    }

    fn reusable_of(&self, text: &str) -> Option<Caller> {
        let parts: Vec<&str> = text.split('.').take(6).collect();
        let &["r", user, login, secret, tag] = parts.as_slice() else { return None };
        let (user, login) = (user.parse::<UserId>().ok()?, login.parse::<LoginId>().ok()?);
        let parts: [&[u8]; 3] = [&user.bytes(), &login.bytes(), secret.as_bytes()];
        let genuine = self.key.verifies(tag, &parts);
        genuine.then_some(Caller { user, login, expires_at: None })
    }
}

fn key(ticket: &str) -> String {
    format!("ticket:{}", sha256(ticket.as_bytes()))
}
