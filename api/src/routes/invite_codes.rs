//! Invite codes of a room. A code is shown once, when it is made.

use axum::extract::State;
use garde::Validate;
use serde::{Deserialize, Serialize};
use studyhall_schema::{
    Timestamp,
    ids::{InviteCodeId, RoomId, UserId},
    invite_code::InviteCode,
};
use utoipa::ToSchema;

use super::pages::Paging;
use crate::{
    answer::{Created, Done, Listed},
    api::Api,
    extract::{Caller, Json, Path, Query},
    fault::Fault,
    invites,
};

/// A code to make.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PostInviteCode {
    /// How often it may be used; 50 when it is missing.
    #[garde(inner(range(min = 1, max = 1000)))]
    #[schema(minimum = 1, maximum = 1000)]
    max_uses: Option<u32>,
}

/// A code of a room.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InviteCodeView {
    #[schema(value_type = String)]
    id: InviteCodeId,
    #[schema(value_type = String)]
    room_id: RoomId,
    /// The code itself: only when it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[schema(value_type = String)]
    created_by: UserId,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    max_uses: u32,
    uses: u32,
}

impl InviteCodeView {
    fn new(row: &InviteCode, code: Option<String>) -> Self {
        Self {
            id: row.code_id,
            room_id: row.room_id,
            code,
            created_by: row.created_by,
            created_at: row.created_at,
            expires_at: row.expires_at,
            max_uses: row.max_uses,
            uses: row.uses,
        }
    }
}

/// Make a code that lets people in for seven days.
#[utoipa::path(post, path = "/api/v1/rooms/{id}/invite-codes", tag = "rooms",
    params(("id" = String, Path)), responses((status = 201, body = InviteCodeView)))]
pub(super) async fn create_code(
    State(api): State<Api>,
    Caller(caller): Caller,
    Path(id): Path<RoomId>,
    Json(body): Json<PostInviteCode>,
) -> Result<Created<InviteCodeView>, Fault> {
    let uses = body.max_uses.unwrap_or(50);
    let (row, code) = invites::make(&api, caller.user, id, uses).await?;
    let location = format!("/api/v1/rooms/{id}/invite-codes/{}", row.code_id);
    let view = InviteCodeView::new(&row, Some(code));
    Ok(Created { view, rev: row.rev, location, is_new: true })
}

/// List a room's codes, without the codes themselves.
#[utoipa::path(get, path = "/api/v1/rooms/{id}/invite-codes", tag = "rooms",
    params(("id" = String, Path), Paging),
    responses((status = 200, body = Listed<InviteCodeView>)))]
pub(super) async fn list_codes(
    State(api): State<Api>,
    Caller(caller): Caller,
    Path(id): Path<RoomId>,
    Query(paging): Query<Paging>,
) -> Result<Listed<InviteCodeView>, Fault> {
    let page = invites::of_room(&api, caller.user, id, paging).await?;
    let view = |row: studyhall_store::Versioned<InviteCode>| InviteCodeView::new(&row, None);
    Ok(Listed::of(page.items.into_iter().map(view), page.next_cursor))
}

/// Take a code back.
#[utoipa::path(delete, path = "/api/v1/rooms/{id}/invite-codes/{code_id}", tag = "rooms",
    params(("id" = String, Path), ("code_id" = String, Path)), responses((status = 204)))]
pub(super) async fn delete_code(
    State(api): State<Api>,
    Caller(caller): Caller,
    Path((id, code)): Path<(RoomId, InviteCodeId)>,
) -> Result<Done, Fault> {
    invites::take_back(&api, caller.user, id, code).await?;
    Ok(Done)
}
