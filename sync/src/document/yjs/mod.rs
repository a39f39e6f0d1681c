//! Yjs behind the core: client ids and their clocks, nesting, awareness.
//!
//! Everything that calls into `yrs` for content goes through here. Must not know sockets or the store.

mod accepted;
mod fold;
mod peer;
mod state;

use std::collections::HashSet;

use bytes::Bytes;
use studyhall_schema::{Timestamp, access::Permission, ids::UserId};
use yrs::{ClientID, updates::encoder::Encode};

use peer::Link;
pub use peer::Missed;
pub use state::State;

use super::{
    Aside, Document, Effect, Inbound, Input, Lost, PeerId, Refusal, Verdict, View, Waiting,
    engine::{Applied, Engine},
    walks::Walks,
};
use crate::{
    awareness::{self, Awareness, Who},
    guard::{self, Id, Run, Scan, nesting::Nesting, parents::Parents},
};
use accepted::Accepted;
use fold::Said;

/// An update of so many bytes may be a stored copy of the document, with a few words more.
const WORTH_CUTTING: usize = 16 << 10;

/// What the check of a Yjs document needs, and who is there.
pub struct Yjs {
    accepted: Accepted,
    nesting: Nesting,
    /// Boxed: where nobody says that they are here there is none.
    awareness: Option<Box<Awareness>>,
    compared: Walks,
    told: Walks,
}

/// An update as the check has read it, and the types in it.
pub struct Decoded {
    said: Said,
    types: Vec<Id>,
}

impl Engine for Yjs {
    const ENGINE: studyhall_schema::document::Engine = studyhall_schema::document::Engine::Yjs;

    type State = State;
    type Scan = Scan;
    type Decoded = Decoded;
    type Link = Link;

    fn open(state: &mut State) -> Self {
        Self {
            accepted: Accepted::from_state(state),
            nesting: Nesting::of(&state.full()).unwrap_or_default(),
            awareness: None,
            compared: Walks::comparisons(),
            told: Walks::differences(),
        }
    }

    fn input(peer: PeerId, said: Inbound) -> Option<Input<Self>> {
        Some(match said {
            Inbound::Step1(vector) => Input::Step1 { peer, vector },
            Inbound::Update { update, scan, step2 } => Input::Update { peer, update, scan, step2 },
            Inbound::Unsupported => Input::Unsupported { peer },
            Inbound::Awareness(update) => Input::Awareness { peer, update },
            Inbound::QueryAwareness => Input::QueryAwareness { peer },
            Inbound::Sync(_) | Inbound::Ephemeral(_) => return None,
        })
    }

    fn hear(
        document: &mut Document<Self>,
        now: Timestamp,
        input: Input<Self>,
        effects: &mut Vec<Effect>,
    ) {
        match input {
            Input::Step1 { peer, vector } => document.step1(peer, &vector, effects),
            Input::Update { peer, update, scan, step2 } => {
                let inserts = !scan.inserts.is_empty();
                document.update(peer, update, scan, step2, effects);
                if inserts {
                    document.reconsider(effects);
                }
            }
            Input::Awareness { peer, update } => document.hear(now, peer, &update),
            Input::QueryAwareness { peer } => document.tell_awareness(peer, effects),
            Input::Elsewhere(presence) => {
                let awareness = document.engine.awareness.get_or_insert_default();
                let _ = awareness.merge(now, &presence); // what is none says nothing
            }
            Input::WhoIsHere => {
                let own = document.engine.awareness.as_mut().and_then(|known| known.own_full());
                effects.extend(own.map(Effect::Here));
            }
            _ => {}
        }
    }

    fn left(
        document: &mut Document<Self>,
        now: Timestamp,
        peer: PeerId,
        effects: &mut Vec<Effect>,
    ) {
        let awareness = document.engine.awareness.as_mut();
        let Some(gone) = awareness.and_then(|known| known.leave(now, peer.0)) else { return };
        effects.push(Effect::Awareness { to: None, update: gone.update.clone() });
        if !document.limits.alone {
            effects.push(Effect::Here(gone));
        }
    }

    /// It is asked for what was refused while it might only read: nothing else makes its client send that.
    fn promoted(document: &mut Document<Self>, peer: PeerId, effects: &mut Vec<Effect>) {
        if document.is_fed(peer) {
            effects.push(Effect::Step1 { peer, vector: document.state.vector() });
        }
    }

    fn tick(document: &mut Document<Self>, now: Timestamp, effects: &mut Vec<Effect>) {
        let Some(awareness) = &mut document.engine.awareness else { return };
        awareness.expire(now);
        awareness.put_off(now);
        if !document.limits.alone {
            effects.extend(awareness.own_changed().map(Effect::Here));
        }
        if let Some(update) = awareness.take_changed() {
            effects.push(Effect::Awareness { to: None, update });
        }
    }

    fn wants_tick(&self, _: &State) -> (bool, bool) {
        let awareness = self.awareness.as_ref();
        awareness.map_or((false, false), |known| (known.has_changed(), !known.is_empty()))
    }

    fn is_empty(scan: &Scan) -> bool {
        scan.is_empty()
    }

    fn only_deletes(scan: &Scan) -> bool {
        scan.deletes_only()
    }

    fn takes_away(state: &mut State, scan: &Scan, decoded: &Decoded) -> bool {
        let length = |run: Run| u64::from(run.end - run.start);
        let inserted: u64 = scan.inserts.iter().copied().map(length).sum();
        let deleted: u64 = state.undeleted(&decoded.said).map(length).sum();
        deleted > 0 && deleted >= inserted
    }

    fn memory(scan: &Scan) -> u64 {
        scan.growth()
    }

    fn keep(update: &mut Bytes, scan: &mut Scan) -> usize {
        update.len() + scan.beside()
    }

    fn work(state: &State, scan: &Scan) -> u64 {
        // yrs keeps a client's blocks in one array: each deleted range moves what is behind it, twice.
        let blocks = Applied::memory(state) / 8;
        u64::from(scan.deletes).saturating_mul(blocks).saturating_add(scan.decoded_size)
    }

    fn client(scan: &Scan) -> u64 {
        scan.inserts.first().map_or(0, |run| run.client)
    }

    fn judge(document: &Document<Self>, by: UserId, scan: &Scan) -> Verdict {
        match document.squats(by, scan) {
            Some(client) => Verdict::Foreign(client),
            None => Self::may_come(document, by, scan),
        }
    }

    fn may_come(document: &Document<Self>, by: UserId, scan: &Scan) -> Verdict {
        document.engine.accepted.judge(&document.state, by, scan)
    }

    fn decode(update: &Bytes, scan: &Scan) -> Option<Decoded> {
        let types = if scan.types == 0 {
            Vec::new()
        } else {
            guard::parents::parents(update).unwrap_or_default().types
        };
        Some(Decoded { said: Said::read(update, scan).ok()?, types })
    }

    fn has(state: &mut State, decoded: &Decoded) -> bool {
        state.has_deleted(&decoded.said)
    }

    fn leave_news(document: &mut Document<Self>, message: &mut Aside<Self>, decoded: &mut Decoded) {
        if message.update.len() < WORTH_CUTTING {
            return;
        }
        let durable = document.state.state_vector();
        let clock = |run: &Run| durable.get(&ClientID::new(run.client));
        let cut = if message.scan.inserts.iter().any(|run| run.start < clock(run)) {
            yrs::diff_updates_v1(&message.update, &durable.encode_v1()).map(Bytes::from)
        } else {
            Ok(message.update.clone())
        };
        let Ok(update) = cut else { return };
        let Some(mut scan) = Self::scan(&update) else { return };
        let Some(news) = Self::decode(&update, &scan) else { return };
        scan.deletes = document.state.not_deleted(&news.said);
        (*decoded, message.update, message.scan) = (news, update, scan);
    }

    fn may_compare(document: &mut Document<Self>, by: UserId, scan: &Scan) -> bool {
        if document.of_others(by, scan).next().is_none() {
            return true;
        }
        let bytes = Applied::memory(&document.state);
        document.engine.compared.may(by, bytes, document.now)
    }

    fn impostor(document: &Document<Self>, peer: PeerId) -> Option<u64> {
        let known = document.peers.get(&peer)?;
        let own = known.link.own?;
        let author = document.state.authors().get(&own)?;
        (*author != known.user).then_some(own)
    }

    fn contradicts(document: &Document<Self>, by: UserId, scan: &Scan, update: &[u8]) -> bool {
        let mut others = document.of_others(by, scan).peekable();
        if others.peek().is_none() {
            return false;
        }
        let there = document.state.after_runs(others);
        guard::same::differs(update, &there).unwrap_or(None).is_some()
    }

    fn misplaced(
        document: &mut Document<Self>,
        _: UserId,
        message: &Aside<Self>,
    ) -> Option<Refusal> {
        if message.scan.nested > 0 && !document.puts_into_types(&message.update) {
            return Some(Refusal::NoParent);
        }
        (!document.is_shallow(&message.scan, &message.update)).then_some(Refusal::TooDeep)
    }

    fn take(&mut self, state: &mut State, by: UserId, scan: &Scan, decoded: &Decoded) {
        self.accepted.take(state, by, scan, &decoded.types);
    }

    fn forget(&mut self, state: &mut State) {
        self.accepted = Accepted::from_state(state);
    }

    fn commit(document: &mut Document<Self>, updates: Vec<Waiting<Self>>, through: u64) -> Bytes {
        let alone = (updates.len() == 1).then(|| updates[0].data.clone());
        let mut starts = Vec::with_capacity(updates.len());
        let mut said = Vec::with_capacity(updates.len());
        for Waiting { by, scan, decoded: Decoded { said: one, types }, .. } in updates {
            starts.extend(scan.inserts.iter().map(|insert| (insert.client, insert.start)));
            document.state.count(&scan, by);
            document.engine.accepted.settle(&scan, &types);
            said.push(one);
        }
        document.state.commit(said, &starts, through, alone)
    }

    fn moved(_: &mut Document<Self>, _: Option<PeerId>, _: &mut Vec<Effect>) {}

    fn between(old: &mut State, new: &mut State) -> Bytes {
        new.beyond(old)
    }

    fn ask_for_missing(document: &mut Document<Self>, peer: PeerId, effects: &mut Vec<Effect>) {
        effects.push(Effect::Step1 { peer, vector: document.state.vector() });
    }

    fn is_fed(link: &Link) -> bool {
        link.is_fed()
    }

    fn lagging(document: &mut Document<Self>, peer: PeerId, lost: Lost) {
        document.lagging(peer, lost);
    }

    fn drained(document: &mut Document<Self>, peer: PeerId, effects: &mut Vec<Effect>) {
        document.drained(peer, effects);
    }

    fn view(state: &mut State) -> View<'_> {
        View::Yjs(state)
    }

    fn scan(update: &Bytes) -> Option<Scan> {
        guard::update_v1(update).ok()
    }
}

impl Document<Yjs> {
    /// What an update holds under client ids of others.
    fn of_others<'a>(&'a self, by: UserId, scan: &'a Scan) -> impl Iterator<Item = &'a Run> {
        let authors = self.state.authors();
        let another =
            move |run: &&Run| authors.get(&run.client).is_some_and(|author| *author != by);
        scan.inserts.iter().filter(another)
    }

    /// A client id that nobody has written under yet, and that awareness shows to be another's who may
    /// write: whoever took it first would keep its owner from writing.
    fn squats(&self, by: UserId, scan: &Scan) -> Option<u64> {
        let written = |client: u64| {
            self.state.authors().contains_key(&client)
                || self.engine.accepted.authors.contains_key(&client)
        };
        let unwritten = scan.inserts.iter().filter(|run| !written(run.client));
        let another = |client: u64| {
            let known = self.engine.awareness.as_ref().and_then(|known| known.person(client));
            known.is_some_and(|who| who.writes && who.user != by)
        };
        unwritten.map(|run| run.client).find(|client| another(*client))
    }

    /// Whether everything that items are put into is a type, here or in the update itself.
    fn puts_into_types(&mut self, update: &[u8]) -> bool {
        let Ok(Parents { types, named }) = guard::parents::parents(update) else { return false };
        let own: HashSet<Id> = types.into_iter().collect();
        let Self { engine: Yjs { accepted, .. }, state, .. } = self;
        named.into_iter().all(|id| {
            if id.clock < accepted.clock(id.client) {
                accepted.types.contains(&id) || state.is_type(id)
            } else {
                own.contains(&id)
            }
        })
    }

    /// Whether the document, with all that is on its way into it, stays within the nesting that the
    /// CRDT library can walk without overflowing its stack.
    fn is_shallow(&mut self, scan: &Scan, update: &Bytes) -> bool {
        let Self { state, waiting, flight, engine: Yjs { nesting, .. }, .. } = self;
        let everything = || {
            let flying = flight.iter().flat_map(|flight| flight.updates());
            let ahead = flying.chain(waiting.iter()).map(|waiting| waiting.data.clone());
            std::iter::once(state.full()).chain(ahead).collect::<Vec<_>>()
        };
        nesting.admit(scan, update, everything).unwrap_or(false)
    }

    fn hear(&mut self, now: Timestamp, peer: PeerId, update: &Bytes) {
        if let Some(known) = self.peers.get_mut(&peer) {
            let awareness = self.engine.awareness.get_or_insert_default();
            // A client begins with itself alone; ids that it repeats are somebody's already.
            if !std::mem::replace(&mut known.link.introduced, true) {
                let own = awareness::sole(update);
                known.link.own =
                    own.filter(|id| awareness.person(*id).is_none_or(|who| who.user == known.user));
            }
            let who = Who { user: known.user, writes: known.permission == Permission::Write };
            // What is no awareness update is dropped like what is not the connection's own.
            let _ = awareness.receive(now, peer.0, who, update);
        }
    }

    fn tell_awareness(&mut self, peer: PeerId, effects: &mut Vec<Effect>) {
        if let Some(update) = self.engine.awareness.as_mut().and_then(|known| known.full()) {
            effects.push(Effect::Awareness { to: Some(peer), update });
        }
    }
}
