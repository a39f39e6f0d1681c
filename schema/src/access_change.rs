//! A change of access as other nodes read it: kept for a while, told on the bus at once.

use serde::{Deserialize, Serialize};

use crate::{
    Timestamp,
    access::AccessChange,
    clock::Clock,
    ids::AccessChangeId,
    record::{Index, Record},
};

/// A row of `access_changes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpreadChange {
    /// Its id, which begins with the second in which it was made.
    #[serde(rename = "_id")]
    pub id: AccessChangeId,
    /// When.
    pub at: Timestamp,
    /// Which node made it, by the random id that it drew when it started.
    pub node: AccessChangeId,
    /// What changed.
    pub change: AccessChange,
    /// Whether it is only about to: what it tells of is written after it.
    #[serde(default)]
    pub is_planned: bool,
    /// The row that planned it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<AccessChangeId>,
}

impl Record for SpreadChange {
    const COLLECTION: &'static str = "access_changes";
    type Id = AccessChangeId;
    fn id(&self) -> AccessChangeId {
        self.id
    }
    fn indexes() -> &'static [Index] {
        &[]
    }
}

impl AccessChangeId {
    /// A fresh id of this second, whatever the clock shows.
    pub fn new_at(second: Timestamp, clock: &dyn Clock) -> Self {
        let mut bytes = Self::first_of(second).bytes();
        clock.fill(&mut bytes[4..]);
        Self::from_bytes(bytes)
    }
}
