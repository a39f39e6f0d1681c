//! Which changes stand on which, kept as chains: a change goes on with the chain whose end it stands on, so
//! that one who types for a year is one chain, and what lies between two changes is seen without a walk
//! over everything. What a client may make longer than that is counted. Must not know what a change says.

use std::cell::Cell;

use foldhash::{HashMap, HashMapExt};
use smallvec::SmallVec;

use super::graph::Place;

/// Where a change is: in which chain, and the how-manieth there.
#[derive(Debug, Clone, Copy)]
struct Link {
    chain: u32,
    index: u32,
}

/// A change of a chain that stands on one of another.
#[derive(Debug)]
struct Side {
    index: u32,
    /// The change of the chain.
    place: Place,
    /// What it stands on besides.
    dep: Place,
}

#[derive(Debug, Default)]
struct Chain {
    length: u32,
    sides: Vec<Side>,
}

/// The chains of a document's changes, which are added in an order in which each comes after what it
/// stands on, and taken away from the end.
#[derive(Default)]
pub(super) struct Chains {
    links: Vec<Link>,
    all: Vec<Chain>,
    steps: Cell<u64>,
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

impl Chains {
    /// The next change stands on these.
    pub(super) fn push(&mut self, deps: &[Place]) {
        let place = number(self.links.len());
        let is_end = |dep: &&Place| {
            let Link { chain, index } = self.links[**dep as usize];
            self.all[chain as usize].length == index + 1
        };
        let before = deps.iter().filter(is_end).max().copied();
        let link = if let Some(before) = before {
            let Link { chain, index } = self.links[before as usize];
            Link { chain, index: index + 1 }
        } else {
            self.all.push(Chain::default());
            Link { chain: number(self.all.len() - 1), index: 0 }
        };
        let chain = &mut self.all[link.chain as usize];
        chain.length += 1;
        let others = deps.iter().filter(|dep| Some(**dep) != before);
        chain.sides.extend(others.map(|dep| Side { index: link.index, place, dep: *dep }));
        self.links.push(link);
    }

    /// The last change is taken away.
    pub(super) fn pop(&mut self) {
        let Some(link) = self.links.pop() else { return };
        let chain = &mut self.all[link.chain as usize];
        chain.length -= 1;
        chain.sides.retain(|side| side.index < chain.length);
        if chain.length == 0 {
            self.all.pop(); // the last that was begun
        }
    }

    /// Whether a change is among these, or they stand on it. What stands on all before it says so.
    pub(super) fn is_past(
        &self,
        deps: &[Place],
        at: Place,
        floor: impl Fn(Place) -> Place,
    ) -> bool {
        let sought = self.links[at as usize];
        let mut next: SmallVec<[Place; 8]> = deps.iter().copied().collect();
        // How much of each chain has been looked at.
        let mut seen: HashMap<u32, u32> = HashMap::new();
        while let Some(place) = next.pop() {
            self.steps.set(self.steps.get() + 1);
            let Link { chain, index } = self.links[place as usize];
            if at < floor(place) || (chain == sought.chain && index >= sought.index) {
                return true;
            }
            let seen = seen.entry(chain).or_default();
            if place < at || index < *seen {
                continue; // what comes before it does not stand on it
            }
            let sides = &self.all[chain as usize].sides;
            let sides = &sides[..sides.partition_point(|side| side.index <= index)];
            let fresh =
                sides.iter().rev().take_while(|side| side.index >= *seen && side.place > at);
            for side in fresh {
                self.steps.set(self.steps.get() + 1);
                next.push(side.dep);
            }
            *seen = index + 1;
        }
        false
    }

    /// How many steps were taken since this was last asked.
    pub(super) fn take_steps(&self) -> u64 {
        self.steps.take()
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[test]
    fn one_who_types_is_one_chain() {
        let mut chains = Chains::default();
        chains.push(&[]);
        chains.push(&[0]); // beside all that follows
        chains.push(&[0]);
        for place in 2..10_000 {
            chains.push(&[place]);
        }
        assert!(!chains.is_past(&[10_000], 1, |_| 0));
        assert!(chains.is_past(&[10_000], 3, |_| 0));
        assert!(chains.take_steps() < 10);
    }

    /// Changes that stand on some of the last ones; nothing takes the last away.
    fn script() -> impl Strategy<Value = Vec<Option<Vec<u32>>>> {
        let adds = vec(0..6_u32, 0..4).prop_map(Some);
        vec(prop_oneof![4 => adds, 1 => Just(None)], 1..60)
    }

    proptest! {
        #[test]
        fn what_is_past_is_what_a_walk_finds(script in script(), asked in vec(0..40_u32, 1..3)) {
            let mut chains = Chains::default();
            let mut all: Vec<Vec<Place>> = Vec::new();
            for step in script {
                let place = number(all.len());
                if let Some(back) = step {
                    let mut deps: Vec<Place> =
                        back.iter().filter_map(|back| place.checked_sub(back + 1)).collect();
                    deps.sort_unstable();
                    deps.dedup();
                    chains.push(&deps);
                    all.push(deps);
                } else {
                    chains.pop();
                    all.pop();
                }
            }
            let is_there = |place: &Place| (*place as usize) < all.len();
            let asked: Vec<Place> = asked.into_iter().filter(is_there).collect();
            for at in 0..number(all.len()) {
                let mut next = asked.clone();
                let mut found = false;
                while let Some(place) = next.pop() {
                    found |= place == at;
                    next.extend(&all[place as usize]);
                }
                prop_assert_eq!(chains.is_past(&asked, at, |_| 0), found, "{} of {:?}", at, all);
            }
        }
    }
}
