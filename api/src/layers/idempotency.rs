//! `Idempotency-Key`: the same POST under the same key is carried out once and answered again.
//! Routes of signing in take no part, so that no token is ever stored.
//!
//! What is created without an id gets the one of the key's row. A create that was cut off, or answered "try
//! again", may be made later; under the same key it is the same create then.

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use studyhall_schema::{
    idempotency::{Answer, Idempotent, Verdict},
    ids::{CreatedId, UserId},
};
use studyhall_store::{StoreError, Versioned};

use super::path;
use crate::{
    api::Api,
    extract::{FreshId, Identity},
    fault::Fault,
    secrets::sha256,
};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Where a POST creates something: with the same id twice is once.
const CREATES: [&str; 3] = ["/api/v1/notes", "/api/v1/todos", "/api/v1/rooms"];

/// So often a key's row is looked at that others with the same key change meanwhile.
const LOOKS: usize = 8;

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
    let is_create = CREATES.contains(&parts.uri.path());
    let row = Idempotent {
        id: format!("{user}:{}", sha256(key.as_bytes())),
        fingerprint: sha256(&[target.as_bytes(), &bytes].concat()),
        created_at: api.accounts.clock().now(),
        answer: None,
        creates: is_create.then(|| CreatedId::new(api.accounts.clock())),
        is_to_repeat: false,
    };
    let row = match begin(api, row, is_create).await? {
        Begun::Ours(row) => row,
        Begun::Replay(answer) => return Ok(replayed(answer)),
    };
    let mut request = Request::from_parts(parts, Body::from(bytes));
    if let Some(id) = row.creates {
        request.extensions_mut().insert(FreshId(id));
    }
    let response = next.run(request).await;
    end(api, row, response).await
}

enum Begun {
    Ours(Versioned<Idempotent>),
    Replay(Answer),
}

async fn begin(api: &Api, row: Idempotent, is_create: bool) -> Result<Begun, Fault> {
    let rows = api.store.records::<Idempotent>();
    match rows.insert(row.clone()).await {
        Ok(inserted) => return Ok(Begun::Ours(inserted)),
        Err(StoreError::Duplicate { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let under_way = Fault::Conflict {
        code: "idempotency-key-in-use",
        detail: "the first request with this key is not done yet",
    };
    for _ in 0..LOOKS {
        let Some(held) = rows.get(&row.id).await? else { break };
        let mut next = row.clone();
        match held.judge(&row.fingerprint, row.created_at, is_create) {
            Verdict::Replay(answer) => return Ok(Begun::Replay(answer)),
            Verdict::UnderWay => break,
            Verdict::Mismatch => {
                return Err(Fault::Unacceptable {
                    code: "idempotency-key-reused",
                    detail: "this key was used for another request",
                });
            }
            Verdict::Repeat => next.creates = held.creates.or(next.creates),
            Verdict::Take => {}
        }
        match rows.replace(next, held.rev).await {
            Ok(taken) => return Ok(Begun::Ours(taken)),
            Err(StoreError::Conflict) => {} // it was answered, or came once more, just now
            Err(error) => return Err(error.into()),
        }
    }
    Err(under_way)
}

/// Keeps a final answer; one that says "try again" is not, but the id of what may be made all the same.
async fn end(api: &Api, row: Versioned<Idempotent>, response: Response) -> Result<Response, Fault> {
    let Versioned { value: row, rev } = row;
    let rows = api.store.records::<Idempotent>();
    let (parts, body) = response.into_parts();
    let bytes =
        to_bytes(body, usize::MAX).await.map_err(|error| Fault::Internal(error.to_string()))?;
    let is_final = !parts.status.is_server_error()
        && parts.status != StatusCode::TOO_MANY_REQUESTS
        && parts.status != StatusCode::UNAUTHORIZED;
    let text = String::from_utf8(bytes.to_vec()).ok().filter(|text| text.len() <= LARGEST);
    let answer = text.filter(|_| is_final).map(|body| Answer {
        status: parts.status.as_u16(),
        headers: kept(&parts),
        body,
    });
    let is_to_repeat = answer.is_none();
    match rows.replace(Idempotent { answer, is_to_repeat, ..row }, rev).await {
        // The same create came again meanwhile, and keeps its answer.
        Ok(_) | Err(StoreError::Conflict) => {}
        // What was asked for is done and durable: a repeat is decided anew.
        Err(error) => tracing::warn!(%error, "an answer was not kept"),
    }
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
