//! The trash: what one has deleted, for thirty days.

use axum::extract::State;
use serde::Serialize;
use studyhall_schema::{
    Timestamp,
    ids::RoomId,
    trash::{Deleted, Trashed},
};
use utoipa::ToSchema;

use super::pages::Paging;
use crate::{
    answer::{Done, Listed},
    api::Api,
    extract::{Caller, Path, Query},
    fault::Fault,
    trash,
};

/// What something in the trash is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(rename_all = "snake_case")]
pub(crate) enum TrashedKind {
    Note,
    Todo,
}

/// Something that was deleted.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TrashedView {
    /// The id of the note or the todo.
    id: String,
    kind: TrashedKind,
    /// What it was called, or how it began.
    title: String,
    #[schema(value_type = Option<String>)]
    room_id: Option<RoomId>,
    #[schema(value_type = String, format = DateTime)]
    deleted_at: Timestamp,
    /// From then on it cannot be brought back.
    #[schema(value_type = String, format = DateTime)]
    gone_at: Timestamp,
}

impl From<Trashed> for TrashedView {
    fn from(item: Trashed) -> Self {
        Self {
            gone_at: item.gone_at(),
            id: item.item_id,
            kind: match item.deleted {
                Deleted::Note(_) => TrashedKind::Note,
                Deleted::Todo(_) => TrashedKind::Todo,
            },
            title: item.title,
            room_id: item.room_id,
            deleted_at: item.deleted_at,
        }
    }
}

/// List what one can bring back: one's notes, and the todos that one has made, whoever deleted them.
#[utoipa::path(get, path = "/api/v1/trash", tag = "trash", params(Paging),
    responses((status = 200, body = Listed<TrashedView>)))]
pub(super) async fn list(
    State(api): State<Api>,
    Caller(caller): Caller,
    Query(paging): Query<Paging>,
) -> Result<Listed<TrashedView>, Fault> {
    let (items, next_cursor) = trash::list(&api, caller.user, paging).await?;
    Ok(Listed::of(items, next_cursor))
}

/// Bring something back.
#[utoipa::path(post, path = "/api/v1/trash/{id}/restore", tag = "trash",
    params(("id" = String, Path),
        ("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255)),
    responses((status = 204)))]
pub(super) async fn restore(
    State(api): State<Api>,
    Caller(caller): Caller,
    Path(id): Path<String>,
) -> Result<Done, Fault> {
    trash::restore(&api, caller.user, &id).await?;
    Ok(Done)
}
