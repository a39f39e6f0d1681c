//! The columns of a change's operations: run-length encoded, so that a count may claim any number of
//! them. Runs are counted first; only then are operations read, one at a time.

use std::ops::Range;

use bytes::Bytes;
use smallvec::SmallVec;

use super::{MAX_KEYS, MAX_OPS, MAX_PREDS, Malformed, Reader};

mod canonical;

const DEFLATED: u32 = 0b1000;
/// Columns of a document or a change: both have fewer.
const MAX_COLUMNS: usize = 32;

/// The columns that automerge 0.12 writes, in order: their number and type.
const SPECS: [u32; 14] =
    [0x01, 0x02, 0x11, 0x13, 0x15, 0x34, 0x42, 0x56, 0x57, 0x70, 0x71, 0x73, 0x94, 0xa5];
const OBJECT_ACTOR: usize = 0;
const OBJECT_COUNTER: usize = 1;
const KEY_ACTOR: usize = 2;
const KEY_COUNTER: usize = 3;
const KEY_TEXT: usize = 4;
const INSERT: usize = 5;
const ACTION: usize = 6;
const VALUE_META: usize = 7;
const VALUE: usize = 8;
const PRED_COUNT: usize = 9;
const PRED_ACTOR: usize = 10;
const PRED_COUNTER: usize = 11;
const EXPAND: usize = 12;
const MARK_NAME: usize = 13;

/// An operation's name: its actor, by the number in the change, and its counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpId {
    /// Which of [`super::Scan::actors`].
    pub actor: usize,
    /// Its counter.
    pub counter: u32,
}

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Sets a value.
    Put,
    /// Makes a map.
    MakeMap,
    /// Makes a list.
    MakeList,
    /// Makes a text.
    MakeText,
    /// Deletes what it names.
    Delete,
    /// Adds to a counter.
    Increment,
    /// Begins or ends a mark.
    Mark,
}

/// What of its object an operation is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpKey<'a> {
    /// A key of a map.
    Text(&'a str),
    /// The beginning of a sequence.
    Head,
    /// An element of a sequence.
    Element(OpId),
}

/// One operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Op<'a> {
    /// The object; `None` is the root.
    pub object: Option<OpId>,
    /// Where in it.
    pub key: OpKey<'a>,
    /// Whether it makes a new element.
    pub insert: bool,
    /// What it does.
    pub action: Action,
    /// The operations that it replaces.
    pub preds: SmallVec<[OpId; 1]>,
}

/// What there is of a change's operations.
pub(super) struct Counted {
    pub(super) ops: u32,
    pub(super) deletes: u32,
    pub(super) preds: u32,
    pub(super) has_marks: bool,
}

/// Where a change's columns are in its chunk.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    ranges: [Range<u32>; SPECS.len()],
    actors: usize,
    /// One is named that holds nothing.
    has_empty: bool,
}

/// A column's spec, and its length.
pub(super) type Spec = (u32, usize);

pub(super) fn is_deflated(spec: u32) -> bool {
    spec & DEFLATED != 0
}

/// Which columns follow, and how long they are.
pub(super) fn specs(reader: &mut Reader<'_>) -> Result<SmallVec<[Spec; 14]>, Malformed> {
    let count = reader.count(2)?;
    if count > MAX_COLUMNS {
        return Err(Malformed::Count);
    }
    let mut specs: SmallVec<[Spec; 14]> = SmallVec::with_capacity(count);
    for _ in 0..count {
        let spec = reader.var_u31()?;
        if specs.last().is_some_and(|last| last.0 & !DEFLATED >= spec & !DEFLATED) {
            return Err(Malformed::Order);
        }
        specs.push((spec, reader.var_u31()? as usize));
    }
    Ok(specs)
}

/// A signed LEB128 number, in its shortest spelling.
pub(super) fn signed(reader: &mut Reader<'_>) -> Result<i64, Malformed> {
    let (mut value, mut shift, mut before) = (0_i64, 0, None);
    loop {
        let byte = reader.byte()?;
        if before.is_some_and(|before: u8| byte == if before & 0x40 == 0 { 0 } else { 0x7f }) {
            return Err(Malformed::Integer); // the sign was said
        }
        before = Some(byte);
        value |= i64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            return Ok(if byte & 0x40 != 0 && shift < 64 { value | -1 << shift } else { value });
        }
        if shift > 56 {
            return Err(Malformed::Integer);
        }
    }
}

/// A column of runs: the values in order, `None` where there is none.
#[derive(Clone)]
struct Runs<'a, V> {
    reader: Reader<'a>,
    left: u64,
    literal: bool,
    value: Option<V>,
}

/// What a run repeats.
trait Value<'a>: Copy {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed>;
}

impl Value<'_> for u64 {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.var_uint()
    }
}

impl Value<'_> for i64 {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        signed(reader)
    }
}

impl<'a> Value<'a> for &'a str {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        reader.string()
    }
}

impl<'a, V: Value<'a>> Runs<'a, V> {
    fn of(column: &'a [u8]) -> Self {
        Self { reader: Reader::new(column), left: 0, literal: false, value: None }
    }

    /// Begins the next run; `false` at the end.
    fn begin(&mut self) -> Result<bool, Malformed> {
        if self.reader.remaining() == 0 {
            self.value = None;
            return Ok(false);
        }
        let count = signed(&mut self.reader)?;
        self.literal = count < 0;
        self.left = count.unsigned_abs();
        self.value = None;
        if count == 0 {
            self.left = self.reader.var_uint()?;
        } else if count > 0 {
            self.value = Some(V::read(&mut self.reader)?);
        }
        if self.left == 0 { Err(Malformed::Count) } else { Ok(true) }
    }

    fn next(&mut self) -> Result<Option<V>, Malformed> {
        if self.left == 0 && !self.begin()? {
            return Ok(None);
        }
        self.left -= 1;
        if self.literal { V::read(&mut self.reader).map(Some) } else { Ok(self.value) }
    }

    /// How many values there are, each run's looked at once.
    fn count(mut self, mut each: impl FnMut(V, u64)) -> Result<u64, Malformed> {
        let mut count = 0;
        while self.begin()? {
            count += self.left;
            if count > u64::from(MAX_OPS) {
                return Err(Malformed::Count);
            }
            if self.literal {
                for _ in 0..self.left {
                    each(V::read(&mut self.reader)?, 1);
                }
            } else if let Some(value) = self.value {
                each(value, self.left);
            }
        }
        Ok(count)
    }
}

/// A column of differences, each to the value before.
#[derive(Clone)]
struct Deltas<'a> {
    runs: Runs<'a, i64>,
    at: i64,
}

impl<'a> Deltas<'a> {
    fn of(column: &'a [u8]) -> Self {
        Self { runs: Runs::of(column), at: 0 }
    }

    fn next(&mut self) -> Result<Option<u32>, Malformed> {
        let Some(step) = self.runs.next()? else { return Ok(None) };
        self.at = self.at.checked_add(step).ok_or(Malformed::Integer)?;
        u32::try_from(self.at).map(Some).map_err(|_| Malformed::Integer)
    }
}

/// A column of yes and no, in turns, no first.
#[derive(Clone)]
struct Flags<'a> {
    reader: Reader<'a>,
    left: u64,
    value: bool,
}

impl<'a> Flags<'a> {
    fn of(column: &'a [u8]) -> Self {
        Self { reader: Reader::new(column), left: 0, value: true }
    }

    fn next(&mut self) -> Result<bool, Malformed> {
        while self.left == 0 {
            if self.reader.remaining() == 0 {
                return Ok(false);
            }
            self.left = self.reader.var_uint()?;
            self.value = !self.value;
        }
        self.left -= 1;
        Ok(self.value)
    }

    fn count(mut self) -> Result<u64, Malformed> {
        let mut count = 0_u64;
        while self.reader.remaining() > 0 {
            count += self.reader.var_uint()?;
            if count > u64::from(MAX_OPS) {
                return Err(Malformed::Count);
            }
        }
        Ok(count)
    }
}

impl Columns {
    /// Reads which columns there are; they follow at once.
    pub(super) fn parse(
        reader: &mut Reader<'_>,
        end: usize,
        actors: usize,
    ) -> Result<Self, Malformed> {
        let specs = specs(reader)?;
        let mut ranges = std::array::from_fn(|_| 0..0);
        let has_empty = specs.iter().any(|(_, length)| *length == 0);
        for (spec, length) in specs {
            let at = SPECS.iter().position(|known| *known == spec).ok_or(Malformed::Kind)?;
            let start = end - reader.remaining();
            reader.take(length)?;
            let place = |at: usize| u32::try_from(at).map_err(|_| Malformed::Size);
            ranges[at] = place(start)?..place(start + length)?;
        }
        Ok(Self { ranges, actors, has_empty })
    }

    fn column<'a>(&self, plain: &'a [u8], at: usize) -> &'a [u8] {
        &plain[self.ranges[at].start as usize..self.ranges[at].end as usize]
    }

    /// How many operations there are, and of which kinds. No column claims more.
    pub(super) fn check(&self, plain: &Bytes) -> Result<Counted, Malformed> {
        let (mut deletes, mut has_marks) = (0_u64, false);
        let mut unknown = false;
        let ops = Runs::<u64>::of(self.column(plain, ACTION)).count(|action, times| {
            deletes += if action == 3 { times } else { 0 };
            has_marks |= action == 7;
            unknown |= action > 7;
        })?;
        if unknown {
            return Err(Malformed::Kind);
        }
        let (mut preds, mut most, mut keys) = (0_u64, 0, 0);
        for (at, spec) in SPECS.iter().enumerate() {
            let column = self.column(plain, at);
            match spec & 0b111 {
                1 => {
                    let mut foreign = false;
                    let named = |actor, _| foreign |= actor >= self.actors as u64;
                    Runs::<u64>::of(column).count(named)?;
                    if foreign {
                        return Err(Malformed::Integer);
                    }
                }
                3 => drop(Runs::<i64>::of(column).count(|_, _| {})?),
                4 => drop(Flags::of(column).count()?),
                5 => {
                    let each = |text: &str, times| keys += text.len() as u64 * times;
                    Runs::<&str>::of(column).count(each)?;
                }
                7 => {}
                _ => {
                    Runs::<u64>::of(column).count(|value, times| {
                        if at == PRED_COUNT {
                            preds = preds.saturating_add(value.saturating_mul(times));
                            most = most.max(value);
                        }
                    })?;
                }
            }
        }
        if preds > u64::from(MAX_OPS) || most > MAX_PREDS || keys > MAX_KEYS {
            return Err(Malformed::Count);
        }
        let count = |count: u64| u32::try_from(count).map_err(|_| Malformed::Count);
        let (ops, deletes, preds) = (count(ops)?, count(deletes)?, count(preds)?);
        Ok(Counted { ops, deletes, preds, has_marks })
    }

    /// Whether the library would write them so.
    pub(super) fn are_canonical(&self, plain: &[u8], ops: u32, preds: u32) -> bool {
        !self.has_empty && canonical::check(self, plain, ops.into(), preds.into()).is_some()
    }

    pub(super) fn ops<'a>(&self, plain: &'a [u8]) -> Ops<'a> {
        let column = |at| self.column(plain, at);
        Ops {
            object: (Runs::of(column(OBJECT_ACTOR)), Runs::of(column(OBJECT_COUNTER))),
            key: (Runs::of(column(KEY_ACTOR)), Deltas::of(column(KEY_COUNTER))),
            text: Runs::of(column(KEY_TEXT)),
            insert: Flags::of(column(INSERT)),
            action: Runs::of(column(ACTION)),
            pred_count: Runs::of(column(PRED_COUNT)),
            pred: (Runs::of(column(PRED_ACTOR)), Deltas::of(column(PRED_COUNTER))),
        }
    }
}

/// Reads operations one after the other.
#[derive(Clone)]
pub struct Ops<'a> {
    object: (Runs<'a, u64>, Runs<'a, u64>),
    key: (Runs<'a, u64>, Deltas<'a>),
    text: Runs<'a, &'a str>,
    insert: Flags<'a>,
    action: Runs<'a, u64>,
    pred_count: Runs<'a, u64>,
    pred: (Runs<'a, u64>, Deltas<'a>),
}

fn op_id(actor: u64, counter: u64) -> Result<OpId, Malformed> {
    let actor = usize::try_from(actor).map_err(|_| Malformed::Integer)?;
    Ok(OpId { actor, counter: u32::try_from(counter).map_err(|_| Malformed::Integer)? })
}

impl<'a> Ops<'a> {
    fn read(&mut self, action: u64) -> Result<Op<'a>, Malformed> {
        let action = match action {
            0 => Action::MakeMap,
            1 => Action::Put,
            2 => Action::MakeList,
            3 => Action::Delete,
            4 => Action::MakeText,
            5 => Action::Increment,
            7 => Action::Mark,
            // Nobody makes tables (6); automerge 0.12 panics at what is put into one.
            _ => return Err(Malformed::Kind),
        };
        let object = match (self.object.0.next()?, self.object.1.next()?) {
            (None, None) => None,
            (Some(actor), Some(counter)) if counter > 0 => Some(op_id(actor, counter)?),
            _ => return Err(Malformed::Kind),
        };
        let key = match (self.key.0.next()?, self.key.1.next()?, self.text.next()?) {
            (None, None, Some(text)) => OpKey::Text(text),
            (None, Some(0), None) => OpKey::Head,
            (Some(actor), Some(counter), None) if counter > 0 => {
                OpKey::Element(op_id(actor, u64::from(counter))?)
            }
            _ => return Err(Malformed::Kind),
        };
        let mut preds = SmallVec::new();
        for _ in 0..self.pred_count.next()?.unwrap_or(0) {
            match (self.pred.0.next()?, self.pred.1.next()?) {
                (Some(actor), Some(counter)) => preds.push(op_id(actor, u64::from(counter))?),
                _ => return Err(Malformed::Kind),
            }
        }
        Ok(Op { object, key, insert: self.insert.next()?, action, preds })
    }
}

impl<'a> Iterator for Ops<'a> {
    type Item = Result<Op<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.action.next() {
            Ok(None) => None,
            Ok(Some(action)) => Some(self.read(action)),
            Err(malformed) => Some(Err(malformed)),
        }
    }
}
