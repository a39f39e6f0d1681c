//! What a text has in place of parts of another, by whole words: what people see as one change. Letters
//! that two words share by chance are none that was kept. Must not know documents.

mod change;

use std::{collections::HashSet, ops::Range};

use unicode_segmentation::UnicodeSegmentation;

pub(super) use self::change::{Change, choose};
use super::{
    diff::{self, Hunk},
    lines::alike,
};

/// The changes that make `new` of `old`, in order; one may begin where the one before it ends.
pub(super) fn changes(old: &str, new: &str) -> Vec<Change> {
    let (left, right) = (Tokens::lines(old), Tokens::lines(new));
    let mut found = Vec::new();
    let hunks = diff::hunks(&left.texts, &right.texts);
    for Region { hunk: (o, n), is_lines } in left.line_regions(&right, hunks) {
        let compare = if is_lines { lines_within } else { within };
        compare((old, o), (new, n), &mut found);
    }
    change::settled(found, old)
}

/// The changes within two parts that differ: words, with the space around them, and space alone.
fn within((old, o): (&str, Range<usize>), (new, n): (&str, Range<usize>), found: &mut Vec<Change>) {
    let (left, right) = (Tokens::words(&old[o.clone()]), Tokens::words(&new[n.clone()]));
    let hunks = joined(diff::hunks(&left.texts, &right.texts));
    for (a, b) in left.regions(&right, hunks) {
        let (a, b) = (o.start + a.start..o.start + a.end, n.start + b.start..n.start + b.end);
        found.extend(trimmed((old, a), (new, b)));
    }
}

/// The changes where lines have gone and others have come of which none has become another: the new ones, each
/// with its line break, stand before those that go.
fn lines_within(
    (old, a): (&str, Range<usize>),
    (new, b): (&str, Range<usize>),
    found: &mut Vec<Change>,
) {
    let (left, right) = (&old[a.clone()], &new[b.clone()]);
    let tail = space(left.chars().rev().zip(right.chars().rev()));
    let tail = left[left.len() - tail..].find('\n').map_or(0, |first| tail - first);
    let (left, right) = (&left[..left.len() - tail], &right[..right.len() - tail]);
    let head = space(left.chars().zip(right.chars()));
    let head = left[..head].rfind('\n').map_or(0, |last| last + 1);
    let (start, at) = (a.start + head, b.start + head);
    let lines = start + left[head..].trim_end().len();
    let line_break = old[lines..].find('\n').filter(|_| tail > 0);
    let Some(line_break) = line_break else { return within((old, a), (new, b), found) };
    let (lines, end, behind) = (lines + line_break + 1, a.end - tail + 1, b.end - tail + 1);
    let gone = |start, end| Change { start, end, inserted: String::new(), at: behind };
    found.push(Change { start, end: start, inserted: new[at..behind].to_owned(), at });
    found.push(gone(start, lines));
    found.extend((lines < end).then(|| gone(lines, end)));
}

/// Two parts that may differ, without the space that both have at the end, then at the beginning. What is put
/// in place of space alone is put before it.
fn trimmed((old, a): (&str, Range<usize>), (new, b): (&str, Range<usize>)) -> Vec<Change> {
    let (left, right) = (&old[a.clone()], &new[b.clone()]);
    if left == right {
        return Vec::new();
    }
    if let Some((blanks, new_blanks)) = indented((old, &a), (new, &b)) {
        let lines = (a.start..blanks.start, b.start..new_blanks.start);
        let mut changes = trimmed((old, lines.0), (new, lines.1));
        changes.extend(trimmed((old, blanks), (new, new_blanks)));
        return changes;
    }
    let tail = space(left.chars().rev().zip(right.chars().rev()));
    let (left, right) = (&left[..left.len() - tail], &right[..right.len() - tail]);
    let head = space(left.chars().zip(right.chars()));
    let (left, right) = (&left[head..], &right[head..]);
    let (start, at) = (a.start + head, b.start + head);
    let change = |left: Range<usize>, right: Range<usize>| Change {
        start: start + left.start,
        end: start + left.end,
        inserted: new[at + right.start..at + right.end].to_owned(),
        at: at + right.start,
    };
    let (words, new_words) = (left.trim_end().len(), right.trim_end().len());
    // Words become others, and what is behind them other space.
    let is_apart = new_words > 0 && words < left.len();
    let cut = if is_apart { (words, new_words) } else { (left.len(), right.len()) };
    let parts = [change(0..cut.0, 0..cut.1), change(cut.0..left.len(), cut.1..right.len())];
    parts.into_iter().filter(|part| !part.only_adds() || !part.only_deletes()).collect()
}

/// The blanks that a line begins with, apart from the lines before.
fn indented((old, a): (&str, &Range<usize>), (new, b): (&str, &Range<usize>)) -> Option<Hunk> {
    let begins_line = |text: &str, at: usize| at == 0 || text[..at].ends_with('\n');
    let is_line = begins_line(old, a.start) && begins_line(new, b.start);
    let cut = |part: &str| match part.rfind('\n') {
        Some(last) => Some(last + 1),
        None => is_line.then_some(0),
    };
    let (left, right) = (&old[a.clone()], &new[b.clone()]);
    let (at, new_at) = (cut(left)?, cut(right)?);
    let (blanks, new_blanks) = (&left[at..], &right[new_at..]);
    let is_blank = blanks.trim().is_empty() && new_blanks.trim().is_empty();
    let has_lines = at + new_at > 0 && blanks != new_blanks;
    (is_blank && has_lines).then(|| (a.start + at..a.end, b.start + new_at..b.end))
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

/// Parts of the old and the new text that are compared.
struct Region {
    hunk: Hunk,
    /// Whether these are lines in place of others.
    is_lines: bool,
}

/// The words of a text, or its lines, without the space between them, and where each begins and ends. Empty
/// lines are space.
struct Tokens<'a> {
    texts: Vec<&'a str>,
    places: Vec<Range<usize>>,
    text: &'a str,
}

impl<'a> Tokens<'a> {
    fn lines(text: &'a str) -> Self {
        let mut lines = Self { texts: Vec::new(), places: Vec::new(), text };
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            let start = at + (line.len() - line.trim_start().len());
            lines.add(start..start + line.trim().len());
            at += line.len();
        }
        lines
    }

    fn words(text: &'a str) -> Self {
        let mut words = Self { texts: Vec::new(), places: Vec::new(), text };
        let mut at = 0;
        for run in text.split(char::is_whitespace) {
            words.run(at..at + run.len());
            at += run.len();
            at += text[at..].chars().next().map_or(0, char::len_utf8);
        }
        words
    }

    /// What to compare where two lists of tokens differ in these hunks: the space between those that are the
    /// same, and the hunks with the space around them.
    fn regions(&self, other: &Self, hunks: Vec<Hunk>) -> Vec<Hunk> {
        let gap = |(i, j): (usize, usize)| (self.with_space(i..i), other.with_space(j..j));
        let mut found = Vec::new();
        let (mut i, mut j) = (0, 0);
        for (a, b) in hunks {
            found.extend((i..a.start).zip(j..b.start).map(gap));
            (i, j) = (a.end + 1, b.end + 1);
            found.push((self.with_space(a), other.with_space(b)));
        }
        found.extend((i..=self.texts.len()).zip(j..=other.texts.len()).map(gap));
        found
    }

    /// The same of lines, with what is in those that have become one another.
    fn line_regions(&self, other: &Self, hunks: Vec<Hunk>) -> Vec<Region> {
        let mut apart: Vec<Hunk> = Vec::new();
        let mut pairs: Vec<Hunk> = Vec::new();
        let mut lines: HashSet<usize> = HashSet::new();
        for hunk in hunks {
            let (in_pairs, rest) = self.paired(other, &hunk);
            let whole = [(self.with_space(hunk.0.clone()), other.with_space(hunk.1.clone()))];
            let space = |(a, b): &Hunk| (self.with_space(a.clone()), other.with_space(b.clone()));
            let by_line: Vec<Hunk> =
                in_pairs.iter().cloned().chain(rest.iter().map(space)).collect();
            // Lines that were joined, or split, have little in common with any one, and all with all.
            if self.changed(other, &whole) * 4 < self.changed(other, &by_line) * 3 {
                apart.push(hunk);
            } else {
                pairs.extend(in_pairs);
                let others = rest.iter().filter(|(a, b)| !a.is_empty() && !b.is_empty());
                lines.extend(others.map(|others| space(others).0.start));
                apart.extend(rest);
            }
        }
        let mut found = self.regions(other, apart);
        found.extend(pairs);
        found.sort_by_key(|(old, _)| (old.start, old.end));
        let region = |hunk: Hunk| Region { is_lines: lines.contains(&hunk.0.start), hunk };
        found.into_iter().map(region).collect()
    }

    /// What is in the lines of a hunk that have become one another, and the lines between.
    fn paired(&self, other: &Self, (a, b): &Hunk) -> (Vec<Hunk>, Vec<Hunk>) {
        let (mut pairs, mut rest) = (Vec::new(), Vec::new());
        let (mut i, mut j) = (a.start, b.start);
        let inside = |(i, j): (usize, usize)| (self.places[i].clone(), other.places[j].clone());
        let alike = alike(&self.texts, &other.texts, &(a.clone(), b.clone()));
        for (at_a, at_b) in alike.into_iter().chain([(a.end, b.end)]) {
            if at_a - i == at_b - j {
                pairs.extend((i..at_a).zip(j..at_b).map(inside));
            } else {
                rest.push((i..at_a, j..at_b));
            }
            pairs.extend((at_a < a.end).then(|| inside((at_a, at_b))));
            (i, j) = (at_a + 1, at_b + 1);
        }
        (pairs, rest)
    }

    /// How many words are others in these parts. The signs that lists are made of are in many lines.
    fn changed(&self, other: &Self, parts: &[Hunk]) -> usize {
        let words = |text| {
            let mut words = words(text);
            words.retain(|word| word.contains(|sign: char| !sign.is_ascii_punctuation()));
            words
        };
        let changed = |(a, b): &Hunk| -> usize {
            let (left, right) = (words(&self.text[a.clone()]), words(&other.text[b.clone()]));
            let size = |(a, b): &Hunk| a.len() + b.len();
            diff::hunks(&left, &right).iter().map(size).sum()
        };
        parts.iter().map(changed).sum()
    }

    /// The words of what stands without space between.
    fn run(&mut self, run: Range<usize>) {
        let mut from = run.start;
        for (at, sign) in self.text[run.clone()].grapheme_indices(true) {
            if sign.starts_with(stands_alone) {
                let at = run.start + at;
                self.segment(from..at);
                from = at + sign.len();
                self.add(at..from);
            }
        }
        self.segment(from..run.end);
    }

    /// The signs at the edges, and what is between them.
    fn segment(&mut self, segment: Range<usize>) {
        let inner = &self.text[segment.clone()];
        let start = segment.start + inner.find(|sign| !is_mark(sign)).unwrap_or(inner.len());
        let end = start + inner.trim_matches(is_mark).len();
        for (at, sign) in self.text[segment.start..start].char_indices() {
            self.add(segment.start + at..segment.start + at + sign.len_utf8());
        }
        self.add(start..end);
        for (at, sign) in self.text[end..segment.end].char_indices() {
            self.add(end + at..end + at + sign.len_utf8());
        }
    }

    fn add(&mut self, place: Range<usize>) {
        if !place.is_empty() {
            self.texts.push(&self.text[place.clone()]);
            self.places.push(place);
        }
    }

    /// Where these words are, with the space before them and after them.
    fn with_space(&self, words: Range<usize>) -> Range<usize> {
        let start = words.start.checked_sub(1).map_or(0, |before| self.places[before].end);
        let end = self.places.get(words.end).map_or(self.text.len(), |after| after.start);
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
    let (mut words, more) = (Tokens::words(before), Tokens::words(after));
    words.texts.extend(more.texts);
    words.texts != Tokens::words(&together).texts
}

/// A deletion as one for each line that is deleted whole, and for each word of others; an addition as what
/// belongs to the line that is there and what does not. With each: whether it is a line that is deleted.
pub(super) fn pieces(old: &str, change: Change) -> Vec<(Change, bool)> {
    if change.only_adds() {
        return added(old, change).into_iter().map(|change| (change, false)).collect();
    }
    if !change.only_deletes() {
        return vec![(change, false)];
    }
    let (start, end, at) = (change.start, change.end, change.at);
    let begins_line = start == 0 || old[..start].ends_with('\n');
    let ends_line = end == old.len() || old[end..].starts_with('\n');
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

fn added(old: &str, mut change: Change) -> Vec<Change> {
    let text = &change.inserted;
    let (before, after) = old.split_at(change.start);
    let cut = if !before.is_empty() && !before.ends_with('\n') {
        text.find('\n').filter(|cut| *cut > 0)
    } else if !after.is_empty() && !after.starts_with('\n') {
        text.rfind('\n').map(|last| last + 1).filter(|cut| *cut < text.len())
    } else {
        None
    };
    let Some(cut) = cut else { return vec![change] };
    let rest = Change { inserted: text[cut..].to_owned(), at: change.at + cut, ..change };
    change.inserted.truncate(cut);
    vec![change, rest]
}

/// The words of a part, each with the space before it, or after it where the part begins with a word.
fn word_by_word(old: &str, part: Range<usize>) -> Vec<Range<usize>> {
    let words = Tokens::words(&old[part.clone()]);
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
    Tokens::words(text).texts
}

/// Where the words of a text are.
pub(super) fn word_places(text: &str) -> Vec<Range<usize>> {
    Tokens::words(text).places
}

#[cfg(test)]
mod tests;
