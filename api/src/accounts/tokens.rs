//! The forms of tokens: access tokens (JWTs), refresh tokens and tickets. Says what a token claims
//! and whether it is ours; whether its login still stands is `access`'s.

use std::sync::Once;

use jsonwebtoken::{
    Algorithm, Header, Validation, decode, decode_header, encode, errors::ErrorKind,
};
use serde::{Deserialize, Serialize};
use studyhall_schema::{
    Timestamp,
    access::Caller,
    clock::Clock,
    ids::{LoginId, UserId},
};

use super::Accounts;
use crate::{
    fault::Fault,
    secrets::{PurposeKey, random_token, sha256},
};

/// Who access tokens are for.
const AUDIENCE: &str = "studyhall";

/// RFC 9068's `typ`, so that no other JWT of ours could be taken for an access token.
const KIND: &str = "at+jwt";

/// How far clocks may differ, in seconds.
const LEEWAY: i64 = 30;

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: UserId,
    sid: LoginId,
    iat: i64,
    nbf: i64,
    exp: i64,
    jti: String,
}

impl Accounts {
    /// An access token for a login.
    pub(super) async fn sign_access(&self, user: UserId, login: LoginId) -> Result<String, Fault> {
        let (kid, key) = self.0.keys.signing().await?;
        let now = self.clock().now().as_millis() / 1000;
        let claims = Claims {
            iss: self.0.config.origin(),
            aud: AUDIENCE.to_owned(),
            sub: user,
            sid: login,
            iat: now,
            nbf: now,
            exp: now + i64::try_from(self.0.config.access_ttl.as_secs()).unwrap_or(i64::MAX / 2),
            jti: format!("{:016x}", self.clock().random_u64()),
        };
        let header =
            Header { kid: Some(kid), typ: Some(KIND.to_owned()), ..Header::new(Algorithm::EdDSA) };
        encode(&header, &claims, &key).map_err(|error| Fault::Internal(error.to_string()))
    }

    /// Who an access token speaks for, if it is ours and its time has not passed.
    pub(super) async fn verify_access(&self, token: &str) -> Result<Option<Caller>, Fault> {
        let Ok(header) = decode_header(token) else { return Ok(None) };
        let strange = header.jku.is_some() || header.jwk.is_some() || header.crit.is_some();
        let is_ours = header.alg == Algorithm::EdDSA && header.typ.as_deref() == Some(KIND);
        let Some(kid) = header.kid.filter(|_| is_ours && !strange) else { return Ok(None) };
        let Some(key) = self.0.keys.verifying(&kid).await? else { return Ok(None) };
        let mut rules = Validation::new(Algorithm::EdDSA);
        rules.validate_exp = false; // by our own clock, below
        rules.set_required_spec_claims(&["exp", "nbf", "aud", "iss", "sub"]);
        rules.set_audience(&[AUDIENCE]);
        rules.set_issuer(&[self.0.config.origin()]);
        let claims = match decode::<Claims>(token, &key, &rules) {
            Ok(token) => token.claims,
            Err(error) => {
                if *error.kind() == ErrorKind::InvalidIssuer {
                    self.warn_of_other_issuer();
                }
                return Ok(None);
            }
        };
        let now = self.clock().now().as_millis() / 1000;
        let in_time = claims.nbf <= now + LEEWAY && now < claims.exp;
        let expires_at = Some(Timestamp::from_millis(claims.exp.saturating_mul(1000)));
        Ok(in_time.then_some(Caller { user: claims.sub, login: claims.sid, expires_at }))
    }

    /// A key of this store has signed for another address than this node's.
    fn warn_of_other_issuer(&self) {
        static ONCE: Once = Once::new();
        let ours = self.0.config.origin();
        ONCE.call_once(|| {
            tracing::warn!(
                "an access token of this store was made for another address than {ours} and is refused: all nodes \
                 need the same --public-url (after it was changed, this passes with the old tokens)"
            );
        });
    }
}

/// A refresh token, `<login>.<secret>.<tag>`: the tag tells one that was rotated from one that was
/// made up, so that only a real copy can end a login.
pub(super) struct RefreshToken {
    pub(super) login: LoginId,
    pub(super) text: String,
}

impl RefreshToken {
    pub(super) fn new(key: &PurposeKey, clock: &dyn Clock, login: LoginId) -> Self {
        let secret = random_token(clock);
        let tag = key.tag(&[&login.bytes(), secret.as_bytes()]);
        Self { login, text: format!("{login}.{secret}.{tag}") }
    }

    /// Reads a token; `None` when this installation did not make it.
    pub(super) fn parse(key: &PurposeKey, text: &str) -> Option<Self> {
        let (login, secret, tag) = three_parts(text)?;
        let login: LoginId = login.parse().ok()?;
        let genuine = key.verifies(tag, &[&login.bytes(), secret.as_bytes()]);
        genuine.then(|| Self { login, text: text.to_owned() })
    }

    /// What is stored of it.
    pub(super) fn hash(&self) -> String {
        sha256(self.text.as_bytes())
    }
}

fn three_parts(text: &str) -> Option<(&str, &str, &str)> {
    let mut parts = text.split('.');
    let found = (parts.next()?, parts.next()?, parts.next()?);
    parts.next().is_none().then_some(found)
}
