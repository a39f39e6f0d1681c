//! `Idempotency-Key`: the same POST under the same key is carried out once and answered again.
//! Routes of signing in take no part, so that no token is ever stored.

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use studyhall_schema::{
    Timestamp,
    idempotency::{Answer, Idempotent, Verdict},
    ids::UserId,
};
use studyhall_store::StoreError;

use super::path;
use crate::{api::Api, extract::Identity, fault::Fault, secrets::sha256};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Answers larger than this are not kept.
const LARGEST: usize = 2 * 1024 * 1024;

pub(super) async fn answer_once(State(api): State<Api>, request: Request, next: Next) -> Response {
    let Some((user, key)) = applies(&request) else { return next.run(request).await };
    match once(&api, user, &key, request, next).await {
        Ok(response) => response,
        Err(fault) => fault.into_response(),
    }
}

fn applies(request: &Request) -> Option<(UserId, String)> {
    let caller = request.extensions().get::<Identity>().and_then(|identity| identity.caller())?;
    let key = request.headers().get(KEY)?.to_str().ok()?.to_owned();
    let is_post = request.method() == Method::POST;
    (is_post && !path(request).starts_with("/api/v1/auth/")).then_some((caller.user, key))
}

async fn once(
    api: &Api,
    user: UserId,
    key: &str,
    request: Request,
    next: Next,
) -> Result<Response, Fault> {
    if !(1..=255).contains(&key.len()) {
        return Err(Fault::Unacceptable { code: "idempotency-key", detail: "the key is too long" });
    }
    let (parts, body) = request.into_parts();
    let bytes = crate::extract::read_body(body, api.config.body_limit).await?;
    let target = format!("{} {}\n", parts.method, parts.uri);
    let row = Idempotent {
        id: format!("{user}:{}", sha256(key.as_bytes())),
        fingerprint: sha256(&[target.as_bytes(), &bytes].concat()),
        created_at: api.accounts.clock().now(),
        answer: None,
    };
    let rev = match begin(api, &row).await? {
        Begun::Ours(rev) => rev,
        Begun::Replay(answer) => return Ok(replayed(answer)),
    };
    let response = next.run(Request::from_parts(parts, Body::from(bytes))).await;
    end(api, row, rev, response).await
}

enum Begun {
    Ours(u64),
    Replay(Answer),
}

async fn begin(api: &Api, row: &Idempotent) -> Result<Begun, Fault> {
    let rows = api.store.records::<Idempotent>();
    match rows.insert(row.clone()).await {
        Ok(inserted) => return Ok(Begun::Ours(inserted.rev)),
        Err(StoreError::Duplicate { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let under_way = Fault::Conflict {
        code: "idempotency-key-in-use",
        detail: "the first request with this key is not done yet",
    };
    let Some(held) = rows.get(&row.id).await? else { return Err(under_way) };
    let now: Timestamp = row.created_at;
    match held.judge(&row.fingerprint, now) {
        Verdict::Replay(answer) => Ok(Begun::Replay(answer)),
        Verdict::UnderWay => Err(under_way),
        Verdict::Mismatch => Err(Fault::Unacceptable {
            code: "idempotency-key-reused",
            detail: "this key was used for another request",
        }),
        Verdict::Take => match rows.replace(row.clone(), held.rev).await {
            Ok(taken) => Ok(Begun::Ours(taken.rev)),
            Err(StoreError::Conflict) => Err(under_way),
            Err(error) => Err(error.into()),
        },
    }
}

/// Keeps a final answer; one that says "try again" is forgotten.
async fn end(api: &Api, row: Idempotent, rev: u64, response: Response) -> Result<Response, Fault> {
    let rows = api.store.records::<Idempotent>();
    let (parts, body) = response.into_parts();
    let bytes =
        to_bytes(body, usize::MAX).await.map_err(|error| Fault::Internal(error.to_string()))?;
    let is_final = !parts.status.is_server_error()
        && parts.status != StatusCode::TOO_MANY_REQUESTS
        && parts.status != StatusCode::UNAUTHORIZED;
    let text = String::from_utf8(bytes.to_vec()).ok().filter(|text| text.len() <= LARGEST);
    match text.filter(|_| is_final) {
        Some(body) => {
            let answer = Answer { status: parts.status.as_u16(), headers: kept(&parts), body };
            rows.replace(Idempotent { answer: Some(answer), ..row }, rev).await.map(|_| ())
        }
        None => rows.delete(&row.id).await.map(|_| ()),
    }
    // What was asked for is done and durable: without the row, a repeat is decided anew.
    .unwrap_or_else(|error| tracing::warn!(%error, "an answer was not kept"));
    Ok(Response::from_parts(parts, Body::from(bytes)))
}

fn kept(parts: &http::response::Parts) -> Vec<(String, String)> {
    [header::CONTENT_TYPE, header::ETAG, header::LOCATION]
        .into_iter()
        .filter_map(|name| {
            let value = parts.headers.get(&name)?.to_str().ok()?;
            Some((name.to_string(), value.to_owned()))
        })
        .collect()
}

fn replayed(answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let mut response = (status, Bytes::from(answer.body)).into_response();
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_TYPE);
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(&value)) {
            headers.insert(name, value);
        }
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    response
}
