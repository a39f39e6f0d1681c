//! Cross-site requests: a browser always says where a request comes from, by `Origin` or by
//! `Sec-Fetch-Site`, and only our own page and the allow-list may use its cookies.

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, Uri, header};

use crate::{api::Api, config::Config, fault::Fault};

/// Whether a request, or the upgrade to a socket, may use a browser's cookies. Programs send neither
/// header and are not tricked.
pub fn origin_allowed(config: &Config, headers: &HeaderMap) -> bool {
    if let Some(origin) = headers.get(header::ORIGIN) {
        let Ok(origin) = origin.to_str() else { return false };
        let is_listed = config.cors_origins.iter().any(|one| one == origin);
        return is_listed || origin == config.origin() || is_same_loopback(config, origin);
    }
    match headers.get("sec-fetch-site").map(http::HeaderValue::as_bytes) {
        None | Some(b"same-origin" | b"none") => true,
        Some(_) => false,
    }
}

/// Whether `origin` is this machine by another of its names: people type `localhost` for an
/// installation that calls itself `127.0.0.1`.
fn is_same_loopback(config: &Config, origin: &str) -> bool {
    let Ok(origin) = origin.parse::<Uri>() else { return false };
    let is_loopback = |uri: &Uri| matches!(uri.host(), Some("127.0.0.1" | "localhost" | "[::1]"));
    let own = &config.public_url;
    is_loopback(own)
        && is_loopback(&origin)
        && (own.scheme(), own.port_u16()) == (origin.scheme(), origin.port_u16())
}

/// Refuses requests that could change something and come from a foreign page. Who sends a bearer
/// token was not tricked: a page cannot make a browser add it.
pub(super) async fn refuse_foreign(
    State(api): State<Api>,
    request: Request,
    next: Next,
) -> Response {
    let is_bearer = request.headers().contains_key(header::AUTHORIZATION);
    let is_safe = request.method().is_safe();
    if is_safe || is_bearer || origin_allowed(&api.config, request.headers()) {
        return next.run(request).await;
    }
    let detail = "this request comes from another site";
    Fault::Forbidden { code: "foreign-origin", detail }.into_response()
}
