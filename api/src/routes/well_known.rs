//! The public keys that verify access tokens (RFC 7517).

use axum::{Json, extract::State};

use crate::{accounts::Jwks, api::Api, fault::Fault};

pub(super) async fn jwks(State(api): State<Api>) -> Result<Json<Jwks>, Fault> {
    Ok(Json(api.accounts.jwks().await?))
}
