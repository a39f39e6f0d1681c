//! RFC 9457 problems: the one place where a [`Fault`] becomes a status code and a body.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::fault::{Fault, Issue};

/// The media type of problems.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// One thing that is wrong with what was sent.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ProblemIssue)]
pub(crate) struct ProblemIssue {
    /// A JSON pointer into the body, or `?name` for a query parameter.
    pub(crate) pointer: String,
    /// What is wrong there.
    pub(crate) detail: String,
}

/// Why a request was not carried out (RFC 9457).
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// Always `about:blank`: `code` tells problems apart.
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    /// The status in words.
    pub(crate) title: &'static str,
    /// The HTTP status.
    pub(crate) status: u16,
    /// What happened and what to do, for people.
    pub(crate) detail: String,
    /// What happened, for programs.
    pub(crate) code: &'static str,
    /// What is wrong with what was sent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) errors: Vec<ProblemIssue>,
    /// The request, to be quoted when asking for help.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) request_id: String,
    #[serde(skip)]
    retry_after: Option<u64>,
}

/// How long to wait when the store or the hashing pool is busy.
const RETRY_SECONDS: u64 = 2;

fn place(fault: &Fault) -> (StatusCode, &'static str) {
    match fault {
        Fault::Unauthenticated => (StatusCode::UNAUTHORIZED, "unauthenticated"),
        Fault::WrongCredentials => (StatusCode::UNAUTHORIZED, "wrong-credentials"),
        Fault::Forbidden { code, .. } => (StatusCode::FORBIDDEN, code),
        Fault::NotFound => (StatusCode::NOT_FOUND, "not-found"),
        Fault::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed"),
        Fault::Conflict { code, .. } => (StatusCode::CONFLICT, code),
        Fault::Invalid(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
        Fault::Unacceptable { code, .. } => (StatusCode::UNPROCESSABLE_ENTITY, code),
        Fault::NotJson => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type"),
        Fault::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too-large"),
        Fault::TextTooLong => (StatusCode::PAYLOAD_TOO_LARGE, "text-too-long"),
        Fault::Changed => (StatusCode::PRECONDITION_FAILED, "changed-meanwhile"),
        Fault::TooMany(_) => (StatusCode::TOO_MANY_REQUESTS, "too-many-requests"),
        Fault::RegistrationUnderWay(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, "registration-under-way")
        }
        Fault::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        Fault::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        let (status, code) = place(&fault);
        let retry_after = match &fault {
            Fault::TooMany(wait) | Fault::RegistrationUnderWay(wait) => Some(wait.as_secs().max(1)),
            Fault::Unavailable => Some(RETRY_SECONDS),
            _ => None,
        };
        let detail = match &fault {
            Fault::Internal(cause) => {
                tracing::error!(cause, "a request failed");
                "something went wrong on our side".to_owned()
            }
            other => other.to_string(),
        };
        let issues = if let Fault::Invalid(issues) = fault { issues } else { Vec::new() };
        let errors = issues
            .into_iter()
            .map(|Issue { pointer, detail }| ProblemIssue { pointer, detail })
            .collect();
        let title = status.canonical_reason().unwrap_or("Problem");
        Self {
            kind: "about:blank",
            title,
            status: status.as_u16(),
            detail,
            code,
            errors,
            request_id: String::new(),
            retry_after,
        }
    }
}

impl Problem {
    /// The fault behind an answer that is not ours: the router's own, or of a library.
    pub(crate) fn from_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Fault::NotFound.into(),
            StatusCode::METHOD_NOT_ALLOWED => Fault::MethodNotAllowed.into(),
            StatusCode::PAYLOAD_TOO_LARGE => Fault::TooLarge.into(),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Fault::NotJson.into(),
            StatusCode::SERVICE_UNAVAILABLE => Fault::Unavailable.into(),
            other if other.is_client_error() => Self {
                kind: "about:blank",
                title: other.canonical_reason().unwrap_or("Problem"),
                status: other.as_u16(),
                detail: "the request cannot be read".into(),
                code: "bad-request",
                errors: Vec::new(),
                request_id: String::new(),
                retry_after: None,
            },
            other => Fault::Internal(format!("an answer with status {other}")).into(),
        }
    }
}

impl Problem {
    /// Names the request.
    pub(crate) fn of_request(mut self, id: &str) -> Self {
        id.clone_into(&mut self.request_id);
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, [(header::CONTENT_TYPE, MEDIA_TYPE)], body).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            let bearer = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, bearer);
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        Problem::from(self).into_response()
    }
}
