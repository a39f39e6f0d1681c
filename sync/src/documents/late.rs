//! How long rows have been behind their document: a node that was killed leaves some so.

use std::time::Duration;

use studyhall_schema::{Timestamp, document::DocumentId};

use super::Documents;
use crate::SyncFault;

/// A row is written within a second of its document; when it is later, nobody is at it.
pub(super) const LATE: Duration = Duration::from_secs(10);

/// Documents that are looked at side by side.
pub(super) const LOOKED_AT: usize = 16;

impl Documents {
    /// Whether rows that show a document's first `seq` updates were long behind it; then they are so no
    /// more.
    pub(super) async fn was_late(&self, id: DocumentId, seq: u64) -> bool {
        match self.lags(id, seq).await {
            Ok(None) => {
                self.node.current.insert(id, ());
                false
            }
            Ok(Some(lag)) => lag > LATE && self.catch_up(id).await.is_ok(),
            Err(_) => false, // nobody can be at it now
        }
    }

    async fn lags(&self, id: DocumentId, seq: u64) -> Result<Option<Duration>, SyncFault> {
        let next = self.node.store.log().read(id, seq + 1, 1).await?;
        if let Some(entry) = next.first() {
            return Ok(Some(self.lag_since(entry.at)));
        }
        // What came after it may lie in a snapshot already.
        Ok((!self.ends_at(id, seq).await?).then_some(Duration::MAX))
    }

    /// For how long rows have been behind that lack what came then. What came before this node began
    /// counts as long ago: it may have begun because the one was killed that had the document open.
    pub(super) fn lag_since(&self, at: Timestamp) -> Duration {
        if at < self.node.began { Duration::MAX } else { self.node.clock.now().since(at) }
    }
}
