//! Who asks. The identity layer finds out once for each request; handlers that need somebody take a
//! [`Caller`].

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;
use studyhall_schema::access;

use crate::{api::Api, fault::Fault};

/// What the identity layer found out.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Identity {
    /// No credential was shown.
    Nobody,
    /// Somebody, by `Authorization`.
    Bearer(access::Caller),
    /// Somebody, by a cookie that the browser sends by itself.
    Cookie(access::Caller),
    /// A credential that is not valid.
    Refused,
}

impl Identity {
    /// Who, if it is somebody.
    pub(crate) fn caller(self) -> Option<access::Caller> {
        match self {
            Self::Bearer(caller) | Self::Cookie(caller) => Some(caller),
            _ => None,
        }
    }
}

/// Somebody who is signed in.
pub(crate) struct Caller(pub(crate) access::Caller);

impl FromRequestParts<Api> for Caller {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Fault> {
        match parts.extensions.get::<Identity>() {
            Some(Identity::Bearer(caller) | Identity::Cookie(caller)) => Ok(Self(*caller)),
            _ => Err(Fault::Unauthenticated),
        }
    }
}

impl OptionalFromRequestParts<Api> for Caller {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Option<Self>, Fault> {
        let identity = parts.extensions.get::<Identity>().copied();
        Ok(identity.and_then(Identity::caller).map(Self))
    }
}
