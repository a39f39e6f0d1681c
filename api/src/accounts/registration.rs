//! How somebody registers. E-mail address and username are claimed first, each by one record, then
//! the person is written. A claim whose person was never written (a crash in between) is taken over.

use std::time::Duration;

use studyhall_schema::{
    audit::Event,
    ids::UserId,
    user::{Earned, Role, Settings, Status, User, UserKey, email_key, username_key},
};
use studyhall_store::{StoreError, Versioned};

use super::{Accounts, Origin, SignedIn, passwords::Passwords};
use crate::fault::Fault;

/// How long a registration may take from its first claim to its person. Requests end sooner.
const GRACE: Duration = Duration::from_mins(1);

/// Somebody who wants an account.
#[derive(Debug, Clone)]
pub(crate) struct NewUser {
    pub(crate) email: String,
    pub(crate) username: String,
    pub(crate) password: String,
    pub(crate) display_name: Option<String>,
}

/// Does not say which of the two is taken.
const TAKEN: Fault =
    Fault::Conflict { code: "taken", detail: "this e-mail address or username is taken" };

impl Accounts {
    /// Registers somebody and signs them in.
    pub(crate) async fn register(&self, new: NewUser, origin: &Origin) -> Result<SignedIn, Fault> {
        let mailbox = new.email.split('@').next().unwrap_or_default();
        Passwords::check(&new.password, &[&new.email, mailbox, &new.username])?;
        let user = self.new_user(new).await?;
        let keys = [email_key(&user.email), username_key(&user.username)];
        let mut claimed = Vec::new();
        for key in keys {
            if let Err(fault) = self.claim(&key, user.id).await {
                self.release(&claimed, user.id).await;
                return Err(fault);
            }
            claimed.push(key);
        }
        let user = self.0.store.records::<User>().insert(user).await?;
        if !self.owns(&claimed, user.id).await? {
            self.0.store.records::<User>().delete(&user.id).await?;
            return Err(TAKEN);
        }
        self.audit(Event::Registered, Some(user.id), origin).await;
        self.open_login(user, origin).await
    }

    async fn new_user(&self, new: NewUser) -> Result<User, Fault> {
        let password_hash = self.0.passwords.hash(self.clock(), new.password).await?;
        let now = self.clock().now();
        Ok(User {
            id: UserId::new(self.clock()),
            email: new.email.trim().to_owned(),
            display_name: new.display_name.unwrap_or_else(|| new.username.clone()),
            username: new.username,
            password_hash,
            avatar_url: None,
            earned: Earned::default(),
            role: Role::User,
            status: Status::Active,
            created_at: now,
            last_active: now,
            settings: Settings::default(),
        })
    }

    async fn claim(&self, key: &str, user: UserId) -> Result<(), Fault> {
        let keys = self.0.store.records::<UserKey>();
        let claim = UserKey { id: key.to_owned(), user_id: user, created_at: self.clock().now() };
        match keys.insert(claim.clone()).await {
            Ok(_) => return Ok(()),
            Err(StoreError::Duplicate { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let Some(held) = keys.get(&claim.id).await? else { return Err(Fault::Unavailable) };
        let is_empty = self.0.store.records::<User>().get(&held.user_id).await?.is_none();
        if !is_empty || claim.created_at.since(held.created_at) < GRACE {
            return Err(TAKEN);
        }
        keys.replace(claim, held.rev).await.map_err(|error| match error {
            StoreError::Conflict => TAKEN,
            other => other.into(),
        })?;
        Ok(())
    }

    /// Whether all claims are still this person's: one who was slower than the grace has lost them.
    async fn owns(&self, claimed: &[String], user: UserId) -> Result<bool, Fault> {
        for key in claimed {
            let held = self.0.store.records::<UserKey>().get(key).await?;
            if held.is_none_or(|held| held.user_id != user) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Gives claims back after a refusal. One that stays is taken over after the grace.
    async fn release(&self, claimed: &[String], user: UserId) {
        let keys = self.0.store.records::<UserKey>();
        for key in claimed {
            let ours = matches!(keys.get(key).await, Ok(Some(held)) if held.user_id == user);
            if ours && let Err(error) = keys.delete(key).await {
                tracing::warn!(%error, "a claim was not given back");
            }
        }
    }

    /// The person with this e-mail address.
    pub(super) async fn by_email(&self, email: &str) -> Result<Option<Versioned<User>>, Fault> {
        let key = self.0.store.records::<UserKey>().get(&email_key(email)).await?;
        let Some(key) = key else { return Ok(None) };
        Ok(self.0.store.records::<User>().get(&key.user_id).await?)
    }
}
