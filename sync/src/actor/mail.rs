//! What is sent to a document's actor. What is large is in a box: nearly all of it is small.

use studyhall_schema::access::Permission;
use tokio::sync::oneshot;

use super::Outlet;
use crate::{
    SyncFault,
    document::{Author, Change, Inbound, PeerId},
    outbox::Close,
    people::Taken,
    projection::Content,
};

/// What is sent to a document's actor.
pub(crate) enum Mail {
    Join(Box<Join>),
    Leave(PeerId),
    Permission(PeerId, Permission),
    Frames(Box<Frames>),
    Drained(PeerId),
    Edit(Box<Edit>),
    /// Bring the row up to date with the document, then answer.
    Project(RowReply),
    /// The same, when the log was seen to be ahead of the row: other nodes may have written it.
    CatchUp(RowReply),
    /// What a note says, as far as it is durable, where its row cannot be written.
    Show(oneshot::Sender<Result<Option<Content>, SyncFault>>),
    /// Leave memory if nobody has it open.
    Evict,
    /// The document is gone for good: its connections are closed so.
    End(Close),
    /// Write what waits, close everybody with this, and leave memory.
    Stop(Close, oneshot::Sender<()>),
}

/// Somebody opens the document.
pub(crate) struct Join {
    pub(crate) peer: PeerId,
    pub(crate) permission: Permission,
    pub(crate) outlet: Outlet,
}

/// What a socket read at once for a document.
pub(crate) struct Frames {
    pub(crate) peer: PeerId,
    pub(crate) messages: Vec<Inbound>,
    /// Its shares of the node's room, given back when they were taken.
    pub(crate) room: Vec<Taken>,
}

/// A REST edit.
pub(crate) struct Edit {
    pub(crate) by: Author,
    pub(crate) change: Change,
    pub(crate) reply: oneshot::Sender<Result<u64, SyncFault>>,
}

/// Who asked for a row that shows what is durable.
pub(crate) type RowReply = oneshot::Sender<Result<(), SyncFault>>;
