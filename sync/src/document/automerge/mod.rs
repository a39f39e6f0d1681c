//! Automerge behind the core: changes, their graph, and what a change may refer to.
//!
//! A change is durable and in the graph before anybody is told of it; the library's document follows.
//! Must not know sockets or the store.

mod chains;
mod graph;
mod later;
mod marks;
mod peer;
mod shape;
mod state;
mod touched;

use ::automerge::Change;
use bytes::Bytes;
use studyhall_schema::{Timestamp, document::DocumentKind, ids::UserId};

use peer::SECOND_CHANCES;
pub use peer::{Behind, Link};
pub use state::State;
pub(crate) use state::{Writers, new_doc};

use super::{
    Aside, Document, Effect, Inbound, Input, Lost, PeerId, Refusal, Verdict, View, Waiting,
    engine::{Applied, Engine},
    walks::Walks,
};
use crate::{
    guard::automerge::{self as guard, Scan},
    text::automerge::first_change,
    wire::automerge::encode,
};

/// What is owed to whom in an Automerge document.
pub struct Automerge {
    answered: Walks,
    compared: Walks,
    /// Who is to hear that what they sent is durable.
    owed: Vec<PeerId>,
    /// What is misplaced and was left out, until all that waited was handled.
    left_out: Vec<(PeerId, crate::guard::automerge::Hash)>,
    /// Whose changes above a hole found no room.
    short: Vec<PeerId>,
    /// Counts the times that the heads moved.
    moves: u64,
}

/// Operations and changes that are looked at for one change without being counted.
const FREE_STEPS: u64 = 4096;
/// Each of more takes as long as so many bytes that are compared.
const STEP: u64 = 64;

/// A change of a new actor's makes the library number the actors of all operations anew (a million letters: 5
/// to 11 ms), which takes as long as to compare this part of the document.
const NEW_ACTOR: u64 = 4;
const OPERATION: u64 = 48;

fn client_of(scan: &Scan) -> u64 {
    scan.actors[0].iter().take(8).fold(0, |client, byte| client << 8 | u64::from(*byte))
}

impl Engine for Automerge {
    const ENGINE: studyhall_schema::document::Engine =
        studyhall_schema::document::Engine::Automerge;

    type State = State;
    type Scan = Scan;
    type Decoded = Change;
    type Link = Link;

    fn first(kind: DocumentKind) -> Option<Vec<u8>> {
        Some(first_change(kind))
    }

    fn open(_: &mut State) -> Self {
        let (answered, compared) = (Walks::differences(), Walks::comparisons());
        let (owed, left_out, short) = (Vec::new(), Vec::new(), Vec::new());
        Self { answered, compared, owed, left_out, short, moves: 0 }
    }

    fn input(peer: PeerId, said: Inbound) -> Option<Input<Self>> {
        match said {
            Inbound::Sync(message) => Some(Input::Sync { peer, message }),
            Inbound::Ephemeral(message) => Some(Input::Ephemeral { peer, message }),
            _ => None,
        }
    }

    fn hear(
        document: &mut Document<Self>,
        _: Timestamp,
        input: Input<Self>,
        effects: &mut Vec<Effect>,
    ) {
        match input {
            Input::Sync { peer, message } => document.synced(peer, *message, effects),
            Input::Ephemeral { peer, message } => document.said(peer, message, effects),
            _ => {}
        }
    }

    fn left(_: &mut Document<Self>, _: Timestamp, _: PeerId, _: &mut Vec<Effect>) {}

    fn promoted(document: &mut Document<Self>, peer: PeerId, effects: &mut Vec<Effect>) {
        document.ask_again(peer, effects);
    }

    fn tick(document: &mut Document<Self>, _: Timestamp, _: &mut Vec<Effect>) {
        document.state.catch_up();
    }

    fn work_before_append(document: &Document<Self>) -> u64 {
        document.work_of_trial()
    }

    fn before_append(document: &mut Document<Self>, effects: &mut Vec<Effect>) {
        document.try_out(effects);
    }

    fn wants_tick(&self, state: &State) -> (bool, bool) {
        (state.is_far_behind(), !self.short.is_empty())
    }

    fn is_empty(_: &Scan) -> bool {
        false
    }

    fn takes_away(_: &mut State, scan: &Scan, _: &Change) -> bool {
        scan.deletes > 0 && 2 * u64::from(scan.deletes) >= u64::from(scan.ops)
    }

    fn only_deletes(scan: &Scan) -> bool {
        scan.deletes == scan.ops
    }

    fn memory(scan: &Scan) -> u64 {
        scan.memory()
    }

    fn keep(update: &mut Bytes, scan: &mut Scan) -> usize {
        let is_inflated = scan.is_inflated(update);
        *update = Bytes::copy_from_slice(update);
        if is_inflated {
            return update.len() + scan.plain.len() + scan.beside();
        }
        scan.plain = update.clone();
        update.len() + scan.beside()
    }

    fn is_in_proportion(document: &Document<Self>, by: UserId, scan: &Scan) -> bool {
        document.state.graph.could_delete(by, scan)
    }

    fn client(scan: &Scan) -> u64 {
        client_of(scan)
    }

    fn may_come(document: &Document<Self>, by: UserId, scan: &Scan) -> Verdict {
        document.state.graph.judge(by, client_of(scan), scan)
    }

    fn still_fits(document: &Document<Self>, scan: &Scan) -> bool {
        document.state.graph.still_fits(scan)
    }

    fn decode(_: &Bytes, scan: &Scan) -> Option<Change> {
        state::decode_sound(scan)
    }

    fn has(_: &mut State, _: &Change) -> bool {
        true // a change that is known is known by its hash
    }

    fn contradicts(_: &Document<Self>, _: UserId, _: &Scan, _: &[u8]) -> bool {
        false // another change has another hash
    }

    fn may_compare(document: &mut Document<Self>, by: UserId, scan: &Scan) -> bool {
        if document.state.graph.knows(&scan.hash) {
            return true;
        }
        let may = document.engine.compared.has_left(by, document.now);
        if may {
            document.spend_steps(by, u64::from(scan.ops) + u64::from(scan.preds));
            if document.state.graph.author(&scan.actors[0]).is_none() {
                let all = document.state.graph.operations() * OPERATION;
                document.engine.compared.spend(by, all / NEW_ACTOR, document.now);
            }
        }
        may
    }

    fn may_compare_at(document: &mut Document<Self>, by: UserId) -> Option<Timestamp> {
        Some(document.engine.compared.has_left_at(by, document.now))
    }

    fn misplaced(
        document: &mut Document<Self>,
        by: UserId,
        message: &Aside<Self>,
    ) -> Option<Refusal> {
        let graph = &document.state.graph;
        let deps = graph.deps(&message.scan);
        let fits = |deps: &[u32]| {
            graph.follows(by, &message.scan, deps)
                && graph.may_stand_beside(by, deps)
                && graph.fits(&message.scan, deps)
        };
        let fits = deps.is_some_and(|deps| fits(&deps));
        let steps = graph.chains.take_steps();
        document.spend_steps(by, steps);
        (!fits).then_some(Refusal::NoParent)
    }

    fn comes_again(document: &mut Document<Self>, peer: PeerId, scan: &Scan) -> bool {
        let left_out = &mut document.engine.left_out;
        let may = left_out.len() < SECOND_CHANCES; // each is looked for among a client's heads
        if may {
            left_out.push((peer, scan.hash));
        }
        may
    }

    fn comes_later(document: &mut Document<Self>, peer: PeerId) -> bool {
        document.leaves_above_hole(peer)
    }

    fn is_same(one: &Scan, other: &Scan) -> bool {
        one.hash == other.hash
    }

    fn take(&mut self, state: &mut State, by: UserId, scan: &Scan, _: &Change) {
        state.graph.push(by, scan);
    }

    fn forget(&mut self, state: &mut State) {
        state.graph.forget();
    }

    fn commit(document: &mut Document<Self>, updates: Vec<Waiting<Self>>, through: u64) -> Bytes {
        let Document { state, waiting, .. } = document;
        state.begin_commit();
        let mut changes = Vec::with_capacity(updates.len());
        for Waiting { by, data, scan, decoded, .. } in updates {
            state.apply(through, by, &scan, decoded);
            changes.push(data);
        }
        state.end_commit(through);
        for waiting in waiting {
            state.graph.push(waiting.by, &waiting.scan); // known, but after a detour
        }
        encode(state.heads(), &[], changes.iter().map(AsRef::as_ref))
    }

    fn moved(document: &mut Document<Self>, only_author: Option<PeerId>, _: &mut Vec<Effect>) {
        document.engine.moves += 1;
        let moves = document.engine.moves;
        for (peer, known) in &mut document.peers {
            if only_author != Some(*peer) && known.link.is_fed() {
                known.link.told = moves;
            }
        }
    }

    fn acknowledge(
        document: &mut Document<Self>,
        peer: PeerId,
        _: Option<Bytes>,
        _: &mut Vec<Effect>,
    ) {
        if document.engine.owed.last() != Some(&peer) {
            document.engine.owed.push(peer);
        }
    }

    fn flush(document: &mut Document<Self>, effects: &mut Vec<Effect>) {
        document.acknowledge_all(effects);
        document.look_at_left_out(effects);
        document.look_at_short(effects);
    }

    fn caught_up(document: &mut Document<Self>, effects: &mut Vec<Effect>) {
        document.answer_waiting(effects);
    }

    fn between(old: &mut State, new: &mut State) -> Bytes {
        new.beyond(old)
    }

    fn ask_for_missing(document: &mut Document<Self>, peer: PeerId, effects: &mut Vec<Effect>) {
        document.ask_for(peer, effects);
    }

    fn is_fed(link: &Link) -> bool {
        link.is_fed()
    }

    fn lagging(document: &mut Document<Self>, peer: PeerId, lost: Lost) {
        document.lags(peer, lost);
    }

    fn drained(document: &mut Document<Self>, peer: PeerId, effects: &mut Vec<Effect>) {
        document.goes_on(peer, effects);
    }

    fn view(state: &mut State) -> View<'_> {
        View::Automerge(state)
    }

    fn scan(update: &Bytes) -> Option<Scan> {
        guard::change(update).ok()
    }
}

impl Document<Automerge> {
    /// So many operations and changes are looked at for somebody.
    fn spend_steps(&mut self, by: UserId, steps: u64) {
        if steps > FREE_STEPS {
            self.engine.compared.spend(by, steps * STEP, self.now);
        }
    }
}

/// What a document takes to be looked at.
fn size(state: &State) -> u64 {
    Applied::memory(state)
}
