//! What nodes tell each other of a document, at most once: losing it delays, since every node looks at
//! the log by itself.
//!
//! Bytes on the bus, from nodes of one installation. Must not know the bus.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use studyhall_schema::{
    Timestamp,
    ids::{LoginId, UserId},
};
use studyhall_store::log::{Entry, LoggedUpdate, PutId};

use crate::{
    awareness::{Presence, Who},
    wire::lib0::{Lib0Write, Malformed, Reader},
};

/// An entry larger than this is read from the log by who needs it.
const MAX_ENTRY: usize = 64 << 10;

/// A node, by a random number that it drew when it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct NodeId(pub(crate) u64);

/// One piece of news.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum News {
    /// This was appended to the log.
    Entry(Entry),
    /// The log has grown up to here.
    Grown(u64),
    /// Who is here on the node that tells.
    Here(Presence),
    /// A node has opened the document: who is where?
    WhoIsHere,
    /// A client says this to all others, and it is not kept.
    Said(Bytes),
    /// A node has lost its place in the log to another and waits for the next, for so long.
    Waits(Duration),
}

impl News {
    /// As bytes, from this node. Sequence numbers, and what random numbers may be, are within 2^53 as
    /// all integers of this encoding.
    pub(crate) fn encode(self, from: NodeId) -> Bytes {
        let mut to = BytesMut::new();
        to.extend_from_slice(&from.0.to_le_bytes());
        match self {
            Self::Entry(entry) if size(&entry) <= MAX_ENTRY => put_entry(&mut to, &entry),
            Self::Entry(entry) => put_grown(&mut to, entry.next_seq() - 1),
            Self::Grown(seq) => put_grown(&mut to, seq),
            Self::Here(presence) => {
                to.put_var_uint(2);
                to.put_var_bytes(&presence.update);
                for person in presence.people {
                    to.extend_from_slice(&person.user.bytes());
                    to.put_var_uint(person.writes.into());
                }
            }
            Self::WhoIsHere => to.put_var_uint(3),
            Self::Said(message) => {
                to.put_var_uint(4);
                to.put_var_bytes(&message);
            }
            Self::Waits(within) => {
                to.put_var_uint(5);
                to.put_var_uint(u64::try_from(within.as_millis()).unwrap_or_default());
            }
        }
        to.freeze()
    }

    /// Who tells, and what.
    pub(crate) fn decode(bytes: &Bytes) -> Result<(NodeId, Self), Malformed> {
        let mut reader = Reader::new(bytes);
        let from = NodeId(u64::from_le_bytes(fixed(&mut reader)?));
        let news = match reader.var_uint()? {
            0 => Self::Entry(entry(&mut reader)?),
            1 => Self::Grown(reader.var_uint()?),
            2 => {
                let update = Bytes::copy_from_slice(reader.bytes()?);
                let mut people = Vec::new();
                while reader.remaining() > 0 {
                    let user = UserId::from_bytes(fixed(&mut reader)?);
                    people.push(Who { user, writes: reader.var_uint()? != 0 });
                }
                Self::Here(Presence { update, people })
            }
            3 => Self::WhoIsHere,
            4 => Self::Said(Bytes::copy_from_slice(reader.bytes()?)),
            5 => Self::Waits(Duration::from_millis(reader.var_uint()?)),
            _ => return Err(Malformed::Kind),
        };
        reader.finish()?;
        Ok((from, news))
    }
}

fn size(entry: &Entry) -> usize {
    entry.updates.iter().map(|logged| logged.data.len() + 16).sum()
}

fn put_grown(to: &mut BytesMut, seq: u64) {
    to.put_var_uint(1);
    to.put_var_uint(seq);
}

fn put_entry(to: &mut BytesMut, entry: &Entry) {
    to.put_var_uint(0);
    to.put_var_uint(entry.seq);
    to.extend_from_slice(&entry.batch.to_le_bytes());
    to.extend_from_slice(&entry.at.as_millis().to_le_bytes());
    to.put_var_uint(entry.updates.len() as u64);
    for logged in &entry.updates {
        to.extend_from_slice(&logged.by.bytes());
        to.put_var_bytes(logged.login.map(LoginId::bytes).as_ref().map_or(&[], |id| &id[..]));
        to.put_var_bytes(logged.put.as_ref().map_or(&[], |PutId(id)| &id[..]));
        to.put_var_bytes(&logged.data);
    }
}

fn entry(reader: &mut Reader<'_>) -> Result<Entry, Malformed> {
    let seq = reader.var_uint()?;
    let batch = u64::from_le_bytes(fixed(reader)?);
    let at = Timestamp::from_millis(i64::from_le_bytes(fixed(reader)?));
    let count = reader.count(15)?;
    let mut updates = Vec::with_capacity(count);
    for _ in 0..count {
        let by = UserId::from_bytes(fixed(reader)?);
        let login = id(reader)?.map(LoginId::from_bytes);
        let put = id(reader)?.map(PutId);
        updates.push(LoggedUpdate {
            by,
            login,
            put,
            data: Bytes::copy_from_slice(reader.bytes()?),
        });
    }
    if updates.is_empty() { Err(Malformed::Size) } else { Ok(Entry { seq, batch, at, updates }) }
}

fn id(reader: &mut Reader<'_>) -> Result<Option<[u8; 12]>, Malformed> {
    match reader.bytes()? {
        [] => Ok(None),
        id => Ok(Some(id.try_into().map_err(|_| Malformed::Size)?)),
    }
}

fn fixed<const N: usize>(reader: &mut Reader<'_>) -> Result<[u8; N], Malformed> {
    let taken = reader.take(N)?;
    taken.try_into().map_err(|_| Malformed::Size)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn an_entry(length: usize) -> Entry {
        let logged = |by: u8, data: Vec<u8>| LoggedUpdate {
            login: (by == 2).then(|| LoginId::from_bytes([8; 12])),
            put: (by == 2).then_some(PutId([9; 12])),
            by: UserId::from_bytes([by; 12]),
            data: data.into(),
        };
        Entry {
            seq: 41,
            batch: u64::MAX,
            at: Timestamp::from_millis(-7),
            updates: vec![logged(1, vec![5; length]), logged(2, vec![])],
        }
    }

    #[test]
    fn what_is_told_is_what_is_heard() {
        let who = |number, writes| Who { user: UserId::from_bytes([number; 12]), writes };
        let people = vec![who(3, true), who(4, false)];
        let here = Presence { update: Bytes::from_static(b"\x00"), people };
        let said = News::Said(Bytes::from_static(b"hello"));
        let entry = News::Entry(an_entry(9));
        let waits = News::Waits(Duration::from_millis(700));
        for news in [entry, News::Grown(7), News::Here(here), News::WhoIsHere, said, waits] {
            let bytes = news.clone().encode(NodeId(77));
            assert_eq!(News::decode(&bytes), Ok((NodeId(77), news)));
        }
    }

    #[test]
    fn of_a_large_entry_only_its_end_is_told() {
        let bytes = News::Entry(an_entry(MAX_ENTRY)).encode(NodeId(1));
        assert_eq!(News::decode(&bytes), Ok((NodeId(1), News::Grown(42))));
    }

    proptest! {
        #[test]
        fn no_bytes_stop_it(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = News::decode(&Bytes::from(bytes));
        }
    }
}
