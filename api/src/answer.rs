//! The forms of a success: shown, created, a page, done. Status codes and headers of successes are
//! here and nowhere else.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::extract::IfNoneMatch;

/// What is under no revision is compared with nothing.
fn etag(response: &mut Response, rev: u64) {
    if rev == 0 {
        return;
    }
    if let Ok(value) = HeaderValue::from_str(&format!("\"{rev}\"")) {
        response.headers_mut().insert(header::ETAG, value);
    }
}

/// A resource at a revision: 200, or 304 when the client has it.
pub(crate) struct Shown<T> {
    view: T,
    rev: u64,
    is_known: bool,
}

impl<T> Shown<T> {
    pub(crate) fn new(view: T, rev: u64) -> Self {
        Self { view, rev, is_known: false }
    }

    /// Only the revision when the client has the rest.
    pub(crate) fn unless(mut self, known: &IfNoneMatch) -> Self {
        self.is_known = known.has(self.rev);
        self
    }
}

impl<T: Serialize> IntoResponse for Shown<T> {
    fn into_response(self) -> Response {
        let mut response = if self.is_known {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            Json(self.view).into_response()
        };
        etag(&mut response, self.rev);
        response
    }
}

/// A resource that was created (201), or had been created by the same request before (200).
pub(crate) struct Created<T> {
    pub(crate) view: T,
    pub(crate) rev: u64,
    pub(crate) location: String,
    pub(crate) is_new: bool,
}

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        let status = if self.is_new { StatusCode::CREATED } else { StatusCode::OK };
        let mut response = (status, Json(self.view)).into_response();
        etag(&mut response, self.rev);
        if let Ok(location) = HeaderValue::from_str(&self.location) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        response
    }
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Listed<T> {
    /// What is on it.
    pub(crate) items: Vec<T>,
    /// Where to go on; null when this was the last page.
    pub(crate) next_cursor: Option<String>,
}

impl<T> Listed<T> {
    pub(crate) fn of<R: Into<T>>(
        rows: impl IntoIterator<Item = R>,
        next_cursor: Option<String>,
    ) -> Self {
        Self { items: rows.into_iter().map(Into::into).collect(), next_cursor }
    }
}

impl<T: Serialize> IntoResponse for Listed<T> {
    fn into_response(self) -> Response {
        Json(self).into_response()
    }
}

/// It is done and there is nothing to show: 204.
pub(crate) struct Done;

impl IntoResponse for Done {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}
