//! A SHA-256 in BSON: binary.

use bson::{Binary, spec::BinarySubtype};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

pub(super) fn serialize<S: Serializer>(hash: &[u8; 32], to: S) -> Result<S::Ok, S::Error> {
    Binary { subtype: BinarySubtype::Generic, bytes: hash.to_vec() }.serialize(to)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<[u8; 32], D::Error> {
    let hash = Binary::deserialize(from)?.bytes;
    hash.try_into().map_err(|_| D::Error::custom("a SHA-256 has 32 bytes"))
}
