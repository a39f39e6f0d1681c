//! The table of contents of the API.

mod auth;
mod documents;
mod history;
mod invite_codes;
mod notes;
mod openapi;
mod pages;
mod rooms;
mod timer;
mod todos;
mod trash;
mod users;
mod validation;
mod well_known;

use axum::{Router, body::Bytes, routing::get};
use utoipa_axum::{router::OpenApiRouter, routes};

pub(crate) use self::{
    openapi::document,
    pages::{Paging, refused},
};
use crate::{api::Api, fault::Fault};

/// Every route under `/api/v1`, with its description.
fn v1() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(auth::register))
        .routes(routes!(auth::login))
        .routes(routes!(auth::refresh))
        .routes(routes!(auth::logout))
        .routes(routes!(auth::logout_all))
        .routes(routes!(auth::ws_ticket))
        .routes(routes!(users::me, users::put_me))
        .routes(routes!(users::patch_settings))
        .routes(routes!(users::show))
        .routes(routes!(rooms::create, rooms::list))
        .routes(routes!(rooms::show, rooms::put))
        .routes(routes!(rooms::join_by_code))
        .routes(routes!(rooms::join))
        .routes(routes!(rooms::leave))
        .routes(routes!(rooms::participants))
        .routes(routes!(rooms::notes))
        .routes(routes!(rooms::todos))
        .routes(routes!(timer::show_timer, timer::put_timer))
        .routes(routes!(invite_codes::create_code, invite_codes::list_codes))
        .routes(routes!(invite_codes::delete_code))
        .routes(routes!(notes::create, notes::list))
        .routes(routes!(notes::show, notes::put, notes::delete))
        .routes(routes!(history::list_versions))
        .routes(routes!(history::show_version))
        .routes(routes!(history::restore_version))
        .routes(routes!(todos::create, todos::list))
        .routes(routes!(todos::reorder))
        .routes(routes!(todos::show, todos::put, todos::delete))
        .routes(routes!(todos::complete))
        .routes(routes!(todos::reopen))
        .routes(routes!(trash::list))
        .routes(routes!(trash::restore))
}

/// All routes.
pub(crate) fn all(api: &Api) -> Router {
    let (routes, description) = openapi::described(v1()).split_for_parts();
    let description = Bytes::from(openapi::complete(description).to_json().unwrap_or_default());
    Router::new()
        .merge(routes)
        .route("/api/v1/openapi.json", get(move || async move { openapi::serve(description) }))
        .route("/.well-known/jwks.json", get(well_known::jwks))
        .fallback(|| async { Fault::NotFound })
        .method_not_allowed_fallback(|| async { Fault::MethodNotAllowed })
        .with_state(api.clone())
}
