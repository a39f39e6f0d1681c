//! What all nodes of one installation are called, whoever of them started first.

use serde::{Deserialize, Serialize};

use crate::record::{Index, Record};

/// The one row of `installation`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installation {
    /// Always [`Installation::ID`].
    #[serde(rename = "_id")]
    pub id: String,
    /// The storage that Automerge clients sync with: they keep what they know of it under this name.
    pub storage_id: String,
}

impl Installation {
    /// The row's id.
    pub const ID: &str = "installation";

    /// An installation whose storage is named by these numbers, as a UUID (RFC 9562, 5.4).
    pub fn new(random: [u64; 2]) -> Self {
        let [high, low] = random;
        let storage_id = format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xfff,
            low >> 48 & 0x3fff | 0x8000,
            low & 0xffff_ffff_ffff
        );
        Self { id: Self::ID.into(), storage_id }
    }
}

impl Record for Installation {
    const COLLECTION: &'static str = "installation";
    type Id = String;
    fn id(&self) -> String {
        self.id.clone()
    }
    fn indexes() -> &'static [Index] {
        &[]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storage_is_named_by_a_uuid() {
        let named = Installation::new([0x0123_4567_89ab_cdef, u64::MAX]).storage_id;
        assert_eq!(named, "01234567-89ab-4def-bfff-ffffffffffff");
    }
}
