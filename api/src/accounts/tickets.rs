//! Tickets for sockets, which cannot send headers: single-use ones for 30 s, reusable ones for as
//! long as their login. A ticket says who comes, never what they may do.

use std::time::Duration;

use moka::sync::Cache;
use studyhall_schema::{
    Timestamp,
    access::Caller,
    clock::Clock,
    ids::{LoginId, UserId},
};

use crate::{
    config::Config,
    secrets::{PurposeKey, random_token, sha256},
};

/// How long a single-use ticket waits.
const SINGLE_USE: Duration = Duration::from_secs(30);

/// How many unused tickets are kept; beyond it the oldest go.
const UNUSED: u64 = 100_000;

/// A ticket and how long it is good; `None` is as long as its login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) text: String,
    pub(crate) lasts: Option<Duration>,
}

/// The tickets that are out. Reusable ones need no memory: they prove themselves.
pub(crate) struct Tickets {
    key: PurposeKey,
    unused: Cache<String, (Caller, Timestamp)>,
}

impl Tickets {
    pub(crate) fn new(config: &Config) -> Self {
        let unused = Cache::builder().max_capacity(UNUSED).time_to_live(2 * SINGLE_USE).build();
        Self { key: PurposeKey::new(&config.secret, "tickets"), unused }
    }

    /// A ticket that is used once.
    pub(crate) fn single_use(&self, clock: &dyn Clock, caller: Caller) -> Ticket {
        let text = format!("s.{}", random_token(clock));
        let caller = Caller { expires_at: None, ..caller };
        self.unused.insert(sha256(text.as_bytes()), (caller, clock.now() + SINGLE_USE));
        Ticket { text, lasts: Some(SINGLE_USE) }
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
    pub(crate) fn redeem(&self, now: Timestamp, text: &str) -> Option<Caller> {
        if text.starts_with("s.") {
            let (caller, ends) = self.unused.remove(&sha256(text.as_bytes()))?;
            return (now < ends).then_some(caller);
        }
        let parts: Vec<&str> = text.split('.').take(6).collect();
        let &["r", user, login, secret, tag] = parts.as_slice() else { return None };
        let (user, login) = (user.parse::<UserId>().ok()?, login.parse::<LoginId>().ok()?);
        let parts: [&[u8]; 3] = [&user.bytes(), &login.bytes(), secret.as_bytes()];
        let genuine = self.key.verifies(tag, &parts);
        genuine.then_some(Caller { user, login, expires_at: None })
    }
}
