//! Which lines of a text have become which of another. Must not know documents.

use std::{
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
    ops::Range,
};

use super::{diff::Hunk, words::words};

/// Of more lines each becomes the one at its place.
const MOST: usize = 64;
/// How much of their words two lines share at least, in percent, when one has become the other.
const ALIKE: usize = 30;

/// An old line and what has become of it: another, none, or a new one of nothing.
pub(super) type Line = (Option<usize>, Option<usize>);

/// The lines of a hunk, in order: those that share words have become one another, and of the others between
/// two such each becomes the one at its place.
pub(super) fn become_of(old: &[&str], new: &[&str], hunk: &Hunk) -> Vec<Line> {
    let mut found = Vec::new();
    let (mut i, mut j) = (hunk.0.start, hunk.1.start);
    for (a, b) in alike(old, new, hunk).into_iter().chain([(hunk.0.end, hunk.1.end)]) {
        in_order(i..a, j..b, &mut found);
        if a < hunk.0.end {
            found.push((Some(a), Some(b)));
        }
        (i, j) = (a + 1, b + 1);
    }
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

/// The lines of a hunk that have become one another: in order on both sides, those that have the most words in
/// common.
pub(super) fn alike(old: &[&str], new: &[&str], (a, b): &Hunk) -> Vec<(usize, usize)> {
    if a.is_empty() || b.is_empty() || a.len() > MOST || b.len() > MOST {
        return Vec::new();
    }
    let (left, right) = (hashes(&old[a.clone()]), hashes(&new[b.clone()]));
    let common: Vec<Vec<usize>> =
        left.iter().map(|left| right.iter().map(|right| percent(left, right)).collect()).collect();
    // best[i][j]: of the lines from i and from j on.
    let mut best = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            let paired = common[i][j] + best[i + 1][j + 1];
            best[i][j] = paired.max(best[i + 1][j]).max(best[i][j + 1]);
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut pairs = Vec::new();
    while i < a.len() && j < b.len() {
        if common[i][j] > 0 && best[i][j] == common[i][j] + best[i + 1][j + 1] {
            pairs.push((a.start + i, b.start + j));
            (i, j) = (i + 1, j + 1);
        } else if best[i][j] == best[i + 1][j] {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}

/// The words of each line, signs left out, as sorted hashes.
fn hashes(lines: &[&str]) -> Vec<Vec<u64>> {
    let hasher = BuildHasherDefault::<DefaultHasher>::default();
    let of_line = |line: &&str| {
        let words = words(line).into_iter().filter(|word| word.contains(char::is_alphanumeric));
        let mut hashes: Vec<u64> = words.map(|word| hasher.hash_one(word)).collect();
        hashes.sort_unstable();
        hashes
    };
    lines.iter().map(of_line).collect()
}

/// How much of their words two lines share; 0 when too little.
fn percent(left: &[u64], right: &[u64]) -> usize {
    let (mut i, mut j, mut common) = (0, 0, 0);
    while let (Some(a), Some(b)) = (left.get(i), right.get(j)) {
        common += usize::from(a == b);
        i += usize::from(a <= b);
        j += usize::from(b <= a);
    }
    let percent = common * 200 / (left.len() + right.len()).max(1);
    if percent < ALIKE { 0 } else { percent }
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
