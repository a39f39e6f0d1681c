//! Which items of an update are types, and which types it says that its items live in.
//!
//! yrs 0.28.1 stops half-way through an update whose item names a parent that is no type
//! (`InvalidParent`), when it may be durable already; yjs 13.6 throws the item away. No stock client
//! writes one. So the core asks before it accepts. Must not know yrs or any document.

use super::{
    Id, Malformed,
    block::{Kind, Parent, Section},
};
use crate::wire::lib0::Reader;

/// The types that an update inserts, and those that its items are put into.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parents {
    /// Each type that is inserted.
    pub types: Vec<Id>,
    /// Each item that is named as another's parent, as often as it is named in a row.
    pub named: Vec<Id>,
}

/// Walks an update (v1) that the guard has accepted.
pub fn parents(update: &[u8]) -> Result<Parents, Malformed> {
    let mut found = Parents::default();
    let mut reader = Reader::new(update);
    for _ in 0..reader.count(5)? {
        let mut section = Section::read(reader)?;
        while let Some((clock, block)) = section.next()? {
            let Kind::Item { parent, is_type, .. } = block.kind else { continue };
            if is_type {
                found.types.push(Id { client: section.client, clock });
            }
            if let Parent::Item(id) = parent
                && found.named.last() != Some(&id)
            {
                found.named.push(id);
            }
        }
        reader = section.reader;
    }
    Ok(found)
}
