//! `If-Match` and `If-None-Match`. An `ETag` is a record's revision in quotes.

use axum::extract::FromRequestParts;
use http::{HeaderMap, header, request::Parts};

use crate::{api::Api, fault::Fault};

/// The revision that the client has seen; a write must not go past another one.
pub(crate) struct IfMatch(pub(crate) Option<u64>);

/// Revisions that the client has.
pub(crate) struct IfNoneMatch(Vec<u64>);

fn revisions(headers: &HeaderMap, name: header::HeaderName) -> Option<Vec<u64>> {
    let value = headers.get(name)?.to_str().ok()?;
    let one = |tag: &str| {
        let tag = tag.trim();
        tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"').parse().ok()
    };
    Some(value.split(',').filter_map(one).collect())
}

impl FromRequestParts<Api> for IfMatch {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Fault> {
        let is_any = parts.headers.get(header::IF_MATCH).is_some_and(|value| value == "*");
        if is_any {
            return Ok(Self(None));
        }
        match revisions(&parts.headers, header::IF_MATCH) {
            // A tag that was never ours matches nothing.
            Some(revisions) => Ok(Self(Some(revisions.first().copied().unwrap_or(u64::MAX)))),
            None => Ok(Self(None)),
        }
    }
}

impl IfMatch {
    /// Whether a revision is expected.
    pub(crate) fn is_some(&self) -> bool {
        self.0.is_some()
    }

    /// Refuses when the record is at another revision.
    pub(crate) fn check(&self, rev: u64) -> Result<(), Fault> {
        if self.0.is_none_or(|expected| expected == rev) { Ok(()) } else { Err(Fault::Changed) }
    }
}

impl FromRequestParts<Api> for IfNoneMatch {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Fault> {
        let revisions = revisions(&parts.headers, header::IF_NONE_MATCH);
        Ok(Self(revisions.unwrap_or_default()))
    }
}

impl IfNoneMatch {
    /// Whether the client has this revision already.
    pub(crate) fn has(&self, rev: u64) -> bool {
        self.0.contains(&rev)
    }
}
