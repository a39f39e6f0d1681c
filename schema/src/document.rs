//! CRDT documents as the store and the sockets name them: id, kind, engine, and the record that
//! holds a document's rights and life. What is inside a document is `sync`'s.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    Timestamp,
    ids::{InvalidId, NoteId, RoomId, UserId},
    record::{Index, Record},
};

/// A document's name, as sockets use it: `note:<id>`, `todos:<room or user id>`, `room:<room id>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DocumentId {
    /// A note.
    Note(NoteId),
    /// A person's or a room's todos, by the 12 bytes of its owner's id.
    Todos([u8; 12]),
    /// A room's state: timer, agenda, goal, pinned.
    Room(RoomId),
}

impl fmt::Display for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Note(id) => write!(f, "note:{id}"),
            Self::Todos(id) => write!(f, "todos:{}", RoomId::from_bytes(*id)),
            Self::Room(id) => write!(f, "room:{id}"),
        }
    }
}

impl FromStr for DocumentId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        match text.split_once(':') {
            Some(("note", id)) => Ok(Self::Note(id.parse()?)),
            Some(("todos", id)) => Ok(Self::Todos(id.parse::<RoomId>()?.bytes())),
            Some(("room", id)) => Ok(Self::Room(id.parse()?)),
            _ => Err(InvalidId),
        }
    }
}

impl From<DocumentId> for bson::Bson {
    fn from(id: DocumentId) -> Self {
        Self::String(id.to_string())
    }
}

impl Serialize for DocumentId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DocumentId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What a document is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentKind {
    /// A note whose text is the root text `content`.
    PlainNote,
    /// A note whose text is the `XmlFragment` `default` (what Tiptap and `ProseMirror` bind to).
    RichNote,
    /// A list of todos.
    Todos,
    /// A room's state.
    Room,
}

/// The CRDT library that a document is made with, fixed when it is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// Yjs.
    #[default]
    Yjs,
    /// Automerge.
    Automerge,
}

/// People are told above this size of a document, in bytes of encoded state.
pub const NEARLY_FULL: usize = 8 << 20;

/// Rights and life of a document. They are here, never in the CRDT.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentRecord {
    /// The document's name.
    #[serde(rename = "_id")]
    pub id: DocumentId,
    /// What it is for.
    pub kind: DocumentKind,
    /// Its CRDT library.
    pub engine: Engine,
    /// The person who made it.
    pub owner: UserId,
    /// The room that it lives in.
    pub room: Option<RoomId>,
    /// Whether the room's members may open it. Without a room it means nothing.
    pub is_shared: bool,
    /// The first update that others than its owner are shown the history from: what it said when it was last shared
    /// on. Missing in what is not shared, or was when nobody noted it: then they are shown all.
    #[serde(default)]
    pub shared_at_seq: Option<u64>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was moved to the trash.
    pub deleted_at: Option<Timestamp>,
    /// When its rights last changed; never since it was created when it is missing.
    #[serde(default)]
    pub changed_at: Option<Timestamp>,
    /// Updates up to and including this one are in the snapshot; 0 when there is none. The fence:
    /// an append at or below it counts as not written. Only `Log::adopt_snapshot` raises it.
    pub snapshot_seq: u64,
    /// Size of the newest snapshot in bytes.
    pub bytes: u64,
}

impl DocumentRecord {
    /// Whether its newest snapshot is so large that people are told.
    pub fn is_nearly_full(&self) -> bool {
        self.bytes > NEARLY_FULL as u64
    }
}

impl Record for DocumentRecord {
    const COLLECTION: &'static str = "documents";
    type Id = DocumentId;
    fn id(&self) -> DocumentId {
        self.id
    }
    fn indexes() -> &'static [Index] {
        &[
            Index { name: "owner", keys: &["owner", "_id"], unique: false },
            Index { name: "room", keys: &["room", "_id"], unique: false },
        ]
    }
}
