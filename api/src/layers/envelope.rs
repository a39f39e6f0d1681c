//! A request's id in and out, and every refusal as a problem that names it.

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, header};
use tracing::Instrument;

use crate::{
    api::Api,
    problem::{MEDIA_TYPE, Problem},
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The request's id, for the audit trail and for problems.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(pub(crate) String);

fn given(request: &Request) -> Option<String> {
    let id = request.headers().get(REQUEST_ID)?.to_str().ok()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    ((1..=64).contains(&id.len()) && id.bytes().all(plain)).then(|| id.to_owned())
}

pub(super) async fn wrap(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let id =
        given(&request).unwrap_or_else(|| format!("{:016x}", api.accounts.clock().random_u64()));
    request.extensions_mut().insert(RequestId(id.clone()));
    // What is logged on the way can be found by the id that the person is shown.
    let span = tracing::info_span!("request", request_id = id, method = %request.method());
    let mut response = as_problem(next.run(request).instrument(span).await, &id);
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// A refusal in the one form. What the router or a library answered keeps its other headers.
fn as_problem(response: Response, id: &str) -> Response {
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let problem = response.extensions().get::<Problem>().cloned();
    let kind = response.headers().get(header::CONTENT_TYPE);
    if problem.is_none() && kind.is_some_and(|kind| kind == MEDIA_TYPE) {
        return response; // given again under an Idempotency-Key
    }
    let problem = problem.unwrap_or_else(|| Problem::from_status(status));
    let mut answer = problem.of_request(id).into_response();
    for (name, value) in response.headers() {
        let is_of_body = [header::CONTENT_TYPE, header::CONTENT_LENGTH].contains(name);
        if !is_of_body && !answer.headers().contains_key(name) {
            answer.headers_mut().append(name.clone(), value.clone());
        }
    }
    answer
}
