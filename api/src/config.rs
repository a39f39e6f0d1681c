//! What an installation decides about its API. The binary fills it; nothing here reads the
//! environment.

use std::{fmt, time::Duration};

use http::Uri;
use ipnet::IpNet;
use studyhall_schema::login::Lifetime;

/// The installation's secret, at least 32 bytes: signing keys, invite codes and tickets hang on it.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

/// A secret that is too short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the secret must have at least 32 bytes")]
pub struct SecretTooShort;

impl Secret {
    /// Takes the secret.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, SecretTooShort> {
        let bytes = bytes.into();
        if bytes.len() < 32 { Err(SecretTooShort) } else { Ok(Self(bytes)) }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Everything that the API is told.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where people reach this installation. Its scheme decides the form of cookies, its origin is
    /// the one that may use them, and it is the issuer of access tokens.
    pub public_url: Uri,
    /// Other origins that may call the API from a browser, exact.
    pub cors_origins: Vec<String>,
    /// The installation's secret.
    pub secret: Secret,
    /// How long an access token lasts.
    pub access_ttl: Duration,
    /// How long a login lasts.
    pub login_lifetime: Lifetime,
    /// How long a key signs before the next one takes over.
    pub key_turn: Duration,
    /// Whether rates are limited. Off for load tests only.
    pub rate_limit: bool,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// How many passwords are hashed at once.
    pub hashing_threads: usize,
    /// How many more may wait for it; the rest is told to come back.
    pub hashing_queue: usize,
    /// The largest body of a request about notes, in bytes; of others it is 64 KiB.
    pub body_limit: usize,
}

const DAY: Duration = Duration::from_hours(24);

impl Config {
    /// The defaults for an installation that people reach at `public_url`.
    pub fn new(public_url: Uri, secret: Secret) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            public_url,
            cors_origins: Vec::new(),
            secret,
            access_ttl: Duration::from_mins(15),
            login_lifetime: Lifetime { idle: 7 * DAY, absolute: 30 * DAY },
            key_turn: 30 * DAY,
            rate_limit: true,
            trusted_proxies: Vec::new(),
            hashing_threads: (cores / 2).max(1),
            hashing_queue: 64,
            body_limit: 8 * 1024 * 1024,
        }
    }

    /// The origin that serves the web page, as browsers write it.
    pub fn origin(&self) -> String {
        let scheme = self.public_url.scheme_str().unwrap_or("http");
        let authority =
            self.public_url.authority().map_or("localhost", http::uri::Authority::as_str);
        format!("{scheme}://{authority}")
    }

    /// Whether people reach it over TLS.
    pub fn is_secure(&self) -> bool {
        self.public_url.scheme_str() == Some("https")
    }
}
