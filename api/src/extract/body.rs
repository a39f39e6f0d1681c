//! JSON bodies: bounded, of the right type, without unknown fields, and valid.

use axum::{
    body::{Body, to_bytes},
    extract::{FromRequest, Request},
};
use garde::Validate;
use http::{HeaderMap, header};
use serde::de::DeserializeOwned;

use crate::{
    api::Api,
    fault::{Fault, Issue},
};

/// The largest body that is no note's, in bytes.
const SHORT: usize = 64 * 1024;

/// A body that was read, parsed and validated. No body at all reads as `{}`.
pub(crate) struct Json<T>(pub(crate) T);

impl<T> FromRequest<Api> for Json<T>
where
    T: DeserializeOwned + Validate<Context = ()>,
{
    type Rejection = Fault;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Fault> {
        let (parts, body) = request.into_parts();
        let bytes = read(body, limit(api, parts.uri.path())).await?;
        if bytes.is_empty() {
            return parse(b"{}").map(Self);
        }
        if !is_json(&parts.headers) {
            return Err(Fault::NotJson);
        }
        parse(&bytes).map(Self)
    }
}

/// Only notes are long.
pub(crate) fn limit(api: &Api, path: &str) -> usize {
    let is_note = path.starts_with("/api/v1/notes");
    if is_note { api.config.body_limit } else { api.config.body_limit.min(SHORT) }
}

/// All bytes of a body, unless they are too many.
pub(crate) async fn read(body: Body, limit: usize) -> Result<axum::body::Bytes, Fault> {
    to_bytes(body, limit).await.map_err(|_| Fault::TooLarge)
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("application/json")
}

fn parse<T: DeserializeOwned + Validate<Context = ()>>(bytes: &[u8]) -> Result<T, Fault> {
    // Else an array's values are taken for the fields, in their order.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        return Err(Fault::invalid("", "expected an object"));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value: T = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let pointer = pointer(&error.path().to_string());
        Fault::invalid(&pointer, without_position(&error.inner().to_string()))
    })?;
    json.end().map_err(|error| Fault::invalid("", without_position(&error.to_string())))?;
    value.validate().map_err(|report| {
        let issue = |(path, error): &(garde::Path, garde::Error)| Issue {
            pointer: pointer(&path.to_string()),
            detail: error.to_string(),
        };
        Fault::Invalid(report.iter().map(issue).collect())
    })?;
    Ok(value)
}

/// `a.b[0]` as the JSON pointer `/a/b/0`; the whole document is the empty pointer.
fn pointer(path: &str) -> String {
    if path == "." || path.is_empty() {
        return String::new();
    }
    let steps = path.replace('[', ".").replace(']', "");
    steps.split('.').filter(|step| !step.is_empty()).flat_map(|step| ["/", step]).collect()
}

fn without_position(message: &str) -> String {
    message.split(" at line ").next().unwrap_or(message).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_json_pointers() {
        assert_eq!(pointer("."), "");
        assert_eq!(pointer("settings.is_private"), "/settings/is_private");
        assert_eq!(pointer("items[3].id"), "/items/3/id");
    }
}
