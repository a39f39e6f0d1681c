//! How often somebody may do something, counted where all nodes count.

use std::time::Duration;

use studyhall_store::{
    Cache, StoreError,
    cache::{Rate, Standing},
};

/// At most `burst` at once and `burst` in each `per`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quota {
    pub(crate) name: &'static str,
    pub(crate) burst: u32,
    pub(crate) per: Duration,
}

/// What any one person, or address of a person who is not signed in, may ask for.
pub(crate) const REQUESTS: Quota =
    Quota { name: "requests", burst: 1200, per: Duration::from_mins(1) };
/// Sign-ins and registrations from one address.
pub(crate) const SIGN_INS: Quota =
    Quota { name: "sign-ins", burst: 120, per: Duration::from_mins(1) };
/// Refreshes from one address: nobody guesses a refresh token, many people may share an address.
pub(crate) const REFRESHES: Quota =
    Quota { name: "refreshes", burst: 600, per: Duration::from_mins(1) };
/// Wrong passwords for one account from one address.
pub(crate) const WRONG_BY_ACCOUNT: Quota =
    Quota { name: "wrong-passwords", burst: 10, per: Duration::from_mins(15) };
/// Wrong passwords from one address.
pub(crate) const WRONG_BY_ADDRESS: Quota =
    Quota { name: "wrong-passwords-address", burst: 50, per: Duration::from_mins(15) };
/// Wrong invite codes of one person.
pub(crate) const WRONG_CODES: Quota =
    Quota { name: "wrong-codes", burst: 10, per: Duration::from_mins(10) };
/// Versions of notes that one person keeps by going back to older ones.
pub(crate) const RESTORES: Quota =
    Quota { name: "restores", burst: 30, per: Duration::from_hours(1) };

/// All counters.
pub(crate) struct Limits {
    on: bool,
    counters: Cache,
}

impl Quota {
    fn rate(self) -> Rate {
        Rate { burst: self.burst, per: self.per }
    }

    fn key(self, who: &str) -> String {
        format!("{}:{who}", self.name)
    }
}

impl Limits {
    pub(crate) fn new(on: bool, counters: Cache) -> Self {
        Self { on, counters }
    }

    /// Counts one. `None` when rates are not limited; an error when it cannot be counted now: what
    /// guards a password or a code stays shut then.
    pub(crate) async fn take(
        &self,
        quota: Quota,
        who: &str,
    ) -> Result<Option<Standing>, StoreError> {
        if !self.on {
            return Ok(None);
        }
        self.counters.spend(quota.rate(), &quota.key(who)).await.map(Some)
    }

    /// Counts one, on this node alone while it cannot be counted together.
    pub(crate) async fn take_anyway(&self, quota: Quota, who: &str) -> Option<Standing> {
        let (rate, key) = (quota.rate(), quota.key(who));
        match self.take(quota, who).await {
            Err(_) => self.counters.spend_here(rate, &key).ok(),
            taken => taken.ok().flatten(),
        }
    }

    /// How long to wait, without counting.
    pub(crate) async fn wait(
        &self,
        quota: Quota,
        who: &str,
    ) -> Result<Option<Duration>, StoreError> {
        if !self.on {
            return Ok(None);
        }
        Ok(self.counters.standing(quota.rate(), &quota.key(who)).await?.wait)
    }
}
