//! Whether two updates say the same where both speak of the same ticks of a client.
//!
//! An update that inserts nothing new is acknowledged without being written. That is true only if what
//! it holds is what the document holds: somebody may have been first with its author's client id. What
//! was deleted in either is gone from it and agrees with all; what is cut into blocks in different ways
//! and is no text is taken to agree. Must not know yrs or any document.

use std::collections::HashMap;

use super::{
    Malformed,
    block::{Kind, Section},
    content::{DELETED, STRING},
};
use crate::wire::lib0::Reader;

/// Replaces half a character where a text was cut inside it.
const CUT: u16 = 0xfffd;

struct Piece<'a> {
    start: u32,
    end: u32,
    says: Says<'a>,
}

#[derive(Clone, Copy)]
enum Says<'a> {
    Nothing,
    Text(&'a str),
    Other(u8, &'a [u8]),
}

/// The first client of whom the two (updates, v1, which the guard has accepted) say different things.
pub fn differs(left: &[u8], right: &[u8]) -> Result<Option<u64>, Malformed> {
    let (left, right) = (pieces(left)?, pieces(right)?);
    let differing = left
        .iter()
        .find(|(client, pieces)| right.get(client).is_some_and(|others| !agree(pieces, others)));
    Ok(differing.map(|(client, _)| *client))
}

fn pieces(update: &[u8]) -> Result<HashMap<u64, Vec<Piece<'_>>>, Malformed> {
    let mut reader = Reader::new(update);
    let mut clients = HashMap::new();
    for _ in 0..reader.count(5)? {
        let mut section = Section::read(reader)?;
        let mut pieces = Vec::new();
        loop {
            let mut from = section.reader;
            let Some((start, block)) = section.next()? else { break };
            let says = match block.kind {
                Kind::Gc | Kind::Skip | Kind::Item { content: DELETED, .. } => Says::Nothing,
                Kind::Item { content, rest, .. } => {
                    from.take(from.remaining() - rest)?;
                    if content == STRING {
                        Says::Text(from.string()?)
                    } else {
                        Says::Other(content, from.take(rest - section.reader.remaining())?)
                    }
                }
            };
            pieces.push(Piece { start, end: section.clock, says });
        }
        clients.insert(section.client, pieces);
        reader = section.reader;
    }
    Ok(clients)
}

/// Both are in order and without overlaps.
fn agree(left: &[Piece<'_>], right: &[Piece<'_>]) -> bool {
    let (mut left, mut right) = (left.iter().peekable(), right.iter().peekable());
    while let (Some(one), Some(other)) = (left.peek(), right.peek()) {
        if one.start.max(other.start) < one.end.min(other.end) && !one.agrees(other) {
            return false;
        }
        if one.end <= other.end {
            left.next()
        } else {
            right.next()
        };
    }
    true
}

impl Piece<'_> {
    fn agrees(&self, other: &Self) -> bool {
        match (self.says, other.says) {
            (Says::Nothing, _) | (_, Says::Nothing) => true,
            (Says::Text(one), Says::Text(two)) => {
                let (from, to) = (self.start.max(other.start), self.end.min(other.end));
                let units = |text: &str, start: u32| {
                    let (skipped, taken) = ((from - start) as usize, (to - from) as usize);
                    text.encode_utf16().skip(skipped).take(taken).collect::<Vec<_>>()
                };
                let (one, two) = (units(one, self.start), units(two, other.start));
                one.iter().zip(&two).all(|(a, b)| a == b || *a == CUT || *b == CUT)
            }
            (Says::Other(one, mine), Says::Other(two, theirs)) => {
                let is_whole = (self.start, self.end) == (other.start, other.end);
                one == two && (!is_whole || mine == theirs)
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use yrs::{ReadTxn, StateVector, Text, Transact};

    use super::*;
    use crate::text::new_doc;

    /// Everything of somebody with this client id who types word by word.
    fn types(words: &[&str]) -> Vec<u8> {
        let doc = new_doc(7);
        let content = doc.get_or_insert_text("content");
        for word in words {
            let mut transaction = doc.transact_mut();
            let end = content.len(&transaction);
            content.insert(&mut transaction, end, word);
        }
        doc.transact().encode_state_as_update_v1(&StateVector::default())
    }

    #[test]
    fn the_same_words_agree_however_they_are_cut() {
        let whole = types(&["one two three"]);
        assert_eq!(differs(&types(&["one ", "two ", "three"]), &whole), Ok(None));
        assert_eq!(differs(&types(&["one two"]), &whole), Ok(None), "as far as both go");
        assert_eq!(differs(&types(&["eee eee eeeee"]), &whole), Ok(Some(7)));
        assert_eq!(differs(&types(&["one two threE"]), &whole), Ok(Some(7)));
    }

    #[test]
    fn what_was_deleted_agrees_with_all() {
        let doc = new_doc(7);
        let content = doc.get_or_insert_text("content");
        content.insert(&mut doc.transact_mut(), 0, "one two three");
        content.remove_range(&mut doc.transact_mut(), 4, 4);
        let state = doc.transact().encode_state_as_update_v1(&StateVector::default());
        assert_eq!(differs(&types(&["one two three"]), &state), Ok(None));
        assert_eq!(differs(&types(&["one xxx three"]), &state), Ok(None));
        assert_eq!(differs(&types(&["xxx two three"]), &state), Ok(Some(7)));
    }
}
