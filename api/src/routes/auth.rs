//! Registering, signing in and out, and tickets for sockets.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use garde::Validate;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{users::MeView, validation};
use crate::{
    accounts::{NewUser, SignedIn},
    answer::Done,
    api::Api,
    cookies,
    extract::{Caller, Client, Delivery, Json},
    fault::Fault,
};

/// Somebody who wants an account.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Register {
    #[garde(email, length(chars, max = 254))]
    #[schema(format = "email", max_length = 254)]
    email: String,
    /// 3 to 30 letters, digits, `_`, `.` or `-`; unique, whatever its case.
    #[garde(custom(validation::username))]
    #[schema(min_length = 3, max_length = 30, pattern = "^[A-Za-z0-9_.-]+$")]
    username: String,
    #[garde(length(chars, min = 8, max = 128))]
    #[schema(min_length = 8, max_length = 128)]
    password: String,
    /// The name others see; the username when it is missing.
    #[garde(inner(custom(validation::name)))]
    #[schema(
        min_length = 1,
        max_length = 80,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    display_name: Option<String>,
}

/// Somebody who signs in.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    #[garde(length(chars, max = 254))]
    #[schema(max_length = 254)]
    email: String,
    #[garde(length(chars, max = 128))]
    #[schema(max_length = 128)]
    password: String,
}

/// A refresh token; browsers send it as a cookie instead.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Refresh {
    #[garde(inner(length(chars, max = 512)))]
    #[schema(max_length = 512)]
    refresh_token: Option<String>,
}

/// What ticket is wanted.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WsTicket {
    /// Good for all sockets of this login instead of one socket within 30 s.
    #[serde(default)]
    #[garde(skip)]
    reusable: bool,
}

/// Somebody who is signed in now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SignedInView {
    user: MeView,
    access_token: String,
    #[schema(pattern = "^Bearer$")]
    token_type: &'static str,
    /// Seconds until the access token ends.
    expires_in: u64,
    /// Only with `X-Token-Delivery: body`.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
}

/// A ticket for a socket's `?ticket=`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TicketView {
    ticket: String,
    /// Seconds; null when it lasts as long as the login.
    expires_in: Option<u64>,
}

async fn welcome(
    api: &Api,
    status: StatusCode,
    signed_in: SignedIn,
    delivery: Delivery,
) -> Result<Response, Fault> {
    let SignedIn { user, rev, access_token, refresh_token, .. } = signed_in;
    let to_body = delivery == Delivery::Body;
    let view = SignedInView {
        user: MeView::of(api, user, rev).await?,
        access_token: access_token.clone(),
        token_type: "Bearer",
        expires_in: api.config.access_ttl.as_secs(),
        refresh_token: to_body.then(|| refresh_token.clone()),
    };
    let mut response = (status, axum::Json(view)).into_response();
    if !to_body {
        cookies::give(&api.config, response.headers_mut(), &access_token, &refresh_token);
    }
    Ok(response)
}

/// Register a new account and sign in.
#[utoipa::path(post, path = "/api/v1/auth/register", tag = "auth", security(()),
    params(("X-Token-Delivery" = Option<String>, Header, description = "`body`: no cookies")),
    responses((status = 201, body = SignedInView)))]
pub(super) async fn register(
    State(api): State<Api>,
    client: Client,
    Json(body): Json<Register>,
) -> Result<Response, Fault> {
    let Register { email, username, password, display_name } = body;
    let new = NewUser { email, username, password, display_name };
    let signed_in = api.accounts.register(new, &client.origin).await?;
    api.shown.begins(signed_in.login);
    welcome(&api, StatusCode::CREATED, signed_in, client.delivery).await
}

/// Sign in.
#[utoipa::path(post, path = "/api/v1/auth/login", tag = "auth", security(()),
    params(("X-Token-Delivery" = Option<String>, Header, description = "`body`: no cookies")),
    responses((status = 200, body = SignedInView)))]
pub(super) async fn login(
    State(api): State<Api>,
    client: Client,
    Json(body): Json<Login>,
) -> Result<Response, Fault> {
    let signed_in = api.accounts.login(&body.email, body.password, &client.origin).await?;
    api.shown.begins(signed_in.login);
    welcome(&api, StatusCode::OK, signed_in, client.delivery).await
}

/// Exchange a refresh token for new tokens. It is good once; the same again within 10 s gets the
/// same successor, later it ends the login.
#[utoipa::path(post, path = "/api/v1/auth/refresh", tag = "auth", security(()),
    responses((status = 200, body = SignedInView)))]
pub(super) async fn refresh(
    State(api): State<Api>,
    client: Client,
    Json(body): Json<Refresh>,
) -> Result<Response, Fault> {
    let delivery = if body.refresh_token.is_some() { Delivery::Body } else { client.delivery };
    let token = body.refresh_token.or(client.refresh_cookie).ok_or(Fault::Unauthenticated)?;
    let (signed_in, given) = api.accounts.refresh(&token, &client.origin).await?;
    let answer = welcome(&api, StatusCode::OK, signed_in, delivery).await?;
    if let Some(given) = given {
        api.accounts.gives_successor(&given).await;
    }
    Ok(answer)
}

fn farewell(api: &Api) -> Response {
    let mut response = Done.into_response();
    cookies::take(&api.config, response.headers_mut());
    response
}

/// End this login and its sockets. The refresh token does when the access token has ended.
#[utoipa::path(post, path = "/api/v1/auth/logout", tag = "auth", responses((status = 204)))]
pub(super) async fn logout(
    State(api): State<Api>,
    caller: Option<Caller>,
    client: Client,
    Json(body): Json<Refresh>,
) -> Result<Response, Fault> {
    let login = match (caller, body.refresh_token.or(client.refresh_cookie)) {
        (Some(Caller(caller)), _) => caller.login,
        (None, Some(token)) => api.accounts.login_of(&token).await?,
        (None, None) => return Err(Fault::Unauthenticated),
    };
    api.accounts.revoke(login).await?;
    Ok(farewell(&api))
}

/// End all logins of this person.
#[utoipa::path(post, path = "/api/v1/auth/logout-all", tag = "auth", responses((status = 204)))]
pub(super) async fn logout_all(
    State(api): State<Api>,
    Caller(caller): Caller,
    client: Client,
) -> Result<Response, Fault> {
    api.accounts.revoke_all(caller, &client.origin).await?;
    Ok(farewell(&api))
}

/// Get a ticket for a socket, which cannot send headers.
#[utoipa::path(post, path = "/api/v1/auth/ws-ticket", tag = "auth",
    responses((status = 200, body = TicketView)))]
pub(super) async fn ws_ticket(
    State(api): State<Api>,
    Caller(caller): Caller,
    Json(body): Json<WsTicket>,
) -> Result<axum::Json<TicketView>, Fault> {
    let ticket = api.accounts.ticket(caller, body.reusable).await?;
    let expires_in = ticket.lasts.map(|lasts| lasts.as_secs());
    Ok(axum::Json(TicketView { ticket: ticket.text, expires_in }))
}
