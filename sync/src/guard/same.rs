//! Whether two updates say the same where both speak of the same ticks of a client.
//!
//! An update that inserts nothing new is acknowledged without being written. That is true only if what
//! it holds is what the document holds: somebody may have been first with its author's client id. What
//! was deleted in either is gone from it and agrees with all. Every piece is looked at once, however it
//! is cut. Must not know any document.

use std::{
    collections::HashMap,
    ops::{Range, RangeInclusive},
};

use super::{
    Malformed,
    block::{Kind, Section},
    content::{self, ANY, DELETED, STRING},
    value,
};
use crate::wire::lib0::Reader;

/// Replaces half a character where a text was cut inside it.
const CUT: u16 = 0xfffd;
const HALVES: RangeInclusive<u16> = 0xd800..=0xdfff;

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
    for (client, pieces) in &left {
        if let Some(others) = right.get(client)
            && !agree(pieces, others)?
        {
            return Ok(Some(*client));
        }
    }
    Ok(None)
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
fn agree(left: &[Piece<'_>], right: &[Piece<'_>]) -> Result<bool, Malformed> {
    let (mut left, mut right) = (left.iter(), right.iter());
    let (mut one, mut other) = (open(left.next())?, open(right.next())?);
    while let (Some((a, says)), Some((b, others))) = (&one, &other) {
        let (from, to) = (a.start.max(b.start), a.end.min(b.end));
        if from < to {
            let of = |piece: &Piece<'_>| (from - piece.start) as usize..(to - piece.start) as usize;
            if !says.agrees(of(a), others, of(b))? {
                return Ok(false);
            }
        }
        if a.end <= b.end {
            one = open(left.next())?;
        } else {
            other = open(right.next())?;
        }
    }
    Ok(true)
}

/// A piece's content, tick by tick.
enum Ticks<'a> {
    Nothing,
    Text(Vec<u16>),
    Values(Vec<&'a [u8]>),
    One(u8, &'a [u8]),
}

type Open<'p, 'a> = Option<(&'p Piece<'a>, Ticks<'a>)>;

/// Each piece is opened once.
fn open<'p, 'a>(piece: Option<&'p Piece<'a>>) -> Result<Open<'p, 'a>, Malformed> {
    let Some(piece) = piece else { return Ok(None) };
    let ticks = match piece.says {
        Says::Nothing => Ticks::Nothing,
        Says::Text(text) => Ticks::Text(text.encode_utf16().collect()),
        Says::Other(ANY, bytes) => Ticks::Values(content::values(bytes)?),
        Says::Other(kind, bytes) => Ticks::One(kind, bytes),
    };
    Ok(Some((piece, ticks)))
}

impl Ticks<'_> {
    /// Whether these ticks of the one are those of the other.
    fn agrees(
        &self,
        mine: Range<usize>,
        other: &Self,
        theirs: Range<usize>,
    ) -> Result<bool, Malformed> {
        match (self, other) {
            (Self::Nothing, _) | (_, Self::Nothing) => Ok(true),
            (Self::Text(one), Self::Text(two)) => Ok(match (one.get(mine), two.get(theirs)) {
                (Some(one), Some(two)) => one.iter().zip(two).all(|(a, b)| is_same(*a, *b)),
                _ => false,
            }),
            (Self::Values(one), Self::Values(two)) => match (one.get(mine), two.get(theirs)) {
                (Some(one), Some(two)) => every(one.iter().zip(two)),
                _ => Ok(false),
            },
            (Self::One(one, mine), Self::One(two, theirs)) if one == two => {
                value::is_same(*one, mine, theirs)
            }
            _ => Ok(false),
        }
    }
}

fn every<'a>(pairs: impl Iterator<Item = (&'a &'a [u8], &'a &'a [u8])>) -> Result<bool, Malformed> {
    for (one, two) in pairs {
        if !value::is_same(ANY, one, two)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A character of two units that was cut in the middle is shown as two that are none.
fn is_same(one: u16, two: u16) -> bool {
    one == two || (one == CUT && HALVES.contains(&two)) || (two == CUT && HALVES.contains(&one))
}

#[cfg(test)]
mod tests {
    use yrs::{Array, ReadTxn, StateVector, Text, Transact};

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
        let cut = "\u{fffd}".repeat(13);
        assert_eq!(differs(&types(&[&cut]), &whole), Ok(Some(7)), "half characters are no joker");
    }

    /// Somebody with this client id puts values into an array, so many at once.
    fn puts(values: &[&[u32]]) -> Vec<u8> {
        let doc = new_doc(7);
        let array = doc.get_or_insert_array("array");
        for values in values {
            let end = array.len(&doc.transact());
            array.insert_range(&mut doc.transact_mut(), end, values.iter().copied());
        }
        doc.transact().encode_state_as_update_v1(&StateVector::default())
    }

    #[test]
    fn values_are_compared_one_by_one_however_they_are_cut() {
        let whole = puts(&[&[1, 2, 3, 4]]);
        assert_eq!(differs(&puts(&[&[1], &[2, 3], &[4]]), &whole), Ok(None));
        assert_eq!(differs(&puts(&[&[1, 2], &[3, 9]]), &whole), Ok(Some(7)));
        assert_eq!(differs(&types(&["1234"]), &whole), Ok(Some(7)));
    }

    #[test]
    fn a_long_text_in_many_pieces_is_compared_once() {
        let text = "x".repeat(300_000);
        let (long, short): (_, Vec<&str>) = (types(&[&text]), vec!["x"; 2]);
        let doc = new_doc(7);
        let content = doc.get_or_insert_text("content");
        content.insert(&mut doc.transact_mut(), 0, &text);
        for at in 0..4_000 {
            content.remove_range(&mut doc.transact_mut(), at, 1);
        }
        let pieces = doc.transact().encode_state_as_update_v1(&StateVector::default());
        assert_eq!(differs(&long, &pieces), Ok(None));
        assert_eq!(differs(&types(&short), &long), Ok(None));
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
