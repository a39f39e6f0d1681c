//! What happens around every request: its id, problems in one form, security headers, who asks,
//! whether a browser was tricked into asking, how often, and answers given again.

mod envelope;
mod headers;
mod idempotency;
mod identity;
mod origin;
mod rates;
mod whole;

use std::time::Duration;

use axum::{
    Router,
    extract::Request,
    middleware,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, Method, StatusCode};
use tower_http::{catch_panic::CatchPanicLayer, cors::CorsLayer, timeout::TimeoutLayer};

pub(crate) use self::whole::Bodies;
pub(crate) use self::{envelope::RequestId, identity::address};
pub use self::{headers::harden, origin::origin_allowed};
use crate::{api::Api, config::Config};

/// How long a request may take, its body included.
const PATIENCE: Duration = Duration::from_secs(30);

/// Puts all layers around the routes. The last one listed meets a request first.
pub(crate) fn around(api: &Api, routes: Router) -> Router {
    let inner = routes
        .layer(middleware::from_fn_with_state(api.clone(), idempotency::answer_once))
        .layer(middleware::from_fn_with_state(api.clone(), whole::carry))
        .layer(middleware::from_fn_with_state(api.clone(), rates::limit))
        .layer(middleware::from_fn_with_state(api.clone(), origin::refuse_foreign))
        .layer(middleware::from_fn_with_state(api.clone(), identity::find_out))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, PATIENCE))
        .layer(cors(&api.config))
        .layer(middleware::from_fn_with_state(api.clone(), envelope::wrap));
    harden(&api.config, inner)
}

fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    crate::fault::Fault::Internal("a handler panicked".into()).into_response()
}

fn cors(config: &Config) -> CorsLayer {
    let origins: Vec<HeaderValue> =
        config.cors_origins.iter().filter_map(|origin| origin.parse().ok()).collect();
    let headers = ["authorization", "content-type", "if-match", "if-none-match", "idempotency-key"]
        .into_iter()
        .chain(["x-token-delivery", "x-request-id", "traceparent"])
        .map(http::HeaderName::from_static);
    let exposed = ["etag", "location", "retry-after", "ratelimit", "ratelimit-policy"]
        .into_iter()
        .chain(["x-request-id", "idempotency-replayed"])
        .map(http::HeaderName::from_static);
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers(headers.collect::<Vec<_>>())
        .expose_headers(exposed.collect::<Vec<_>>())
        .allow_credentials(true)
        .max_age(Duration::from_mins(10))
}

/// The path of a request under this API.
fn path(request: &Request) -> &str {
    request.uri().path()
}
