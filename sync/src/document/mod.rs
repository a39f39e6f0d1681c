//! The document core: who has a document open, what they sent, what is durable, what they are told.
//!
//! `handle(now, Input)` returns nothing and appends [`Effect`]s; an actor performs them. One order
//! for everything: check → append → **commit** → apply → acknowledge and fan out, so that nobody sees
//! an edit that could still be lost. Must not await, lock, read a clock, or know a socket or a wire
//! protocol.

pub mod automerge;
mod catch_up;
mod check;
mod commit;
mod edit;
mod engine;
mod inbound;
mod limits;
mod peer;
mod walks;
mod yjs;

use std::{collections::VecDeque, ops::Range, sync::Arc};

use bytes::Bytes;
use foldhash::{HashMap, HashMapExt};
use rand::{SeedableRng, rngs::SmallRng};
use studyhall_schema::{Timestamp, access::Permission, document::DocumentId, ids::UserId};
use studyhall_store::log::{Append, Entry, Outcome, Snapshot};

pub use automerge::{Automerge, Behind};
pub use check::Verdict;
pub use commit::Waiting;
pub use edit::{Author, Change, EditFailure, EditId};
pub use engine::{Applied, Engine, Unreadable, View};
pub use inbound::Inbound;
pub use limits::Limits;
pub use peer::Aside;
pub use yjs::{Missed, State, Yjs};

use crate::{awareness::Presence, people::Shares, wire::automerge::SyncMessage};
use catch_up::{Reads, Standing};
use commit::{Flight, PendingAck};
use edit::Edits;
use limits::HARD_MEMORY;
use peer::Peer;

/// A connection to a document, unique on this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub u64);

/// What happens to a document.
pub enum Input<E: Engine = Yjs> {
    /// Somebody opened it.
    Join { peer: PeerId, user: UserId, permission: Permission },
    /// A connection ended.
    Leave { peer: PeerId },
    /// What the person behind a connection may do has changed.
    Permission { peer: PeerId, permission: Permission },
    /// A client asks for what it lacks: its state vector, checked by the guard.
    Step1 { peer: PeerId, vector: Bytes },
    /// A client sends content, checked by the guard. `step2` when it answers our Step1.
    Update { peer: PeerId, update: Bytes, scan: E::Scan, step2: bool },
    /// A client sends content that has what no document here takes.
    Unsupported { peer: PeerId },
    /// A client's awareness.
    Awareness { peer: PeerId, update: Bytes },
    /// A client asks for everybody's awareness.
    QueryAwareness { peer: PeerId },
    /// An Automerge client says what it has and brings, checked by the guard.
    Sync { peer: PeerId, message: Box<SyncMessage> },
    /// An Automerge client says something to all others that is not kept.
    Ephemeral { peer: PeerId, message: Bytes },
    /// Another node's awareness.
    Elsewhere(Presence),
    /// Another node asks who is here.
    WhoIsHere,
    /// The REST API changes the document.
    Edit { edit: EditId, by: Author, change: Change },
    /// What became of the append in flight.
    Outcome(Outcome),
    /// Entries from `applied + 1` on that are in the log: all that were there when as many reads had been
    /// asked for as `read` says ([`Document::reads_asked`]), or news.
    Missed { entries: Vec<Entry>, read: Option<u64> },
    /// The document as it was loaded again, asked for by `Effect::Reload` or since the log does not
    /// reach back. `read` as for `Missed`.
    Reloaded { state: Box<E::State>, read: u64 },
    /// Another node has lost its place in the log to this one and waits for the next: what is new here
    /// goes behind it, until then at the latest.
    GiveWay { until: Timestamp },
    /// Nobody waits for the next place any more.
    GoOn,
    /// The log that was asked for cannot be read now.
    Unread,
    /// A connection's queue was too full.
    Lagging { peer: PeerId, lost: Lost },
    /// That queue is empty again.
    Drained { peer: PeerId },
    /// Time has passed: awareness goes out, silent people expire.
    Tick,
}

/// What a full queue had no room for.
#[derive(Debug, Clone)]
pub enum Lost {
    /// The update just fanned out.
    FanOut,
    /// A difference that the client was to be sent.
    Difference(Missed),
    /// The server's Step1.
    Step1,
    /// A sync message.
    Sync(Behind),
}

/// Why content is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The person may only read.
    ReadOnly,
    /// The update inserts under a client id that belongs to somebody else.
    ForeignClient,
    /// The document is at its hard limit.
    DocumentFull,
    /// Too much is waiting for the store.
    Overloaded,
    /// More content above a hole than a connection may keep aside.
    HoleTooLarge,
    /// Types nested deeper than the CRDT library can walk.
    TooDeep,
    /// It puts something into what is no type.
    NoParent,
    /// The text is longer than its writer can have been shown, or has more lines than can be changed at once.
    TooLong,
    /// The text would be longer than can be shown.
    TooLongToShow,
    /// It was to be made only if nothing had changed, and something has.
    Changed,
    /// What it was to change is not in the document.
    Absent,
    /// The document has as many todos as have rows.
    Crowded,
    /// The CRDT library cannot decode what the guard let pass.
    Undecodable,
}

/// What an actor has to do.
#[derive(Debug)]
pub enum Effect {
    /// Append to the log and come back with `Input::Outcome`.
    Append(Append),
    /// Try the same append again after a pause, and come back with `Input::Outcome`.
    Retry(Append),
    /// Read what of the log is not applied and come back with `Input::Missed`, or with
    /// `Input::Reloaded` when it is not in the log any more.
    ReadLog,
    /// Tell other nodes that this one has lost its place in the log and waits for the next.
    LostPlace,
    /// Tell them that it needs none any more: what it had was in the log, or was refused.
    NeedsNoPlace,
    /// Load the document again and come back with `Input::Reloaded`.
    Reload,
    /// Everything of this client's message is durable. `echo` when the fan-out does not hold it.
    Ack { peer: PeerId, echo: Option<Bytes> },
    /// This message of the client's was refused.
    Refuse { peer: PeerId, reason: Refusal },
    /// Ask a client for what the server lacks. When its queue has no room, come back with
    /// `Input::Lagging`.
    Step1 { peer: PeerId, vector: Bytes },
    /// Send what a client lacks: the answer to its Step1, or what it missed while it lagged. When its
    /// queue has no room, come back with `Input::Lagging` and what was missed.
    Difference { peer: PeerId, update: Bytes, missed: Missed },
    /// Send an Automerge client a sync message. When its queue has no room, come back with
    /// `Input::Lagging` and what was missed.
    Sync { peer: PeerId, message: Bytes, missed: Behind },
    /// What a client says goes to all others, and is not kept.
    Ephemeral { from: PeerId, message: Bytes },
    /// One update to everybody who is in sync; `only_author` when one connection wrote all of it.
    FanOut { update: Bytes, only_author: Option<PeerId> },
    /// Awareness, to one connection or to everybody.
    Awareness { to: Option<PeerId>, update: Bytes },
    /// A REST edit has ended.
    EditDone { edit: EditId, result: Result<u64, EditFailure> },
    /// The log grew up to here: the projection follows.
    Committed { seq: u64 },
    /// What this node appended, for other nodes, where there may be some.
    Wrote(Entry),
    /// Who is here on this node, for others.
    Here(Presence),
    /// A connection lacks something that is too much to look for now: it is drained a little later.
    Later { peer: PeerId },
    /// Saving has paused (`true`) or resumed: people are told.
    Paused(bool),
    /// The document is above its soft limit of size: who is named is told, or everybody.
    NearlyFull { to: Option<PeerId> },
    /// A person tried to write under somebody else's client id: for the audit.
    Audit { user: UserId, client: u64 },
}

/// An open document.
#[expect(clippy::struct_excessive_bools, reason = "facts that are independent of one another")]
pub struct Document<E: Engine = Yjs> {
    id: DocumentId,
    limits: Arc<Limits>,
    state: E::State,
    engine: E,
    /// Boxed: a map of one has room for four.
    peers: HashMap<PeerId, Box<Peer<E>>>,
    waiting: Vec<Waiting<E>>,
    waiting_bytes: usize,
    waiting_memory: u64,
    /// Boxed, like what follows: most documents idle.
    flight: Option<Box<Flight<E>>>,
    /// The ordinal of the last update that was accepted here, and of the last that is durable.
    ordinal: u64,
    durable: u64,
    acks: VecDeque<PendingAck>,
    echo_bytes: usize,
    /// Boxed, like what few documents need: most are opened by sockets only.
    edits: Option<Box<Edits>>,
    paused: bool,
    lost: Standing,
    reads: Reads,
    /// What is new waits until then: other nodes wait for the next place in the log.
    gives_way: Option<Range<Timestamp>>,
    /// Another node was first, and this one has had no place since: it waits for nobody.
    behind: bool,
    told_nearly_full: bool,
    /// When the last input came.
    now: Timestamp,
    /// The whole node has too much that is not durable.
    overloaded: bool,
    /// Somebody is to be asked for what was refused.
    owes: bool,
    /// Somebody was refused what the document has no room for, and when it was last measured whether it has.
    has_unfit: bool,
    measured_at: Timestamp,
    /// What people's deletions have taken above the limits, in bytes and in memory.
    above: Option<Box<HashMap<UserId, (usize, u64)>>>,
    /// Something is kept aside until its author may have it looked at.
    has_put_off: bool,
    /// Room for what is kept aside, in KiB.
    asides: Arc<Shares>,
    random: SmallRng,
}

impl<E: Engine> Document<E> {
    /// Opens a document over its loaded state.
    pub fn new(
        id: DocumentId,
        mut state: E::State,
        limits: impl Into<Arc<Limits>>,
        seed: u64,
    ) -> Self {
        state.shown();
        let limits = limits.into();
        let aside = limits.aside_bytes;
        Self {
            id,
            limits,
            engine: E::open(&mut state),
            state,
            peers: HashMap::new(),
            waiting: Vec::new(),
            waiting_bytes: 0,
            waiting_memory: 0,
            flight: None,
            ordinal: 0,
            durable: 0,
            acks: VecDeque::new(),
            echo_bytes: 0,
            edits: None,
            paused: false,
            lost: Standing::Kept,
            reads: Reads::default(),
            gives_way: None,
            behind: false,
            told_nearly_full: false,
            now: Timestamp::default(),
            overloaded: false,
            owes: false,
            has_unfit: false,
            measured_at: Timestamp::default(),
            above: None,
            has_put_off: false,
            asides: Arc::new(Shares::new(aside, aside)),
            random: SmallRng::seed_from_u64(seed),
        }
    }

    /// Takes one input. What has to be done is appended to `effects`; call [`Self::flush`] after
    /// everything that waited was handled.
    pub fn handle(&mut self, now: Timestamp, input: Input<E>, effects: &mut Vec<Effect>) {
        self.now = now;
        match input {
            Input::Join { peer, user, permission } => {
                self.peers.insert(peer, Box::new(Peer::new(user, permission)));
                if self.is_nearly_full(0) {
                    effects.push(Effect::NearlyFull { to: Some(peer) });
                }
            }
            Input::Leave { peer } => self.leave(now, peer, effects),
            Input::Permission { peer, permission } => self.permit(peer, permission, effects),
            Input::Unsupported { peer } => {
                effects.push(Effect::Refuse { peer, reason: Refusal::Undecodable });
            }
            Input::Edit { edit, by, change } => self.edit(edit, by, change, effects),
            Input::Outcome(outcome) => self.outcome(&outcome, effects),
            Input::Missed { entries, read } => {
                self.missed(entries, read, effects);
                self.resume(effects);
            }
            Input::Reloaded { state, read } => {
                self.reloaded(*state, read, effects);
                self.resume(effects);
            }
            Input::GiveWay { until } => self.gives_way = Some(self.now..until),
            Input::GoOn => self.gives_way = None,
            Input::Unread => self.pause(effects),
            Input::Lagging { peer, lost } => E::lagging(self, peer, lost),
            Input::Drained { peer } => E::drained(self, peer, effects),
            Input::Tick => {
                if self.has_unfit {
                    self.make_room();
                }
                self.ask_for_refused(effects);
                self.take_up(effects);
                E::tick(self, now, effects);
            }
            of_the_library => E::hear(self, now, of_the_library, effects),
        }
    }

    /// Starts the next append when none is in flight and something waits.
    pub fn flush(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        self.now = now;
        self.start_edit(effects);
        self.start_flight(now, effects);
        if self.behind && !self.is_unsaved() {
            self.behind = false;
            effects.push(Effect::NeedsNoPlace);
        }
        E::flush(self, effects);
    }

    /// All that was to be done is done.
    pub fn performed(&mut self) {
        self.state.shown();
    }

    /// Whether the whole node has too much that is not durable: then nothing more is accepted.
    pub fn set_overloaded(&mut self, overloaded: bool) {
        self.overloaded = overloaded;
    }

    /// Bytes that are kept until they can be judged.
    pub fn aside_bytes(&self) -> usize {
        self.peers.values().map(|peer| peer.aside_bytes).sum()
    }

    /// What cannot be judged yet takes its room from here, in KiB.
    pub(crate) fn keeps_in(&mut self, asides: Arc<Shares>) {
        self.asides = asides;
    }

    /// The document's name.
    pub fn id(&self) -> DocumentId {
        self.id
    }

    /// How many connections it has.
    pub fn peers(&self) -> usize {
        self.peers.len()
    }

    /// Whether a REST edit could be started: another [`Self::flush`] does.
    pub fn has_next_edit(&self) -> bool {
        self.edits.as_ref().is_some_and(|edits| edits.has_next(self.reads.ended))
    }

    /// About how many bytes are moved to apply what is in flight.
    pub fn work(&self) -> u64 {
        let flying = self.flight.iter().flat_map(|flight| flight.updates());
        flying.map(|waiting| E::work(&self.state, &waiting.scan)).sum()
    }

    /// About how many bytes the next [`Self::flush`] looks at, where that is much.
    pub fn work_before_append(&self) -> u64 {
        if self.may_append() { E::work_before_append(self) } else { 0 }
    }

    /// Whether anything is accepted and not yet durable, or a REST edit waits.
    pub fn is_unsaved(&self) -> bool {
        self.durable < self.ordinal || self.edits.as_ref().is_some_and(|edits| !edits.is_empty())
    }

    /// Whether people were told that what they write is not saved now.
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// When what is in flight was sent for the first time.
    pub fn in_flight_since(&self) -> Option<Timestamp> {
        self.flight.as_ref().map(|flight| flight.append.at)
    }

    /// Whether a read of the log is waited for.
    pub fn needs_log(&self) -> bool {
        self.lost != Standing::Kept || self.reads.asked > self.reads.ended
    }

    /// How many reads of the log were asked for until now.
    pub fn reads_asked(&self) -> u64 {
        self.reads.asked
    }

    /// Bytes accepted and not yet durable; small ones count for what they take in memory.
    pub fn unsaved_bytes(&self) -> usize {
        let memory = usize::try_from(self.waiting_memory / 4).unwrap_or(usize::MAX);
        self.waiting_bytes.max(memory)
    }

    /// Whether a tick is needed soon, and whether one is needed at all.
    pub fn wants_tick(&self) -> (bool, bool) {
        let (soon, at_all) = self.engine.wants_tick(&self.state);
        let may_fit = self.has_unfit && self.state.may_be_smaller();
        let waits = self.gives_way.is_some() && !self.waiting.is_empty();
        (soon || waits || self.has_put_off, at_all || self.owes || may_fit)
    }

    /// Nobody is at it: less of it is kept in memory until somebody is.
    pub(crate) fn rest(&mut self) {
        if !self.is_unsaved() {
            self.state.rest();
        }
    }

    /// What is durable and applied.
    pub fn state(&self) -> &E::State {
        &self.state
    }

    /// The same, where reading it needs work.
    pub fn state_mut(&mut self) -> &mut E::State {
        &mut self.state
    }

    /// The applied state as a snapshot, for compaction.
    pub fn snapshot(&mut self, now: Timestamp) -> Snapshot {
        Snapshot {
            seq: self.state.seq(),
            at: now,
            state: self.state.full(),
            authors: self.state.authors_in_order(),
        }
    }

    /// Whether a connection gets what is fanned out now.
    pub fn is_fed(&self, peer: PeerId) -> bool {
        self.peers.get(&peer).is_some_and(|peer| E::is_fed(&peer.link))
    }
}
