//! `If-Match` and `If-None-Match`. An `ETag` is a record's revision in quotes.

use axum::extract::FromRequestParts;
use http::{HeaderMap, header, request::Parts};

use crate::{api::Api, fault::Fault};

/// The revisions that the client has seen, if it names any; a write must not go past another one.
pub(crate) struct IfMatch(Option<Vec<u64>>);

/// Revisions that the client has.
pub(crate) struct IfNoneMatch(Vec<u64>);

/// The tags of a condition; none if it is not asked, or asks for any.
fn tags(headers: &HeaderMap, name: header::HeaderName) -> Option<Vec<&str>> {
    let mut values = headers.get_all(name).iter().map(|value| value.to_str().unwrap_or_default());
    let first = values.next().filter(|value| *value != "*")?;
    let values = std::iter::once(first).chain(values);
    Some(values.flat_map(|value| value.split(',')).map(str::trim).collect())
}

/// What a tag that is no revision of ours says matches nothing.
fn revision(tag: &str) -> Option<u64> {
    tag.trim_matches('"').parse().ok()
}

impl FromRequestParts<Api> for IfMatch {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Fault> {
        // Compared strongly (RFC 9110, 13.1.1): a weak tag matches nothing.
        let strong = |tags: Vec<&str>| tags.into_iter().filter_map(revision).collect();
        Ok(Self(tags(&parts.headers, header::IF_MATCH).map(strong)))
    }
}

impl IfMatch {
    /// No revision is expected.
    pub(crate) fn any() -> Self {
        Self(None)
    }

    /// Whether a revision is expected.
    pub(crate) fn is_some(&self) -> bool {
        self.0.is_some()
    }

    /// Refuses when the record is at another revision.
    pub(crate) fn check(&self, rev: u64) -> Result<(), Fault> {
        let matches = self.0.as_ref().is_none_or(|expected| expected.contains(&rev));
        if matches { Ok(()) } else { Err(Fault::Changed) }
    }
}

impl FromRequestParts<Api> for IfNoneMatch {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Fault> {
        let tags = tags(&parts.headers, header::IF_NONE_MATCH).unwrap_or_default();
        let weak = |tag: &str| revision(tag.strip_prefix("W/").unwrap_or(tag));
        Ok(Self(tags.into_iter().filter_map(weak).collect()))
    }
}

impl IfNoneMatch {
    /// Whether the client has this revision already.
    pub(crate) fn has(&self, rev: u64) -> bool {
        self.0.contains(&rev)
    }
}
