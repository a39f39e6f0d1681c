//! Blocks: the units of which an update is made, each with its place in the document.
//!
//! One walk serves the scan and the measure of depth. It must not know the document.

use super::content::Content;
use crate::wire::lib0::{Malformed, Reader};

const GC: u8 = 0;
const SKIP: u8 = 10;

pub(super) const HAS_ORIGIN: u8 = 0b1000_0000;
pub(super) const HAS_RIGHT_ORIGIN: u8 = 0b0100_0000;
const HAS_PARENT_SUB: u8 = 0b0010_0000;
const CONTENT: u8 = 0b0001_1111;

/// Bytes in memory of a block, and of an item with its box; as with contents a little more than
/// what yrs 0.28.1 was seen to take.
const BLOCK_SIZE: u64 = 48;
const ITEM_SIZE: u64 = 288;

/// The name of one tick of a document: who made it, and which of theirs it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Id {
    /// The client that made it.
    pub client: u64,
    /// Its number among that client's.
    pub clock: u32,
}

/// Where an item lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parent {
    /// In a root type.
    Root,
    /// In the type that this item is.
    Item(Id),
    /// Where its neighbours live.
    Neighbour,
}

/// What a block is, beside its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Deleted and forgotten.
    Gc,
    /// A gap: what belongs here is not in this update.
    Skip,
    /// An item, with what it names of the document.
    Item {
        /// Its neighbour on the left when it was made.
        origin: Option<Id>,
        /// Its neighbour on the right when it was made.
        right_origin: Option<Id>,
        /// Where it lives.
        parent: Parent,
        /// Whether it is a type, so that others can live in it.
        is_type: bool,
        /// What its content is.
        content: u8,
        /// How many bytes were left where its content begins.
        rest: usize,
    },
}

/// One block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block {
    /// What it is.
    pub(super) kind: Kind,
    /// Clock ticks that it takes; at least 1.
    pub(super) length: u32,
    /// About how many bytes it takes in memory.
    pub(super) size: u64,
}

fn read_id(reader: &mut Reader<'_>) -> Result<Id, Malformed> {
    Ok(Id { client: reader.var_uint()?, clock: reader.var_u31()? })
}

impl Block {
    /// Walks the block at the reader's place.
    #[inline]
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let info = reader.byte()?;
        let block = match info {
            GC => Self { kind: Kind::Gc, length: reader.var_u31()?, size: BLOCK_SIZE },
            SKIP => Self { kind: Kind::Skip, length: reader.var_u31()?, size: BLOCK_SIZE },
            info => Self::read_item(info, reader)?,
        };
        // yrs refuses empty gaps and drops empty items; no stock client writes either.
        if block.length == 0 { Err(Malformed::Size) } else { Ok(block) }
    }

    #[inline]
    fn read_item(info: u8, reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut size = ITEM_SIZE;
        let origin = if info & HAS_ORIGIN == 0 { None } else { Some(read_id(reader)?) };
        let right_origin = if info & HAS_RIGHT_ORIGIN == 0 { None } else { Some(read_id(reader)?) };
        let mut parent = Parent::Neighbour;
        // An item that names a neighbour says neither its parent nor its key.
        if origin.is_none() && right_origin.is_none() {
            parent = match reader.var_uint()? {
                0 => Parent::Item(read_id(reader)?),
                1 => {
                    size += name_size(reader)?;
                    Parent::Root
                }
                _ => return Err(Malformed::Kind),
            };
            if info & HAS_PARENT_SUB != 0 {
                size += name_size(reader)?;
            }
        }
        let (kind, rest) = (info & CONTENT, reader.remaining());
        let content = Content::read(kind, reader)?;
        let is_type = content.is_type;
        Ok(Self {
            kind: Kind::Item { origin, right_origin, parent, is_type, content: kind, rest },
            length: content.length,
            size: size + content.size,
        })
    }
}

fn name_size(reader: &mut Reader<'_>) -> Result<u64, Malformed> {
    Ok(32 + u64::try_from(reader.string()?.len()).unwrap_or(u64::MAX))
}

/// The blocks of one client in an update.
#[derive(Debug, Clone)]
pub(super) struct Section<'a> {
    /// The client.
    pub(super) client: u64,
    /// The clock of the next block.
    pub(super) clock: u32,
    /// How many blocks are left.
    pub(super) left: usize,
    /// The bytes, from the next block on.
    pub(super) reader: Reader<'a>,
}

impl<'a> Section<'a> {
    /// Reads a section's head at the reader's place.
    pub(super) fn read(mut reader: Reader<'a>) -> Result<Self, Malformed> {
        // A block takes two bytes at least: what it is, and its length.
        let left = reader.count(2)?;
        if left == 0 {
            return Err(Malformed::Size);
        }
        Ok(Self { left, client: reader.var_uint()?, clock: reader.var_u31()?, reader })
    }

    /// The next block with the clock at which it starts.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<(u32, Block)>, Malformed> {
        if self.left == 0 {
            return Ok(None);
        }
        let block = Block::read(&mut self.reader)?;
        let start = self.clock;
        let end = start.checked_add(block.length).filter(|&end| end < 1 << 31);
        self.clock = end.ok_or(Malformed::Integer)?;
        self.left -= 1;
        Ok(Some((start, block)))
    }
}
