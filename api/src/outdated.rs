//! Rows that have had their time: answers under an `Idempotency-Key`, and logins.
//!
//! Nothing asks for them any more, and the store has no TTL: each node deletes them now and then. Two that
//! do so at once delete the same.

use std::time::Duration;

use studyhall_schema::{
    idempotency::{self, Idempotent},
    ids::LoginId,
    login::Login,
};

use crate::{api::Api, fault::Fault};

/// So much later than nothing asks for them: clocks differ, and somebody may be at it just then.
const BETWEEN: Duration = Duration::from_hours(1);

/// Deletes answers that are not given again. How many.
pub(crate) async fn sweep_answers(api: &Api) -> Result<u64, Fault> {
    let old = api.accounts.clock().now() - (idempotency::KEPT + BETWEEN);
    Ok(api.store.records::<Idempotent>().delete_before("age", old).await?)
}

/// Deletes logins that have ended by their age. How many. One that was revoked, or not refreshed, stays
/// until then: its id says how old it is, and needs no index.
pub(crate) async fn sweep_logins(api: &Api) -> Result<u64, Fault> {
    let old = api.accounts.clock().now() - (api.config.login_lifetime.absolute + BETWEEN);
    Ok(api.store.records::<Login>().delete_before("_id", LoginId::first_of(old)).await?)
}
