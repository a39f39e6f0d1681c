//! Whether columns are written as automerge 0.12 writes them. Who loads a document writes each change of it
//! anew, and takes another spelling for damage; to let the library write one to see takes 300 bytes of memory
//! for each operation, of which a few bytes hold millions. So large changes are looked at run by run here.
//!
//! What no client of ours writes is refused with what none can write.

use super::{
    ACTION, Columns, EXPAND, Flags, INSERT, KEY_ACTOR, KEY_COUNTER, KEY_TEXT, MARK_NAME,
    OBJECT_ACTOR, OBJECT_COUNTER, PRED_ACTOR, PRED_COUNT, PRED_COUNTER, Reader, Runs, VALUE,
    VALUE_META, Value, signed,
};

/// The actions that have values of their own.
const PUT: u64 = 1;
const INCREMENT: u64 = 5;
const MARK: u64 = 7;

/// The run before.
enum Last<V> {
    Nothing,
    Nulls,
    Run(V),
    Literal(V),
}

impl<V: PartialEq> Last<V> {
    fn is(&self, value: &V) -> bool {
        matches!(self, Self::Run(last) | Self::Literal(last) if last == value)
    }
}

/// How many values a column has, and how often it says that there is none.
struct Seen {
    values: u64,
    nulls: u64,
}

impl Seen {
    /// A column with something in every row.
    fn fills(&self, rows: u64) -> Option<()> {
        (self.nulls == 0 && self.values == rows).then_some(())
    }

    /// A column that is left away when it has nothing in any row.
    fn fits(&self, rows: u64) -> Option<()> {
        let is_there = self.values > 0 && self.values + self.nulls == rows;
        (is_there || self.values + self.nulls == 0).then_some(())
    }
}

/// Reads a column of runs: equal values are one run, and others that follow one another one literal run.
fn runs<'a, V>(column: &'a [u8], mut each: impl FnMut(V)) -> Option<Seen>
where
    V: Value<'a> + PartialEq,
{
    let mut reader = Reader::new(column);
    let (mut last, mut seen) = (Last::Nothing, Seen { values: 0, nulls: 0 });
    while reader.remaining() > 0 {
        let count = signed(&mut reader).ok()?;
        let times = count.unsigned_abs();
        match (count, &last) {
            (0, Last::Nulls) | (1, _) | (..0, Last::Literal(_)) => return None,
            (0, _) => {
                let nulls = reader.var_uint().ok()?;
                seen.nulls += nulls;
                last = Last::Nulls;
                if nulls == 0 {
                    return None;
                }
            }
            (..0, _) => {
                seen.values += times;
                for _ in 0..times {
                    let value = V::read(&mut reader).ok()?;
                    if last.is(&value) {
                        return None;
                    }
                    each(value);
                    last = Last::Literal(value);
                }
            }
            _ => {
                seen.values += times;
                let value = V::read(&mut reader).ok()?;
                if last.is(&value) {
                    return None;
                }
                each(value);
                last = Last::Run(value);
            }
        }
    }
    Some(seen)
}

/// Reads a column of yes and no: how many rows it has, and whether there is a yes.
fn flags(column: &[u8]) -> Option<(u64, bool)> {
    let mut reader = Reader::new(column);
    let (mut rows, mut turns) = (0, 0);
    while reader.remaining() > 0 {
        let count = reader.var_uint().ok()?;
        if count == 0 && (turns > 0 || reader.remaining() == 0) {
            return None;
        }
        rows += count;
        turns += 1;
    }
    Some((rows, turns > 1))
}

/// Whether a number has its shortest spelling in LEB128, and 64 bits at most.
fn is_short(bytes: &[u8], is_signed: bool) -> bool {
    let Some((last, before)) = bytes.split_last() else { return false };
    let goes_on = before.iter().all(|byte| byte & 0x80 != 0) && last & 0x80 == 0;
    let adds = match before.last() {
        None => true,
        Some(before) if is_signed => *last != if before & 0x40 == 0 { 0 } else { 0x7f },
        Some(_) => *last != 0,
    };
    let fits = match bytes.len() {
        ..=9 => true,
        10 if is_signed => matches!(last, 0 | 0x7f),
        10 => *last == 1,
        _ => false,
    };
    goes_on && adds && fits
}

/// Whether a value is written as one of this kind.
fn is_value(kind: u64, bytes: &[u8]) -> bool {
    match kind {
        0..=2 => bytes.is_empty(), // nothing, no, yes
        3 => is_short(bytes, false),
        4 | 8 | 9 => is_short(bytes, true), // a number, a counter, a time
        5 => bytes.len() == 8,
        6 => std::str::from_utf8(bytes).is_ok(),
        7 => true,
        _ => false,
    }
}

/// Whether operations have values, and names of marks, where the library writes them.
fn rows(columns: &Columns, plain: &[u8], ops: u64) -> Option<()> {
    let column = |at| columns.column(plain, at);
    let mut actions = Runs::<u64>::of(column(ACTION));
    let mut metas = Runs::<u64>::of(column(VALUE_META));
    let mut names = Runs::<&str>::of(column(MARK_NAME));
    let mut expand = Flags::of(column(EXPAND));
    let mut values = Reader::new(column(VALUE));
    for _ in 0..ops {
        let (action, meta) = (actions.next().ok()??, metas.next().ok()??);
        let (name, expands) = (names.next().ok()?, expand.next().ok()?);
        let value = values.take(usize::try_from(meta >> 4).ok()?).ok()?;
        let kind = meta & 0xf;
        let has_its_value = match action {
            PUT => is_value(kind, value),
            INCREMENT => kind == 4 && is_value(kind, value),
            MARK if name.is_some() => is_value(kind, value),
            _ => meta == 0,
        };
        let is_marked = name.is_some() || expands;
        if !has_its_value || (is_marked && action != MARK) {
            return None;
        }
    }
    (values.remaining() == 0).then_some(())
}

/// Looks at all columns of so many operations, which name so many others.
pub(super) fn check(columns: &Columns, plain: &[u8], ops: u64, preds: u64) -> Option<()> {
    let column = |at| columns.column(plain, at);
    let mut is_named = vec![false; columns.actors];
    let mut name = |actor: u64| {
        if let Some(named) = usize::try_from(actor).ok().and_then(|at| is_named.get_mut(at)) {
            *named = true;
        }
    };
    runs(column(OBJECT_ACTOR), &mut name)?.fits(ops)?;
    runs(column(KEY_ACTOR), &mut name)?.fits(ops)?;
    runs(column(PRED_ACTOR), &mut name)?.fills(preds)?;
    runs(column(OBJECT_COUNTER), |_: u64| {})?.fits(ops)?;
    runs(column(KEY_COUNTER), |_: i64| {})?.fits(ops)?;
    runs(column(PRED_COUNTER), |_: i64| {})?.fills(preds)?;
    for at in [KEY_TEXT, MARK_NAME] {
        runs(column(at), |_: &str| {})?.fits(ops)?;
    }
    for at in [ACTION, VALUE_META, PRED_COUNT] {
        runs(column(at), |_: u64| {})?.fills(ops)?;
    }
    let expands = flags(column(EXPAND))?;
    let is_sound = flags(column(INSERT))?.0 == ops
        && (expands == (0, false) || expands == (ops, true))
        && is_named.iter().skip(1).all(|named| *named);
    if is_sound { rows(columns, plain, ops) } else { None }
}
