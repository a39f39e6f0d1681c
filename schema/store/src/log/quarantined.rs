//! What was taken out of a document's log because it could not be applied or read.

use bson::Binary;
use serde::{Deserialize, Serialize};
use studyhall_schema::{
    Timestamp,
    document::DocumentId,
    record::{Index, Record},
};

/// An entry's content, out of its document's way and kept for a person to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantined {
    /// `<document>:<seq>`.
    #[serde(rename = "_id")]
    pub id: String,
    /// The document that it was in.
    pub document: DocumentId,
    /// The entry's sequence number.
    pub seq: u64,
    /// Why it was taken out.
    pub reason: String,
    /// When it was taken out.
    pub at: Timestamp,
    /// The entry as the store kept it; empty when it could not be read at all.
    pub content: Binary,
}

impl Record for Quarantined {
    const COLLECTION: &'static str = "quarantine";
    type Id = String;
    fn id(&self) -> String {
        self.id.clone()
    }
    fn indexes() -> &'static [Index] {
        &[Index { name: "document", keys: &["document", "_id"], unique: false }]
    }
}
