//! How deep types live inside types, over a whole document.
//!
//! yrs deletes and collects a type by recursion over all that lives in it: measured with 0.28.1
//! on a stack of 2 MiB, a deletion of 10,000 nested elements aborts the process (3,000 do not),
//! and so do reading them as a string or as JSON at 3,000 (1,000 do not). Stock clients recurse
//! as well. No single update shows it, since each may hang one more level under the last. So a
//! document carries an upper bound that costs nothing to keep, and only when that bound reaches
//! the limit is the depth measured. Must not know yrs: it reads the same bytes as the guard.

use std::collections::{HashMap, VecDeque};

use super::{
    Malformed, Scan,
    block::{Block, Id, Kind, Parent, Section},
};
use crate::wire::lib0::Reader;

/// How deep types may live inside each other in one document. Tiptap takes three levels for a
/// list in a list.
pub const MAX_NESTING: u32 = 512;

/// A document's depth, or a little more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Nesting {
    bound: u32,
}

impl Nesting {
    /// The depth of a document with this state (an update, v1).
    pub fn of(state: &[u8]) -> Result<Self, Malformed> {
        Ok(Self { bound: depth(&[state])? })
    }

    /// Whether the document stays within [`MAX_NESTING`] with this update, which is counted in
    /// if it does. `everything` is asked for only when the bound is used up: the document's
    /// state, and the updates that are on their way into it.
    pub fn admit<B: AsRef<[u8]>>(
        &mut self,
        scan: &Scan,
        update: &[u8],
        everything: impl FnOnce() -> Vec<B>,
    ) -> Result<bool, Malformed> {
        if self.bound.saturating_add(scan.types) <= MAX_NESTING {
            self.bound += scan.types;
            return Ok(true);
        }
        // Most updates with many types put them beside each other.
        let own = depth(&[update])?;
        if self.bound.saturating_add(own) <= MAX_NESTING {
            self.bound += own;
            return Ok(true);
        }
        if own > MAX_NESTING {
            return Ok(false);
        }
        let everything = everything();
        let mut parts: Vec<&[u8]> = everything.iter().map(AsRef::as_ref).collect();
        parts.push(update);
        let measured = depth(&parts)?;
        if measured > MAX_NESTING {
            return Ok(false);
        }
        self.bound = measured;
        Ok(true)
    }
}

/// The depth of what these updates make together. What they name and do not hold counts as
/// lying at the root.
pub fn depth<B: AsRef<[u8]>>(updates: &[B]) -> Result<u32, Malformed> {
    let mut walk = Walk::default();
    for update in updates {
        let mut reader = Reader::new(update.as_ref());
        for _ in 0..reader.count(5)? {
            let section = Section::read(reader)?;
            let mut end = section.clone();
            while end.next()?.is_some() {}
            reader = end.reader;
            walk.client(section.client).sections.push_back(section);
        }
    }
    for client in &mut walk.clients {
        client.sections.make_contiguous().sort_by_key(|section| section.clock);
    }
    for first in 0..walk.clients.len() {
        walk.run(first)?;
    }
    Ok(walk.deepest)
}

/// Ticks of a client that live at one level: in as many types.
struct Ticks {
    start: u32,
    end: u32,
    level: u32,
}

#[derive(Default)]
struct Client<'a> {
    sections: VecDeque<Section<'a>>,
    /// A block that was read and waits for what it names.
    waiting: Option<(u32, Block)>,
    levels: Vec<Ticks>,
    is_running: bool,
}

impl Client<'_> {
    fn next(&mut self) -> Result<Option<(u32, Block)>, Malformed> {
        if let Some(block) = self.waiting.take() {
            return Ok(Some(block));
        }
        while let Some(section) = self.sections.front_mut() {
            if let Some(block) = section.next()? {
                return Ok(Some(block));
            }
            self.sections.pop_front();
        }
        Ok(None)
    }

    /// Whether everything up to this clock was walked, or will never come.
    fn is_past(&self, clock: u32) -> bool {
        let next = match (&self.waiting, self.sections.front()) {
            (Some((start, _)), _) => *start,
            (None, Some(section)) => section.clock,
            (None, None) => return true,
        };
        next > clock
    }

    fn level_of(&self, clock: u32) -> Option<u32> {
        let after = self.levels.partition_point(|level| level.start <= clock);
        let level = self.levels.get(after.checked_sub(1)?)?;
        (clock < level.end).then_some(level.level)
    }

    fn place(&mut self, start: u32, end: u32, level: u32) {
        let from = self.levels.last().map_or(start, |last| last.end.max(start));
        if from >= end {
            return;
        }
        match self.levels.last_mut() {
            Some(last) if last.end == from && last.level == level => last.end = end,
            _ => self.levels.push(Ticks { start: from, end, level }),
        }
    }
}

#[derive(Default)]
struct Walk<'a> {
    numbers: HashMap<u64, usize>,
    clients: Vec<Client<'a>>,
    deepest: u32,
}

impl<'a> Walk<'a> {
    fn client(&mut self, id: u64) -> &mut Client<'a> {
        let number = *self.numbers.entry(id).or_insert(self.clients.len());
        if number == self.clients.len() {
            self.clients.push(Client::default());
        }
        &mut self.clients[number]
    }

    /// Walks a client's blocks to their end. Where one names another client's block that was not
    /// walked yet, that client is walked first, as far as it is named.
    fn run(&mut self, first: usize) -> Result<(), Malformed> {
        let mut stack = vec![(first, u32::MAX)];
        self.clients[first].is_running = true;
        while let Some(&(number, until)) = stack.last() {
            let next = if self.clients[number].is_past(until) {
                None
            } else {
                self.clients[number].next()?
            };
            let Some((start, block)) = next else {
                self.clients[number].is_running = false;
                stack.pop();
                continue;
            };
            if let Some(named) = self.unwalked(&block) {
                self.clients[number].waiting = Some((start, block));
                self.clients[named.0].is_running = true;
                stack.push(named);
                continue;
            }
            self.walk(number, start, &block);
        }
        Ok(())
    }

    /// What a block names and has to be walked before it. What names each other in a circle
    /// never becomes part of a document.
    fn unwalked(&self, block: &Block) -> Option<(usize, u32)> {
        named(&block.kind).find_map(|id| {
            let number = *self.numbers.get(&id.client)?;
            let client = &self.clients[number];
            (!client.is_running && !client.is_past(id.clock)).then_some((number, id.clock))
        })
    }

    fn walk(&mut self, number: usize, start: u32, block: &Block) {
        let level = match block.kind {
            Kind::Skip => return,
            Kind::Gc | Kind::Item { parent: Parent::Root, .. } => 0,
            Kind::Item { parent: Parent::Item(id), .. } => self.level_of(id).saturating_add(1),
            Kind::Item { .. } => {
                named(&block.kind).map(|id| self.level_of(id)).max().unwrap_or_default()
            }
        };
        if let Kind::Item { is_type: true, .. } = block.kind {
            self.deepest = self.deepest.max(level.saturating_add(1));
        }
        let end = start.saturating_add(block.length);
        self.clients[number].place(start, end, level);
    }

    fn level_of(&self, id: Id) -> u32 {
        let client = self.numbers.get(&id.client).and_then(|&number| self.clients.get(number));
        client.and_then(|client| client.level_of(id.clock)).unwrap_or_default()
    }
}

/// What a block names.
fn named(kind: &Kind) -> impl Iterator<Item = Id> + use<> {
    let named = match *kind {
        Kind::Item { origin, right_origin, parent, .. } => {
            let parent = if let Parent::Item(id) = parent { Some(id) } else { None };
            [origin, right_origin, parent]
        }
        Kind::Gc | Kind::Skip => [None; 3],
    };
    named.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use proptest::prelude::*;
    use yrs::{
        ReadTxn, StateVector, Transact, Update, WriteTxn, XmlElementPrelim, XmlElementRef,
        XmlFragment, XmlOut, XmlTextPrelim, updates::decoder::Decode,
    };

    use super::*;
    use crate::{guard::update_v1, text::new_doc, wire::lib0::Lib0Write};

    /// Elements `from..to` of client 5, each living in the one before it.
    fn chain(from: u64, to: u64) -> Vec<u8> {
        let mut bytes = BytesMut::new();
        for value in [1, to - from, 5, from] {
            bytes.put_var_uint(value);
        }
        for clock in from..to {
            bytes.put_var_uint(7);
            if clock == 0 {
                bytes.put_var_uint(1);
                bytes.put_var_string("default");
            } else {
                for value in [0, 5, clock - 1] {
                    bytes.put_var_uint(value);
                }
            }
            bytes.put_var_uint(3);
            bytes.put_var_string("p");
        }
        bytes.put_var_uint(0);
        bytes.to_vec()
    }

    fn none() -> Vec<Vec<u8>> {
        panic!("not asked for")
    }

    #[test]
    fn a_chain_is_as_deep_as_it_is_long_however_it_is_cut() {
        assert_eq!(depth(&[chain(0, 100_000)]), Ok(100_000));
        assert_eq!(depth(&[chain(40, 60), chain(0, 40), chain(60, 61), chain(30, 50)]), Ok(61));
        assert_eq!(depth::<Vec<u8>>(&[]), Ok(0));
    }

    #[test]
    fn a_chain_that_grows_update_by_update_is_stopped() {
        let mut nesting = Nesting::default();
        let mut held: Vec<Vec<u8>> = Vec::new();
        for from in (0..700).step_by(7) {
            let update = chain(from, from + 7);
            let scan = update_v1(&update).unwrap();
            if !nesting.admit(&scan, &update, || held.clone()).unwrap() {
                break;
            }
            held.push(update);
        }
        let depth = depth(&held).unwrap();
        assert!(depth <= MAX_NESTING && depth > MAX_NESTING - 7, "{depth}");
    }

    #[test]
    fn wide_documents_are_measured_seldom_and_never_refused() {
        let doc = new_doc(1);
        let mut nesting = Nesting::default();
        let mut measured = 0;
        for _ in 0..3_000 {
            let mut txn = doc.transact_mut();
            let fragment = txn.get_or_insert_xml_fragment("default");
            let paragraph = fragment.push_back(&mut txn, XmlElementPrelim::empty("paragraph"));
            paragraph.push_back(&mut txn, XmlTextPrelim::new("a"));
            let update = txn.encode_update_v1();
            drop(txn);
            let scan = update_v1(&update).unwrap();
            let state = || {
                measured += 1;
                vec![doc.transact().encode_state_as_update_v1(&StateVector::default())]
            };
            assert!(nesting.admit(&scan, &update, state).unwrap());
        }
        assert!(measured <= 12, "{measured}");
        let state = doc.transact().encode_state_as_update_v1(&StateVector::default());
        assert_eq!(Nesting::of(&state), Ok(Nesting { bound: 2 }));
        // The same page at once, into an empty document: wide, not deep.
        let scan = update_v1(&state).unwrap();
        assert_eq!(Nesting::default().admit(&scan, &state, none), Ok(true));
    }

    #[test]
    fn two_people_taking_turns_are_followed() {
        // Each element lives in the other person's last one: neither can be walked to its end
        // before the other.
        let (ada, ben) = (new_doc(1), new_doc(2));
        let mut updates = Vec::new();
        for turn in 0..40 {
            let (from, to) = if turn % 2 == 0 { (&ada, &ben) } else { (&ben, &ada) };
            let mut txn = from.transact_mut();
            let fragment = txn.get_or_insert_xml_fragment("default");
            match innermost(&fragment, &txn) {
                Some(inner) => inner.push_back(&mut txn, XmlElementPrelim::empty("p")),
                None => fragment.push_back(&mut txn, XmlElementPrelim::empty("p")),
            };
            let update = txn.encode_update_v1();
            drop(txn);
            to.transact_mut().apply_update(Update::decode_v1(&update).unwrap()).unwrap();
            updates.push(update);
        }
        let state = ada.transact().encode_state_as_update_v1(&StateVector::default());
        assert_eq!(depth(&[state]), Ok(40));
        updates.reverse();
        assert_eq!(depth(&updates), Ok(40));
    }

    fn innermost<T: ReadTxn>(fragment: &impl XmlFragment, txn: &T) -> Option<XmlElementRef> {
        let mut inner = fragment.children(txn).last().and_then(XmlOut::into_xml_element)?;
        while let Some(next) = inner.children(txn).last().and_then(XmlOut::into_xml_element) {
            inner = next;
        }
        Some(inner)
    }

    #[test]
    fn circles_and_strangers_come_to_an_end() {
        // Ada's element lives in Ben's and Ben's in Ada's.
        let circle = [2, 1, 6, 0, 7, 0, 5, 0, 2, 1, 5, 0, 7, 0, 6, 0, 2, 0];
        assert!(update_v1(&circle).is_ok());
        assert!(depth(&[circle]).unwrap() <= 3);
        assert_eq!(depth(&[chain(5, 9)]), Ok(5), "what is not there lies at the root");
    }

    proptest! {
        #[test]
        fn nothing_that_the_guard_accepts_stops_it(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4)
        ) {
            let mut bytes = [&chain(0, 9)[..]].concat();
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if let Ok(scan) = update_v1(&bytes) {
                prop_assert!(depth(&[&bytes, &bytes]).unwrap() <= scan.types + 1);
            }
        }
    }
}
