//! How the lines of a text end: blanks that nobody sees, and a line break of one sign or of two. Three texts
//! become one without them, and each line gets its own back. Must not know documents.

use super::{diff::hunks, lines::alike};

/// The line break that a text begins with; an empty one where it begins with none.
pub(super) fn line_break(text: &str) -> &str {
    let length = if text.starts_with("\r\n") { 2 } else { usize::from(text.starts_with('\n')) };
    &text[..length]
}

/// How a line ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct End<'a> {
    blanks: &'a str,
    /// Empty of the last line.
    line_break: &'static str,
}

/// A text whose lines end with their last word.
struct Bare<'a> {
    lines: Vec<&'a str>,
    ends: Vec<End<'a>>,
}

impl<'a> Bare<'a> {
    fn of(text: &'a str) -> Self {
        let mut bare = Self { lines: Vec::new(), ends: Vec::new() };
        let mut lines = text.split('\n').peekable();
        while let Some(whole) = lines.next() {
            let (broken, line_break) = match (lines.peek(), whole.strip_suffix('\r')) {
                (None, _) => (whole, ""),
                (Some(_), Some(broken)) => (broken, "\r\n"),
                (Some(_), None) => (whole, "\n"),
            };
            let line = broken.trim_end();
            bare.lines.push(line);
            bare.ends.push(End { blanks: &broken[line.len()..], line_break });
        }
        bare
    }

    fn text(&self) -> String {
        self.lines.join("\n")
    }

    /// For each line of a text, which line here has become it, and whether it is the same.
    fn of_lines(&self, lines: &[&str]) -> Vec<Option<(End<'a>, bool)>> {
        let mut of = vec![None; lines.len()];
        let (mut i, mut j) = (0, 0);
        let end = (self.lines.len()..self.lines.len(), lines.len()..lines.len());
        for hunk in hunks(&self.lines, lines).into_iter().chain([end]) {
            for (i, j) in (i..hunk.0.start).zip(j..hunk.1.start) {
                of[j] = Some((self.ends[i], true));
            }
            for (i, j) in alike(&self.lines, lines, &hunk) {
                of[j] = Some((self.ends[i], false));
            }
            (i, j) = (hunk.0.end, hunk.1.end);
        }
        of
    }
}

/// What `merge` makes of a base, mine and theirs, of which it sees no line's end.
pub(super) fn put_back(texts: [&str; 3], merge: impl FnOnce([&str; 3]) -> String) -> String {
    let bare = texts.map(Bare::of);
    let bare_texts = [0, 1, 2].map(|text| bare[text].text());
    let text = merge([0, 1, 2].map(|text| bare_texts[text].as_str()));
    if bare_texts == texts {
        return text;
    }
    let lines: Vec<&str> = text.split('\n').collect();
    let seen: Vec<&str> = lines.iter().map(|line| line.trim_end()).collect();
    let [base, mine, theirs] = bare.each_ref().map(|bare| bare.of_lines(&seen));
    let usual = bare.iter().rev().map(|bare| bare.ends[0].line_break);
    let usual = usual.max_by_key(|line_break| line_break.len()).filter(|found| !found.is_empty());
    let mut text = String::with_capacity(text.len());
    for (number, line) in lines.iter().enumerate() {
        let ends = [base[number], mine[number], theirs[number]];
        text += line;
        if line.len() == seen[number].len() {
            text += blanks(ends);
        }
        if number + 1 < lines.len() {
            let breaks = ends.map(|end| end.map(|end| end.0.line_break));
            let known = breaks.map(|found| found.filter(|found| !found.is_empty()));
            text += chosen(known).or(usual).unwrap_or("\n");
        }
    }
    text
}

/// The blanks at a line's end: of who has the line so, else those that one of them has changed.
fn blanks<'a>([base, mine, theirs]: [Option<(End<'a>, bool)>; 3]) -> &'a str {
    let of = |end: Option<(End<'a>, bool)>| end.map(|(end, _)| end.blanks);
    match (mine, theirs) {
        (Some((mine, true)), None | Some((_, false))) => mine.blanks,
        (None | Some((_, false)), Some((theirs, true))) => theirs.blanks,
        _ => chosen([of(base), of(mine), of(theirs)]).unwrap_or_default(),
    }
}

/// What one has changed, mine first.
fn chosen<T: PartialEq>([base, mine, theirs]: [Option<T>; 3]) -> Option<T> {
    if mine.is_none() || (mine == base && theirs.is_some()) { theirs } else { mine }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_gets_its_own_end_back() {
        let merge = |texts: [&str; 3], made: &str| put_back(texts, |_| made.to_owned());
        let texts = ["one \r\ntwo\r\n", "one\t\r\ntwo and\r\n", "one \r\ntwo  \r\nthree\r\n"];
        put_back(texts, |bare| {
            assert_eq!(bare, ["one\ntwo\n", "one\ntwo and\n", "one\ntwo\nthree\n"]);
            String::new()
        });
        let made = merge(texts, "one\ntwo and\nnew\nthree\n");
        assert_eq!(made, "one\t\r\ntwo and\r\nnew\r\nthree\r\n");
        assert_eq!(merge(["a ", "a", "a "], "a"), "a");
        assert_eq!(merge(["a", "a b", "a "], "a b\nc"), "a b\nc");
    }
}
