//! The guard: the structure of a client's bytes, checked before any CRDT library sees them.
//!
//! yrs 0.28.1 recurses by what the bytes say and reserves memory by counts that they claim, so a
//! few kilobytes can abort the process. These walks do neither: every count is held against the
//! bytes that are left, nesting has a limit, and nothing is built. They accept what yjs 13.6 and
//! yrs 0.28 write (update encoding v1) and read alike. They must not know any document: whether
//! an update fits one is the core's to say, with what [`Scan`] tells.

pub mod automerge;
mod block;
mod content;
pub mod json;
pub mod nesting;
pub mod parents;
pub mod same;
pub mod typing;
mod value;

use smallvec::SmallVec;

pub use self::block::Id;
use self::block::{Kind, Parent, Section};
use crate::wire::lib0::Reader;
pub use crate::wire::lib0::{MAX_SAFE_INTEGER, Malformed};

/// How deep values may be nested inside one item, and JSON texts likewise.
pub const MAX_DEPTH: usize = 64;

/// Clients that a state vector may name: a document of 16 MiB has fewer.
pub const MAX_VECTOR: usize = 1 << 18;

/// Blocks of one client without a gap: `start..end` in that client's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// The client under whose id they are inserted.
    pub client: u64,
    /// The first clock.
    pub start: u32,
    /// The clock after the last one.
    pub end: u32,
}

/// Two more blocks of a document in memory: 213 MiB were seen after 500,000 ranges.
const CUT_BLOCKS: u64 = 400;

/// What an update inserts and what it stands on; enough to check it against a document's state
/// vector without decoding it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scan {
    /// What is inserted, by client (highest first) and clock. A gap inside a client's blocks
    /// makes two runs.
    pub inserts: SmallVec<[Run; 1]>,
    /// For each client that is named as a neighbour, a parent or as deleted: the highest clock
    /// that is named.
    pub names: SmallVec<[Id; 2]>,
    /// How many ranges are deleted.
    pub deletes: u32,
    /// How many shared types are inserted; for [`nesting`].
    pub types: u32,
    /// How many items say themselves in which type they live; for [`parents`].
    pub nested: u32,
    /// About how many bytes the decoded update takes, seldom less.
    pub decoded_size: u64,
}

impl Scan {
    /// About how many bytes a document grows by in memory: a deleted range may cut two blocks.
    pub fn growth(&self) -> u64 {
        self.decoded_size + u64::from(self.deletes) * CUT_BLOCKS
    }

    /// How many bytes are held for it beside the update.
    pub fn beside(&self) -> usize {
        size_of_val(self.inserts.as_slice())
            + size_of_val(self.names.as_slice())
            + size_of::<Self>()
    }

    /// Whether the update says nothing.
    pub fn is_empty(&self) -> bool {
        self.inserts.is_empty() && self.deletes == 0
    }

    /// Whether the update deletes and inserts nothing.
    pub fn deletes_only(&self) -> bool {
        self.inserts.is_empty() && self.deletes > 0
    }

    /// The first thing that neither this update nor a document with `clock_of` (a state vector)
    /// has, though the update starts after it, stands on it or deletes it. With one, the update
    /// would wait inside the CRDT.
    pub fn missing(&self, clock_of: impl Fn(u64) -> u32) -> Option<Id> {
        let mut known: Option<(u64, u32)> = None;
        for run in &self.inserts {
            let have = match known {
                Some((client, have)) if client == run.client => have,
                _ => clock_of(run.client),
            };
            if run.start > have {
                return Some(Id { client: run.client, clock: have });
            }
            known = Some((run.client, have.max(run.end)));
        }
        // With no gap before any run, a client's last run says how far this update goes.
        self.names.iter().copied().find(|name| {
            let after = self.inserts.partition_point(|run| run.client >= name.client);
            let last = after.checked_sub(1).and_then(|last| self.inserts.get(last));
            let is_inserted =
                last.is_some_and(|run| run.client == name.client && run.end > name.clock);
            !is_inserted && clock_of(name.client) <= name.clock
        })
    }
}

/// The highest clock that is named of each client, gathered without a map.
#[derive(Default)]
struct Names {
    list: SmallVec<[Id; 2]>,
    settle_at: usize,
}

impl Names {
    /// Notes that `id` is named. Typing names the same client again and again, so the newest
    /// entries are looked at first; what that misses is merged when the list has doubled.
    #[inline]
    fn note(&mut self, id: Id) {
        let recent = self.list.len().saturating_sub(4);
        if let Some(name) = self.list[recent..].iter_mut().find(|name| name.client == id.client) {
            name.clock = name.clock.max(id.clock);
            return;
        }
        self.list.push(id);
        if self.list.len() > self.settle_at.max(1024) {
            self.settle();
            self.settle_at = self.list.len() * 2;
        }
    }

    /// One entry for each named client.
    fn settle(&mut self) {
        if self.list.len() > 1 {
            self.list.sort_unstable_by_key(|name| (name.client, std::cmp::Reverse(name.clock)));
            self.list.dedup_by_key(|name| name.client);
        }
    }
}

/// Walks an update (v1).
pub fn update_v1(bytes: &[u8]) -> Result<Scan, Malformed> {
    let (mut scan, mut names) = (Scan::default(), Names::default());
    let mut reader = Reader::new(bytes);
    // A section takes five bytes at least: count, client, clock and one block of two.
    let sections = reader.count(5)?;
    let mut above = None;
    for _ in 0..sections {
        let mut section = Section::read(reader)?;
        // All writers put higher clients first, each once. yrs merges two sections of one client
        // without putting them in order, and panics on what comes of it.
        if above.is_some_and(|above| section.client >= above) {
            return Err(Malformed::Order);
        }
        above = Some(section.client);
        walk_section(&mut section, &mut scan, &mut names)?;
        reader = section.reader;
    }
    delete_set(&mut reader, &mut scan, &mut names)?;
    reader.finish()?;
    names.settle();
    scan.names = names.list;
    Ok(scan)
}

/// Walks one client's blocks.
#[inline]
fn walk_section(
    section: &mut Section<'_>,
    scan: &mut Scan,
    names: &mut Names,
) -> Result<(), Malformed> {
    let client = section.client;
    let mut run: Option<Run> = None;
    // A section's own list and map entry.
    scan.decoded_size += 128;
    while let Some((start, block)) = section.next()? {
        scan.decoded_size += block.size;
        match block.kind {
            Kind::Skip => {
                scan.inserts.extend(run.take());
                continue;
            }
            Kind::Gc => {}
            Kind::Item { origin, right_origin, parent, is_type, .. } => {
                let parent = if let Parent::Item(id) = parent { Some(id) } else { None };
                for id in [origin, right_origin, parent].into_iter().flatten() {
                    // Nothing stands on itself or on what its author made later.
                    if id.client == client && id.clock >= start {
                        return Err(Malformed::Order);
                    }
                    names.note(id);
                }
                scan.types += u32::from(is_type);
                scan.nested += u32::from(parent.is_some());
            }
        }
        run.get_or_insert(Run { client, start, end: start }).end = section.clock;
    }
    scan.inserts.extend(run);
    Ok(())
}

fn delete_set(
    reader: &mut Reader<'_>,
    scan: &mut Scan,
    names: &mut Names,
) -> Result<(), Malformed> {
    for _ in 0..reader.count(2)? {
        let client = reader.var_uint()?;
        scan.decoded_size += 96;
        let mut from = 0;
        for _ in 0..reader.count(2)? {
            let start = reader.var_u31()?;
            let length = reader.var_u31()?;
            let end = start.checked_add(length).filter(|&end| end < 1 << 31);
            let end = end.ok_or(Malformed::Integer)?;
            if length == 0 {
                return Err(Malformed::Size);
            }
            // All writers sort a client's ranges; yrs searches them as if they were.
            if start < from {
                return Err(Malformed::Order);
            }
            from = end;
            scan.deletes += 1;
            scan.decoded_size += 16;
        }
        if from > 0 {
            names.note(Id { client, clock: from - 1 });
        }
    }
    Ok(())
}

/// Walks a state vector (v1).
pub fn state_vector_v1(bytes: &[u8]) -> Result<(), Malformed> {
    let mut reader = Reader::new(bytes);
    let clients = reader.count(2)?;
    if clients > MAX_VECTOR {
        return Err(Malformed::Size);
    }
    for _ in 0..clients {
        reader.var_uint()?;
        reader.var_u31()?;
    }
    reader.finish()
}

#[cfg(test)]
mod tests;
