//! Where two lists of lines, or of words, differ, in bounded time.
//!
//! The exact search (`similar`) is quadratic for texts that have nothing in common and cannot be stopped
//! without a clock, so large differences are first split at what occurs once on both sides.
//! Must not know documents.

use std::{collections::HashMap, hash::Hash, ops::Range};

use similar::{Algorithm, DiffOp, capture_diff_slices};

/// The most tokens that are searched exactly: a search takes up to the square of it.
const EXACT: usize = 1_000;

/// Ranges of tokens that differ, in order.
pub(super) type Hunk = (Range<usize>, Range<usize>);

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
