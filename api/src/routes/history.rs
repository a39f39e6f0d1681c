//! Versions of notes.

use std::collections::BTreeSet;

use axum::extract::State;
use garde::Validate;
use serde::{Deserialize, Serialize};
use studyhall_schema::{
    Timestamp,
    ids::{NoteId, UserId},
    note_version::NoteVersion,
};
use studyhall_sync::Documents;
use utoipa::ToSchema;

use super::{
    notes::{NoteView, shown},
    pages::Paging,
};
use crate::{
    answer::{Listed, Shown},
    api::Api,
    extract::{Caller, IfMatch, Json, Path, Query},
    fault::Fault,
    history,
};

/// A version of a note, without its text.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VersionView {
    /// Its name among the note's versions. The newest one's changes while somebody writes; by an earlier name it
    /// is found as well.
    version: u64,
    /// When it was written to last.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Who wrote since the version before.
    #[schema(value_type = Vec<String>)]
    by: BTreeSet<UserId>,
    title: String,
}

/// A version of a note.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VersionText {
    #[serde(flatten)]
    version: VersionView,
    /// At most 1 MiB of it.
    text: String,
    /// Whether it was longer: the note cannot go back to it.
    is_cut: bool,
}

/// Which version a note goes back to.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Restore {
    #[garde(skip)]
    #[schema(minimum = 0)]
    version: u64,
}

impl From<NoteVersion> for VersionView {
    fn from(version: NoteVersion) -> Self {
        let title = version.title.unwrap_or_default();
        Self { version: version.seq, at: version.at, by: version.by, title }
    }
}

/// List a note's versions, newest first: who wrote when.
#[utoipa::path(get, path = "/api/v1/notes/{id}/history", tag = "notes",
    params(("id" = String, Path), Paging), responses((status = 200, body = Listed<VersionView>)))]
pub(super) async fn list_versions(
    State(api): State<Api>,
    Caller(caller): Caller,
    Path(id): Path<NoteId>,
    Query(paging): Query<Paging>,
) -> Result<Listed<VersionView>, Fault> {
    let (versions, next_cursor) = history::list(&api, caller, id, paging).await?;
    Ok(Listed::of(versions, next_cursor))
}

/// Show a version of a note.
#[utoipa::path(get, path = "/api/v1/notes/{id}/history/{version}", tag = "notes",
    params(("id" = String, Path), ("version" = u64, Path)),
    responses((status = 200, body = VersionText)))]
pub(super) async fn show_version(
    State(api): State<Api>,
    Caller(caller): Caller,
    Path((id, version)): Path<(NoteId, u64)>,
) -> Result<axum::Json<VersionText>, Fault> {
    let mut version = history::show(&api, caller, id, version).await?;
    let text = version.text.take().unwrap_or_default();
    let is_cut = Documents::is_cut(&text);
    Ok(axum::Json(VersionText { version: version.into(), text, is_cut }))
}

/// Make a note read as it did in a version. What others write meanwhile stays.
#[utoipa::path(post, path = "/api/v1/notes/{id}/restore", tag = "notes",
    params(("id" = String, Path),
        ("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255)),
    responses((status = 200, body = NoteView)))]
pub(super) async fn restore_version(
    State(api): State<Api>,
    Caller(caller): Caller,
    Path(id): Path<NoteId>,
    expected: IfMatch,
    Json(body): Json<Restore>,
) -> Result<Shown<NoteView>, Fault> {
    Ok(shown(history::restore(&api, caller, id, &expected, body.version).await?))
}
