//! The guard of Automerge changes: a chunk's header, its compressed bytes under a cap, and what its
//! operations refer to, read before automerge sees any of it.
//!
//! automerge 0.12 inflates without a limit, expands runs by counts that the bytes claim, and panics on
//! an actor that a change does not name. Format: <https://automerge.org/automerge-binary-format-spec>.
//! Must not know any document: whether a change fits one is the core's to say.

mod columns;

use std::{collections::HashSet, io::Read};

use bytes::{BufMut, Bytes, BytesMut};
use flate2::bufread::DeflateDecoder;
use sha2::{Digest, Sha256};
use smallvec::SmallVec;

use self::columns::Columns;
pub use self::columns::{Action, Op, OpId, OpKey, Ops};
use crate::wire::lib0::{Lib0Write, Malformed, Reader};

/// A change's name: the SHA-256 of what it says.
pub type Hash = [u8; 32];
/// An actor's name, of any length.
pub type Actor = SmallVec<[u8; 16]>;

const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
const DOCUMENT: u8 = 0;
const CHANGE: u8 = 1;
const COMPRESSED: u8 = 2;

/// A change may have so many bytes when it is inflated: what a document may have.
pub const INFLATED: usize = 16 << 20;
/// A document's columns may have so many bytes together when they are inflated.
pub const INFLATED_DOCUMENT: usize = 256 << 20;
/// Operations of one change.
pub const MAX_OPS: u32 = 1 << 22;
/// Operation counters end here, far below where automerge's do.
const MAX_COUNTER: u64 = 1 << 31;
const MAX_ACTOR: usize = 64;
/// Names of other actors: who deletes a text names everybody who wrote of it, and each session of a stock
/// client is an actor.
const MAX_ACTORS: usize = 1 << 16;
const MAX_DEPS: usize = 1 << 12;
const MAX_MESSAGE: usize = 64 << 10;
/// Operations that one replaces: as many as people set one key at once.
const MAX_PREDS: u64 = 1 << 16;
/// Bytes of the keys of all operations together, though one key is written once for many.
const MAX_KEYS: u64 = 64 << 20;
/// Operations that say nothing of their own, beyond so many for each byte, only claim to be there.
const ADDS_A_BYTE: u64 = 2;
const FREE_ADDS: u64 = 1 << 16;
/// Operations of a compressed change, beyond so many for each byte of it: a page of one letter claims hundreds.
const CLAIMS_A_BYTE: u64 = 20;
const FREE_CLAIMS: u64 = 1 << 18;
/// An operation takes as long to be looked at as so many bytes.
const OP_WORK: usize = 16;
/// What an operation takes in a document in memory, about, and a change beside its bytes.
pub(crate) const OP_MEMORY: u64 = 48;
const CHANGE_MEMORY: u64 = 400;

/// One change: its header, and its operations where they can be read.
#[derive(Debug, Clone)]
pub struct Scan {
    /// Its name.
    pub hash: Hash,
    /// The changes that it stands on.
    pub deps: SmallVec<[Hash; 2]>,
    /// Who made it, and whom its operations name: the maker first.
    pub actors: SmallVec<[Actor; 1]>,
    /// Its number among its actor's changes.
    pub seq: u32,
    /// The counter of its first operation.
    pub start: u32,
    /// How many operations it has.
    pub ops: u32,
    /// How many of them only delete.
    pub deletes: u32,
    /// How many operations they replace or delete.
    pub preds: u32,
    /// Whether it marks text.
    pub has_marks: bool,
    /// The chunk with nothing compressed.
    pub plain: Bytes,
    columns: Columns,
    /// What it stands on, and whom it names, is in the library's order.
    is_in_order: bool,
}

impl Scan {
    /// The operations in order.
    pub fn operations(&self) -> Ops<'_> {
        self.columns.ops(&self.plain)
    }

    /// Whether the chunk that it was read from was compressed.
    pub fn is_inflated(&self, chunk: &Bytes) -> bool {
        self.plain.as_ptr() != chunk.as_ptr()
    }

    /// Whether it is written as the library writes it, told without a copy of its operations. That each of
    /// them can be read, and replaces others in their order, is for who looks at them to say.
    pub fn is_canonical(&self) -> bool {
        self.is_in_order && self.columns.are_canonical(&self.plain, self.ops, self.preds)
    }

    /// About how many bytes are looked at to read and judge it.
    pub fn work(&self) -> usize {
        self.plain.len() + self.ops as usize * OP_WORK
    }

    /// Whether it has more operations than anybody types into a chunk of so many bytes.
    pub fn claims_too_much(&self, chunk: usize) -> bool {
        u64::from(self.ops - self.deletes) > FREE_CLAIMS + CLAIMS_A_BYTE * chunk as u64
    }

    /// How many bytes are held for it beside its content.
    pub fn beside(&self) -> usize {
        let names = self.actors.iter().map(|name| size_of::<Actor>() + name.len()).sum::<usize>();
        names + self.deps.len() * size_of::<Hash>() + size_of::<Self>()
    }

    /// About how many bytes of memory the change takes.
    pub fn memory(&self) -> u64 {
        u64::from(self.ops) * OP_MEMORY + self.plain.len() as u64 + CHANGE_MEMORY
    }
}

/// A chunk: what it is, its checksum and its content.
struct Chunk<'a> {
    kind: u8,
    checksum: &'a [u8],
    body: &'a [u8],
}

fn chunk<'a>(reader: &mut Reader<'a>) -> Result<Chunk<'a>, Malformed> {
    if reader.take(MAGIC.len())? != MAGIC {
        return Err(Malformed::Kind);
    }
    let checksum = reader.take(4)?;
    let kind = reader.byte()?;
    Ok(Chunk { kind, checksum, body: reader.bytes()? })
}

/// Cuts bytes that follow one another into chunks, without looking into them.
pub fn chunks(bytes: &Bytes) -> Result<Vec<Bytes>, Malformed> {
    let mut reader = Reader::new(bytes);
    let mut cut = Vec::new();
    while reader.remaining() > 0 {
        let start = bytes.len() - reader.remaining();
        chunk(&mut reader)?;
        cut.push(bytes.slice(start..bytes.len() - reader.remaining()));
    }
    Ok(cut)
}

/// Reads a change, compressed or not.
pub fn change(bytes: &Bytes) -> Result<Scan, Malformed> {
    change_within(bytes, INFLATED)
}

/// The same of one that may have so many bytes when it is inflated.
pub fn change_within(bytes: &Bytes, most: usize) -> Result<Scan, Malformed> {
    let mut reader = Reader::new(bytes);
    let Chunk { kind, checksum, body } = chunk(&mut reader)?;
    reader.finish()?;
    let plain;
    let body = match kind {
        CHANGE => {
            plain = bytes.clone();
            body
        }
        COMPRESSED => {
            let size = inflated_size(body, most)?;
            plain = inflate(checksum, body, size)?;
            &plain[plain.len() - size..]
        }
        _ => return Err(Malformed::Kind),
    };
    let hash = hash(body);
    if hash[..4] != *checksum {
        return Err(Malformed::Checksum);
    }
    parse(hash, &plain, plain.len() - body.len())
}

/// Checks a whole document as a snapshot keeps it: its size when it is inflated.
pub fn document(bytes: &[u8]) -> Result<(), Malformed> {
    let mut reader = Reader::new(bytes);
    let Chunk { kind, body, .. } = chunk(&mut reader)?;
    reader.finish()?;
    if kind != DOCUMENT {
        return Err(Malformed::Kind);
    }
    let mut reader = Reader::new(body);
    for _ in 0..reader.count(1)? {
        reader.bytes()?;
    }
    for _ in 0..reader.count(32)? {
        reader.take(32)?;
    }
    let specs = [columns::specs(&mut reader)?, columns::specs(&mut reader)?];
    let mut left = INFLATED_DOCUMENT;
    for (spec, length) in specs.into_iter().flatten() {
        let column = reader.take(length)?;
        let size = if columns::is_deflated(spec) { inflated_size(column, left)? } else { length };
        left = left.checked_sub(size).ok_or(Malformed::Size)?;
    }
    Ok(())
}

/// How many bytes compressed ones are when they are inflated; nothing is kept of them meanwhile.
fn inflated_size(compressed: &[u8], most: usize) -> Result<usize, Malformed> {
    let mut decoder = DeflateDecoder::new(compressed).take(most as u64 + 1);
    let size = std::io::copy(&mut decoder, &mut std::io::sink()).map_err(|_| Malformed::Deflate)?;
    usize::try_from(size).ok().filter(|size| *size <= most).ok_or(Malformed::Inflated)
}

/// A chunk with nothing compressed.
fn inflate(checksum: &[u8], compressed: &[u8], size: usize) -> Result<Bytes, Malformed> {
    let mut plain = BytesMut::with_capacity(size + 16);
    plain.put_slice(&MAGIC);
    plain.put_slice(checksum);
    plain.put_u8(CHANGE);
    plain.put_var_uint(size as u64);
    let start = plain.len();
    plain.resize(start + size, 0);
    let mut decoder = DeflateDecoder::new(compressed);
    decoder.read_exact(&mut plain[start..]).map_err(|_| Malformed::Deflate)?;
    Ok(plain.freeze())
}

fn hash(body: &[u8]) -> Hash {
    let mut head = BytesMut::with_capacity(9);
    head.put_u8(CHANGE);
    head.put_var_uint(body.len() as u64);
    Sha256::new().chain_update(&head).chain_update(body).finalize().into()
}

fn actor(reader: &mut Reader<'_>) -> Result<Actor, Malformed> {
    let bytes = reader.bytes()?;
    if bytes.len() > MAX_ACTOR { Err(Malformed::Size) } else { Ok(Actor::from_slice(bytes)) }
}

/// Reads the body of a change, which begins at `start`.
fn parse(hash: Hash, plain: &Bytes, start: usize) -> Result<Scan, Malformed> {
    let mut reader = Reader::new(&plain[start..]);
    let count = reader.count(32)?;
    if count > MAX_DEPS {
        return Err(Malformed::Count);
    }
    let mut deps = SmallVec::with_capacity(count);
    let mut known = HashSet::new();
    for _ in 0..count {
        let dep: Hash = reader.take(32)?.try_into().map_err(|_| Malformed::Truncated)?;
        if !known.insert(dep) {
            return Err(Malformed::Order);
        }
        deps.push(dep);
    }
    let mut actors: SmallVec<[Actor; 1]> = SmallVec::new();
    actors.push(actor(&mut reader)?);
    let seq = counter(&mut reader)?;
    let start_op = counter(&mut reader)?;
    columns::signed(&mut reader)?; // time
    let message = reader.bytes()?;
    if message.len() > MAX_MESSAGE || std::str::from_utf8(message).is_err() {
        return Err(Malformed::Size);
    }
    let others = reader.count(1)?;
    if others > MAX_ACTORS {
        return Err(Malformed::Count);
    }
    let mut known = HashSet::from([actors[0].clone()]);
    for _ in 0..others {
        let other = actor(&mut reader)?;
        if !known.insert(other.clone()) {
            return Err(Malformed::Order);
        }
        actors.push(other);
    }
    let columns = Columns::parse(&mut reader, plain.len(), actors.len())?;
    let columns::Counted { ops, deletes, preds, has_marks } = columns.check(plain)?;
    if u64::from(ops - deletes) > FREE_ADDS + ADDS_A_BYTE * plain.len() as u64
        || u64::from(start_op) + u64::from(ops) >= MAX_COUNTER
    {
        return Err(Malformed::Count);
    }
    // What follows is kept for later versions, but for the name of an author, which automerge takes from
    // an actor's first change only, and panics at in another.
    if seq > 1 && reader.remaining() > 0 {
        return Err(Malformed::Trailing);
    }
    let (start, plain) = (start_op, plain.clone());
    let is_in_order = deps.is_sorted() && actors[1..].is_sorted();
    Ok(Scan {
        hash,
        deps,
        actors,
        seq,
        start,
        ops,
        deletes,
        preds,
        has_marks,
        plain,
        columns,
        is_in_order,
    })
}

/// A number from 1 on.
fn counter(reader: &mut Reader<'_>) -> Result<u32, Malformed> {
    let number = reader.var_u31()?;
    if number == 0 { Err(Malformed::Integer) } else { Ok(number) }
}

#[cfg(test)]
mod tests;
