//! Whether what somebody has made of a text is in another one. Must not know documents.

use std::{cell::OnceCell, collections::HashMap};

use super::words::{Change, changes};

/// Of so many parts that have changed it is looked whether they are there, the first ones.
const LOOKED_FOR: usize = 16;
/// A part is known by so many characters beside it, on its line.
const BESIDE: usize = 8;

/// Whether what `put` changes of `base` is found in what there is `now`, beside what it stood at. What was written
/// tells; where nothing was, what was taken out.
pub fn has_come(base: &str, put: &str, now: &str) -> bool {
    let texts = Texts { base, put, now, places: OnceCell::new() };
    let changes = changes(base, put);
    let (writes, takes_out): (Vec<_>, Vec<_>) =
        changes.iter().partition(|change| !change.inserted.trim().is_empty());
    let all_there = |changes: &[&Change]| {
        let told: Vec<_> =
            changes.iter().take(LOOKED_FOR).filter_map(|one| texts.has(one)).collect();
        (!told.is_empty()).then(|| told.iter().all(|is_there| *is_there))
    };
    all_there(&writes).or_else(|| all_there(&takes_out)).unwrap_or_default()
}

struct Texts<'a> {
    base: &'a str,
    put: &'a str,
    now: &'a str,
    /// Where their lines are, found when a line was moved.
    places: OnceCell<[Places<'a>; 3]>,
}

/// Where the lines of a text are; `None` of those that are there more than once.
type Places<'a> = HashMap<&'a str, Option<usize>>;

impl Texts<'_> {
    /// Whether a change is there now; `None` when nothing tells.
    fn has(&self, change: &Change) -> Option<bool> {
        let inserted = change.inserted.trim_matches('\n');
        let (left, right) = beside(self.put, change);
        if inserted.trim().is_empty() {
            return self.has_more(|text| text.matches(&[left, inserted, right].concat()).count());
        }
        let says = |text: &str| text.chars().any(char::is_alphanumeric);
        if !says(left) && !says(right) {
            let line = inserted.trim();
            if line.lines().count() > 1
                && self.has_more(|text| text.matches(line).count()) == Some(true)
            {
                return Some(true);
            }
            let lines = |text: &str| text.lines().filter(|one| one.trim() == line).count();
            return self.has_more(lines).or_else(|| self.has_moved(line.lines().next()?));
        }
        let part = |is_said: bool, part: [&str; 2]| {
            let part = part.concat();
            is_said.then(|| self.has_more(|text| text.matches(&part).count())).flatten()
        };
        let beside = [part(says(left), [left, inserted]), part(says(right), [inserted, right])];
        let mut told = beside.into_iter().flatten().peekable();
        told.peek().is_some().then(|| told.any(|is_there| is_there))
    }

    /// Whether there is more of something now than in the base; `None` where what was put has no more of it either.
    fn has_more(&self, count: impl Fn(&str) -> usize) -> Option<bool> {
        let before = count(self.base);
        (count(self.put) > before).then(|| count(self.now) > before)
    }

    /// Whether a line that was moved stands where it was put, by the lines that it was moved past.
    fn has_moved(&self, line: &str) -> Option<bool> {
        let texts = || [self.base, self.put, self.now].map(places);
        let [base, put, now] = self.places.get_or_init(texts);
        let place = |text: &Places<'_>, line| text.get(line).copied().flatten();
        let (from, to) = (place(base, line)?, place(put, line)?);
        let Some(at) = place(now, line) else { return Some(false) };
        let passed = self.put.lines().map(str::trim).filter_map(|other| {
            let is_behind = place(put, other)? > to;
            let is_passed = (place(base, other)? > from) != is_behind && other != line;
            is_passed.then(|| Some((place(now, other)? > at) == is_behind)).flatten()
        });
        let mut passed = passed.take(LOOKED_FOR).peekable();
        passed.peek().is_some().then(|| passed.all(|is_there| is_there))
    }
}

fn places(text: &str) -> Places<'_> {
    let mut places = HashMap::new();
    for (at, line) in text.lines().map(str::trim).enumerate() {
        places.entry(line).and_modify(|known| *known = None).or_insert(Some(at));
    }
    places
}

/// What stands before and behind a change on its line.
fn beside<'a>(put: &'a str, change: &Change) -> (&'a str, &'a str) {
    let (left, right) = (&put[..change.at], &put[change.at + change.inserted.len()..]);
    let (on_new_line, ends_line) =
        (change.inserted.starts_with('\n'), change.inserted.ends_with('\n'));
    let left = left.rsplit('\n').next().filter(|_| !on_new_line).unwrap_or_default();
    let right = right.split('\n').next().filter(|_| !ends_line).unwrap_or_default();
    let from = left.char_indices().rev().nth(BESIDE - 1).map_or(0, |(at, _)| at);
    let to = right.char_indices().nth(BESIDE).map_or(right.len(), |(at, _)| at);
    (&left[from..], &right[..to])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_is_found_where_it_was_put() {
        let base = "[ ] call Cleo\n[ ] buy chalk";
        let put = "[x] call Cleo\n[ ] buy chalk";
        assert!(has_come(base, put, put));
        assert!(
            has_come(base, put, "[x] call Cleo today\n[x] buy chalk"),
            "others write beside it"
        );
        assert!(!has_come(base, put, "[ ] call Cleo\n[x] buy chalk"), "another box");
        assert!(!has_come(base, put, base), "it was taken back");
        let (base, put) = ("Shopping\none", "Shopping\none\neggs");
        assert!(has_come(base, put, "Shopping\none\nmilk\neggs\ntea"));
        assert!(!has_come(base, put, "Shopping\none\nmilk\nno eggs\ntea"), "another line");
        assert!(!has_come(base, put, "Shopping\none\nmilk\ntea"));
        let (base, put) = ("alpha beta gamma", "alpha gamma");
        assert!(has_come(base, put, "alpha gamma delta"));
        assert!(!has_come(base, put, "alpha beta gamma delta"), "it is there again");
        // Ben writes before and behind what was written, whatever was taken out beside.
        let base = "one\ntwo\nthree\nend.";
        for (put, now) in [
            ("one\neggs\ntwo\nend.", "one\nben 1\neggs\nben 2\ntwo\nend."),
            ("one\neggs\ntwo\nthree\nend", "one\nben 1\neggs\nben 2\ntwo\nthree\nend"),
            ("one\neggs\ntwo\nthr\nend.", "one\nben 1\neggs\nben 2\ntwo\nthr\nend."),
            ("one\nthree\ntwo\nend.", "one\nthree\nben 1\ntwo\nben 2\nend."),
            ("two\nthree\none\nend.", "ben 1\ntwo\nthree\none\nben 2\nend."),
        ] {
            assert!(has_come(base, put, now), "{put:?}");
            assert!(!has_come(base, put, "one\nben 1\ntwo\nben 2\nthree\nend."), "{put:?}");
        }
        let (base, put) = ("\u{4eca}\u{65e5}", "\u{4eca}\u{5929}\u{65e5}");
        assert!(has_come(base, put, "\u{4eca}\u{5929}\u{65e5}\u{306f}"));
        assert!(!has_come(base, put, "\u{4eca}\u{65e5}\u{306f}"));
    }
}
