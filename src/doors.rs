//! How a socket's upgrade request shows who it is: the API's cookies and headers, for `sync`.

use axum::http::{HeaderMap, header};
use studyhall_api::Config;
use studyhall_schema::access::Credential;

/// The API's rules at the sockets' door.
pub(crate) struct Doors(pub(crate) Config);

impl studyhall_sync::Door for Doors {
    fn admits(&self, headers: &HeaderMap) -> bool {
        studyhall_api::origin_allowed(&self.0, headers)
    }

    fn credential(&self, headers: &HeaderMap) -> Option<Credential> {
        let bearer = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
            .map(|token| Credential::AccessToken(token.to_owned()));
        bearer.or_else(|| studyhall_api::access_cookie(&self.0, headers).map(Credential::Cookie))
    }
}
