//! What clients say, after the guard, in any protocol.

use bytes::Bytes;

use crate::{guard::Scan, wire::automerge::SyncMessage};

/// A message that passed the guard.
pub enum Inbound {
    /// A Yjs client's state vector.
    Step1(Bytes),
    /// Content of a Yjs client's. `step2` when it answers our Step1.
    Update { update: Bytes, scan: Scan, step2: bool },
    /// Content of a Yjs client's that has what no document here takes.
    Unsupported,
    /// A Yjs client's awareness.
    Awareness(Bytes),
    /// A Yjs client asks for everybody's awareness.
    QueryAwareness,
    /// An Automerge client's sync message.
    Sync(Box<SyncMessage>),
    /// What an Automerge client says to all others, as the frame that it came in.
    Ephemeral(Bytes),
}

impl Inbound {
    /// Bytes that it takes.
    pub fn size(&self) -> usize {
        size_of::<Self>()
            + match self {
                Self::Step1(bytes) | Self::Awareness(bytes) | Self::Ephemeral(bytes) => bytes.len(),
                Self::Update { update, .. } => update.len(),
                Self::Sync(message) => message.size,
                Self::QueryAwareness | Self::Unsupported => 0,
            }
    }
}
