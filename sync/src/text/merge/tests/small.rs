//! Small notes of a few short lines, of which each of two people changes one or two.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::merged;

/// What stands before the words of a line.
const BEFORE: [&str; 6] = ["", "", "- ", "  ", "* ", "- [ ] "];

/// A line, or an empty one, and what it was before somebody changed it.
#[derive(Debug, Clone, PartialEq)]
struct Line {
    name: String,
    before: &'static str,
    words: Vec<String>,
}

impl Line {
    fn new(name: String, (before, size): (usize, usize)) -> Self {
        let words = (0..size).map(|word| format!("{name}{word}z")).collect();
        Self { name, before: if size == 0 { "" } else { BEFORE[before % 6] }, words }
    }

    fn text(&self) -> String {
        format!("{}{}", self.before, self.words.join(" "))
    }
}

/// Which edit, where, and what comes.
type Edit = (usize, usize, (usize, usize), (usize, usize));

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let line = || (0_usize..6, 2_usize..5);
    prop::collection::vec((0_usize..11, 0_usize..12, line(), line()), 1..3)
}

fn edited(base: &[Line], edits: &[Edit], by: &str) -> Vec<Line> {
    let mut lines = base.to_vec();
    for (number, &(edit, at, one, other)) in edits.iter().enumerate() {
        let line = |which: &str, line| Line::new(format!("{by}{number}{which}x"), line);
        let (at, to) = (at % lines.len(), (at % lines.len() + 2).min(lines.len()));
        let is_empty = lines[at].words.is_empty();
        let word = format!("{by}{number}z");
        match edit {
            0 if lines.len() > 2 => drop(lines.remove(at)),
            1 => lines.insert(at, Line::new(String::new(), (0, 0))),
            2 => lines.insert(at, line("a", one)),
            3 => lines.splice(at..at, [line("a", one), line("b", other)]).for_each(drop),
            4 if !is_empty => lines[at] = line("a", one),
            5 if !is_empty => {
                lines.splice(at..=at, [line("a", one), line("b", other)]).for_each(drop);
            }
            6 => lines.splice(at..to, [line("a", one)]).for_each(drop),
            7 => lines.splice(at..to, [line("a", one), line("b", other)]).for_each(drop),
            8 if !is_empty => lines[at].words.push(word),
            9 if !is_empty => lines[at].words[0] = word,
            10 if !is_empty => lines[at].before = BEFORE[one.0],
            _ => {}
        }
    }
    lines
}

fn text(lines: &[Line]) -> String {
    lines.iter().map(|line| line.text() + "\n").collect()
}

/// Whose line each word is of.
fn owner<'a>(texts: &'a [&Vec<Line>], word: &str) -> Option<&'a str> {
    let of = |line: &&&Line| line.words.iter().any(|it| it == word);
    let lines: Vec<&Line> = texts.iter().flat_map(|lines| lines.iter()).collect();
    lines.iter().find(of).map(|line| line.name.as_str())
}

proptest! {
    #[test]
    fn lines_of_two_are_two(
        sizes in prop::collection::vec((0_usize..6, 2_usize..5, 0_usize..3), 2..5),
        mine in edits(),
        theirs in edits(),
    ) {
        let mut base = Vec::new();
        for (number, (before, size, empty)) in sizes.into_iter().enumerate() {
            base.push(Line::new(format!("k{number}x"), (before, size)));
            base.extend((1..empty).map(|_| Line::new(String::new(), (0, 0))));
        }
        let (mine, theirs) = (edited(&base, &mine, "ada"), edited(&base, &theirs, "ben"));
        let merged = merged(&text(&base), &text(&mine), &text(&theirs));
        let texts = [&base, &mine, &theirs];
        let is_untouched = |line: &Line| mine.contains(line) && theirs.contains(line);
        let said: Vec<&str> = merged.lines().collect();
        for line in base.iter().filter(|line| !line.words.is_empty() && is_untouched(line)) {
            prop_assert!(said.contains(&line.text().as_str()), "{:?} in {:?}\n{:?}\n{:?}\n{:?}",
                line.text(), merged, text(&base), text(&mine), text(&theirs));
        }
        for line in said {
            let of: BTreeSet<&str> =
                line.split(' ').filter_map(|word| owner(&texts, word)).collect();
            // What one has put in place of a line may have what the other has put to it.
            let old: Vec<&Line> =
                base.iter().filter(|line| of.contains(line.name.as_str())).collect();
            let is_of_one = of.len() - old.len() < 2 && old.len() < 2;
            let is_touched = of.len() < 2 || !old.iter().any(|line| is_untouched(line));
            prop_assert!(is_of_one && is_touched, "{:?} in {:?}\n{:?}\n{:?}\n{:?}",
                line, merged, text(&base), text(&mine), text(&theirs));
        }
    }
}
