//! How often: by person, else by address; sign-ins and refreshes by address as well.

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, Method};
use studyhall_store::cache::Standing;

use super::{address, path};
use crate::{
    api::Api,
    extract::Identity,
    fault::Fault,
    limits::{Quota, REFRESHES, REQUESTS, SIGN_INS},
};

const SIGN_IN_ROUTES: [&str; 2] = ["/api/v1/auth/login", "/api/v1/auth/register"];
const REFRESH_ROUTE: &str = "/api/v1/auth/refresh";

pub(super) async fn limit(State(api): State<Api>, request: Request, next: Next) -> Response {
    let address = address(&api, request.headers(), request.extensions());
    let is_post = request.method() == Method::POST;
    let is_sign_in = is_post && SIGN_IN_ROUTES.contains(&path(&request));
    let is_refresh = is_post && path(&request) == REFRESH_ROUTE;
    let caller = request.extensions().get::<Identity>().and_then(|identity| identity.caller());
    let (quota, who) = match caller {
        _ if is_sign_in => (SIGN_INS, address),
        _ if is_refresh => (REFRESHES, address),
        Some(caller) => (REQUESTS, caller.user.to_string()),
        None => (REQUESTS, address),
    };
    let limits = &api.accounts.0.limits;
    // No password is tried uncounted; for all else a counter is no reason to be away.
    let standing = if is_sign_in {
        match limits.take(quota, &who).await {
            Ok(standing) => standing,
            Err(error) => return Fault::from(error).into_response(),
        }
    } else {
        limits.take_anyway(quota, &who).await
    };
    let Some(standing) = standing else { return next.run(request).await };
    let response = match standing.wait {
        Some(wait) => Fault::TooMany(wait).into_response(),
        None => next.run(request).await,
    };
    told(response, quota, standing)
}

/// The headers of draft-ietf-httpapi-ratelimit-headers.
fn told(mut response: Response, quota: Quota, standing: Standing) -> Response {
    let Quota { name, burst, per } = quota;
    let policy = format!("\"{name}\";q={burst};w={}", per.as_secs());
    let limit = format!("\"{name}\";r={};t={}", standing.remaining, standing.reset.as_secs());
    for (header, value) in [("ratelimit-policy", policy), ("ratelimit", limit)] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(HeaderName::from_static(header), value);
        }
    }
    response
}
