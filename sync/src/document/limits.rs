//! How much a document takes, waits with and keeps aside.

use studyhall_schema::document::NEARLY_FULL;

/// The memory that a document may take.
pub(super) const HARD_MEMORY: u64 = 128 << 20;

/// Sizes that a document keeps to.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// People are told above this size, in bytes of encoded state.
    pub soft_bytes: usize,
    /// Edits are refused above this size.
    pub hard_bytes: usize,
    /// Edits are refused when the document would take more memory than this: many small blocks take
    /// thirty times their encoded size.
    pub hard_memory: u64,
    /// What may wait for the store.
    pub waiting_bytes: usize,
    /// What a person may keep above holes.
    pub aside_bytes: usize,
    /// Updates that a person may keep above holes: each is looked at again with every change.
    pub aside_updates: usize,
    /// Acknowledgements that may wait for a commit, of messages that need none of their own.
    pub promises: usize,
    /// REST edits that may wait.
    pub edits: usize,
    /// Nobody else writes to the document's log: what is applied here is all there is.
    pub alone: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            soft_bytes: NEARLY_FULL,
            hard_bytes: 16 << 20,
            hard_memory: HARD_MEMORY,
            waiting_bytes: 4 << 20,
            aside_bytes: 1 << 20,
            aside_updates: 256,
            promises: 16_384,
            edits: 256,
            alone: true,
        }
    }
}
