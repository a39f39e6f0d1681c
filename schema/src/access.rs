//! Who may do what, as the services ask it: the `api` crate answers, `sync` and `media` only ask.

use std::{future::Future, pin::Pin, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    Timestamp,
    document::DocumentId,
    ids::{LoginId, UserId},
};

/// A future in a box, so that `dyn Access` works.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What somebody shows to be let in.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Credential {
    /// An access token (a JWT), from a header or Hocuspocus's Auth message: what it opens ends with it.
    AccessToken(String),
    /// An access token that a browser keeps in its cookie: a socket that it opens lives as long as the login.
    Cookie(String),
    /// A ticket of `POST /auth/ws-ticket`.
    Ticket(String),
}

impl Credential {
    /// A socket's token field carries either: a JWT has exactly two dots (RFC 7515, 3.1), a ticket has
    /// one or four.
    pub fn of_socket(token: &str) -> Self {
        if token.matches('.').count() == 2 {
            Self::AccessToken(token.to_owned())
        } else {
            Self::Ticket(token.to_owned())
        }
    }
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credential(…)") // secrets are cut from every log
    }
}

/// Somebody who was let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Caller {
    /// The person.
    pub user: UserId,
    /// The sign-in: it ends all of its sockets when it is revoked.
    pub login: LoginId,
    /// When the credential itself ends. `None` lives as long as the login (cookies and tickets on
    /// sockets do).
    pub expires_at: Option<Timestamp>,
}

/// What a caller may do with a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    /// Nothing; a stranger cannot tell this from a resource that does not exist.
    None,
    /// Open and read it.
    Read,
    /// Change it.
    Write,
}

/// What permission is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resource {
    /// A document.
    Document(DocumentId),
}

/// Why permission or authentication could not be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// The credential is wrong, used up, expired or revoked.
    #[error("the credential is not valid")]
    Invalid,
    /// The store did not answer: nobody is let in, and nobody is told that they are out.
    #[error("access cannot be checked right now")]
    Unavailable,
}

/// Something about access that changed. Whoever holds sockets acts on it within a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "of")]
pub enum AccessChange {
    /// A sign-in ended: its sockets close with 4401.
    LoginRevoked(LoginId),
    /// All of a person's sign-ins ended (password change, suspension).
    UserRevoked(UserId),
    /// What a person may do changed somewhere (left, removed, a role): ask again for each document.
    UserChanged(UserId),
    /// What anybody may do with a document changed (unshared, moved): ask again for each caller.
    DocumentChanged(DocumentId),
    /// A document was deleted: its sockets close with 4404.
    DocumentDeleted(DocumentId),
}

/// How changes arrive: in order, none lost on this node. A receiver that lags asks everything again.
pub trait AccessChanges: Send {
    /// The next change; `None` when the service has ended. `Err(Lagged)` when some were missed.
    fn next(&mut self) -> BoxFuture<'_, Option<Result<AccessChange, Lagged>>>;
}

/// Changes were missed: everything must be asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lagged;

/// Who may do what.
pub trait Access: Send + Sync + 'static {
    /// Lets somebody in.
    fn authenticate(&self, credential: Credential) -> BoxFuture<'_, Result<Caller, AccessError>>;

    /// What `caller` may do with `resource`; `Invalid` when the sign-in has ended.
    fn permission(
        &self,
        caller: Caller,
        resource: Resource,
    ) -> BoxFuture<'_, Result<Permission, AccessError>>;

    /// What a person may do with `resource`, signed in or not: for what is done on their behalf.
    fn permission_of(
        &self,
        user: UserId,
        resource: Resource,
    ) -> BoxFuture<'_, Result<Permission, AccessError>>;

    /// How often this node has slept (it was stopped, or its machine) and may not have heard of changes at
    /// others: whoever sees the number grow asks for permission again before anything is done.
    fn sleeps(&self) -> u64 {
        0
    }

    /// Changes from now on.
    fn changes(&self) -> Box<dyn AccessChanges>;
}

/// Shared by the services.
pub type SharedAccess = Arc<dyn Access>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sockets_token_is_a_jwt_or_a_ticket() {
        let jwt = "eyJh.eyJz.c2ln".to_owned();
        assert!(Credential::of_socket(&jwt) == Credential::AccessToken(jwt.clone()));
        for ticket in ["s.secret", "r.user.login.secret.tag", ""] {
            assert!(Credential::of_socket(ticket) == Credential::Ticket(ticket.to_owned()));
        }
    }
}
