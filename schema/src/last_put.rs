//! What somebody has put last into a note, or a todo, and from what: they may not have heard of it, and put it again.

use serde::{Deserialize, Serialize};

use crate::{
    Timestamp,
    record::{Index, Record},
};

/// A row of `last_puts`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastPut {
    /// `<login>:<note>`, or `<login>:todo:<todo>`.
    #[serde(rename = "_id")]
    pub id: String,
    /// The text's hash.
    pub put: String,
    /// The hash of what its writer said that they made it from.
    pub of: String,
    /// When it was made.
    pub at: Timestamp,
}

impl Record for LastPut {
    const COLLECTION: &'static str = "last_puts";
    type Id = String;
    fn id(&self) -> String {
        self.id.clone()
    }
    fn indexes() -> &'static [Index] {
        &[Index { name: "age", keys: &["at", "_id"], unique: false }]
    }
}
