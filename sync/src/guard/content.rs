//! The contents of items: what a block carries, walked and measured but never built.
//!
//! Only what yrs 0.28 and yjs 13.6 read in the same way. Refused are JSON contents (yrs reads one
//! text too many, and no stable yjs writes them), XML hooks (yjs reads a name, yrs does not), and
//! weak links, moves and types that yjs does not know: they would stop every stock client. So are
//! sub-documents: yrs 0.28.1 lets an item that holds one hold its own document as well, and no
//! document with one in it ever leaves memory again. Nothing in Studyhall is made of them. Hooks and
//! sub-documents, which an app can make with the stock library, are refused with a word, the rest is no update.

use super::{MAX_DEPTH, json};
use crate::wire::lib0::{Malformed, Reader};

pub(super) const DELETED: u8 = 1;
const BINARY: u8 = 3;
pub(super) const STRING: u8 = 4;
pub(super) const EMBED: u8 = 5;
pub(super) const FORMAT: u8 = 6;
const TYPE: u8 = 7;
pub(super) const ANY: u8 = 8;
const DOC: u8 = 9;

const XML_ELEMENT: u8 = 3;
const XML_HOOK: u8 = 5;

/// Bytes in memory of a value, of an entry of a map, of a shared type; each a little more than
/// what yrs 0.28.1 was seen to take (`sync/fuzz` compares).
const VALUE_SIZE: u64 = 48;
const ENTRY_SIZE: u64 = 160;
const TYPE_SIZE: u64 = 512;

/// What a content is, as far as a document needs to know before it is decoded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Content {
    /// Clock ticks that it takes.
    pub(super) length: u32,
    /// Whether it is a shared type, so that items can live inside it.
    pub(super) is_type: bool,
    /// About how many bytes it takes in memory, beside its item.
    pub(super) size: u64,
}

fn size_of(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

fn utf16_length(text: &str) -> Result<u32, Malformed> {
    let length = if text.is_ascii() { text.len() } else { text.encode_utf16().count() };
    u32::try_from(length).map_err(|_| Malformed::Size)
}

impl Content {
    /// Walks the content of kind `kind` at the reader's place.
    #[inline]
    pub(super) fn read(kind: u8, reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        if kind == STRING {
            let text = reader.string()?;
            let size = size_of(text.as_bytes());
            return Ok(Self { length: utf16_length(text)?, is_type: false, size });
        }
        Self::read_other(kind, reader)
    }

    fn read_other(kind: u8, reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (length, size) = match kind {
            DELETED => (reader.var_u31()?, 0),
            BINARY => (1, size_of(reader.bytes()?)),
            EMBED => (1, read_json(reader)?),
            FORMAT => (1, size_of(reader.string()?.as_bytes()) + read_json(reader)?),
            TYPE => return read_type(reader),
            ANY => {
                let count = reader.count(1)?;
                let mut size = 0;
                for _ in 0..count {
                    size += read_any(reader)?;
                }
                (u32::try_from(count).map_err(|_| Malformed::Size)?, size)
            }
            DOC => return Err(Malformed::Unsupported),
            _ => return Err(Malformed::Kind),
        };
        Ok(Self { length, is_type: false, size })
    }
}

/// The values of a content of kind [`ANY`], each as its bytes.
pub(super) fn values(content: &[u8]) -> Result<Vec<&[u8]>, Malformed> {
    let mut reader = Reader::new(content);
    let count = reader.count(1)?;
    let mut values = Vec::with_capacity(count);
    for _ in 0..count {
        let mut from = reader;
        read_any(&mut reader)?;
        values.push(from.take(from.remaining() - reader.remaining())?);
    }
    Ok(values)
}

fn read_type(reader: &mut Reader<'_>) -> Result<Content, Malformed> {
    let name = match reader.byte()? {
        // Array, Map, Text, XmlFragment, XmlText.
        0 | 1 | 2 | 4 | 6 => 0,
        XML_ELEMENT => size_of(reader.string()?.as_bytes()),
        XML_HOOK => return Err(Malformed::Unsupported),
        _ => return Err(Malformed::Kind),
    };
    Ok(Content { length: 1, is_type: true, size: TYPE_SIZE + name })
}

/// A JSON text. Parsed, its values take at most a value for every byte or so.
fn read_json(reader: &mut Reader<'_>) -> Result<u64, Malformed> {
    let text = reader.string()?;
    // By far the most frequent ones: the end and the beginning of a mark.
    if !matches!(text, "null" | "true" | "{}") {
        json::check(text)?;
    }
    let parts = text.bytes().filter(|byte| matches!(byte, b',' | b'[' | b'{' | b':')).count();
    Ok(VALUE_SIZE + size_of(text.as_bytes()) + ENTRY_SIZE * u64::try_from(parts).unwrap_or(0))
}

const BUFFER: u8 = 116;
const ARRAY: u8 = 117;
const MAP: u8 = 118;
const TEXT: u8 = 119;

/// A value that holds no other values, by its tag.
#[inline]
fn read_scalar(tag: u8, reader: &mut Reader<'_>) -> Result<u64, Malformed> {
    match tag {
        // undefined, null, true, false.
        127 | 126 | 120 | 121 => Ok(VALUE_SIZE),
        125 => reader.var_int().map(|_| VALUE_SIZE),
        124 => reader.take(4).map(|_| VALUE_SIZE),
        123 | 122 => reader.take(8).map(|_| VALUE_SIZE),
        TEXT => Ok(VALUE_SIZE + size_of(reader.string()?.as_bytes())),
        BUFFER => Ok(VALUE_SIZE + size_of(reader.bytes()?)),
        _ => Err(Malformed::Kind),
    }
}

/// A value with all that it holds, and about how many bytes it takes in memory.
fn read_any(reader: &mut Reader<'_>) -> Result<u64, Malformed> {
    match reader.byte()? {
        tag @ (ARRAY | MAP) => read_nested(tag, reader),
        tag => read_scalar(tag, reader),
    }
}

/// An array or a map and all that it holds, by a stack of fixed size instead of recursion.
fn read_nested(tag: u8, reader: &mut Reader<'_>) -> Result<u64, Malformed> {
    // Parts that are still to come of each open container, and whether it is a map.
    let mut open = [(0_usize, false); MAX_DEPTH];
    let mut depth = 0;
    let mut size = 0;
    let mut container = Some(tag);
    loop {
        if let Some(tag) = container.take() {
            let is_map = tag == MAP;
            let count = reader.count(if is_map { 2 } else { 1 })?;
            size += VALUE_SIZE;
            *open.get_mut(depth).ok_or(Malformed::Depth)? = (count, is_map);
            depth += 1;
        }
        while depth > 0 && open[depth - 1].0 == 0 {
            depth -= 1;
        }
        if depth == 0 {
            return Ok(size);
        }
        let (left, is_map) = &mut open[depth - 1];
        *left -= 1;
        if *is_map {
            size += ENTRY_SIZE + size_of(reader.string()?.as_bytes());
        }
        match reader.byte()? {
            tag @ (ARRAY | MAP) => container = Some(tag),
            tag => size += read_scalar(tag, reader)?,
        }
    }
}
