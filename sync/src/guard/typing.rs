//! The two updates that typing is made of, read without decoding: one text beside a neighbour, or
//! ranges deleted. Must not know any document.

use bytes::Bytes;
use smallvec::SmallVec;

use super::{
    Id, Run, Scan,
    block::{HAS_ORIGIN, HAS_RIGHT_ORIGIN},
    content,
};
use crate::wire::lib0::{Malformed, Reader};

/// Longer updates are no typing.
const LONGEST: usize = 1024;
/// Nor do more ranges come of one keystroke.
const MOST_RANGES: u32 = 8;

/// Ranges of clocks.
pub type Ranges = SmallVec<[Run; 1]>;

/// A text that is put beside a neighbour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Typed {
    /// Its clocks.
    pub run: Run,
    /// What it was put after.
    pub origin: Option<Id>,
    /// What it was put before.
    pub right_origin: Option<Id>,
    /// UTF-8.
    pub text: Bytes,
}

impl Typed {
    /// The byte that an item like this begins with.
    pub fn info(&self) -> u8 {
        let origin = if self.origin.is_some() { HAS_ORIGIN } else { 0 };
        let right = if self.right_origin.is_some() { HAS_RIGHT_ORIGIN } else { 0 };
        origin | right | content::STRING
    }
}

/// What one keystroke says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stroke {
    /// Text.
    Typed(Typed),
    /// Deleted ranges.
    Erased(Ranges),
}

/// Reads an update that [`super::update_v1`] has passed as a keystroke, if it is one.
pub fn stroke(update: &Bytes, scan: &Scan) -> Option<Stroke> {
    if update.len() > LONGEST || scan.types > 0 || scan.nested > 0 {
        return None;
    }
    match scan.inserts.as_slice() {
        [run] if scan.deletes == 0 => typed(update, *run).ok().flatten().map(Stroke::Typed),
        [] if (1..=MOST_RANGES).contains(&scan.deletes) => {
            erased(update).ok().flatten().map(Stroke::Erased)
        }
        _ => None,
    }
}

fn typed(update: &Bytes, run: Run) -> Result<Option<Typed>, Malformed> {
    let mut reader = Reader::new(update);
    let (sections, blocks) = (reader.byte()?, reader.byte()?);
    let _client_and_clock = (reader.var_uint()?, reader.var_u31()?);
    let info = reader.byte()?;
    let neighbours = info & (HAS_ORIGIN | HAS_RIGHT_ORIGIN);
    if sections != 1 || blocks != 1 || neighbours == 0 || info != neighbours | content::STRING {
        return Ok(None);
    }
    let mut neighbour = |flag| -> Result<Option<Id>, Malformed> {
        let is_there = info & flag != 0;
        is_there
            .then(|| Ok(Id { client: reader.var_uint()?, clock: reader.var_u31()? }))
            .transpose()
    };
    let (origin, right_origin) = (neighbour(HAS_ORIGIN)?, neighbour(HAS_RIGHT_ORIGIN)?);
    let text = update.slice_ref(reader.bytes()?);
    if reader.byte()? != 0 {
        return Ok(None);
    }
    reader.finish()?;
    Ok(Some(Typed { run, origin, right_origin, text }))
}

fn erased(update: &[u8]) -> Result<Option<Ranges>, Malformed> {
    let mut reader = Reader::new(update);
    // Sections that insert nothing are made of gaps.
    if reader.byte()? != 0 {
        return Ok(None);
    }
    let mut ranges = Ranges::new();
    for _ in 0..reader.count(2)? {
        let client = reader.var_uint()?;
        for _ in 0..reader.count(2)? {
            let (start, length) = (reader.var_u31()?, reader.var_u31()?);
            ranges.push(Run { client, start, end: start + length });
        }
    }
    reader.finish()?;
    Ok(Some(ranges))
}
