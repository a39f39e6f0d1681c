//! What people at one document know together while a load plays, and what each of them saw. Knows no
//! socket and no framing.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    ops::Range,
    rc::Rc,
};

use anyhow::Result;
use bytes::Bytes;
use tokio::sync::Notify;
use yrs::{ClientID, Update, updates::decoder::Decode};

use crate::{clock::Since, typing::Script};

/// Counts acknowledgements at all documents of a run, and says when there are enough.
pub(crate) struct Acks {
    count: Cell<u64>,
    enough: u64,
    reached: Notify,
}

impl Acks {
    pub(crate) fn until(enough: u64) -> Rc<Self> {
        Rc::new(Self { count: Cell::new(0), enough, reached: Notify::new() })
    }

    pub(crate) fn add(&self, more: u64) {
        self.count.set(self.count.get() + more);
        if self.count.get() >= self.enough {
            self.reached.notify_one();
        }
    }

    pub(crate) async fn reached(&self) {
        self.reached.notified().await;
    }
}

/// Which writers a frame carries, from which clock up to which.
pub(crate) type Moves = Rc<[(usize, Range<u32>)]>;

/// What the people at one document know together: when each edit left.
pub(crate) struct Board {
    pub(crate) since: Since,
    pub(crate) places: HashMap<ClientID, usize>,
    /// `left[writer][clock]`, in nanoseconds; 0 is "not yet".
    pub(crate) left: Vec<Vec<Cell<u64>>>,
    /// All acknowledgements at all documents of this run.
    pub(crate) acks: Rc<Acks>,
    /// The last frame that was read and what it moved: a frame is the same bytes for everybody.
    read: RefCell<(Bytes, Moves)>,
}

impl Board {
    pub(crate) fn new(writers: &[Rc<Script>], acks: Rc<Acks>) -> Rc<Self> {
        let blank = |s: &Rc<Script>| vec![Cell::new(0); s.last_clock() as usize + 1];
        Rc::new(Self {
            since: Since::now(),
            places: writers.iter().enumerate().map(|(place, s)| (s.client, place)).collect(),
            left: writers.iter().map(blank).collect(),
            acks,
            read: RefCell::new((Bytes::new(), Rc::from([]))),
        })
    }

    /// What a frame carries of the writers.
    pub(crate) fn moved(&self, frame: &Bytes, update: &[u8]) -> Result<Moves> {
        let mut read = self.read.borrow_mut();
        if read.0 != frame {
            let carried = Update::decode_v1(update)?.insertions(true);
            let mut moves = Vec::new();
            for (client, ranges) in carried.iter() {
                let Some(place) = self.places.get(client) else { continue };
                moves.extend(ranges.iter().map(|range| (*place, range.clone())));
            }
            *read = (frame.clone(), moves.into());
        }
        Ok(read.1.clone())
    }
}

/// What one person saw.
#[derive(Default)]
pub(crate) struct Tally {
    /// Edits of others that arrived.
    pub(crate) deliveries: u64,
    /// The own clock up to which edits are acknowledged.
    pub(crate) acked: u32,
    /// Microseconds from an edit's leaving to its arrival at this person.
    pub(crate) arrival: Vec<u32>,
    /// Microseconds from an own edit's leaving to its acknowledgement.
    pub(crate) saved: Vec<u32>,
}
