//! Security headers on every answer, the web page's too.

use axum::{Router, extract::Request, middleware, middleware::Next, response::Response};
use http::{HeaderName, HeaderValue, header};

use crate::config::Config;

/// Scripts are ours; `wasm-unsafe-eval` is for Automerge, inline styles are Mantine's and Tiptap's.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; \
    style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self' ws: wss:; \
    frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

/// Puts security headers on every answer of `router`. API answers are private: nobody stores them
/// unless a handler says otherwise.
pub fn harden<S: Clone + Send + Sync + 'static>(config: &Config, router: Router<S>) -> Router<S> {
    let is_secure = config.is_secure();
    router.layer(middleware::from_fn(move |request: Request, next: Next| async move {
        let is_api = request.uri().path().starts_with("/api/");
        let mut response = next.run(request).await;
        add(&mut response, is_secure, is_api);
        response
    }))
}

fn add(response: &mut Response, is_secure: bool, is_api: bool) {
    let mut set = |name: HeaderName, value: &'static str| {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    };
    set(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::X_FRAME_OPTIONS, "DENY");
    set(header::REFERRER_POLICY, "no-referrer");
    set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    if is_secure {
        set(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000; includeSubDomains");
    }
    if is_api {
        set(header::CACHE_CONTROL, "no-store");
        set(header::VARY, "authorization, cookie");
    }
}
