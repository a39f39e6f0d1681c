//! People: one's own profile and that of others.

use axum::extract::State;
use garde::Validate;
use serde::{Deserialize, Serialize};
use studyhall_schema::{
    Timestamp,
    document::{DocumentId, Engine},
    ids::UserId,
    user::{ProfileChange, Role, User},
};
use studyhall_store::Versioned;
use utoipa::ToSchema;

use super::{
    documents::{DocumentView, EngineName},
    validation,
};
use crate::{
    answer::Shown,
    api::Api,
    extract::{Caller, IfMatch, IfNoneMatch, Json, Path},
    fault::Fault,
};

/// One's own profile.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MeView {
    #[schema(value_type = String)]
    id: UserId,
    rev: u64,
    email: String,
    username: String,
    display_name: String,
    avatar_url: Option<String>,
    xp: u64,
    level: u32,
    #[schema(value_type = String)]
    role: Role,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    last_active: Timestamp,
    settings: SettingsView,
    documents: OwnDocuments,
}

/// What one has set.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SettingsView {
    /// The CRDT library of one's own list of todos, from its first use on.
    #[schema(value_type = EngineName)]
    engine: Engine,
}

/// A person's own documents.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OwnDocuments {
    todos: DocumentView,
}

impl MeView {
    pub(super) async fn of(api: &Api, user: User, rev: u64) -> Result<Self, Fault> {
        let engine = api.accounts.own_engine(&user).await?;
        Ok(Self {
            id: user.id,
            rev,
            email: user.email,
            username: user.username,
            display_name: user.display_name,
            avatar_url: user.avatar_url,
            xp: user.earned.xp,
            level: user.earned.level(),
            role: user.role,
            created_at: user.created_at,
            last_active: user.last_active,
            settings: SettingsView { engine },
            documents: OwnDocuments {
                todos: DocumentView::new(DocumentId::Todos(user.id.bytes()), engine),
            },
        })
    }
}

/// What others see of somebody.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UserView {
    #[schema(value_type = String)]
    id: UserId,
    username: String,
    display_name: String,
    avatar_url: Option<String>,
    level: u32,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            username: user.username,
            display_name: user.display_name,
            avatar_url: user.avatar_url,
            level: user.earned.level(),
        }
    }
}

/// What one may change about oneself.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PutMe {
    /// The name others see.
    #[garde(inner(custom(validation::name)))]
    #[schema(
        min_length = 1,
        max_length = 80,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    display_name: Option<String>,
}

/// What one sets. What is missing stays.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PatchSettings {
    /// Before one's own list of todos is first used.
    #[garde(skip)]
    #[schema(value_type = Option<EngineName>)]
    engine: Option<Engine>,
}

async fn shown(api: &Api, user: Versioned<User>) -> Result<Shown<MeView>, Fault> {
    let rev = user.rev;
    Ok(Shown::new(MeView::of(api, user.value, rev).await?, rev))
}

/// Show one's own profile.
#[utoipa::path(get, path = "/api/v1/auth/me", tag = "auth",
    responses((status = 200, body = MeView), (status = 304)))]
pub(super) async fn me(
    State(api): State<Api>,
    Caller(caller): Caller,
    known: IfNoneMatch,
) -> Result<Shown<MeView>, Fault> {
    let user = api.accounts.user(caller.user).await?;
    Ok(shown(&api, user).await?.unless(&known))
}

/// Change one's own profile.
#[utoipa::path(put, path = "/api/v1/auth/me", tag = "auth",
    responses((status = 200, body = MeView)))]
pub(super) async fn put_me(
    State(api): State<Api>,
    Caller(caller): Caller,
    expected: IfMatch,
    Json(body): Json<PutMe>,
) -> Result<Shown<MeView>, Fault> {
    let change = ProfileChange { display_name: body.display_name, engine: None };
    shown(&api, api.accounts.revise_profile(caller.user, &expected, change).await?).await
}

/// Change one's settings.
#[utoipa::path(patch, path = "/api/v1/auth/me/settings", tag = "auth",
    responses((status = 200, body = MeView)))]
pub(super) async fn patch_settings(
    State(api): State<Api>,
    Caller(caller): Caller,
    expected: IfMatch,
    Json(body): Json<PatchSettings>,
) -> Result<Shown<MeView>, Fault> {
    let change = ProfileChange { display_name: None, engine: body.engine };
    shown(&api, api.accounts.revise_profile(caller.user, &expected, change).await?).await
}

/// Show what everybody sees of somebody.
#[utoipa::path(get, path = "/api/v1/users/{id}", tag = "users",
    params(("id" = String, Path)), responses((status = 200, body = UserView)))]
pub(super) async fn show(
    State(api): State<Api>,
    _caller: Caller,
    Path(id): Path<UserId>,
) -> Result<axum::Json<UserView>, Fault> {
    let user = api.accounts.user(id).await?;
    Ok(axum::Json(user.value.into()))
}
