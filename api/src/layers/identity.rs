//! Finds out once who asks, and from where.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::{ConnectInfo, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{Extensions, HeaderMap, header};
use studyhall_schema::access::Credential;

use crate::{api::Api, cookies, extract::Identity, fault::Fault};

pub(super) async fn find_out(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    match identify(&api, request.headers()).await {
        Ok(identity) => {
            request.extensions_mut().insert(identity);
            next.run(request).await
        }
        // Whatever is asked would wait for the same store once more.
        Err(fault) => fault.into_response(),
    }
}

async fn identify(api: &Api, headers: &HeaderMap) -> Result<Identity, Fault> {
    let bearer = headers.get(header::AUTHORIZATION).map(|value| bearer(value.to_str().ok()));
    let (token, is_bearer) = match bearer {
        Some(Some(token)) => (token, true),
        Some(None) => return Ok(Identity::Refused),
        None => match cookies::read(headers, &cookies::access_name(&api.config)) {
            Some(token) => (token, false),
            None => return Ok(Identity::Nobody),
        },
    };
    match api.accounts.admit(Credential::AccessToken(token)).await {
        Ok(caller) if is_bearer => Ok(Identity::Bearer(caller)),
        Ok(caller) => Ok(Identity::Cookie(caller)),
        Err(Fault::Unauthenticated) => Ok(Identity::Refused),
        Err(fault) => Err(fault),
    }
}

fn bearer(value: Option<&str>) -> Option<String> {
    let (scheme, token) = value?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
}

/// The client's address: the peer's, or what trusted proxies say it is.
pub(crate) fn address(api: &Api, headers: &HeaderMap, extensions: &Extensions) -> String {
    let peer = extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip().to_canonical());
    let Some(peer) = peer else { return "unknown".to_owned() };
    let is_trusted =
        |address: &IpAddr| api.config.trusted_proxies.iter().any(|net| net.contains(address));
    let mut found = peer;
    let hops = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let hops: Vec<&str> = hops.flat_map(|value| value.split(',')).collect();
    for hop in hops.iter().rev() {
        if !is_trusted(&found) {
            break;
        }
        let Ok(address) = hop.trim().parse::<IpAddr>() else { break };
        found = address.to_canonical();
    }
    found.to_string()
}
