//! What a text has in place of parts of another, by whole words: what people see as one change. Letters
//! that two words share by chance are none that was kept. Must not know documents.

use std::ops::Range;

use super::diff::{self, Hunk, offsets};

/// A part of the old text, in bytes, and what stands in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) inserted: String,
    /// Where in the new text that is.
    pub(super) at: usize,
}

impl Change {
    /// Whether nothing is deleted.
    pub(super) fn only_adds(&self) -> bool {
        self.start == self.end
    }
}

/// The changes that make `new` of `old`, in order and apart from each other.
pub(super) fn changes(old: &str, new: &str) -> Vec<Change> {
    let (old_lines, new_lines) = (lines(old), lines(new));
    let (starts_old, starts_new) = (offsets(&old_lines), offsets(&new_lines));
    let mut found = Vec::new();
    for (o, n) in diff::hunks(&old_lines, &new_lines).into_iter().flat_map(diff::one_by_one) {
        let (o, n) =
            (starts_old[o.start]..starts_old[o.end], starts_new[n.start]..starts_new[n.end]);
        within((old, o), (new, n), &mut found);
    }
    found
}

/// The changes within two parts that differ.
fn within((old, o): (&str, Range<usize>), (new, n): (&str, Range<usize>), found: &mut Vec<Change>) {
    let (left, right) = (words(&old[o.clone()]), words(&new[n.clone()]));
    let (starts_old, starts_new) = (offsets(&left), offsets(&right));
    for (a, b) in joined(diff::hunks(&left, &right)) {
        let is_word = (a.len() == 1, b.len() == 1);
        let a = o.start + starts_old[a.start]..o.start + starts_old[a.end];
        let b = n.start + starts_new[b.start]..n.start + starts_new[b.end];
        let (head, tail) = kept((&old[a.clone()], is_word.0), (&new[b.clone()], is_word.1));
        let inserted = new[b.start + head..b.end - tail].to_owned();
        found.push(Change {
            start: a.start + head,
            end: a.end - tail,
            inserted,
            at: b.start + head,
        });
    }
}

/// How much of two parts is the same at the beginning and at the end, and was not touched: whole words,
/// and the rest of one that has grown, or shrunk, in one place. Any other is another word.
fn kept((old, is_old_word): (&str, bool), (new, is_new_word): (&str, bool)) -> (usize, usize) {
    let (head, tail) = shared(old, new);
    if is_old_word && is_new_word && head + tail == old.len().min(new.len()) {
        return (head, tail);
    }
    let is_kept = |at: usize, at_new: usize| is_edge(old, at) && is_edge(new, at_new);
    let is_head = |at: &usize| is_kept(*at, *at) || (is_old_word && *at == old.len());
    let mut head = (0..=head).rev().find(is_head).unwrap_or(0);
    let tail = tail_of(&old[head..], &new[head..]);
    let is_tail = |size: &usize| {
        is_kept(old.len() - size, new.len() - size) || (is_old_word && *size == old.len())
    };
    let tail = (0..=tail).rev().find(is_tail).unwrap_or(0);
    if head + tail < old.len() && head + tail < new.len() {
        // Of words that are replaced the space before them is a part, as it is of words that are added.
        head = old[..head].trim_end().len();
    }
    (head, tail)
}

/// Whether a text can be cut here without cutting a word.
fn is_edge(text: &str, at: usize) -> bool {
    let is_apart = |sign: char| sign.is_whitespace() || stands_alone(sign);
    text.is_char_boundary(at)
        && (text[..at].chars().next_back().is_none_or(is_apart)
            || text[at..].chars().next().is_none_or(is_apart))
}

/// What is between two changes and smaller than both is the same by chance.
fn joined(hunks: Vec<Hunk>) -> Vec<Hunk> {
    let size = |(old, new): &Hunk| old.len().max(new.len());
    let mut joined: Vec<Hunk> = Vec::with_capacity(hunks.len());
    for mut hunk in hunks {
        while let Some(last) = joined.pop_if(|last| {
            let between = hunk.0.start - last.0.end;
            between < size(last) && between < size(&hunk)
        }) {
            hunk = (last.0.start..hunk.0.end, last.1.start..hunk.1.end);
        }
        joined.push(hunk);
    }
    joined
}

/// How many bytes two texts share at the beginning, and how many of the rest at the end; all at the end
/// where one ends with the other.
fn shared(old: &str, new: &str) -> (usize, usize) {
    if !new.starts_with(old) && !old.starts_with(new) && (new.ends_with(old) || old.ends_with(new))
    {
        return (0, old.len().min(new.len()));
    }
    let head = same(old.chars().zip(new.chars()));
    (head, tail_of(&old[head..], &new[head..]))
}

/// How many bytes two texts share at the end.
fn tail_of(old: &str, new: &str) -> usize {
    same(old.chars().rev().zip(new.chars().rev()))
}

fn same(letters: impl Iterator<Item = (char, char)>) -> usize {
    letters.take_while(|(a, b)| a == b).map(|(letter, _)| letter.len_utf8()).sum()
}

pub(super) fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// Words, each with the space before it. Where words are not set apart, each sign is one.
pub(super) fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let (mut start, mut before) = (0, ' ');
    for (at, sign) in text.char_indices() {
        let is_next = sign.is_whitespace() || stands_alone(before) || stands_alone(sign);
        if !before.is_whitespace() && is_next {
            words.push(&text[start..at]);
            start = at;
        }
        before = sign;
    }
    if start < text.len() {
        words.push(&text[start..]);
    }
    words
}

/// Signs of scripts that are written without spaces, and pictures: all from CJK radicals on.
fn stands_alone(sign: char) -> bool {
    sign >= '\u{2e80}'
}

/// Whether two signs that come to stand side by side read as one word.
pub(super) fn is_glued(before: Option<char>, after: Option<char>) -> bool {
    let is_letter =
        |sign: Option<char>| sign.is_some_and(|sign| sign.is_alphanumeric() && !stands_alone(sign));
    is_letter(before) && is_letter(after)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(old: &str, new: &str) -> Vec<(String, String)> {
        let change = |change: Change| (old[change.start..change.end].to_owned(), change.inserted);
        changes(old, new).into_iter().map(change).collect()
    }

    #[test]
    fn words_that_share_letters_are_other_words() {
        let one = |old: &str, new: &str| vec![(old.to_owned(), new.to_owned())];
        assert_eq!(said("We meet Monday.", "We meet Tuesday."), one(" Monday.", " Tuesday."));
        assert_eq!(said("at 555-1234", "at 555-9876"), one(" 555-1234", " 555-9876"));
        assert_eq!(said("a ship", "a ships"), one("", "s"));
        assert_eq!(said("<1.2>ship", "<1.3><1.2>ship"), one("", "<1.3>"));
        assert_eq!(said("今日は雨です", "今日は晴れです"), one("雨", "晴れ"));
        assert_eq!(
            said("The exam is on chapter four.", "A talk tomorrow is about other things."),
            one("The exam is on chapter four.", "A talk tomorrow is about other things.")
        );
    }

    proptest! {
        #[test]
        fn they_make_one_of_the_other(old in "[ab\n 今\u{1f600}]{0,40}", new in "[ab\n 今\u{1f600}]{0,40}") {
            let mut text = old.clone();
            for change in changes(&old, &new).into_iter().rev() {
                text.replace_range(change.start..change.end, &change.inserted);
                prop_assert!(new[change.at..].starts_with(&change.inserted));
            }
            prop_assert_eq!(text, new);
        }
    }
}
