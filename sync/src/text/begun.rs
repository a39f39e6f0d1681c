//! Which of some texts the writer of another began with: found out from what has been typed since each, and
//! what deleted. Must not know documents.

use std::{
    collections::HashMap,
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
};

use super::words::{changes, words};

/// So much may two people have typed alike, in bytes: a word, a tick. Whoever has more of a text has seen it.
const ALIKE: usize = 12;

/// What has been done to a text until it was another, without the space.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Since {
    typed: usize,
    deleted: usize,
    /// The hashes of the words that were deleted, and how often each.
    gone: HashMap<u64, usize>,
    /// Whether something of it is left, or there was nothing.
    is_kept: bool,
}

impl Since {
    /// From one text to another.
    pub fn between(base: &str, text: &str) -> Self {
        let hasher = BuildHasherDefault::<DefaultHasher>::default();
        let mut since = Self::default();
        let (old, new) = differing(base, text);
        for change in changes(old, new) {
            let (gone, come) = apart(&old[change.start..change.end], &change.inserted);
            since.typed += letters(come);
            since.deleted += letters(gone);
            for word in words(gone) {
                *since.gone.entry(hasher.hash_one(word)).or_default() += 1;
            }
        }
        since.is_kept = since.deleted == 0 || since.deleted < letters(base);
        since
    }

    fn size(&self) -> usize {
        self.typed + self.deleted
    }

    /// Whether nothing was deleted that was not deleted since another as well.
    fn takes_no_more(&self, other: &Self) -> bool {
        self.gone.iter().all(|(word, times)| other.gone.get(word).is_some_and(|most| times <= most))
    }
}

/// A text that somebody may have begun with.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// What they would have done to it.
    pub since: &'a Since,
    /// Whether they have put it themselves.
    pub is_put: bool,
    /// Whether they have opened the note since.
    pub is_reopened: bool,
}

impl Candidate<'_> {
    /// Whether they have begun with this rather than with a newer one: then they have changed less. Who has
    /// words of the newer one in their text has seen it, though. Nothing says that they began with what they
    /// kept nothing of, unless they have it from putting it: this they have left only for a text from which
    /// they have taken nothing else.
    fn is_rather_than(self, newer: Candidate<'_>) -> bool {
        let alike = if newer.is_put { 0 } else { ALIKE };
        self.since.typed <= newer.since.typed + alike
            && self.since.size() < newer.since.size()
            && (self.since.is_kept || (self.is_put && !self.is_reopened))
            && (!newer.is_put || self.since.takes_no_more(newer.since))
    }
}

/// Which of these, the newest first, the writer began with.
pub fn begun_with<'a>(candidates: impl Iterator<Item = (usize, Candidate<'a>)>) -> Option<usize> {
    let rather = |found: (usize, Candidate<'a>), older: (usize, Candidate<'a>)| {
        if older.1.is_rather_than(found.1) { older } else { found }
    };
    candidates.reduce(rather).map(|(number, _)| number)
}

/// Two texts without the lines that both begin with, and end with.
fn differing<'a>(old: &'a str, new: &'a str) -> (&'a str, &'a str) {
    let same = old.bytes().zip(new.bytes()).take_while(|(a, b)| a == b).count();
    let head = old.as_bytes()[..same].iter().rposition(|byte| *byte == b'\n');
    let head = head.map_or(0, |last| last + 1);
    let (old, new) = (&old[head..], &new[head..]);
    let same = old.bytes().rev().zip(new.bytes().rev()).take_while(|(a, b)| a == b).count();
    let tail = old.as_bytes()[old.len() - same..].iter().position(|byte| *byte == b'\n');
    let tail = tail.map_or(0, |first| same - first - 1);
    (&old[..old.len() - tail], &new[..new.len() - tail])
}

/// What is in place of what, without the letters that both begin with, and end with: who types on at a word
/// has not deleted it.
fn apart<'a>(old: &'a str, new: &'a str) -> (&'a str, &'a str) {
    let same = |signs: &mut dyn Iterator<Item = (char, char)>| -> usize {
        signs.take_while(|(a, b)| a == b).map(|(sign, _)| sign.len_utf8()).sum()
    };
    let head = same(&mut old.chars().zip(new.chars()));
    let (old, new) = (&old[head..], &new[head..]);
    let tail = same(&mut old.chars().rev().zip(new.chars().rev()));
    (&old[..old.len() - tail], &new[..new.len() - tail])
}

/// How many bytes are no space.
fn letters(text: &str) -> usize {
    text.split_whitespace().map(str::len).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Which of these somebody began with, the oldest first; what they have put themselves begins with `put:`.
    fn base<'a>(texts: &[&'a str], text: &str) -> &'a str {
        let split = |text: &'a str| match text.strip_prefix("put:") {
            Some(text) => (text, true),
            None => (text, false),
        };
        let texts: Vec<_> = texts.iter().rev().map(|text| split(text)).collect();
        let since: Vec<_> = texts.iter().map(|(base, _)| Since::between(base, text)).collect();
        let candidates = since.iter().zip(&texts).map(|(since, (_, is_put))| Candidate {
            since,
            is_put: *is_put,
            is_reopened: false,
        });
        texts[begun_with(candidates.enumerate()).unwrap()].0
    }

    #[test]
    fn who_has_not_taken_over_what_came_meanwhile_began_before_it() {
        let (open, listed) = ("Plan for Monday.\n", "BEN wrote this. Plan for Monday.\n");
        assert_eq!(base(&[open, listed], "Plan for Monday.\nada "), open);
        assert_eq!(base(&[open, listed], "Plan for Tuesday.\n"), open);
        assert_eq!(base(&[open, listed], "BEN wrote this. Plan for Tuesday.\n"), listed);
        assert_eq!(base(&[open, listed], "BEN wrote. Plan for Monday.\nada"), listed);
        assert_eq!(base(&["", "Ben's"], "ada"), "");
        assert_eq!(base(&["same", "same"], "same"), "same");
    }

    #[test]
    fn who_goes_on_typing_began_with_what_they_put() {
        let texts = ["Plan\n", "put:Plan\nThe exam is on Mon", "BEN. Plan\nThe exam is on Mon"];
        assert_eq!(base(&texts, "Plan\nThe exam is on Monday"), "Plan\nThe exam is on Mon");
        assert_eq!(base(&texts, "Plan\nThe exam is on Friday"), "Plan\nThe exam is on Mon");
        assert_eq!(base(&texts, "BEN. Plan\nThe exam is on Monday"), texts[2]);
        // Takes back a sentence of her own, longer than Ben's words in an answer before.
        let put = "Plan\nada0. This was a long sentence of her own.";
        let newest = format!("BEN. {put}");
        let texts = ["Plan\n", "BEN. Plan\nada0.", &format!("put:{put}"), &newest];
        assert_eq!(base(&texts, "Plan\nada0."), put);
        assert_eq!(base(&texts, "all else"), put, "she has put it, and may not have seen Ben's");
    }

    #[test]
    fn who_shortens_what_they_saw_has_seen_it() {
        let (before, seen) =
            ("Plan\n", "Plan\nBen's paragraph of some ten words that goes on and on\n");
        assert_eq!(base(&[before, seen], "Plan\nBen's paragraph of some\n"), seen);
        assert_eq!(base(&[before, seen], "Something else altogether\n"), seen);
        // Both mend a word.
        let (before, seen) = ("teh cat sat", "the cat sat. Ben: on the mat, and slept");
        assert_eq!(base(&[before, seen], "the cat sat"), before);
    }

    #[test]
    fn a_second_tab_that_began_before_is_told_from_the_first() {
        let texts = ["Plan\n", "put:Plan\nada0 writes", "BEN. Plan\nada0 writes"];
        assert_eq!(base(&texts, "Plan\nother tab"), "Plan\n");
        assert_eq!(base(&texts, "My Plan\n"), "Plan\n");
    }

    #[test]
    fn long_texts_are_compared_where_they_differ() {
        let text = "All work and no play makes Ada a dull girl.\n".repeat(24_000);
        let (old, new) = (format!("{text}one two\n{text}"), format!("{text}one three\n{text}"));
        let since = Since::between(&old, &new);
        assert_eq!((since.typed, since.deleted), (4, 2));
        assert_eq!(differing(&old, &new), ("one two\n", "one three\n"));
    }

    proptest! {
        #[test]
        fn what_is_the_same_is_what_was_begun_with(
            texts in prop::collection::vec(("[ab \n🦀ä]{0,12}", any::<bool>()), 1..6),
            which in any::<prop::sample::Index>(),
        ) {
            let text = &which.get(&texts).0;
            let marked = texts.iter().map(|(text, is_put)| if *is_put { format!("put:{text}") } else { text.clone() });
            let marked: Vec<_> = marked.collect();
            let marked: Vec<_> = marked.iter().map(String::as_str).collect();
            let letters = |text: &str| text.split_whitespace().collect::<String>();
            prop_assert_eq!(letters(base(&marked, text)), letters(text));
        }

        #[test]
        fn what_both_have_at_their_edges_is_left_out(old in "[ab\n🦀]{0,12}", new in "[ab\n🦀]{0,12}") {
            let (from, to) = differing(&old, &new);
            let cut = old.len() - from.len();
            prop_assert_eq!(cut, new.len() - to.len());
            prop_assert_eq!(old == new, from == to);
        }
    }
}
