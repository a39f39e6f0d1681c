//! How somebody registers. E-mail address and username are claimed first, each by one record, then
//! the person is written. A claim whose person was never written (a crash in between) is taken up by
//! who registers with both again, and taken over by others after a grace.

use std::{convert::Infallible, time::Duration};

use studyhall_schema::{
    Timestamp,
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
        let mut user = self.new_user(new).await?;
        let (fresh, names) = (user.id, [email_key(&user.email), username_key(&user.username)]);
        user.id = self.claim_both(&names, fresh).await?;
        let is_ours = user.id == fresh;
        let user = match self.0.store.records::<User>().insert(user).await {
            Ok(user) => user,
            // Another try with both names was first.
            Err(StoreError::Duplicate { .. }) => return Err(TAKEN),
            Err(error) => {
                // Where the outcome is not known the person may come yet.
                if is_ours && matches!(error, StoreError::Unavailable(_)) {
                    self.give_back(names, fresh);
                }
                return Err(error.into());
            }
        };
        if !self.owns(&names, user.id).await? {
            self.0.store.records::<User>().delete(&user.id).await?;
            return Err(Fault::Unavailable);
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

    /// Claims both names for `fresh`, or takes up what an earlier try with both has claimed. Who they are for
    /// then: of all tries that are for one id, the store takes one person.
    async fn claim_both(&self, names: &[String; 2], fresh: UserId) -> Result<UserId, Fault> {
        let created_at = self.clock().now();
        let claim = |id: &String, with: &String, user_id| {
            let (id, with) = (id.clone(), Some(with.clone()));
            UserKey { id, user_id, created_at, with, is_taken_up: false }
        };
        let [email, username] = names;
        let is_same = |held: &UserKey| held.with.as_ref() == Some(username);
        let user = self.claim(claim(email, username, fresh), is_same).await?;
        let second = self.claim(claim(username, email, user), |held| held.user_id == user).await;
        if user == fresh {
            match &second {
                Ok(_) => {}
                Err(fault) if *fault == TAKEN => self.release(email, fresh).await,
                Err(_) => self.give_back(names.clone(), fresh),
            }
        }
        second
    }

    /// Claims a name; one whose claim is by the same registration is taken up. Whose it is now.
    async fn claim(
        &self,
        claim: UserKey,
        is_same: impl Fn(&UserKey) -> bool + Send,
    ) -> Result<UserId, Fault> {
        let (keys, user) = (self.0.store.records::<UserKey>(), claim.user_id);
        match keys.insert(claim.clone()).await {
            Ok(_) => return Ok(user),
            Err(StoreError::Duplicate { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let Some(held) = keys.get(&claim.id).await? else { return Err(Fault::Unavailable) };
        if self.has_user(held.user_id).await? {
            return Err(TAKEN);
        }
        if is_same(&held) {
            return self.take_up(&held, claim.created_at).await;
        }
        let left = GRACE.saturating_sub(claim.created_at.since(held.created_at));
        if !left.is_zero() {
            return Err(Fault::RegistrationUnderWay(left));
        }
        match keys.replace(claim, held.rev).await {
            Ok(_) => Ok(user),
            Err(StoreError::Conflict) => Err(Fault::RegistrationUnderWay(GRACE)),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes a claim last for another grace, and keeps who made it from giving it back meanwhile.
    async fn take_up(&self, held: &UserKey, now: Timestamp) -> Result<UserId, Fault> {
        let take_up = |claim: &mut UserKey| {
            if claim.user_id != held.user_id {
                return Err(Fault::RegistrationUnderWay(GRACE));
            }
            claim.created_at = claim.created_at.max(now);
            claim.is_taken_up = true;
            Ok(())
        };
        let taken_up = self.0.store.records::<UserKey>().update(&held.id, take_up).await?;
        taken_up.ok_or(Fault::Unavailable)??;
        Ok(held.user_id)
    }

    /// Whether all claims are still this person's: one who was slower than the grace has lost them.
    async fn owns(&self, claimed: &[String; 2], user: UserId) -> Result<bool, Fault> {
        for key in claimed {
            let held = self.0.store.records::<UserKey>().get(key).await?;
            if held.is_none_or(|held| held.user_id != user) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Takes a claim away after a refusal: with both names nobody gets any further.
    async fn release(&self, key: &String, user: UserId) {
        let keys = self.0.store.records::<UserKey>();
        let ours = matches!(keys.get(key).await, Ok(Some(held)) if held.user_id == user && !held.is_taken_up);
        if ours && let Err(error) = keys.delete(key).await {
            tracing::warn!(%error, "a claim was not given back");
        }
    }

    /// Gives claims back whose person was not written, after the answer. Who registers with both names again
    /// may be about to take them up, so that they are not deleted, only as old as none.
    fn give_back(&self, names: [String; 2], user: UserId) {
        let keys = self.0.store.records::<UserKey>();
        tokio::spawn(async move {
            for name in names {
                let age = |claim: &mut UserKey| {
                    if claim.user_id == user && !claim.is_taken_up {
                        claim.created_at = Timestamp::default();
                    }
                    Ok::<_, Infallible>(())
                };
                if let Err(error) = keys.update(&name, age).await {
                    tracing::warn!(%error, "a claim was not given back");
                    return;
                }
            }
        });
    }

    /// The person with this e-mail address.
    pub(super) async fn by_email(&self, email: &str) -> Result<Option<Versioned<User>>, Fault> {
        let key = self.0.store.records::<UserKey>().get(&email_key(email)).await?;
        let Some(key) = key else { return Ok(None) };
        Ok(self.0.store.records::<User>().get(&key.user_id).await?)
    }
}
