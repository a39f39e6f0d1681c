//! What people see of themselves and of each other.

use studyhall_schema::{
    ids::UserId,
    user::{ProfileChange, User},
};
use studyhall_store::Versioned;

use super::Accounts;
use crate::{extract::IfMatch, fault::Fault};

impl Accounts {
    /// A person.
    pub(crate) async fn user(&self, id: UserId) -> Result<Versioned<User>, Fault> {
        self.0.store.records::<User>().get(&id).await?.ok_or(Fault::NotFound)
    }

    /// Whether there is a person of this id.
    pub(crate) async fn has_user(&self, id: UserId) -> Result<bool, Fault> {
        Ok(self.0.store.records::<User>().get(&id).await?.is_some())
    }

    /// Changes what a person may change about themself.
    pub(crate) async fn revise_profile(
        &self,
        id: UserId,
        expected: &IfMatch,
        change: ProfileChange,
    ) -> Result<Versioned<User>, Fault> {
        if let Some(engine) = change.engine {
            self.check_own_engine(id, engine).await?;
        }
        let now = self.clock().now();
        let users = self.0.store.records::<User>();
        if expected.is_some() {
            let Versioned { value: mut user, rev } = self.user(id).await?;
            expected.check(rev)?;
            user.revise(change, now);
            return Ok(users.replace(user, rev).await?);
        }
        let changed = users
            .update(&id, |user| {
                user.revise(change.clone(), now);
                Ok::<_, Fault>(())
            })
            .await?;
        changed.ok_or(Fault::NotFound)?
    }
}
