//! What a text has in place of parts of another, by whole words: what people see as one change. Letters
//! that two words share by chance are none that was kept. Must not know documents.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use super::diff::{self, Hunk, offsets};

/// A part of the old text, in bytes, and what stands in its place. It cuts no word.
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

    /// Whether nothing is inserted.
    pub(super) fn only_deletes(&self) -> bool {
        self.inserted.is_empty()
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

/// The changes within two parts that differ: words, with the space around them, and space alone.
fn within((old, o): (&str, Range<usize>), (new, n): (&str, Range<usize>), found: &mut Vec<Change>) {
    let (left, right) = (Words::of(&old[o.clone()]), Words::of(&new[n.clone()]));
    let mut compare = |(a, b): Hunk| {
        let (a, b) = (left.with_space(a), right.with_space(b));
        let (a, b) = (o.start + a.start..o.start + a.end, n.start + b.start..n.start + b.end);
        found.extend(trimmed((old, a), (new, b)));
    };
    let (mut i, mut j) = (0, 0);
    for (a, b) in joined(diff::hunks(&left.texts, &right.texts)) {
        for gap in 0..a.start - i {
            compare((i + gap..i + gap, j + gap..j + gap));
        }
        (i, j) = (a.end + 1, b.end + 1);
        compare((a, b));
    }
    for gap in 0..(left.texts.len() + 1).saturating_sub(i) {
        compare((i + gap..i + gap, j + gap..j + gap));
    }
}

/// Two parts that may differ, without the space that both have at the end, then at the beginning.
fn trimmed((old, a): (&str, Range<usize>), (new, b): (&str, Range<usize>)) -> Option<Change> {
    let (left, right) = (&old[a.clone()], &new[b.clone()]);
    if left == right {
        return None;
    }
    let tail = space(left.chars().rev().zip(right.chars().rev()));
    let (left, right) = (&left[..left.len() - tail], &right[..right.len() - tail]);
    let head = space(left.chars().zip(right.chars()));
    let inserted = right[head..].to_owned();
    Some(Change { start: a.start + head, end: a.end - tail, inserted, at: b.start + head })
}

/// How many bytes of space are the same.
fn space(signs: impl Iterator<Item = (char, char)>) -> usize {
    let same = signs.take_while(|(a, b)| a == b && a.is_whitespace());
    same.map(|(sign, _)| sign.len_utf8()).sum()
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

fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// The words of a text, without the space between them, and where each begins and ends.
struct Words<'a> {
    texts: Vec<&'a str>,
    places: Vec<Range<usize>>,
    length: usize,
}

impl<'a> Words<'a> {
    fn of(text: &'a str) -> Self {
        let mut words = Self { texts: Vec::new(), places: Vec::new(), length: text.len() };
        let mut at = 0;
        for run in text.split(char::is_whitespace) {
            words.run(text, at..at + run.len());
            at += run.len();
            at += text[at..].chars().next().map_or(0, char::len_utf8);
        }
        words
    }

    /// The words of what stands without space between.
    fn run(&mut self, text: &'a str, run: Range<usize>) {
        let mut from = run.start;
        for (at, sign) in text[run.clone()].grapheme_indices(true) {
            if sign.starts_with(stands_alone) {
                let at = run.start + at;
                self.segment(text, from..at);
                from = at + sign.len();
                self.add(text, at..from);
            }
        }
        self.segment(text, from..run.end);
    }

    /// The signs at the edges, and what is between them.
    fn segment(&mut self, text: &'a str, segment: Range<usize>) {
        let inner = &text[segment.clone()];
        let start = segment.start + inner.find(|sign| !is_mark(sign)).unwrap_or(inner.len());
        let end = start + inner.trim_matches(is_mark).len();
        for (at, sign) in text[segment.start..start].char_indices() {
            self.add(text, segment.start + at..segment.start + at + sign.len_utf8());
        }
        self.add(text, start..end);
        for (at, sign) in text[end..segment.end].char_indices() {
            self.add(text, end + at..end + at + sign.len_utf8());
        }
    }

    fn add(&mut self, text: &'a str, place: Range<usize>) {
        if !place.is_empty() {
            self.texts.push(&text[place.clone()]);
            self.places.push(place);
        }
    }

    /// Where these words are, with the space before them and after them.
    fn with_space(&self, words: Range<usize>) -> Range<usize> {
        let start = words.start.checked_sub(1).map_or(0, |before| self.places[before].end);
        let end = self.places.get(words.end).map_or(self.length, |after| after.start);
        start..end
    }
}

/// A sign at the edge of a word that is none of its letters.
pub(super) fn is_mark(sign: char) -> bool {
    matches!(sign, '\u{2018}'..='\u{201f}') || ".,;:!?…()[]{}\"'`*_~«»‹›¿¡،؛؟।".contains(sign)
}

/// Signs of scripts that are written without spaces, and pictures: from CJK radicals on, but Hangul.
pub(super) fn stands_alone(sign: char) -> bool {
    sign >= '\u{2e80}' && !matches!(sign, '\u{ac00}'..='\u{d7ff}')
}

/// Words that are longer are looked at in part.
const LONG: usize = 64;

/// Whether words of two texts become others when one stands right before the other.
pub(super) fn is_glued(before: &str, after: &str) -> bool {
    let before = &before[before.ceil_char_boundary(before.len().saturating_sub(LONG))..];
    let after = &after[..after.floor_char_boundary(LONG)];
    let before = before.rsplit(char::is_whitespace).next().unwrap_or_default();
    let after = after.split(char::is_whitespace).next().unwrap_or_default();
    if before.is_empty() || after.is_empty() {
        return false;
    }
    let together = format!("{before}{after}");
    let (mut words, more) = (Words::of(before), Words::of(after));
    words.texts.extend(more.texts);
    words.texts != Words::of(&together).texts
}

/// A deletion as one for each line that is deleted whole, and for each word of others; any other change
/// as it is. With each: whether it is a line.
pub(super) fn pieces(old: &str, change: Change) -> Vec<(Change, bool)> {
    if !change.only_deletes() {
        return vec![(change, false)];
    }
    let (start, end, at) = (change.start, change.end, change.at);
    let begins_line = start == 0 || old[..start].ends_with('\n');
    let ends_line = end == old.len() || (!begins_line && old[end..].starts_with('\n'));
    let deleted = &old[start..end];
    let mut parts: Vec<(Range<usize>, bool)> = Vec::new();
    if begins_line {
        let mut from = start;
        for line in deleted.split_inclusive('\n') {
            let to = from + line.len();
            parts.push((from..to, line.ends_with('\n') || ends_line));
            from = to;
        }
    } else {
        let mut from = start;
        for (number, line) in deleted.split('\n').enumerate() {
            // Each but the first begins with its line break.
            let to = from + usize::from(number > 0) + line.len();
            if from < to {
                parts.push((from..to, number > 0 && (to < end || ends_line)));
            }
            from = to;
        }
    }
    let piece = |range: Range<usize>| Change {
        start: range.start,
        end: range.end,
        inserted: String::new(),
        at,
    };
    let mut pieces = Vec::with_capacity(parts.len());
    for (part, is_line) in parts {
        if is_line {
            pieces.push((piece(part), true));
        } else {
            pieces.extend(word_by_word(old, part).into_iter().map(|word| (piece(word), false)));
        }
    }
    pieces
}

/// The words of a part, each with the space before it, or after it where the part begins with a word.
fn word_by_word(old: &str, part: Range<usize>) -> Vec<Range<usize>> {
    let words = Words::of(&old[part.clone()]);
    let leads = words.places.first().is_some_and(|first| first.start == 0);
    let cuts: Vec<usize> = if leads {
        words.places.iter().skip(1).map(|word| word.start).collect()
    } else {
        words
            .places
            .iter()
            .map(|word| word.end)
            .take(words.places.len().saturating_sub(1))
            .collect()
    };
    let mut from = part.start;
    let mut found = Vec::with_capacity(cuts.len() + 1);
    for cut in cuts {
        found.push(from..part.start + cut);
        from = part.start + cut;
    }
    found.push(from..part.end);
    found
}

/// The words of a text.
pub(super) fn words(text: &str) -> Vec<&str> {
    Words::of(text).texts
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
        assert_eq!(said("We meet Monday.", "We meet Tuesday."), one("Monday", "Tuesday"));
        assert_eq!(said("at 555-1234", "at 555-9876"), one("555-1234", "555-9876"));
        assert_eq!(said("a ship", "a ships"), one("ship", "ships"));
        assert_eq!(said("at 10.", "at 10:30."), one("10", "10:30"));
        assert_eq!(said("cafe", "cafe\u{301}"), one("cafe", "cafe\u{301}"));
        assert_eq!(said("今日は雨です", "今日は晴れです"), one("雨", "晴れ"));
        assert_eq!(
            said("The exam is on chapter four.", "A talk tomorrow is about other things."),
            one("The exam is on chapter four", "A talk tomorrow is about other things")
        );
    }

    #[test]
    fn what_is_added_has_the_space_before_it() {
        let one = |old: &str, new: &str| vec![(old.to_owned(), new.to_owned())];
        assert_eq!(said("one three", "one two three"), one("", " two"));
        assert_eq!(said("one two three", "one three"), one(" two", ""));
        assert_eq!(said("a  b", "a\nb"), one("  ", "\n"));
        assert_eq!(said("a\nb", "a\n\nb"), one("", "\n"));
    }

    #[test]
    fn a_deletion_is_of_lines_and_of_words() {
        let parts = |old: &str, new: &str| -> Vec<(String, bool)> {
            let pieces = changes(old, new).into_iter().flat_map(|change| pieces(old, change));
            pieces
                .map(|(piece, is_line)| (old[piece.start..piece.end].to_owned(), is_line))
                .collect()
        };
        let line = |text: &str| (text.to_owned(), true);
        let word = |text: &str| (text.to_owned(), false);
        assert_eq!(parts("a\nb\nc\n", "a\n"), [line("b\n"), line("c\n")]);
        assert_eq!(parts("a\nb c\nd", "a"), [line("\nb c"), line("\nd")]);
        assert_eq!(parts("a b c\nd", "a\nd"), [word(" b"), word(" c")]);
        assert_eq!(parts("a b c", "c"), [word("a "), word("b ")]);
    }

    proptest! {
        #[test]
        fn they_make_one_of_the_other(
            old in "[ab.\n 今\u{1f600}\u{301}]{0,40}",
            new in "[ab.\n 今\u{1f600}\u{301}]{0,40}",
        ) {
            let mut text = old.clone();
            let changes = changes(&old, &new);
            for change in changes.iter().rev() {
                text.replace_range(change.start..change.end, &change.inserted);
                prop_assert!(new[change.at..].starts_with(&change.inserted));
            }
            prop_assert_eq!(text, new);
            for change in changes {
                let (start, end) = (change.start, change.end);
                let pieces = pieces(&old, change);
                prop_assert_eq!(pieces[0].0.start, start);
                prop_assert_eq!(pieces[pieces.len() - 1].0.end, end);
                for pair in pieces.windows(2) {
                    prop_assert_eq!(pair[0].0.end, pair[1].0.start);
                }
            }
        }
    }
}
