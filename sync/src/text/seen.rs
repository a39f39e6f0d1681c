//! What the writer of a text had seen when they wrote it: found out from the texts. Must not know documents.

use super::{
    diff,
    words::{Change, changes, is_glued},
};

/// All lines of `theirs`, and what `mine` has beside them: nobody knows what the writer of `mine` began
/// with. Where one says all that the other says, it stands for both. How a line ends is none of it.
pub fn both(mine: &str, theirs: &str) -> String {
    let lines = |text| str::split_inclusive(text, '\n').collect::<Vec<_>>();
    let said = |lines: &[&'_ str]| lines.iter().map(|line| line.trim_end().to_owned()).collect();
    let has_two_signs = [theirs, mine].into_iter().find_map(|text| {
        let (line, _) = text.split_once('\n')?;
        Some(line.ends_with('\r'))
    });
    let line_break = if has_two_signs == Some(true) { "\r\n" } else { "\n" };
    let (mine, theirs) = (lines(mine), lines(theirs));
    let (mine_says, theirs_says): (Vec<_>, Vec<_>) = (said(&mine), said(&theirs));
    let mut both = String::new();
    let mut add = |lines: &str| {
        if !both.is_empty() && !lines.is_empty() && !both.ends_with('\n') {
            both.push_str(line_break);
        }
        both.push_str(lines);
    };
    let (mut at_theirs, mut at_mine) = (0, 0);
    let end = (theirs.len()..theirs.len(), mine.len()..mine.len());
    for (of_theirs, of_mine) in diff::hunks(&theirs_says, &mine_says).into_iter().chain([end]) {
        let same = theirs[at_theirs..of_theirs.start].iter().zip(&mine[at_mine..of_mine.start]);
        for (line, my_line) in same {
            let is_broken = my_line.ends_with('\n') && !line.ends_with('\n');
            add(&[*line, if is_broken { line_break } else { "" }].concat());
        }
        (at_theirs, at_mine) = (of_theirs.end, of_mine.end);
        let (theirs, mine) = (theirs[of_theirs].concat(), mine[of_mine].concat());
        if !says_all(&mine, &theirs) {
            add(&theirs);
        }
        if !says_all(&theirs, &mine) {
            add(&mine);
        }
    }
    both
}

/// Whether a text has all words of another, in order; some may have grown.
fn says_all(text: &str, other: &str) -> bool {
    changes(other, text).iter().all(|change| {
        let (now, before) = (&change.inserted, &other[change.start..change.end]);
        now.starts_with(before) || now.ends_with(before)
    })
}

/// What is shorter may stand in both by chance.
const TELLING: usize = 16;
/// So much of what stands around it tells where something was added.
const AROUND: usize = 16;
/// Longer words may be cut.
const WORD: usize = 64;
/// More changes are not looked for.
const SOUGHT: usize = 500;

/// Whether `mine` has what `theirs` has more than `base`, each in one piece with what is around it, and
/// as often. Less would not do: two people write alike, and whose words are taken for seen is whose
/// words are gone.
pub(super) fn has_seen((base, mine, theirs): (&str, &str, &str), their: &[Change]) -> bool {
    let times = |text: &str, part: &str| {
        let is_whole =
            |at: &usize| !is_glued(&text[..*at], part) && !is_glued(part, &text[at + part.len()..]);
        text.match_indices(part).map(|(at, _)| at).filter(is_whole).count()
    };
    let is_in_mine = |part: &str| {
        let in_mine = times(mine, part);
        part.len() >= TELLING && in_mine > times(base, part) && in_mine >= times(theirs, part)
    };
    let around = |change: &Change| {
        let start = theirs.floor_char_boundary(change.at.saturating_sub(AROUND));
        let end = theirs.ceil_char_boundary(change.at + change.inserted.len() + AROUND);
        &theirs[word_start(theirs, start)..word_end(theirs, end)]
    };
    let is_seen = |change: &Change| change.only_adds() && is_in_mine(around(change));
    is_in_mine(theirs) || (their.len() <= SOUGHT && their.iter().all(is_seen))
}

/// Where the word that a text is cut in begins.
fn word_start(text: &str, at: usize) -> usize {
    let (before, after) = text.split_at(at);
    let starts = before.char_indices().rev().map(|(start, _)| start);
    let is_start = |start: &usize| *start == 0 || !is_glued(&text[..*start], &text[*start..]);
    if is_glued(before, after) { starts.take(WORD).find(is_start).unwrap_or(at) } else { at }
}

/// Where it ends.
fn word_end(text: &str, at: usize) -> usize {
    let (before, after) = text.split_at(at);
    let ends = after.char_indices().map(|(end, sign)| at + end + sign.len_utf8());
    let is_end = |end: &usize| !is_glued(&text[..*end], &text[*end..]);
    if is_glued(before, after) { ends.take(WORD).find(is_end).unwrap_or(at) } else { at }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn when_nobody_knows_what_was_shown_whole_lines_of_both_stay() {
        let text = both("# Shopping\n- eggs for Friday\n", "# Shopping\n- milk for Monday\n");
        assert_eq!(text, "# Shopping\n- milk for Monday\n- eggs for Friday\n");
        assert_eq!(both("Ada wrote this", "and Ben that"), "and Ben that\nAda wrote this");
        assert_eq!(both("bread, milk and eggs", "bread"), "bread, milk and eggs");
        assert_eq!(both("bread\n", "bread, milk\nand Ben\n"), "bread, milk\nand Ben\n");
        assert_eq!(both("the ships sail", "the ship"), "the ships sail", "a word has grown");
        // However their lines end.
        let theirs = "one\r\ntwo\r\nBen's";
        assert_eq!(both("one\ntwo \nAda's\n", theirs), "one\r\ntwo\r\nBen's\r\nAda's\n");
        assert_eq!(both("one\ntwo\nBen's\nAda's", theirs), format!("{theirs}\r\nAda's"));
        assert_eq!(both("new\nlast", "last\nnewer\n"), "new\nlast\nnewer\n");
        assert_eq!(both("last\n\n", "last"), "last\n\n", "an empty line is one");
    }

    /// Whether what is left of `text` without some letters is `part`, but for blanks at the lines' ends.
    fn holds(text: &str, part: &str) -> bool {
        let lines: Vec<_> = part.split('\n').map(str::trim_end).collect();
        let mut letters = text.chars();
        lines.join("\n").chars().all(|letter| letters.any(|other| other == letter))
    }

    proptest! {
        #[test]
        fn both_have_all_of_each(mine in "[ab\n\r \u{1f600}]{0,40}", theirs in "[ab\n\r \u{1f600}]{0,40}") {
            let text = both(&mine, &theirs);
            prop_assert!(holds(&text, &mine) && holds(&text, &theirs), "{:?}", text);
            prop_assert_eq!(both(&mine, &mine), mine);
        }
    }
}
