//! The id of what a request creates and does not name itself.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::request::Parts;
use studyhall_schema::ids::CreatedId;

use crate::api::Api;

/// A fresh id; under an `Idempotency-Key` the same one each time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FreshId(pub(crate) CreatedId);

impl FreshId {
    /// Its bytes, for the id of what is created.
    pub(crate) fn bytes(self) -> [u8; 12] {
        self.0.bytes()
    }
}

impl FromRequestParts<Api> for FreshId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Infallible> {
        let of_key = parts.extensions.get::<Self>().copied();
        Ok(of_key.unwrap_or_else(|| Self(CreatedId::new(api.accounts.clock()))))
    }
}
