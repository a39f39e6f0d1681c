//! What is written into a document so that it reads as another text. Whole words go and come: whoever types
//! over the same word meanwhile, or deletes it, leaves each one's word in one piece. Must not know documents.

use std::ops::Range;

use super::{
    ends::line_break,
    words::{Change, changes, stands_alone},
};

/// The most edits: each walks the document.
const MOST: usize = 5000;

/// Nobody types a word of so many bytes. What is longer, a line of dashes or of base64, is edited where it differs: to
/// delete a letter takes an Automerge document 50 to 80 µs, and 80,000 of them held up all others for seconds.
const LONG: usize = 1 << 10;

/// A part of the old text and what stands in its place; positions in UTF-16 code units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edit<'a> {
    pub(super) start: u32,
    pub(super) end: u32,
    /// Where in the old text the new is put: behind the first sign of what is deleted. There it has the marks
    /// of the old word, and nobody who types before that word, or behind it, puts anything into the new one.
    pub(super) at: u32,
    pub(super) inserted: &'a str,
}

pub(super) fn utf16_len(text: &str) -> u32 {
    let length = if text.is_ascii() { text.len() } else { text.encode_utf16().count() };
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// The edits that make `new` of `old`, in order and apart from each other.
pub(super) fn edits<'a>(old: &str, new: &'a str) -> Vec<Edit<'a>> {
    let mut found = Vec::new();
    let mut next = usize::MAX;
    for change in changes(old, new).iter().rev() {
        found.push(placed(old, new, change, next));
        next = change.start;
    }
    found.reverse();
    let each = found.len().div_ceil(MOST).max(1);
    let (mut at, mut position) = (0, 0);
    let mut advanced = |to: usize| {
        position += utf16_len(&old[at..to]);
        at = to;
        position
    };
    let edit = |parts: &[(usize, usize, usize, usize)]| {
        let (first, last) = (parts[0], parts[parts.len() - 1]);
        let (o, n) = without_ends((old, first.0..last.1), (new, first.2..last.3));
        let deleted = &old[o.clone()];
        let start = advanced(o.start);
        let first_sign = deleted.chars().next().map_or(0, char::len_utf16);
        Edit {
            start,
            at: start + u32::try_from(first_sign).unwrap_or_default(),
            end: advanced(o.end),
            inserted: &new[n],
        }
    };
    found.chunks(each).map(edit).collect()
}

/// Of two parts that begin, or end, with what is longer than any word what differs there. All other words go and
/// come whole, however many they are.
fn without_ends(
    (old, mut o): (&str, Range<usize>),
    (new, mut n): (&str, Range<usize>),
) -> (Range<usize>, Range<usize>) {
    if o.len() <= LONG || n.len() <= LONG {
        return (o, n);
    }
    let are_cut = |at, new_at| is_in_long(old, at) && is_in_long(new, new_at);
    let (left, right) = (old[o.clone()].chars(), new[n.clone()].chars());
    let same = length_alike(left.zip(right));
    if are_cut(o.start + same, n.start + same) {
        (o.start, n.start) = (o.start + same, n.start + same);
    }
    let (left, right) = (old[o.clone()].chars().rev(), new[n.clone()].chars().rev());
    let same = length_alike(left.zip(right));
    if are_cut(o.end - same, n.end - same) {
        (o.end, n.end) = (o.end - same, n.end - same);
    }
    (o, n)
}

/// How many bytes of two texts are the same.
fn length_alike(signs: impl Iterator<Item = (char, char)>) -> usize {
    signs.take_while(|(a, b)| a == b).map(|(sign, _)| sign.len_utf8()).sum()
}

/// Whether here, or right beside, is something without a space that is longer than any word. Signs of scripts that are
/// written without spaces are words of their own.
fn is_in_long(text: &str, at: usize) -> bool {
    let ends_word = |sign: char| sign.is_whitespace() || stands_alone(sign);
    let (before, after) = text.split_at(at);
    let before = &before[before.ceil_char_boundary(before.len().saturating_sub(LONG + 4))..];
    let after = &after[..after.floor_char_boundary(LONG + 4)];
    let before = before.rsplit(ends_word).next().map_or(0, str::len);
    before + after.split(ends_word).next().map_or(0, str::len) > LONG
}

/// Where a change begins and ends in the old text, and in the new one. A line that is added is put behind the
/// break of the line before: whoever types at that line's end goes on in it.
fn placed(old: &str, new: &str, change: &Change, next: usize) -> (usize, usize, usize, usize) {
    let (start, end, at) = (change.start, change.end, change.at);
    let line_break = line_break(&old[start..]);
    let length = line_break.len();
    let is_line = change.only_adds() && length > 0 && change.inserted.starts_with(line_break);
    let slid = if is_line && start + length <= next { length } else { 0 };
    let new_end = at + change.inserted.len();
    debug_assert!(new.is_char_boundary(new_end + slid));
    (start + slid, end + slid, at + slid, new_end + slid)
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
            let [start, at, end] = [edit.start, edit.at, edit.end].map(|at| at as usize);
            assert!(start <= at && at <= end);
            units.drain(at..end);
            units.splice(at..at, edit.inserted.encode_utf16());
            units.drain(start..at);
        }
        (String::from_utf16(&units).unwrap(), edits.len())
    }

    #[test]
    fn only_words_that_differ_are_edited() {
        let old = "Grüße 🦀 aus dem Raum\nzweite Zeile\n";
        let new = "Grüße 🦀🦀 aus dem Saal\nneu\nzweite lange Zeile\n";
        let found = edits(old, new);
        let texts: Vec<_> =
            found.iter().map(|edit| (edit.start, edit.at, edit.end, edit.inserted)).collect();
        assert_eq!(
            texts,
            [(8, 8, 8, "🦀"), (17, 18, 21, "Saal"), (22, 22, 22, "neu\n"), (28, 28, 28, " lange")]
        );
        assert_eq!(applied(old, new).0, new);
        assert_eq!(edits(old, old), []);
        let crlf = |text: &str| text.replace('\n', "\r\n");
        let new = crlf(&old.replace("zweite", "neu\nzweite"));
        let added = edits(&crlf(old), &new).remove(0);
        assert_eq!((added.start, added.end, added.inserted), (23, 23, "neu\r\n"));
    }

    #[test]
    fn of_what_is_longer_than_any_word_only_what_differs_is_edited() {
        let dashes = "é-".repeat(40_000);
        let typed = format!("{}+{}", &dashes[..3000], &dashes[3000..]);
        let found = edits(&dashes, &typed);
        assert_eq!(found, [Edit { start: 2000, end: 2000, at: 2000, inserted: "+" }]);
        assert_eq!(applied(&typed, &dashes), (dashes.clone(), 1));
        let word = edits("read the chapter", "read the chapters").remove(0);
        assert_eq!((word.start, word.end, word.inserted), (9, 16, "chapters"), "a word is one");
        let both = |line: &str, word: &str| format!("{word} {line}");
        let (old, new) = (both(&dashes, "one"), both(&typed, "two"));
        let found = edits(&old, &new);
        let deleted: u32 = found.iter().map(|edit| edit.end - edit.start).sum();
        assert!(deleted < 2_100, "what is behind the letter stays: {deleted}");
        assert_eq!(applied(&old, &new).0, new);
    }

    #[test]
    fn a_paragraph_of_many_words_goes_whole_and_another_comes() {
        let paragraph = |words: &[&str]| format!("M{}t", words.join(" ").repeat(40));
        let old = paragraph(&["itochondria make most", "of the energy which any cell needs"]);
        let new = paragraph(&["orgen ist die Klausur", "bringt bitte Stifte und Lineale mit"]);
        let found = edits(&old, &new);
        let [one] = &found[..] else { panic!("one edit, there are {}", found.len()) };
        assert_eq!((one.start, one.end), (0, utf16_len(&old)));
        assert_eq!(one.inserted, new);
    }

    #[test]
    fn a_line_without_a_space_is_many_words_in_a_script_that_has_none() {
        let line = format!("这{}了", "细胞需要能量因此线粒体很重要".repeat(40));
        let dashes = "é-".repeat(400);
        for (text, is_long) in [(&line, false), (&dashes, true)] {
            for at in [0, 3, 600, text.len()] {
                assert_eq!(is_in_long(text, at), is_long, "{at}");
            }
        }
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
        let (made, count) = applied(&old, &new);
        assert!(count <= MOST, "{count}");
        assert!(made == new);
    }

    proptest! {
        #[test]
        fn edits_make_the_new_text(old in "[ab \r\n🦀ä]{0,40}", new in "[ab \r\n🦀ä]{0,40}") {
            prop_assert_eq!(applied(&old, &new).0, new);
        }
    }
}
