//! What the core asks of a CRDT library: to judge an update before it is durable, and to apply it
//! after. The order of things is the core's, once, for every library.
//!
//! Must not know connections' sockets, the store, or a wire protocol.

use std::collections::HashSet;

use bytes::Bytes;
use studyhall_schema::{Timestamp, document::DocumentKind, ids::UserId};
use studyhall_store::log::{Entry, Snapshot};
use yrs::ClientID;

use super::{Aside, Document, Effect, Inbound, Input, Lost, PeerId, Refusal, Verdict, Waiting};
use crate::text::automerge::editor;

/// Stored bytes that are not a document: a problem for this document only.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("update {seq} of the log cannot be read: {reason}")]
pub struct Unreadable {
    /// The entry's first update, 0 for the snapshot.
    pub seq: u64,
    /// Why.
    pub reason: String,
    /// The bytes are sound, but the CRDT library refuses them.
    pub is_poison: bool,
}

/// A document's content as its CRDT library has it, for an edit or a projection.
pub enum View<'a> {
    /// Of Yjs.
    Yjs(&'a mut super::State),
    /// Of Automerge.
    Automerge(&'a mut super::automerge::State),
}

impl View<'_> {
    /// About how many bytes the document takes in memory.
    pub fn memory(&self) -> u64 {
        match self {
            Self::Yjs(state) => state.memory(),
            Self::Automerge(state) => state.memory(),
        }
    }

    /// How much was written under a client id, for the server's own edits.
    pub fn written(&self, client: u64) -> u32 {
        match self {
            Self::Yjs(state) => state.state_vector().get(&ClientID::new(client)),
            Self::Automerge(state) => state.made_by(&editor(client)),
        }
    }

    /// The keys of the entries of root maps that have changed since this was asked last; `None` when any
    /// of them may have.
    pub fn touched(&mut self) -> Option<HashSet<String>> {
        match self {
            Self::Yjs(_) => None, // reading all of a list is fast there
            Self::Automerge(state) => state.touched(),
        }
    }
}

/// What is durable of a document, and nothing else.
pub trait Applied: Default + Send + 'static {
    /// Builds a document from its snapshot.
    fn from_snapshot(snapshot: &Snapshot) -> Result<Self, Unreadable>;

    /// Applies an entry of the log; what comes back shows it to those who are in sync. Updates without
    /// bytes were moved to quarantine.
    fn apply_entry(&mut self, entry: &Entry) -> Result<Option<Bytes>, Unreadable>;

    /// The log was applied to its end: does what was put off meanwhile, and says which entry fails.
    fn settle(&mut self) -> Result<(), Unreadable> {
        Ok(())
    }

    /// The last update of the log that is applied.
    fn seq(&self) -> u64;

    /// The whole state, as a snapshot keeps it.
    fn full(&mut self) -> Bytes;

    /// The authors of what is applied, in order, for the snapshot.
    fn authors_in_order(&mut self) -> Vec<(u64, UserId)>;

    /// Whether the log has what cannot be applied, since what it stands on is in quarantine: then the log
    /// is all that there is of it.
    fn has_orphans(&self) -> bool {
        false
    }

    /// What two loads of one state agree on.
    fn version(&mut self) -> Vec<u8>;

    /// Size in bytes, estimated from above between encodings.
    fn bytes(&self) -> usize;

    /// About how many bytes it takes in memory, estimated from above between encodings.
    fn memory(&self) -> u64;

    /// Bytes of updates that were applied since the whole was last encoded.
    fn added(&self) -> usize;

    /// Whether something was deleted since it was last measured for that.
    fn may_be_smaller(&self) -> bool {
        false
    }

    /// Is measured again, since deletions may have made room. Whether they have.
    fn measure_after_deletions(&mut self) -> bool {
        false
    }

    /// All that is applied has been shown to those who are in sync, or they are known to lag.
    fn shown(&mut self) {}

    /// Keeps less in memory until more is needed.
    fn rest(&mut self) {}

    /// Size in bytes; measured again when the estimate is above `limit` and may be far off.
    fn bytes_above(&mut self, limit: usize) -> usize {
        if self.bytes() > limit && self.added() > (self.bytes() - self.added()) / 8 {
            self.full();
        }
        self.bytes()
    }

    /// The memory it takes; measured again when the estimate is above `limit` and may be far off.
    fn memory_above(&mut self, limit: u64) -> u64;
}

/// A CRDT library behind the core.
pub trait Engine: Sized + Send + 'static {
    /// Which one.
    const ENGINE: studyhall_schema::document::Engine;

    /// What is durable.
    type State: Applied;
    /// What the guard says of an update.
    type Scan: Send + 'static;
    /// An update as the check has decoded it, kept for the apply.
    type Decoded: Send + 'static;
    /// How far a connection is in sync.
    type Link: Default + Send + 'static;

    /// What a document of a kind begins with, when nothing is in its log.
    fn first(_: DocumentKind) -> Option<Vec<u8>> {
        None
    }

    /// What the check needs beside the state.
    fn open(state: &mut Self::State) -> Self;

    /// What a client of this library says, as input; `None` for one of another's.
    fn input(peer: PeerId, said: Inbound) -> Option<Input<Self>>;

    /// Takes what only clients of this library send.
    fn hear(
        document: &mut Document<Self>,
        now: Timestamp,
        input: Input<Self>,
        effects: &mut Vec<Effect>,
    );

    /// A connection has gone.
    fn left(document: &mut Document<Self>, now: Timestamp, peer: PeerId, effects: &mut Vec<Effect>);

    /// A connection may write from now on, which it might not before, or was let in again.
    fn promoted(_: &mut Document<Self>, _: PeerId, _: &mut Vec<Effect>) {}

    /// Time has passed.
    fn tick(document: &mut Document<Self>, now: Timestamp, effects: &mut Vec<Effect>);

    /// Whether a tick is needed soon, and whether one is needed at all.
    fn wants_tick(&self, state: &Self::State) -> (bool, bool);

    /// Whether an update says nothing.
    fn is_empty(scan: &Self::Scan) -> bool;

    /// Whether an update deletes at least as much as it brings: above the limit there is some room for those.
    fn takes_away(state: &mut Self::State, scan: &Self::Scan, decoded: &Self::Decoded) -> bool;

    /// Whether it brings nothing at all.
    fn only_deletes(scan: &Self::Scan) -> bool;

    /// About how many bytes an update takes in memory.
    fn memory(scan: &Self::Scan) -> u64;

    /// About how many bytes are moved to apply an update.
    fn work(_: &Self::State, scan: &Self::Scan) -> u64 {
        Self::memory(scan)
    }

    /// Makes an update that is kept for long its own, without the frame that it came in, and says how many
    /// bytes are kept.
    fn keep(update: &mut Bytes, scan: &mut Self::Scan) -> usize;

    /// Whether an update can be what somebody did to this document, by what it claims to do.
    fn is_in_proportion(_: &Document<Self>, _: UserId, _: &Self::Scan) -> bool {
        true
    }

    /// A client id that an update writes under, for the audit.
    fn client(scan: &Self::Scan) -> u64;

    /// What the check says of an update of somebody's.
    fn judge(document: &Document<Self>, by: UserId, scan: &Self::Scan) -> Verdict {
        Self::may_come(document, by, scan)
    }

    /// The same of an update that waits already, or that the server makes itself.
    fn may_come(document: &Document<Self>, by: UserId, scan: &Self::Scan) -> Verdict;

    /// Decodes an update; `None` when the library cannot.
    fn decode(update: &Bytes, scan: &Self::Scan) -> Option<Self::Decoded>;

    /// Whether an update that is covered changes nothing.
    fn has(state: &mut Self::State, decoded: &Self::Decoded) -> bool;

    /// Leaves of a large update what is not durable yet, where that can be told.
    fn leave_news(_: &mut Document<Self>, _: &mut Aside<Self>, _: &mut Self::Decoded) {}

    /// Whether what somebody sends may be compared with what the document has, which looks at all of it.
    fn may_compare(_: &mut Document<Self>, _: UserId, _: &Self::Scan) -> bool {
        true
    }

    /// When it may, for clients that would not send it again on their connection: so long it is kept.
    fn may_compare_at(_: &mut Document<Self>, _: UserId) -> Option<Timestamp> {
        None
    }

    /// A client id that a connection calls its own, though somebody else has written under it: nothing of
    /// that connection is acknowledged.
    fn impostor(_: &Document<Self>, _: PeerId) -> Option<u64> {
        None
    }

    /// Whether an update says something else of what others have written than the document does: then
    /// its author's client id was somebody else's first, and an acknowledgement would be a lie.
    fn contradicts(document: &Document<Self>, by: UserId, scan: &Self::Scan, update: &[u8])
    -> bool;

    /// What is wrong with where an update puts its content, if anything; else it counts as placed.
    fn misplaced(
        document: &mut Document<Self>,
        by: UserId,
        message: &Aside<Self>,
    ) -> Option<Refusal>;

    /// Whether what is misplaced is left out for now: its client may have left out what it was written beside, and is
    /// asked for all of it again.
    fn comes_again(_: &mut Document<Self>, _: PeerId, _: &Self::Scan) -> bool {
        false
    }

    /// Whether what is not kept above a hole is asked for when there is room again: then it is not refused now.
    fn comes_later(_: &mut Document<Self>, _: PeerId) -> bool {
        false
    }

    /// Whether two updates are the same, where that can be told.
    fn is_same(_: &Self::Scan, _: &Self::Scan) -> bool {
        false
    }

    /// Whether all is still accepted that an update refers to without standing on it.
    fn still_fits(_: &Document<Self>, _: &Self::Scan) -> bool {
        true
    }

    /// An update is accepted: what comes next is judged with it.
    fn take(
        &mut self,
        state: &mut Self::State,
        by: UserId,
        scan: &Self::Scan,
        decoded: &Self::Decoded,
    );

    /// What is accepted is what is applied, and no more.
    fn forget(&mut self, state: &mut Self::State);

    /// About how many bytes are looked at before what waits can be appended.
    fn work_before_append(_: &Document<Self>) -> u64 {
        0
    }

    /// The last look at what waits, before it is appended.
    fn before_append(_: &mut Document<Self>, _: &mut Vec<Effect>) {}

    /// Applies what one append made durable; what comes back holds all of it. May panic when the
    /// library refuses what it has decoded: the actor contains that, and loads again.
    fn commit(document: &mut Document<Self>, updates: Vec<Waiting<Self>>, through: u64) -> Bytes;

    /// The state has moved on: tells those who are not told by the fan-out.
    fn moved(document: &mut Document<Self>, only_author: Option<PeerId>, effects: &mut Vec<Effect>);

    /// Everything of a message of this connection's is durable.
    fn acknowledge(
        _: &mut Document<Self>,
        peer: PeerId,
        echo: Option<Bytes>,
        effects: &mut Vec<Effect>,
    ) {
        effects.push(Effect::Ack { peer, echo });
    }

    /// Everything that waited was handled.
    fn flush(_: &mut Document<Self>, _: &mut Vec<Effect>) {}

    /// A read of the log has ended.
    fn caught_up(_: &mut Document<Self>, _: &mut Vec<Effect>) {}

    /// What somebody who is in sync with `old` lacks of `new`, which takes its place.
    fn between(old: &mut Self::State, new: &mut Self::State) -> Bytes;

    /// Asks a client for what an update of its needs and nobody has sent.
    fn ask_for_missing(document: &mut Document<Self>, peer: PeerId, effects: &mut Vec<Effect>);

    /// Whether a connection gets what is fanned out now.
    fn is_fed(link: &Self::Link) -> bool;

    /// The queue of a connection had no room.
    fn lagging(document: &mut Document<Self>, peer: PeerId, lost: Lost);

    /// That queue is empty again.
    fn drained(document: &mut Document<Self>, peer: PeerId, effects: &mut Vec<Effect>);

    /// The content, for an edit that the server makes.
    fn view(state: &mut Self::State) -> View<'_>;

    /// Scans an update that the server made itself; `None` when it cannot be one.
    fn scan(update: &Bytes) -> Option<Self::Scan>;
}
