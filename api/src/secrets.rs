//! Keys that hang on the installation's secret, hashes and seals. The only file that calls
//! cryptography beside `accounts::passwords` and `accounts::keys`.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce, aead::Aead};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use studyhall_schema::clock::Clock;

use crate::config::Secret;

/// 32 bytes that sign or seal for one purpose.
#[derive(Clone)]
pub(crate) struct PurposeKey([u8; 32]);

fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // HMAC takes keys of any length, so this cannot fail.
    let Ok(mut mac) = <Hmac<Sha256> as KeyInit>::new_from_slice(key) else { return [0; 32] };
    for part in parts {
        mac.update(&(part.len() as u64).to_le_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

impl PurposeKey {
    /// The installation's key for `purpose`.
    pub(crate) fn new(secret: &Secret, purpose: &str) -> Self {
        Self(mac(secret.bytes(), &[purpose.as_bytes()]))
    }

    /// A key that only the holder of `token` has.
    pub(crate) fn from_token(token: &str) -> Self {
        Self(mac(token.as_bytes(), &[b"successor"]))
    }

    /// What proves that `parts` came from here, in hex.
    pub(crate) fn tag(&self, parts: &[&[u8]]) -> String {
        hex(&mac(&self.0, parts)[..16])
    }

    /// Whether `tag` is of `parts`, in constant time.
    pub(crate) fn verifies(&self, tag: &str, parts: &[&[u8]]) -> bool {
        let expected = self.tag(parts);
        let differences = expected.bytes().zip(tag.bytes()).fold(0, |sum, (a, b)| sum | (a ^ b));
        expected.len() == tag.len() && differences == 0
    }

    fn cipher(&self) -> ChaCha20Poly1305 {
        <ChaCha20Poly1305 as chacha20poly1305::KeyInit>::new(&Key::from(self.0))
    }

    /// Encrypts `plain`.
    pub(crate) fn seal(&self, clock: &dyn Clock, plain: &[u8]) -> Option<String> {
        let mut nonce = [0; 12];
        clock.fill(&mut nonce);
        let mut sealed = nonce.to_vec();
        let nonce = Nonce::from(nonce);
        let cipher = self.cipher();
        let body = cipher.encrypt(&nonce, plain).ok()?;
        sealed.extend(body);
        Some(BASE64.encode(sealed))
    }

    /// Decrypts what [`Self::seal`] made.
    pub(crate) fn open(&self, sealed: &str) -> Option<Vec<u8>> {
        let bytes = BASE64.decode(sealed).ok()?;
        let (nonce, body) = bytes.split_first_chunk::<12>()?;
        let nonce = Nonce::from(*nonce);
        let cipher = self.cipher();
        cipher.decrypt(&nonce, body).ok()
    }
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|nibble| char::from(b"0123456789abcdef"[usize::from(nibble)]))
        .collect()
}

/// SHA-256 in hex.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// 32 random bytes in base64url.
pub(crate) fn random_token(clock: &dyn Clock) -> String {
    let mut bytes = [0; 32];
    clock.fill(&mut bytes);
    BASE64.encode(bytes)
}

/// Base64url without padding.
pub(crate) fn base64url(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

/// The bytes of base64url.
pub(crate) fn from_base64url(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text).ok()
}
