//! Which lines of a text have become which of another. Must not know documents.

use std::{collections::HashSet, ops::Range};

use super::{diff::Hunk, words::words};

/// Of more lines each becomes the one at its place.
const MOST: usize = 64;

/// An old line and what has become of it: another, none, or a new one of nothing.
pub(super) type Line = (Option<usize>, Option<usize>);

/// The lines of a hunk, in order: those that share words have become one another, and of the others between
/// two such each becomes the one at its place.
pub(super) fn become_of(old: &[&str], new: &[&str], hunk: &Hunk) -> Vec<Line> {
    let (a, b) = hunk.clone();
    let mut found = Vec::with_capacity(a.len().max(b.len()));
    let (mut from_a, mut from_b) = (a.start, b.start);
    for (at_a, at_b) in alike(&old[a.clone()], &new[b.clone()]) {
        let (at_a, at_b) = (a.start + at_a, b.start + at_b);
        in_order(from_a..at_a, from_b..at_b, &mut found);
        found.push((Some(at_a), Some(at_b)));
        (from_a, from_b) = (at_a + 1, at_b + 1);
    }
    in_order(from_a..a.end, from_b..b.end, &mut found);
    found
}

fn in_order(mut a: Range<usize>, mut b: Range<usize>, found: &mut Vec<Line>) {
    loop {
        match (a.next(), b.next()) {
            (None, None) => return,
            line => found.push(line),
        }
    }
}

/// The pairs in order on both sides that have the most words in common.
fn alike(old: &[&str], new: &[&str]) -> Vec<(usize, usize)> {
    if old.is_empty() || new.is_empty() || old.len() > MOST || new.len() > MOST {
        return Vec::new();
    }
    let sets = |lines: &[&str]| -> Vec<HashSet<String>> {
        lines.iter().map(|line| words(line).into_iter().map(str::to_owned).collect()).collect()
    };
    let (left, right) = (sets(old), sets(new));
    let common = |i: usize, j: usize| left[i].intersection(&right[j]).count();
    // best[i][j]: of the lines from i and from j on.
    let mut best = vec![vec![0; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            let paired = common(i, j) + best[i + 1][j + 1];
            best[i][j] = paired.max(best[i + 1][j]).max(best[i][j + 1]);
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut pairs = Vec::new();
    while i < old.len() && j < new.len() {
        let common = common(i, j);
        if common > 0 && best[i][j] == common + best[i + 1][j + 1] {
            pairs.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if best[i][j] == best[i + 1][j] {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_share_words_become_one_another() {
        let became =
            |old: &[&str], new: &[&str]| become_of(old, new, &(0..old.len(), 0..new.len()));
        let title = became(&["Title"], &["Intro", "Title two"]);
        assert_eq!(title, [(None, Some(0)), (Some(0), Some(1))]);
        let moved = became(&["- eggs", "- brown bread"], &["milk", "- bread"]);
        assert_eq!(moved, [(Some(0), Some(0)), (Some(1), Some(1))]);
        let gone = became(&["one", "two", "three"], &["three and four"]);
        assert_eq!(gone, [(Some(0), None), (Some(1), None), (Some(2), Some(0))]);
        let others = became(&["one"], &["other", "another"]);
        assert_eq!(others, [(Some(0), Some(0)), (None, Some(1))]);
    }
}
