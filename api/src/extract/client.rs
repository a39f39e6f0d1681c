//! Where a request comes from and how the client wants its tokens.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::{HeaderMap, header, request::Parts};

use crate::{accounts::Origin, api::Api, cookies, layers::RequestId};

/// How a client wants its tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// In `HttpOnly` cookies: a browser.
    Cookies,
    /// In the body: an app.
    Body,
}

/// The client of a request.
pub(crate) struct Client {
    pub(crate) origin: Origin,
    pub(crate) delivery: Delivery,
    pub(crate) refresh_cookie: Option<String>,
}

fn text(headers: &HeaderMap, name: impl header::AsHeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

impl FromRequestParts<Api> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Infallible> {
        let headers = &parts.headers;
        let device = text(headers, header::USER_AGENT).unwrap_or_default();
        let request_id = parts.extensions.get::<RequestId>().map(|id| id.0.clone());
        let in_body = text(headers, "x-token-delivery") == Some("body");
        Ok(Self {
            origin: Origin {
                address: crate::layers::address(api, &parts.headers, &parts.extensions),
                device: device.chars().take(200).collect(),
                request_id: request_id.unwrap_or_default(),
            },
            delivery: if in_body { Delivery::Body } else { Delivery::Cookies },
            refresh_cookie: cookies::read(headers, &cookies::refresh_name(&api.config)),
        })
    }
}
