//! Sync messages of Automerge, inside the frames of the repo protocol: heads, what the sender needs, what
//! it has, and changes. Format: `automerge::sync::Message`, version 1.
//!
//! Filters that the library would divide by, or reserve memory for, are refused here.

use bytes::{BufMut, Bytes, BytesMut};

use super::lib0::{Lib0Write, Malformed, Reader, bytes_len};
use crate::guard::automerge::{self, Hash, Scan};

const VERSION_1: u8 = 0x42;
const VERSION_2: u8 = 0x43;
const MAX_HEADS: usize = 1 << 12;
const MAX_NEED: usize = 1 << 16;
const MAX_HAVE: usize = 8;
const MAX_CHANGES: usize = 1 << 18;
/// Bits of a filter that one change is looked up by; automerge writes 7.
const MAX_PROBES: u64 = 32;

/// Filters up to here are kept until they are used: of about 100,000 changes.
const MAX_KEPT_FILTER: usize = 128 << 10;
/// So many hashes are kept of what was answered.
const MAX_KEPT_HASHES: usize = 256;

/// What a message may have in compressed changes, when they are inflated, and be decoded at once.
pub const SMALL_INFLATED: usize = 64 << 10;
/// What it may have at all.
pub const MAX_INFLATED: usize = 8 << 20;

/// What people write grows no more than so many times when it is inflated.
const GROWS: usize = 16;

/// A client's message.
#[derive(Debug, Clone, Default)]
pub struct SyncMessage {
    /// The client's heads.
    pub heads: Vec<Hash>,
    /// Changes that it asks for.
    pub need: Vec<Hash>,
    /// The heads that it believes both sides to have.
    pub shared: Vec<Hash>,
    /// Whether it says what it has beyond those.
    pub has_filter: bool,
    /// What it has, as it said it.
    pub have: Bytes,
    /// What it brings.
    pub changes: Vec<(Bytes, Scan)>,
    /// Whether it reads messages of version 2.
    pub takes_documents: bool,
    /// About how many bytes are held and looked at for it.
    pub size: usize,
    /// How many of them were made by inflating what it brings.
    pub inflated: usize,
}

fn hashes(reader: &mut Reader<'_>, most: usize) -> Result<Vec<Hash>, Malformed> {
    let count = reader.count(size_of::<Hash>())?;
    if count > most {
        return Err(Malformed::Count);
    }
    (0..count)
        .map(|_| reader.take(size_of::<Hash>())?.try_into().map_err(|_| Malformed::Truncated))
        .collect()
}

/// Reads a filter (Bloom, 10 bits a change); whether it holds anything.
fn filter(bytes: &[u8]) -> Result<bool, Malformed> {
    if bytes.is_empty() {
        return Ok(false);
    }
    let mut reader = Reader::new(bytes);
    let (entries, bits, probes) = (reader.var_u31()?, reader.var_u31()?, reader.var_uint()?);
    let size = (u64::from(entries) * u64::from(bits)).div_ceil(8);
    if probes > MAX_PROBES || size == 0 || size != reader.remaining() as u64 {
        return Err(Malformed::Size);
    }
    Ok(true)
}

/// Whether a change may be sound, and is only more than is taken.
fn is_beyond_limits(bad: Malformed, chunk: usize, inflated: usize) -> bool {
    match bad {
        Malformed::Size | Malformed::Count => true,
        Malformed::Inflated => inflated >= MAX_INFLATED && chunk >= MAX_INFLATED / GROWS,
        _ => false,
    }
}

impl SyncMessage {
    /// Reads a message, and what it brings through the guard. Its compressed changes may have `inflated`
    /// bytes together. A change beyond a limit is left out, which is no reason to end a socket with other
    /// documents: a stock client would bring it again with each message.
    pub fn decode(message: &Bytes, inflated: usize) -> Result<Self, Malformed> {
        let mut reader = Reader::new(message);
        if reader.byte()? != VERSION_1 {
            // Version 2 is only sent to who has said to read it; the server does not.
            return Err(Malformed::Kind);
        }
        let heads = hashes(&mut reader, MAX_HEADS)?;
        let need = hashes(&mut reader, MAX_NEED)?;
        let begin = message.len() - reader.remaining();
        let count = reader.count(2)?;
        if count > MAX_HAVE {
            return Err(Malformed::Count);
        }
        let (mut shared, mut has_filter) = (Vec::new(), false);
        for _ in 0..count {
            shared.extend(hashes(&mut reader, MAX_HEADS - shared.len())?);
            has_filter |= filter(reader.bytes()?)?;
        }
        let have = message.slice(begin..message.len() - reader.remaining());
        let count = reader.count(2)?;
        if count > MAX_CHANGES {
            return Err(Malformed::Count);
        }
        let mut changes: Vec<(Bytes, Scan)> = Vec::with_capacity(count.min(64));
        let (mut size, mut left) = (message.len(), inflated);
        for _ in 0..count {
            let length = reader.bytes()?.len();
            let end = message.len() - reader.remaining();
            for chunk in automerge::chunks(&message.slice(end - length..end))? {
                let read = automerge::change_within(&chunk, left);
                let read = match read {
                    Ok(scan) if scan.claims_too_much(chunk.len()) => Err(Malformed::Count),
                    read => read,
                };
                let scan = match read {
                    Ok(scan) => scan,
                    Err(bad) if is_beyond_limits(bad, chunk.len(), inflated) => {
                        tracing::debug!(bytes = chunk.len(), %bad, "a change is left out");
                        metrics::counter!("studyhall_sync_changes_left_out_total").increment(1);
                        continue;
                    }
                    Err(bad) => return Err(bad),
                };
                if scan.is_inflated(&chunk) {
                    left = left.saturating_sub(scan.plain.len());
                }
                size += scan.work();
                changes.push((chunk, scan));
            }
        }
        // What follows says what the sender's version can do; older ones say nothing.
        let takes_documents = reader.remaining() > 0;
        let inflated = inflated - left;
        Ok(Self { heads, need, shared, has_filter, have, changes, takes_documents, size, inflated })
    }

    /// What is kept of it until it is answered: nothing that would keep the frame.
    #[must_use]
    pub fn question(self) -> Self {
        let have = match self.have.len() {
            ..=MAX_KEPT_FILTER => Bytes::copy_from_slice(&self.have),
            _ => have_only(&self.shared),
        };
        Self { have, changes: Vec::new(), size: 0, inflated: 0, ..self }
    }

    /// What is kept of it when it was answered, for when the answer does not get through. The next answer
    /// may have too much, never too little.
    #[must_use]
    pub fn answered(self) -> Self {
        let Self { mut heads, mut need, mut shared, takes_documents, .. } = self;
        if heads.len() + need.len() + shared.len() > MAX_KEPT_HASHES {
            (heads, need, shared) = (Vec::new(), Vec::new(), Vec::new());
        }
        let have = have_only(&shared);
        Self { heads, need, shared, have, takes_documents, ..Self::default() }
    }

    /// The message without what it brings, for the library.
    pub fn without_changes(&self) -> Vec<u8> {
        self.having(&self.have)
    }

    /// The same, and its sender has nothing beyond the heads that both had: a filter only guesses.
    pub fn without_filter(&self) -> Vec<u8> {
        self.having(&have_only(&self.shared))
    }

    fn having(&self, have: &[u8]) -> Vec<u8> {
        let mut to = begin(VERSION_1, &self.heads, &self.need, have.len() + 1);
        to.put_slice(have);
        to.put_u8(0);
        to.into()
    }
}

/// What says to have these heads and nothing beyond.
fn have_only(shared: &[Hash]) -> Bytes {
    let mut to = BytesMut::with_capacity(size_of_val(shared) + 16);
    to.put_u8(1);
    put_hashes(&mut to, shared);
    to.put_u8(0);
    to.freeze()
}

fn put_hashes(to: &mut BytesMut, hashes: &[Hash]) {
    to.put_var_uint(hashes.len() as u64);
    for hash in hashes {
        to.put_slice(hash);
    }
}

fn begin(version: u8, heads: &[Hash], need: &[Hash], more: usize) -> BytesMut {
    let hashes = (2 * heads.len() + need.len()) * size_of::<Hash>();
    let mut to = BytesMut::with_capacity(hashes + more + 32);
    to.put_u8(version);
    put_hashes(&mut to, heads);
    put_hashes(&mut to, need);
    to
}

/// What a client that has all up to these heads, once it has taken the changes, is sent.
pub fn encode<'a>(
    heads: &[Hash],
    need: &[Hash],
    changes: impl ExactSizeIterator<Item = &'a [u8]> + Clone,
) -> Bytes {
    let size: usize = changes.clone().map(|change| bytes_len(change.len())).sum();
    let mut to = begin(VERSION_1, heads, need, size);
    to.put_slice(&have_only(heads));
    to.put_var_uint(changes.len() as u64);
    changes.for_each(|change| to.put_var_bytes(change));
    to.freeze()
}

/// What makes a client send all that it has beyond these heads, also what it has sent before: as the
/// library does it for peers that do not read flags, no heads at all, which says that all was lost.
pub fn encode_again(heads: &[Hash]) -> Bytes {
    let mut to = begin(VERSION_1, &[], &[], size_of_val(heads));
    to.put_slice(&have_only(heads));
    to.put_u8(0);
    to.freeze()
}

/// The whole document, to a client that has nothing of it and reads version 2.
pub fn encode_whole(heads: &[Hash], document: &[u8]) -> Bytes {
    let mut to = begin(VERSION_2, heads, &[], bytes_len(document.len()) + 8);
    to.put_slice(&have_only(heads));
    to.put_u8(1);
    to.put_var_bytes(document);
    to.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: Hash = [7; 32];

    fn decode(message: &Bytes) -> Result<SyncMessage, Malformed> {
        SyncMessage::decode(message, MAX_INFLATED)
    }

    fn with_filter(filter: &[u8]) -> Bytes {
        let mut to = begin(VERSION_1, &[HASH], &[], 64);
        to.put_u8(1);
        put_hashes(&mut to, &[HASH]);
        to.put_var_bytes(filter);
        to.put_u8(0);
        to.freeze()
    }

    #[test]
    fn what_is_written_is_read() {
        let read = decode(&encode(&[HASH], &[[8; 32]], [].into_iter())).unwrap();
        assert_eq!((read.heads, read.need, read.shared), (vec![HASH], vec![[8; 32]], vec![HASH]));
        assert!(!read.has_filter && !read.takes_documents && read.changes.is_empty());
        let read = decode(&with_filter(&[1, 10, 7, 0xff, 0x03])).unwrap();
        assert!(read.has_filter);
        assert_eq!(read.without_changes(), with_filter(&[1, 10, 7, 0xff, 0x03]));
    }

    #[test]
    fn what_was_answered_is_kept_without_its_frame() {
        let asked = decode(&with_filter(&[1, 10, 7, 0xff, 0x03])).unwrap().question();
        assert_eq!(asked.without_changes(), with_filter(&[1, 10, 7, 0xff, 0x03]));
        let answered = asked.answered();
        assert_eq!(answered.without_changes(), with_filter(&[]));
        let many = SyncMessage { shared: vec![HASH; 1000], ..answered };
        assert!(many.answered().shared.is_empty(), "then all of it is sent again");
    }

    #[test]
    fn filters_that_nothing_can_be_looked_up_in_are_refused() {
        // By nothing it would be divided, for 2^31 probes memory reserved.
        for filter in [&[1, 0, 7][..], &[0, 10, 7], &[1, 10, 33, 0, 0], &[1, 10, 7, 0], &[9]] {
            assert!(decode(&with_filter(filter)).is_err(), "{filter:?}");
        }
    }

    #[test]
    fn counts_are_held_against_the_bytes_that_are_left() {
        for bytes in
            [&[0x42, 0xff, 0xff, 0xff, 0x7f][..], &[0x42, 0, 0, 0, 0xff, 0x7f], &[0x42], &[]]
        {
            assert!(decode(&Bytes::copy_from_slice(bytes)).is_err());
        }
        assert_eq!(decode(&encode_whole(&[], &[])).unwrap_err(), Malformed::Kind);
    }
}
