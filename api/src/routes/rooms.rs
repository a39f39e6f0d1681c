//! Rooms: making, showing, joining and leaving them.

use axum::extract::State;
use garde::Validate;
use serde::{Deserialize, Serialize};
use studyhall_schema::{
    Timestamp,
    document::{DocumentId, Engine},
    ids::{RoomId, UserId},
    room::{NewRoom, Participant, Room, RoomChange, RoomRole, RoomSettings, RoomType},
};
use studyhall_store::Versioned;
use utoipa::ToSchema;

use super::{
    documents::{DocumentView, EngineName},
    notes::{NoteView, list_in_room},
    pages::Paging,
    todos::{TodoView, list_of_room},
    validation,
};
use crate::{
    answer::{Created, Done, Listed, Shown},
    api::Api,
    extract::{Caller, FreshId, IfMatch, IfNoneMatch, Json, Path, Query},
    fault::Fault,
    rooms::{self, Opening},
};

/// How a room is set up.
#[derive(Debug, Deserialize, Serialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// Outsiders cannot tell it from a room that does not exist.
    #[garde(skip)]
    is_private: Option<bool>,
    /// Whether members may share their screens.
    #[garde(skip)]
    allow_screen_sharing: Option<bool>,
    /// Whether plain members may edit the room's shared notes.
    #[garde(skip)]
    members_can_edit_notes: Option<bool>,
}

/// A room to make.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PostRoom {
    /// Made by the client when it was offline.
    #[garde(skip)]
    #[schema(value_type = Option<String>, pattern = "^[0-9a-f]{24}$")]
    id: Option<RoomId>,
    #[garde(custom(validation::name))]
    #[schema(
        min_length = 1,
        max_length = 80,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    name: String,
    #[garde(inner(length(chars, max = 1000)), inner(custom(validation::text)))]
    #[schema(max_length = 1000, pattern = r"^[^\x00]*$")]
    description: Option<String>,
    /// `shared` when it is missing.
    #[serde(rename = "type")]
    #[garde(skip)]
    #[schema(value_type = Option<RoomKindName>)]
    kind: Option<RoomType>,
    /// 5, or 1 for a personal room, when it is missing.
    #[garde(inner(range(min = 1, max = 50)))]
    #[schema(minimum = 1, maximum = 50)]
    max_participants: Option<u32>,
    #[garde(dive)]
    settings: Option<Settings>,
    /// The CRDT library of its todos and its state; `yjs` when it is missing.
    #[garde(skip)]
    #[schema(value_type = Option<EngineName>)]
    engine: Option<Engine>,
}

/// Whether a room is one person's or a group's.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes the schema's RoomType")]
pub(crate) enum RoomKindName {
    Personal,
    Shared,
}

/// What its owner changes about a room.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PutRoom {
    #[garde(inner(custom(validation::name)))]
    #[schema(
        min_length = 1,
        max_length = 80,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    name: Option<String>,
    #[garde(inner(length(chars, max = 1000)), inner(custom(validation::text)))]
    #[schema(max_length = 1000, pattern = r"^[^\x00]*$")]
    description: Option<String>,
    #[garde(dive)]
    settings: Option<Settings>,
}

/// A code that lets somebody in.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct JoinByCode {
    #[garde(length(chars, max = 64))]
    #[schema(max_length = 64)]
    code: String,
}

/// A code, for a room that is known. Public rooms need none.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct JoinRoom {
    #[garde(inner(length(chars, max = 64)))]
    #[schema(max_length = 64)]
    code: Option<String>,
}

/// Somebody in a room.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ParticipantView {
    #[schema(value_type = String)]
    user_id: UserId,
    #[schema(value_type = String)]
    role: RoomRole,
    #[schema(value_type = String, format = DateTime)]
    joined_at: Timestamp,
}

impl From<Participant> for ParticipantView {
    fn from(one: Participant) -> Self {
        Self { user_id: one.user_id, role: one.role, joined_at: one.joined_at }
    }
}

/// A room, as those who are in see it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RoomView {
    #[schema(value_type = String)]
    id: RoomId,
    rev: u64,
    name: String,
    description: String,
    #[schema(value_type = String)]
    owner_id: UserId,
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    kind: RoomType,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    is_active: bool,
    max_participants: u32,
    participants: Vec<ParticipantView>,
    settings: Settings,
    documents: RoomDocuments,
}

/// A room's own documents.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RoomDocuments {
    todos: DocumentView,
    state: DocumentView,
}

impl From<Versioned<Room>> for RoomView {
    fn from(Versioned { value: room, rev }: Versioned<Room>) -> Self {
        Self {
            id: room.id,
            rev,
            name: room.name,
            description: room.description,
            owner_id: room.owner_id,
            kind: room.kind,
            created_at: room.created_at,
            documents: RoomDocuments {
                todos: DocumentView::new(DocumentId::Todos(room.id.bytes()), room.engine),
                state: DocumentView::new(DocumentId::Room(room.id), room.engine),
            },
            is_active: room.is_active,
            max_participants: room.max_participants,
            participants: room.participants.into_iter().map(Into::into).collect(),
            settings: Settings {
                is_private: Some(room.settings.is_private),
                allow_screen_sharing: Some(room.settings.allow_screen_sharing),
                members_can_edit_notes: Some(room.settings.members_can_edit_notes),
            },
        }
    }
}

impl PostRoom {
    fn into_new(self, fresh: RoomId) -> NewRoom {
        let kind = self.kind.unwrap_or_default();
        let places = if kind == RoomType::Personal { 1 } else { 5 };
        let defaults = RoomSettings::default();
        let given = self.settings;
        let choose = |pick: fn(&Settings) -> Option<bool>, default| {
            given.as_ref().and_then(pick).unwrap_or(default)
        };
        NewRoom {
            id: self.id.unwrap_or(fresh),
            name: self.name,
            description: self.description.unwrap_or_default(),
            kind,
            max_participants: self.max_participants.unwrap_or(places),
            engine: self.engine.unwrap_or_default(),
            settings: RoomSettings {
                is_private: choose(|one| one.is_private, defaults.is_private),
                allow_screen_sharing: choose(
                    |one| one.allow_screen_sharing,
                    defaults.allow_screen_sharing,
                ),
                members_can_edit_notes: choose(
                    |one| one.members_can_edit_notes,
                    defaults.members_can_edit_notes,
                ),
            },
        }
    }
}

impl From<PutRoom> for RoomChange {
    fn from(body: PutRoom) -> Self {
        let settings = body.settings;
        let pick = |pick: fn(&Settings) -> Option<bool>| settings.as_ref().and_then(pick);
        Self {
            is_private: pick(|one| one.is_private),
            allow_screen_sharing: pick(|one| one.allow_screen_sharing),
            members_can_edit_notes: pick(|one| one.members_can_edit_notes),
            name: body.name,
            description: body.description,
        }
    }
}

fn shown(room: Versioned<Room>) -> Shown<RoomView> {
    let rev = room.rev;
    Shown::new(room.into(), rev)
}

/// Make a room.
#[utoipa::path(post, path = "/api/v1/rooms", tag = "rooms",
    params(("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255)),
    responses((status = 201, body = RoomView), (status = 200, body = RoomView)))]
pub(super) async fn create(
    State(api): State<Api>,
    Caller(caller): Caller,
    fresh: FreshId,
    Json(body): Json<PostRoom>,
) -> Result<Created<RoomView>, Fault> {
    let new = body.into_new(RoomId::from_bytes(fresh.bytes()));
    let Opening { room, is_new } = rooms::open(&api, caller.user, new).await?;
    let location = format!("/api/v1/rooms/{}", room.id);
    Ok(Created { rev: room.rev, view: room.into(), location, is_new })
}

/// List the rooms that one is in.
#[utoipa::path(get, path = "/api/v1/rooms", tag = "rooms", params(Paging),
    responses((status = 200, body = Listed<RoomView>)))]
pub(super) async fn list(
    State(api): State<Api>,
    Caller(caller): Caller,
    Query(paging): Query<Paging>,
) -> Result<Listed<RoomView>, Fault> {
    let (rooms, next_cursor) = rooms::of_user(&api, caller.user, paging).await?;
    Ok(Listed::of(rooms, next_cursor))
}

/// Show a room.
#[utoipa::path(get, path = "/api/v1/rooms/{id}", tag = "rooms", params(("id" = String, Path)),
    responses((status = 200, body = RoomView), (status = 304)))]
pub(super) async fn show(
    State(api): State<Api>,
    Caller(caller): Caller,
    Path(id): Path<RoomId>,
    known: IfNoneMatch,
) -> Result<Shown<RoomView>, Fault> {
    Ok(shown(rooms::show(&api, caller.user, id).await?).unless(&known))
}

/// Change a room; its owner may.
#[utoipa::path(put, path = "/api/v1/rooms/{id}", tag = "rooms", params(("id" = String, Path)),
    responses((status = 200, body = RoomView)))]
pub(super) async fn put(
    State(api): State<Api>,
    Caller(caller): Caller,
    Path(id): Path<RoomId>,
    expected: IfMatch,
    Json(body): Json<PutRoom>,
) -> Result<Shown<RoomView>, Fault> {
    Ok(shown(rooms::revise(&api, caller.user, id, expected, body.into()).await?))
}

/// Join the room that a code leads to.
#[utoipa::path(post, path = "/api/v1/rooms/join", tag = "rooms",
    responses((status = 200, body = RoomView)))]
pub(super) async fn join_by_code(
    State(api): State<Api>,
    Caller(caller): Caller,
    Json(body): Json<JoinByCode>,
) -> Result<Shown<RoomView>, Fault> {
    Ok(shown(rooms::join(&api, caller.user, None, Some(&body.code)).await?))
}

/// Join a room with a code, or a public one without.
#[utoipa::path(post, path = "/api/v1/rooms/{id}/join", tag = "rooms",
    params(("id" = String, Path)), responses((status = 200, body = RoomView)))]
pub(super) async fn join(
    State(api): State<Api>,
    Caller(caller): Caller,
    Path(id): Path<RoomId>,
    Json(body): Json<JoinRoom>,
) -> Result<Shown<RoomView>, Fault> {
    Ok(shown(rooms::join(&api, caller.user, Some(id), body.code.as_deref()).await?))
}

/// Leave a room. Its owner leaves last.
#[utoipa::path(post, path = "/api/v1/rooms/{id}/leave", tag = "rooms",
    params(("id" = String, Path)), responses((status = 204)))]
pub(super) async fn leave(
    State(api): State<Api>,
    Caller(caller): Caller,
    Path(id): Path<RoomId>,
) -> Result<Done, Fault> {
    rooms::leave(&api, caller.user, id).await?;
    Ok(Done)
}

/// List who is in a room.
#[utoipa::path(get, path = "/api/v1/rooms/{id}/participants", tag = "rooms",
    params(("id" = String, Path)), responses((status = 200, body = Listed<ParticipantView>)))]
pub(super) async fn participants(
    State(api): State<Api>,
    Caller(caller): Caller,
    Path(id): Path<RoomId>,
) -> Result<Listed<ParticipantView>, Fault> {
    let room = rooms::show(&api, caller.user, id).await?.value;
    Ok(Listed::of(room.participants, None))
}

/// List a room's notes: the shared ones, and one's own.
#[utoipa::path(get, path = "/api/v1/rooms/{id}/notes", tag = "rooms",
    params(("id" = String, Path), Paging), responses((status = 200, body = Listed<NoteView>)))]
pub(super) async fn notes(
    State(api): State<Api>,
    Caller(caller): Caller,
    Path(id): Path<RoomId>,
    Query(paging): Query<Paging>,
) -> Result<Listed<NoteView>, Fault> {
    rooms::show_to_member(&api, caller.user, id).await?;
    list_in_room(&api, caller, id, paging).await
}

/// List a room's todos, in order.
#[utoipa::path(get, path = "/api/v1/rooms/{id}/todos", tag = "rooms",
    params(("id" = String, Path), Paging), responses((status = 200, body = Listed<TodoView>)))]
pub(super) async fn todos(
    State(api): State<Api>,
    Caller(caller): Caller,
    Path(id): Path<RoomId>,
    Query(paging): Query<Paging>,
) -> Result<Listed<TodoView>, Fault> {
    rooms::show_to_member(&api, caller.user, id).await?;
    list_of_room(&api, caller, id, paging).await
}
