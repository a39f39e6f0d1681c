//! Signed URLs of files that this program serves: what a URL permits, and whether we signed it.
//!
//! The signature covers everything: method, key, size, type, hash, disposition and end. It is an
//! HMAC-SHA256 under a key that lives in the folder of the files.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use studyhall_schema::Timestamp;

use super::{Disposition, FileKey, FileRefusal, Upload};
use crate::StoreError;

/// The longest token that is looked at.
const MAX_TOKEN: usize = 4096;

/// What a signed URL lets its bearer do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Permit {
    /// Put exactly this.
    Put(Upload),
    /// Read this file, shown as said.
    Get {
        /// The file.
        key: FileKey,
        /// How the browser is to take it.
        disposition: Disposition,
    },
}

impl Permit {
    /// The HTTP method that it is good for. What may be read may be asked about with `HEAD`.
    fn is_for(&self, method: &str) -> bool {
        match self {
            Self::Put(_) => method == "PUT",
            Self::Get { .. } => method == "GET" || method == "HEAD",
        }
    }

    fn key(&self) -> FileKey {
        match self {
            Self::Put(upload) => upload.key,
            Self::Get { key, .. } => *key,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Claims {
    permit: Permit,
    expires: Timestamp,
}

/// The path and query of a URL that permits this until then.
pub(super) fn sign(
    secret: &[u8; 32],
    permit: Permit,
    expires: Timestamp,
) -> Result<String, StoreError> {
    let key = permit.key();
    let claims = bson::serialize_to_vec(&Claims { permit, expires })
        .map_err(|error| StoreError::Invalid(error.to_string()))?;
    let signature = mac(secret, &claims).finalize().into_bytes();
    let (claims, signature) =
        (BASE64_URL_SAFE_NO_PAD.encode(claims), BASE64_URL_SAFE_NO_PAD.encode(signature));
    let url = format!("/files/{key}?token={claims}.{signature}");
    if claims.len() + signature.len() >= MAX_TOKEN {
        return Err(StoreError::Invalid("too long a name or type for a URL".into()));
    }
    Ok(url)
}

/// What `token` permits to do with `key` by `method` now.
pub(super) fn verify(
    secret: &[u8; 32],
    method: &str,
    key: &str,
    token: &str,
    now: Timestamp,
) -> Result<Permit, FileRefusal> {
    if token.len() > MAX_TOKEN {
        return Err(FileRefusal::Signature);
    }
    let decoded = |part| BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| FileRefusal::Signature);
    let (claims, signature) = token.split_once('.').ok_or(FileRefusal::Signature)?;
    let (claims, signature) = (decoded(claims)?, decoded(signature)?);
    // In constant time, and before anything in it is looked at.
    mac(secret, &claims).verify_slice(&signature).map_err(|_| FileRefusal::Signature)?;
    let Claims { permit, expires } =
        bson::deserialize_from_slice(&claims).map_err(|_| FileRefusal::Signature)?;
    if permit.key().to_string() != key || !permit.is_for(method) {
        return Err(FileRefusal::Signature);
    }
    if now >= expires {
        return Err(FileRefusal::Expired);
    }
    Ok(permit)
}

fn mac(secret: &[u8; 32], claims: &[u8]) -> Hmac<Sha256> {
    // HMAC fills a short key up with zeros; a whole block cannot have a wrong length.
    let mut block = [0; 64];
    block[..32].copy_from_slice(secret);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    mac.update(claims);
    mac
}
