//! A note's row: a projection of its document and of its `DocumentRecord`, rebuildable from them.

use serde::{Deserialize, Serialize};

use crate::{
    Timestamp,
    document::Engine,
    ids::{NoteId, RoomId, UserId},
    record::{Index, Record},
};

/// How a note's text is kept in its document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// A text `content`.
    #[default]
    Plain,
    /// An `XmlFragment` `default`.
    Rich,
}

/// A row of `notes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The note's id.
    #[serde(rename = "_id")]
    pub id: NoteId,
    /// Its text; of a rich note a line a block. At most 1 MiB of it, cut at a character.
    pub text: String,
    /// `meta.title` of the document, at most 200 characters; empty when there is none.
    pub title: String,
    /// Who made it.
    pub owner_id: UserId,
    /// The room it is in.
    pub room_id: Option<RoomId>,
    /// Whether the room's members may open it.
    pub is_shared: bool,
    /// How its text is kept.
    pub format: Format,
    /// The CRDT library of its document.
    pub engine: Engine,
    /// Whether its document is above its soft limit of size, as of its newest snapshot.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_nearly_full: bool,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its document or its rights last changed.
    pub updated_at: Timestamp,
    /// The document's last update that this row shows; only a higher one replaces it.
    pub projected_seq: u64,
}

impl Record for Note {
    const COLLECTION: &'static str = "notes";
    type Id = NoteId;
    fn id(&self) -> NoteId {
        self.id
    }
    fn first_rev(&self) -> u64 {
        // A row goes with a deletion, and another comes back: what was read before is not taken for what is there now.
        u64::try_from(self.updated_at.as_millis()).unwrap_or_default().max(1)
    }
    fn indexes() -> &'static [Index] {
        &[
            Index { name: "owner", keys: &["owner_id", "_id"], unique: false },
            Index { name: "room", keys: &["room_id", "_id"], unique: false },
        ]
    }
}
