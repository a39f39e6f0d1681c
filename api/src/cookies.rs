//! The two cookies of a browser: the access and the refresh token. `__Host-` and `Secure` over TLS;
//! over plain HTTP (loopback only) browsers would refuse those, so neither is used.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};

use crate::config::Config;

fn name(config: &Config, which: &str) -> String {
    let prefix = if config.is_secure() { "__Host-" } else { "" };
    format!("{prefix}studyhall-{which}")
}

/// The name of the cookie with the access token.
pub(crate) fn access_name(config: &Config) -> String {
    name(config, "access")
}

/// The access token that a browser shows, for sockets.
pub fn access_cookie(config: &Config, headers: &HeaderMap) -> Option<String> {
    read(headers, &access_name(config))
}

/// The name of the cookie with the refresh token.
pub(crate) fn refresh_name(config: &Config) -> String {
    name(config, "refresh")
}

/// A cookie's value.
pub(crate) fn read(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(found, _)| *found == name)
        .map(|(_, value)| value.to_owned())
}

fn cookie(config: &Config, name: &str, value: &str, lasts: Duration) -> Option<HeaderValue> {
    let secure = if config.is_secure() { " Secure;" } else { "" };
    let seconds = lasts.as_secs();
    let text =
        format!("{name}={value}; Path=/; HttpOnly;{secure} SameSite=Strict; Max-Age={seconds}");
    HeaderValue::from_str(&text).ok()
}

/// Gives a browser its tokens.
pub(crate) fn give(config: &Config, headers: &mut HeaderMap, access: &str, refresh: &str) {
    let access = cookie(config, &access_name(config), access, config.access_ttl);
    let lifetime = config.login_lifetime.idle;
    let refresh = cookie(config, &refresh_name(config), refresh, lifetime);
    for cookie in access.into_iter().chain(refresh) {
        headers.append(header::SET_COOKIE, cookie);
    }
}

/// Takes a browser's tokens away.
pub(crate) fn take(config: &Config, headers: &mut HeaderMap) {
    for name in [access_name(config), refresh_name(config)] {
        if let Some(cookie) = cookie(config, &name, "", Duration::ZERO) {
            headers.append(header::SET_COOKIE, cookie);
        }
    }
}
