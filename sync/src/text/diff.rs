//! How one text becomes another: the fewest sensible edits, in bounded time.
//!
//! Lines first, then words, then characters, each only where the coarser ones differ. The exact
//! search (`similar`) is quadratic for texts that have nothing in common and cannot be stopped
//! without a clock, so large differences are first split at what occurs once on both sides.
//! Must not know documents.

use std::{collections::HashMap, hash::Hash, ops::Range};

use similar::{Algorithm, DiffOp, capture_diff_slices};

/// The most tokens that are searched exactly: a search takes up to the square of it.
const EXACT: usize = 1_000;

/// The most edits: each walks the document.
const MOST: usize = 500;

/// A part of the old text and what stands in its place; positions in UTF-16 code units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edit<'a> {
    pub(super) start: u32,
    pub(super) deleted: u32,
    pub(super) inserted: &'a str,
}

/// Ranges of tokens that differ, in order.
pub(super) type Hunk = (Range<usize>, Range<usize>);

pub(super) fn utf16_len(text: &str) -> u32 {
    let length = if text.is_ascii() { text.len() } else { text.encode_utf16().count() };
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Where two lists of tokens differ.
pub(super) fn hunks<T: Eq + Hash>(old: &[T], new: &[T]) -> Vec<Hunk> {
    let mut found = Vec::new();
    let (mut from_old, mut from_new) = (0, 0);
    if old.len() + new.len() > EXACT {
        for (at_old, at_new) in anchors(old, new) {
            gap(old, new, (from_old..at_old, from_new..at_new), &mut found);
            (from_old, from_new) = (at_old + 1, at_new + 1);
        }
    }
    gap(old, new, (from_old..old.len(), from_new..new.len()), &mut found);
    found
}

/// Searches one gap between anchors; a gap that is too large is one hunk.
fn gap<T: Eq + Hash>(old: &[T], new: &[T], (a, b): Hunk, found: &mut Vec<Hunk>) {
    let (left, right) = (&old[a.clone()], &new[b.clone()]);
    let head = left.iter().zip(right).take_while(|(x, y)| x == y).count();
    let (left, right) = (&left[head..], &right[head..]);
    let tail = left.iter().rev().zip(right.iter().rev()).take_while(|(x, y)| x == y).count();
    let (left, right) = (&left[..left.len() - tail], &right[..right.len() - tail]);
    if left.is_empty() && right.is_empty() {
        return;
    }
    let (start_old, start_new) = (a.start + head, b.start + head);
    let whole = (start_old..start_old + left.len(), start_new..start_new + right.len());
    if left.is_empty() || right.is_empty() || left.len() + right.len() > EXACT {
        found.push(whole);
        return;
    }
    let mut open: Option<Hunk> = None;
    for op in capture_diff_slices(Algorithm::Myers, left, right) {
        if let DiffOp::Equal { .. } = op {
            found.extend(open.take());
            continue;
        }
        let (o, n) = (op.old_range(), op.new_range());
        let (o, n) =
            (start_old + o.start..start_old + o.end, start_new + n.start..start_new + n.end);
        match &mut open {
            Some((old, new)) => (old.end, new.end) = (o.end, n.end),
            None => open = Some((o, n)),
        }
    }
    found.extend(open);
}

/// Tokens that occur once on both sides, the longest run of them that is in order on both.
fn anchors<T: Eq + Hash>(old: &[T], new: &[T]) -> Vec<(usize, usize)> {
    // How often a token occurs in each, and where last.
    let mut seen: HashMap<&T, (u32, u32, usize, usize)> = HashMap::new();
    for (at, token) in old.iter().enumerate() {
        let entry = seen.entry(token).or_default();
        (entry.0, entry.2) = (entry.0 + 1, at);
    }
    for (at, token) in new.iter().enumerate() {
        if let Some(entry) = seen.get_mut(token) {
            (entry.1, entry.3) = (entry.1 + 1, at);
        }
    }
    let mut pairs: Vec<_> =
        seen.values().filter(|e| (e.0, e.1) == (1, 1)).map(|e| (e.2, e.3)).collect();
    pairs.sort_unstable();
    // Longest increasing run by patience: the top of each pile, and each card's predecessor.
    let mut piles: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = vec![None; pairs.len()];
    for (card, &(_, at_new)) in pairs.iter().enumerate() {
        let pile = piles.partition_point(|&top| pairs[top].1 < at_new);
        before[card] = pile.checked_sub(1).map(|left| piles[left]);
        if pile == piles.len() {
            piles.push(card);
        } else {
            piles[pile] = card;
        }
    }
    let mut chain = Vec::new();
    let mut next = piles.last().copied();
    while let Some(card) = next {
        chain.push(pairs[card]);
        next = before[card];
    }
    chain.reverse();
    chain
}

/// The edits that make `new` of `old`, in order and apart from each other.
pub(super) fn edits<'a>(old: &str, new: &'a str) -> Vec<Edit<'a>> {
    let mut found = Vec::new();
    refine(Grain::Lines, (old, new), 0, &mut found);
    joined(found, new)
}

/// No more than [`MOST`] edits: neighbours become one, with what stays the same between them.
fn joined<'a>(found: Vec<Edit<'a>>, new: &'a str) -> Vec<Edit<'a>> {
    let each = found.len().div_ceil(MOST);
    if each <= 1 {
        return found;
    }
    let place = |part: &str| part.as_ptr() as usize - new.as_ptr() as usize;
    let join = |edits: &[Edit<'a>]| {
        let (first, last) = (&edits[0], &edits[edits.len() - 1]);
        let end = place(last.inserted) + last.inserted.len();
        Edit {
            start: first.start,
            deleted: last.start + last.deleted - first.start,
            inserted: &new[place(first.inserted)..end],
        }
    };
    found.chunks(each).map(join).collect()
}

#[derive(Clone, Copy)]
enum Grain {
    Lines,
    Words,
    Characters,
}

impl Grain {
    fn tokens(self, text: &str) -> Vec<&str> {
        match self {
            Self::Lines => text.split_inclusive('\n').collect(),
            Self::Words => text.split_inclusive([' ', '\n', '\t']).collect(),
            Self::Characters => text.split_inclusive(|_| true).collect(),
        }
    }

    fn finer(self) -> Option<Self> {
        match self {
            Self::Lines => Some(Self::Words),
            Self::Words => Some(Self::Characters),
            Self::Characters => None,
        }
    }
}

/// Finds where the texts differ at this grain, and goes on inside at the next one. `start` is
/// where `old` begins in the whole.
fn refine<'a>(grain: Grain, (old, new): (&str, &'a str), start: u32, found: &mut Vec<Edit<'a>>) {
    if old.is_empty() || new.is_empty() {
        if old != new {
            found.push(Edit { start, deleted: utf16_len(old), inserted: new });
        }
        return;
    }
    let (left, right) = (grain.tokens(old), grain.tokens(new));
    let differing = hunks(&left, &right);
    if grain.finer().is_none() {
        // Two words that share a letter here and there are different words.
        let changed: usize = differing.iter().map(|(o, n)| o.len() + n.len()).sum();
        if changed * 3 > (left.len() + right.len()) * 2 {
            if let Some(edit) = grown((old, new), start) {
                return found.push(edit);
            }
            found.push(Edit { start, deleted: utf16_len(old), inserted: new });
            return;
        }
    }
    let (offsets_old, offsets_new) = (offsets(&left), offsets(&right));
    let (mut at, mut position) = (0, start);
    for (o, n) in differing.into_iter().flat_map(one_by_one) {
        let (from, to) = (offsets_old[o.start], offsets_old[o.end]);
        position += utf16_len(&old[at..from]);
        let parts = (&old[from..to], &new[offsets_new[n.start]..offsets_new[n.end]]);
        match grain.finer() {
            Some(finer) => refine(finer, parts, position, found),
            None => {
                found.push(Edit {
                    start: position,
                    deleted: utf16_len(parts.0),
                    inserted: parts.1,
                });
            }
        }
        position += utf16_len(parts.0);
        at = to;
    }
}

/// As many lines (or words) in place of others are each in place of one.
fn one_by_one((old, new): Hunk) -> Vec<Hunk> {
    if old.len() == new.len() {
        old.zip(new).map(|(old, new)| (old..old + 1, new..new + 1)).collect()
    } else {
        vec![(old, new)]
    }
}

/// A word that has grown, or shrunk, in one place.
fn grown<'a>((old, new): (&str, &'a str), start: u32) -> Option<Edit<'a>> {
    let same = |(a, b): &(char, char)| a == b;
    let head: usize =
        old.chars().zip(new.chars()).take_while(same).map(|(letter, _)| letter.len_utf8()).sum();
    let (old, inserted) = (&old[head..], &new[head..]);
    let letters = old.chars().rev().zip(inserted.chars().rev()).take_while(same);
    let tail: usize = letters.map(|(letter, _)| letter.len_utf8()).sum();
    let (deleted, inserted) = (&old[..old.len() - tail], &inserted[..inserted.len() - tail]);
    let start = start + utf16_len(&new[..head]);
    (deleted.is_empty() || inserted.is_empty()).then(|| Edit {
        start,
        deleted: utf16_len(deleted),
        inserted,
    })
}

/// Where each token starts, and where the last one ends.
fn offsets(tokens: &[&str]) -> Vec<usize> {
    let mut at = 0;
    let starts = tokens.iter().map(|token| {
        at += token.len();
        at
    });
    std::iter::once(0).chain(starts).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Applies edits as a document would: from the last to the first.
    fn applied(old: &str, new: &str) -> (String, usize) {
        let mut units: Vec<u16> = old.encode_utf16().collect();
        let edits = edits(old, new);
        for edit in edits.iter().rev() {
            let start = usize::try_from(edit.start).unwrap();
            let end = start + usize::try_from(edit.deleted).unwrap();
            units.splice(start..end, edit.inserted.encode_utf16());
        }
        (String::from_utf16(&units).unwrap(), edits.len())
    }

    #[test]
    fn only_what_differs_is_edited() {
        let old = "Grüße 🦀 aus dem Raum\nzweite Zeile\n";
        let new = "Grüße 🦀🦀 aus dem Raum\nzweite lange Zeile\n";
        let found = edits(old, new);
        let texts: Vec<_> =
            found.iter().map(|edit| (edit.start, edit.deleted, edit.inserted)).collect();
        assert_eq!(texts, [(8, 0, "🦀"), (29, 0, "lange ")]);
        assert_eq!(applied(old, new).0, new);
        assert_eq!(edits(old, old), []);
    }

    #[test]
    fn large_texts_take_bounded_time() {
        let line = |i: usize| format!("line {i} {}\n", i * i % 97);
        let old: String = (0..50_000).map(line).collect();
        let mut new = old.replace("line 7 ", "line seven ").replace("line 40000 ", "");
        new.insert_str(0, "first\n");
        let (text, count) = applied(&old, &new);
        assert_eq!(text, new);
        assert!(count < 10, "{count}");
        // Nothing in common, all the same, one long line.
        let other = (0..50_000).map(|i| (i * 7).to_string()).collect::<Vec<_>>().join("\n");
        assert_eq!(applied(&old, &other).0, other);
        let (all_a, all_b) = ("a\n".repeat(50_000), "b\n".repeat(40_000));
        assert_eq!(applied(&all_a, &all_b).0, all_b);
        assert_eq!(applied(&all_a, &all_a[2..]).0, all_a[2..]);
        let (long, longer) = ("x".repeat(500_000), "xy".repeat(400_000));
        assert_eq!(applied(&long, &longer).0, longer);
    }

    #[test]
    fn texts_that_have_little_in_common_become_one_another_by_few_edits() {
        let text = |seed: u32| -> String {
            let next = |at: &mut u32| {
                *at = at.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                Some(*at >> 29)
            };
            std::iter::repeat_n(seed, 1)
                .flat_map(|mut at| std::iter::from_fn(move || next(&mut at)).take(200_000))
                .map(|letter| char::from(b"abcdef \n"[letter as usize]))
                .collect()
        };
        let (old, new) = (text(1), text(2));
        let edits = edits(&old, &new);
        assert!(edits.len() <= MOST, "{}", edits.len());
        let mut made = String::new();
        let mut at = 0;
        for edit in &edits {
            made += &old[at..edit.start as usize];
            made += edit.inserted;
            at = (edit.start + edit.deleted) as usize;
        }
        made += &old[at..];
        assert!(made == new);
    }

    proptest! {
        #[test]
        fn edits_make_the_new_text(old in "[ab \n🦀ä]{0,40}", new in "[ab \n🦀ä]{0,40}") {
            prop_assert_eq!(applied(&old, &new).0, new);
        }
    }
}
