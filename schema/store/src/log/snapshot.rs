//! A snapshot as bytes, and those bytes in chunks.
//!
//! The form: version 1, the number of authors, each author as client id and user id, then the
//! state. Numbers are little-endian.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use studyhall_schema::ids::UserId;

use super::{MAX_PIECE, Snapshot};
use crate::backend::Chunk;

const VERSION: u8 = 1;

/// Bytes of one author: client id and user id.
const AUTHOR: usize = 8 + 12;

/// Cuts a snapshot into chunks; at least one.
pub(super) fn chunks(snapshot: &Snapshot) -> Vec<Chunk> {
    let authors = u32::try_from(snapshot.authors.len()).unwrap_or(u32::MAX);
    let mut bytes =
        BytesMut::with_capacity(5 + snapshot.authors.len() * AUTHOR + snapshot.state.len());
    bytes.put_u8(VERSION);
    bytes.put_u32_le(authors);
    for (client, user) in snapshot.authors.iter().take(authors as usize) {
        bytes.put_u64_le(*client);
        bytes.put_slice(&user.bytes());
    }
    bytes.put_slice(&snapshot.state);
    let bytes = bytes.freeze();
    let of = bytes.len().div_ceil(MAX_PIECE);
    (0..of)
        .map(|index| Chunk {
            index: u32::try_from(index).unwrap_or(u32::MAX),
            of: u32::try_from(of).unwrap_or(u32::MAX),
            at: snapshot.at,
            content: bytes.slice(index * MAX_PIECE..bytes.len().min((index + 1) * MAX_PIECE)),
        })
        .collect()
}

/// Joins the chunks of the snapshot at `seq`. `None` when they are not whole.
pub(super) fn from_chunks(seq: u64, chunks: &[Chunk]) -> Option<Snapshot> {
    let first = chunks.first()?;
    let whole = chunks.len() == first.of as usize
        && chunks
            .iter()
            .zip(0..)
            .all(|(chunk, index)| chunk.index == index && chunk.of == first.of);
    if !whole {
        return None;
    }
    let mut bytes = match chunks {
        [only] => only.content.clone(),
        many => many
            .iter()
            .fold(BytesMut::new(), |mut all, chunk| {
                all.extend_from_slice(&chunk.content);
                all
            })
            .freeze(),
    };
    let authors = read_authors(&mut bytes)?;
    Some(Snapshot { seq, at: first.at, state: bytes, authors })
}

fn read_authors(bytes: &mut Bytes) -> Option<Vec<(u64, UserId)>> {
    if bytes.len() < 5 || bytes.get_u8() != VERSION {
        return None;
    }
    let count = bytes.get_u32_le() as usize;
    if bytes.len() / AUTHOR < count {
        return None;
    }
    let mut author = || {
        let client = bytes.get_u64_le();
        let mut user = [0; 12];
        bytes.copy_to_slice(&mut user);
        (client, UserId::from_bytes(user))
    };
    Some((0..count).map(|_| author()).collect())
}

#[cfg(test)]
mod tests {
    use studyhall_schema::Timestamp;

    use super::*;

    fn snapshot(size: usize) -> Snapshot {
        Snapshot {
            seq: 9,
            at: Timestamp::from_millis(5),
            state: Bytes::from(vec![42; size]),
            authors: vec![
                (1, UserId::from_bytes([1; 12])),
                (u64::MAX, UserId::from_bytes([2; 12])),
            ],
        }
    }

    #[test]
    fn chunks_join_to_the_same_snapshot() {
        for (size, count) in [(0, 1), (100, 1), (MAX_PIECE, 2), (9 << 20, 3)] {
            let cut = chunks(&snapshot(size));
            assert_eq!(cut.len(), count);
            assert!(cut.iter().all(|chunk| chunk.content.len() <= MAX_PIECE));
            assert_eq!(from_chunks(9, &cut), Some(snapshot(size)));
        }
    }

    #[test]
    fn missing_or_shortened_chunks_are_no_snapshot() {
        let cut = chunks(&snapshot(9 << 20));
        assert_eq!(from_chunks(9, &cut[..2]), None);
        assert_eq!(from_chunks(9, &cut[1..]), None);
        let mut one = chunks(&snapshot(0));
        one[0].content.truncate(20);
        assert_eq!(from_chunks(9, &one), None);
        one[0].content.clear();
        assert_eq!(from_chunks(9, &one), None);
    }
}
