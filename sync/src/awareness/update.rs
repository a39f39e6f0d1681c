//! An awareness update on the wire: for each id its clock and its state as a JSON text.
//!
//! Must not know whose ids they are.

use bytes::{Bytes, BytesMut};

use crate::wire::lib0::{Lib0Write, Malformed, Reader};

/// What an update says of one id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Update<'a> {
    pub(super) id: u64,
    pub(super) clock: u32,
    /// JSON, not yet checked; `None` says that the id is gone.
    pub(super) state: Option<&'a str>,
}

fn read<'a>(reader: &mut Reader<'a>) -> Result<Update<'a>, Malformed> {
    let (id, clock) = (reader.var_uint()?, reader.var_u31()?);
    let state = reader.string()?;
    Ok(Update { id, clock, state: (state.trim_ascii() != "null").then_some(state) })
}

/// The ids of an update whose structure is sound; states are checked by whoever keeps them.
pub(super) fn decode(bytes: &[u8]) -> Result<impl Iterator<Item = Update<'_>>, Malformed> {
    let mut reader = Reader::new(bytes);
    // An id takes at least one byte, its clock one, its state the length and a character.
    let count = reader.count(4)?;
    let mut check = reader;
    for _ in 0..count {
        read(&mut check)?;
    }
    check.finish()?;
    // The second walk finds what the first one found.
    Ok((0..count).map_while(move |_| read(&mut reader).ok()))
}

/// One update of these ids, their clocks and their states; `None` for no ids.
pub(super) fn encode(states: &[(u64, u64, Option<&str>)]) -> Option<Bytes> {
    if states.is_empty() {
        return None;
    }
    let size: usize = states.iter().map(|(.., state)| 24 + state.map_or(4, str::len)).sum();
    let mut buffer = BytesMut::with_capacity(size + 5);
    buffer.put_var_uint(u64::try_from(states.len()).ok()?);
    for &(id, clock, state) in states {
        buffer.put_var_uint(id);
        buffer.put_var_uint(clock);
        buffer.put_var_string(state.unwrap_or("null"));
    }
    Some(buffer.freeze())
}
