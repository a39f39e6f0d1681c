//! How automerge-repo names a document: 16 bytes in base58 with a checksum, as a URL `automerge:…`.
//!
//! The bytes hold the document's own id, so that nothing has to be looked up, and an app that makes a
//! note offline knows its URL (`docs/decisions/automerge-ids.md`).

use std::{fmt, str::FromStr};

use crate::{
    document::DocumentId,
    ids::{InvalidId, NoteId, RoomId},
};

/// What the bytes of our documents end with.
const TAG: [u8; 3] = *b"shl";
const NOTE: u8 = 1;
const TODOS: u8 = 2;
const ROOM: u8 = 3;

/// A document's name for automerge-repo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WireId([u8; 16]);

impl From<DocumentId> for WireId {
    fn from(document: DocumentId) -> Self {
        let (kind, id) = match document {
            DocumentId::Note(id) => (NOTE, id.bytes()),
            DocumentId::Todos(id) => (TODOS, id),
            DocumentId::Room(id) => (ROOM, id.bytes()),
        };
        let mut bytes = [0; 16];
        bytes[0] = kind;
        bytes[1..13].copy_from_slice(&id);
        bytes[13..].copy_from_slice(&TAG);
        Self(bytes)
    }
}

impl WireId {
    /// Which document it is; `None` for one that was not made for Studyhall.
    pub fn document(self) -> Option<DocumentId> {
        let [kind, rest @ ..] = self.0;
        let (id, tag) = rest.split_first_chunk::<12>()?;
        match kind {
            _ if tag != TAG => None,
            NOTE => Some(DocumentId::Note(NoteId::from_bytes(*id))),
            TODOS => Some(DocumentId::Todos(*id)),
            ROOM => Some(DocumentId::Room(RoomId::from_bytes(*id))),
            _ => None,
        }
    }

    /// The URL that an Automerge client opens.
    pub fn url(self) -> String {
        format!("automerge:{self}")
    }
}

impl fmt::Display for WireId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&bs58::encode(self.0).with_check().into_string())
    }
}

impl FromStr for WireId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        // 20 bytes are at most 28 characters.
        if text.len() > 28 {
            return Err(InvalidId);
        }
        let bytes = bs58::decode(text).with_check(None).into_vec().map_err(|_| InvalidId)?;
        Ok(Self(bytes.try_into().map_err(|_| InvalidId)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_document_and_back() {
        for name in ["note", "todos", "room"] {
            let document: DocumentId = format!("{name}:00112233445566778899aabb").parse().unwrap();
            let wire = WireId::from(document);
            assert_eq!(wire.to_string().parse(), Ok(wire));
            assert_eq!(wire.document(), Some(document));
        }
    }

    #[test]
    fn what_is_not_ours_names_nothing() {
        // Of a random UUID, as a stock client makes them.
        let wire: WireId = "4NMNnkMhL8jXrdJ9jamS58PAVdXu".parse().unwrap();
        assert_eq!(wire.document(), None);
        for bad in ["", "4NMNnkMhL8jXrdJ9jamS58PAVdXv", "0", &"1".repeat(100_000)] {
            assert_eq!(bad.parse::<WireId>(), Err(InvalidId));
        }
    }
}
