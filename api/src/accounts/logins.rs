//! Logins: opened by a password, kept by refresh tokens, ended by logout or by a copied token.

use studyhall_schema::{
    access::{AccessChange, Caller},
    audit::Event,
    ids::{LoginId, UserId},
    login::{Login, Refreshed, Refusal},
    user::User,
};
use studyhall_store::{Page, Versioned};

use super::{
    Accounts, Origin, SignedIn, passwords::Verdict, tickets::Ticket, tokens::RefreshToken,
};
use crate::{
    fault::Fault,
    limits::{WRONG_BY_ACCOUNT, WRONG_BY_ADDRESS},
    secrets::PurposeKey,
};

/// How many logins are ended at a time.
const AT_A_TIME: usize = 100;

/// A successor that goes out with an answer: whose, and of which token by its hash.
pub(crate) struct Given {
    login: LoginId,
    presented: String,
}

impl Accounts {
    /// Signs somebody in. An unknown address costs and answers what a wrong password does.
    pub(crate) async fn login(
        &self,
        email: &str,
        password: String,
        origin: &Origin,
    ) -> Result<SignedIn, Fault> {
        self.check_attempts(email, origin).await?;
        let user = self.by_email(email).await?;
        let stored = user.as_ref().map(|user| user.password_hash.clone());
        let verdict = self.0.passwords.verify(password.clone(), stored).await?;
        match user.filter(|user| user.is_active()) {
            Some(user) if verdict == Verdict::Right => self.welcome(user, origin).await,
            Some(user) if verdict == Verdict::RightButWeak => {
                let user = self.rehash(user, password).await?;
                self.welcome(user, origin).await
            }
            other => {
                self.count_attempt(email, origin).await?;
                self.audit(Event::LoginFailed, other.map(|user| user.id), origin).await;
                Err(Fault::WrongCredentials)
            }
        }
    }

    async fn welcome(&self, user: Versioned<User>, origin: &Origin) -> Result<SignedIn, Fault> {
        self.audit(Event::LoggedIn, Some(user.id), origin).await;
        self.open_login(user, origin).await
    }

    async fn rehash(
        &self,
        user: Versioned<User>,
        password: String,
    ) -> Result<Versioned<User>, Fault> {
        let hash = self.0.passwords.hash(self.clock(), password).await?;
        let stronger = User { password_hash: hash, ..user.value };
        Ok(self.0.store.records::<User>().replace(stronger, user.rev).await?)
    }

    async fn check_attempts(&self, email: &str, origin: &Origin) -> Result<(), Fault> {
        let limits = &self.0.limits;
        let by_account = limits.wait(WRONG_BY_ACCOUNT, &attempts_at(email, origin)).await?;
        let by_address = limits.wait(WRONG_BY_ADDRESS, &origin.address).await?;
        by_account.max(by_address).map_or(Ok(()), |wait| Err(Fault::TooMany(wait)))
    }

    async fn count_attempt(&self, email: &str, origin: &Origin) -> Result<(), Fault> {
        self.0.limits.take(WRONG_BY_ACCOUNT, &attempts_at(email, origin)).await?;
        self.0.limits.take(WRONG_BY_ADDRESS, &origin.address).await?;
        Ok(())
    }

    /// Opens a login for somebody who has proven who they are.
    pub(super) async fn open_login(
        &self,
        user: Versioned<User>,
        origin: &Origin,
    ) -> Result<SignedIn, Fault> {
        let id = LoginId::new(self.clock());
        let refresh = RefreshToken::new(&self.0.refresh_key, self.clock(), id);
        let now = self.clock().now();
        let login = Login {
            id,
            user_id: user.id,
            refresh_hash: refresh.hash(),
            predecessor: None,
            created_at: now,
            refreshed_at: now,
            revoked_at: None,
            device: origin.device.clone(),
        };
        self.0.store.records::<Login>().insert(login).await?;
        self.signed_in(user, id, refresh.text).await
    }

    async fn signed_in(
        &self,
        user: Versioned<User>,
        login: LoginId,
        refresh_token: String,
    ) -> Result<SignedIn, Fault> {
        let access_token = self.sign_access(user.id, login).await?;
        Ok(SignedIn { login, rev: user.rev, user: user.value, access_token, refresh_token })
    }

    /// Rotates a refresh token. One that was rotated before ends its login. Beside the answer, what is to be
    /// noted once it is all there ([`Self::gives_successor`]).
    pub(crate) async fn refresh(
        &self,
        token: &str,
        origin: &Origin,
    ) -> Result<(SignedIn, Option<Given>), Fault> {
        let presented = RefreshToken::parse(&self.0.refresh_key, token);
        let presented = presented.ok_or(Fault::Unauthenticated)?;
        let offered = RefreshToken::new(&self.0.refresh_key, self.clock(), presented.login);
        let seal = PurposeKey::from_token(&presented.text);
        let sealed = seal.seal(self.clock(), offered.text.as_bytes());
        let sealed = sealed.ok_or_else(|| Fault::Internal("a token was not sealed".into()))?;
        let (now, lifetime) = (self.clock().now(), self.0.config.login_lifetime);
        let hash = presented.hash();
        let mut outcome = Err(Refusal::Ended);
        let logins = self.0.store.records::<Login>();
        let updated = logins
            .update(&presented.login, |login| {
                outcome = login.refresh(&hash, offered.hash(), sealed.clone(), now, lifetime);
                outcome.as_ref().map(|_| ()).map_err(|refusal| *refusal)
            })
            .await?;
        let login = match updated {
            Some(Ok(login)) => login,
            Some(Err(Refusal::Reused)) => return self.betrayed(presented.login, origin).await,
            Some(Err(Refusal::Ended)) | None => return Err(Fault::Unauthenticated),
        };
        let is_waiting = login.predecessor.as_ref().is_some_and(|before| before.is_waiting);
        let successor = match outcome {
            Ok(Refreshed::Repeated(sealed)) => seal
                .open(&sealed)
                .and_then(|text| String::from_utf8(text).ok())
                .ok_or(Fault::Unauthenticated)?,
            _ => offered.text,
        };
        let user = self.0.store.records::<User>().get(&login.user_id).await?;
        let user = user.filter(|user| user.is_active()).ok_or(Fault::Unauthenticated)?;
        let signed_in = self.signed_in(user, login.id, successor).await?;
        Ok((signed_in, is_waiting.then_some(Given { login: login.id, presented: hash })))
    }

    /// Notes that somebody is given the successor of a token: from now on a copy of it is a theft. Who was
    /// told to try again, since the store hangs, was given nothing. Without the note the answer goes out all
    /// the same; then the token repeats until its successor is used.
    pub(crate) async fn gives_successor(&self, given: &Given) {
        let now = self.clock().now();
        let logins = self.0.store.records::<Login>();
        let noted = logins.update(&given.login, |login| {
            login.gives_successor_of(&given.presented, now);
            Ok::<_, Refusal>(())
        });
        if let Err(error) = noted.await {
            tracing::warn!(%error, "it is not noted that a refresh was answered");
        }
    }

    async fn betrayed<T>(&self, login: LoginId, origin: &Origin) -> Result<T, Fault> {
        let user = self.revoke(login).await?;
        self.audit(Event::RefreshReused, user, origin).await;
        Err(Fault::Unauthenticated)
    }

    /// The login of its current refresh token.
    pub(crate) async fn login_of(&self, token: &str) -> Result<LoginId, Fault> {
        let presented = RefreshToken::parse(&self.0.refresh_key, token);
        let presented = presented.ok_or(Fault::Unauthenticated)?;
        let login = self.0.store.records::<Login>().get(&presented.login).await?;
        let is_current = login.is_some_and(|login| login.is_of(&presented.hash()));
        is_current.then_some(presented.login).ok_or(Fault::Unauthenticated)
    }

    /// Ends a login and its sockets. Whose it was.
    pub(crate) async fn revoke(&self, login: LoginId) -> Result<Option<UserId>, Fault> {
        let now = self.clock().now();
        let revoked = AccessChange::LoginRevoked(login);
        let planned = self.plan(revoked).await?;
        let logins = self.0.store.records::<Login>();
        let ended = logins
            .update(&login, |login| {
                login.revoke(now);
                Ok::<_, Refusal>(())
            })
            .await;
        match &ended {
            Ok(_) => planned.announce(revoked, &ended),
            // Its outcome may not be known. Stock clients take the end of a login for final, so that it is
            // told only when it is true; what is not true yet is looked for while the plan is open.
            Err(_) => self.look_again(revoked).await,
        }
        Ok(ended?.and_then(Result::ok).map(|login| login.user_id))
    }

    async fn look_again(&self, change: AccessChange) {
        if let Err(fault) = self.look_for(change).await {
            tracing::warn!(?change, %fault, "whether it came true is looked for later");
        }
    }

    /// Ends all logins of a person: the caller's own last, and only when the others have ended, so that the
    /// same can be asked again.
    pub(crate) async fn revoke_all(&self, caller: Caller, origin: &Origin) -> Result<(), Fault> {
        let (mut cursor, mut failed) = (None, None);
        loop {
            let of_user = Page::of("user").equal(caller.user).limit(AT_A_TIME).cursor(cursor);
            let page = self.0.store.records::<Login>().page(of_user).await?;
            let standing = page.items.iter().filter(|login| login.revoked_at.is_none());
            for login in standing.filter(|login| login.id != caller.login) {
                failed = self.revoke(login.id).await.err().or(failed);
            }
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        failed.map_or(Ok(()), Err)?;
        self.revoke(caller.login).await?;
        self.announce(AccessChange::UserRevoked(caller.user));
        self.audit(Event::LoggedOutEverywhere, Some(caller.user), origin).await;
        Ok(())
    }

    /// A ticket for sockets.
    pub(crate) async fn ticket(&self, caller: Caller, reusable: bool) -> Result<Ticket, Fault> {
        if reusable {
            Ok(self.0.tickets.reusable(self.clock(), caller))
        } else {
            Ok(self.0.tickets.single_use(self.clock(), caller).await?)
        }
    }
}

fn attempts_at(email: &str, origin: &Origin) -> String {
    format!("{}@{}", email.trim().to_lowercase(), origin.address)
}
