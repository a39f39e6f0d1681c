//! Ids as types: 12-byte `ObjectId`s that cannot be taken for one another.
//!
//! In JSON an id is 24 hex digits, in BSON a real `ObjectId`. Must not know what it names.

use std::{fmt, str::FromStr};

use bson::oid::ObjectId;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use crate::{Timestamp, clock::Clock};

/// A text that is not 24 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("an id is 24 hex digits, small letters")]
pub struct InvalidId;

/// Makes an id: four bytes of seconds, eight random ones (the layout of `MongoDB`'s `ObjectId`).
fn fresh(clock: &dyn Clock) -> ObjectId {
    let mut bytes = [0; 12];
    let seconds = u32::try_from(clock.now().as_millis() / 1000).unwrap_or(u32::MAX);
    bytes[..4].copy_from_slice(&seconds.to_be_bytes());
    clock.fill(&mut bytes[4..]);
    ObjectId::from_bytes(bytes)
}

fn parse(text: &str) -> Result<ObjectId, InvalidId> {
    // One spelling: names that differ are different documents to a client.
    if text.len() != 24 || text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(InvalidId);
    }
    ObjectId::parse_str(text).map_err(|_| InvalidId)
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(ObjectId);

        impl $name {
            /// A fresh id.
            pub fn new(clock: &dyn Clock) -> Self {
                Self(fresh(clock))
            }

            /// The smallest id of this second.
            pub fn first_of(second: Timestamp) -> Self {
                let seconds = u32::try_from(second.as_millis() / 1000).unwrap_or_default();
                let mut bytes = [0; 12];
                bytes[..4].copy_from_slice(&seconds.to_be_bytes());
                Self::from_bytes(bytes)
            }

            /// When it was made, to the second.
            pub fn made_at(self) -> Timestamp {
                Timestamp::from_millis(self.0.timestamp().timestamp_millis())
            }

            /// The 12 bytes.
            pub fn bytes(self) -> [u8; 12] {
                self.0.bytes()
            }

            /// From 12 bytes.
            pub fn from_bytes(bytes: [u8; 12]) -> Self {
                Self(ObjectId::from_bytes(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0.to_hex())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0.to_hex())
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                parse(text).map(Self)
            }
        }

        impl From<$name> for bson::Bson {
            fn from(id: $name) -> Self {
                Self::ObjectId(id.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    self.0.serialize(serializer)
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                    text.parse().map_err(serde::de::Error::custom)
                } else {
                    ObjectId::deserialize(deserializer).map(Self)
                }
            }
        }
    )*};
}

ids! {
    /// A person.
    UserId,
    /// A room.
    RoomId,
    /// A note; its document is `note:<id>`.
    NoteId,
    /// A todo.
    TodoId,
    /// A sign-in, with its family of refresh tokens. Not a socket and not a study session.
    LoginId,
    /// An invite code's record.
    InviteCodeId,
    /// An audit entry.
    AuditId,
    /// An entry of `access_changes`.
    AccessChangeId,
    /// What a request creates, whatever it is.
    CreatedId,
}
