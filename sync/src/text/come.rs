//! Whether what somebody has made of a text is in another one. Must not know documents.

use std::{cell::OnceCell, collections::HashMap, ops::Range};

use super::words::{Change, changes, word_places, words};

/// Of so many parts that have changed it is looked whether they are there, the first ones.
const LOOKED_FOR: usize = 16;
/// A part is known by so many characters beside it, on its line.
const BESIDE: usize = 8;
/// A part that others have corrected is known by so many new words at least: fewer may be anybody's.
const KNOWN_BY: usize = 3;

/// Whether what `put` changes of `base` is found in what there is `now`, beside what it stood at: half of it, since
/// others may have taken out some, and all of it would be there twice. What was written tells, each line of it; where
/// nothing was, what was taken out.
pub fn has_come(base: &str, put: &str, now: &str) -> bool {
    let texts = Texts::new(base, put, now);
    let changes = changes(base, put);
    let (writes, takes_out): (Vec<_>, Vec<_>) =
        changes.iter().partition(|change| !change.inserted.trim().is_empty());
    let half_there = |changes: &[&Change]| {
        let told: Vec<_> =
            changes.iter().take(LOOKED_FOR).flat_map(|one| texts.told(one)).collect();
        let there = told.iter().filter(|is_there| **is_there).count();
        (!told.is_empty()).then_some(there * 2 >= told.len())
    };
    half_there(&writes).or_else(|| half_there(&takes_out)).unwrap_or_default()
}

struct Texts<'a> {
    base: &'a str,
    put: &'a str,
    now: &'a str,
    /// Where their lines are.
    lines: OnceCell<[Lines<'a>; 3]>,
    /// How often each word is there.
    words: OnceCell<[HashMap<&'a str, usize>; 3]>,
    /// What others took out of what was put, in order.
    taken_out: OnceCell<Vec<Range<usize>>>,
}

/// How often a line is in a text, and where it is first.
type Lines<'a> = HashMap<&'a str, (usize, usize)>;

impl<'a> Texts<'a> {
    fn new(base: &'a str, put: &'a str, now: &'a str) -> Self {
        let (lines, words) = (OnceCell::new(), OnceCell::new());
        Self { base, put, now, lines, words, taken_out: OnceCell::new() }
    }

    /// Whether a change is there now: what each of its lines tells, if it does.
    fn told(&self, change: &Change) -> Vec<bool> {
        let inserted = change.inserted.trim_matches('\n');
        if inserted.trim().is_empty() {
            let gone = self.base[change.start..change.end].split('\n').filter(|line| says(line));
            let fewer: Vec<_> = gone.filter_map(|line| self.has_fewer(line.trim())).collect();
            if !fewer.is_empty() {
                return fewer;
            }
            let is_break = change.inserted.contains('\n');
            let told = if is_break { self.has_break(change) } else { self.has_space(change) };
            return told.into_iter().collect();
        }
        if inserted.contains('\n') {
            return self.told_by_lines(change);
        }
        let told = self.has(change, inserted);
        let range = change.at..change.at + change.inserted.len();
        told.map(|is_there| is_there || self.is_corrected(range)).into_iter().collect()
    }

    /// Whether what is written within one line is there now; `None` when nothing tells.
    fn has(&self, change: &Change, inserted: &str) -> Option<bool> {
        let (left, right) = beside(self.put, change);
        if !says(left) && !says(right) {
            let line = inserted.trim();
            return self.has_line(line).or_else(|| self.has_moved(line));
        }
        let beside = [
            says(left).then(|| self.has_part([left, inserted])),
            says(right).then(|| self.has_part([inserted, right])),
        ];
        any(beside.map(Option::flatten))
    }

    /// Others may have written between the lines, so each is looked for. The first and the last may be the rest of
    /// a line that was there.
    fn told_by_lines(&self, change: &Change) -> Vec<bool> {
        let written = change.at..change.at + change.inserted.len();
        let (left, right) = beside(self.put, change);
        let (mut told, mut moved, mut at) = (Vec::new(), None, written.start);
        for (number, part) in change.inserted.split_inclusive('\n').enumerate() {
            let range = at..at + part.len();
            at = range.end;
            let part = part.trim_end_matches('\n');
            if !says(part) {
                continue;
            }
            let is_rest = number == 0 && !left.is_empty();
            let is_begun = at == written.end && !right.is_empty();
            let has = if is_rest {
                self.has_part([left, part])
            } else if is_begun {
                self.has_part([part, right])
            } else {
                self.has_line(part.trim())
            };
            let is_whole = !is_rest && !is_begun;
            moved = moved.or_else(|| is_whole.then(|| part.trim()));
            told.extend(has.map(|is_there| is_there || self.is_corrected(range)));
        }
        if told.is_empty() {
            told.extend(moved.and_then(|line| self.has_moved(line)));
        }
        told
    }

    /// Whether a line was broken where it was put: by what stands before the break, or behind it, since others may
    /// have written between. A line that is empty is one more of those.
    fn has_break(&self, change: &Change) -> Option<bool> {
        let behind = change.at + change.inserted.len();
        let left = last_of(self.put[..change.at].trim_end_matches([' ', '\t']));
        let right = first_of(self.put[behind..].trim_start_matches([' ', '\t']));
        let ends = |text: &str| text.lines().filter(|one| one.trim_end().ends_with(left)).count();
        let begins =
            |text: &str| text.lines().filter(|one| one.trim_start().starts_with(right)).count();
        let sides =
            [says(left).then(|| self.has_more(ends)), says(right).then(|| self.has_more(begins))];
        any(sides.map(Option::flatten)).or_else(|| self.has_line(""))
    }

    /// Whether words stand beside each other, with just this space between.
    fn has_space(&self, change: &Change) -> Option<bool> {
        let (left, right) = beside(self.put, change);
        let part = [left, &change.inserted, right].concat();
        self.has_more(|text| text.matches(&part).count())
    }

    fn has_part(&self, part: [&str; 2]) -> Option<bool> {
        let part = part.concat();
        self.has_more(|text| text.matches(&part).count())
    }

    /// Whether there is more of something now than in the base; `None` where what was put has no more of it either.
    fn has_more(&self, count: impl Fn(&str) -> usize) -> Option<bool> {
        let before = count(self.base);
        (count(self.put) > before).then(|| count(self.now) > before)
    }

    fn has_line(&self, line: &str) -> Option<bool> {
        let [base, put, now] = self.counts(line);
        (put > base).then_some(now > base)
    }

    /// Whether a line is there less often, as often as was put at most.
    fn has_fewer(&self, line: &str) -> Option<bool> {
        let [base, put, now] = self.counts(line);
        (put < base).then_some(now <= put)
    }

    fn counts(&self, line: &str) -> [usize; 3] {
        self.lines().each_ref().map(|lines| lines.get(line).map_or(0, |(count, _)| *count))
    }

    /// Whether a part that is not there as it was put is there as others have corrected it: most of the words that
    /// are new with it were left where they stood.
    fn is_corrected(&self, part: Range<usize>) -> bool {
        let counts = || {
            [self.base, self.put, self.now].map(|text| {
                let mut counts = HashMap::new();
                for word in words(text) {
                    *counts.entry(word).or_default() += 1;
                }
                counts
            })
        };
        let [base, put, now] = self.words.get_or_init(counts);
        let is_more = |text: &HashMap<&str, usize>, word| text.get(word) > base.get(word);
        let taken_out = || {
            let changes = changes(self.put, self.now).into_iter();
            changes.filter(|one| !one.only_adds()).map(|one| one.start..one.end).collect()
        };
        let taken_out: &Vec<_> = self.taken_out.get_or_init(taken_out);
        let (mut new, mut there) = (0, 0);
        for place in word_places(&self.put[part.clone()]) {
            let (start, end) = (part.start + place.start, part.start + place.end);
            let word = &self.put[start..end];
            if !says(word) || !is_more(put, word) {
                continue;
            }
            let next = taken_out.partition_point(|taken| taken.end <= start);
            let is_left = taken_out.get(next).is_none_or(|taken| taken.start >= end);
            new += 1;
            there += usize::from(is_left && is_more(now, word));
        }
        new >= KNOWN_BY && there * 2 > new
    }

    /// Whether a line that was moved stands where it was put, by the lines that it was moved past.
    fn has_moved(&self, line: &str) -> Option<bool> {
        let [base, put, now] = self.lines();
        let place = |text: &Lines<'_>, line| {
            text.get(line).filter(|(count, _)| *count == 1).map(|(_, at)| *at)
        };
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

    fn lines(&self) -> &[Lines<'a>; 3] {
        self.lines.get_or_init(|| [self.base, self.put, self.now].map(lines))
    }
}

fn lines(text: &str) -> Lines<'_> {
    let mut lines = HashMap::new();
    for (at, line) in text.split('\n').map(str::trim).enumerate() {
        lines.entry(line).or_insert((0, at)).0 += 1;
    }
    lines
}

fn says(text: &str) -> bool {
    text.chars().any(char::is_alphanumeric)
}

/// Whether one is there of those that tell.
fn any(told: [Option<bool>; 2]) -> Option<bool> {
    told.into_iter().flatten().reduce(|one, other| one || other)
}

/// What stands before and behind a change on its line.
fn beside<'a>(put: &'a str, change: &Change) -> (&'a str, &'a str) {
    let (left, right) = (&put[..change.at], &put[change.at + change.inserted.len()..]);
    let (on_new_line, ends_line) =
        (change.inserted.starts_with('\n'), change.inserted.ends_with('\n'));
    let left = if on_new_line { "" } else { last_of(left) };
    let right = if ends_line { "" } else { first_of(right) };
    (left, right)
}

/// What the last line of a text ends with.
fn last_of(text: &str) -> &str {
    let line = text.rsplit('\n').next().unwrap_or_default();
    let from = line.char_indices().rev().nth(BESIDE - 1).map_or(0, |(at, _)| at);
    &line[from..]
}

/// What the first line of a text begins with.
fn first_of(text: &str) -> &str {
    let line = text.split('\n').next().unwrap_or_default();
    let to = line.char_indices().nth(BESIDE).map_or(line.len(), |(at, _)| at);
    &line[..to]
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

    const SHOP: &str = "shop\nend";

    #[test]
    fn lines_between_which_others_write_have_come() {
        let put = "shop\nmilk\neggs\nend";
        for now in [
            "shop\nmilk\nben\neggs\nend",
            "shop\nben 0\nmilk\nben\neggs\nben 2\nend",
            "ben\nshop\nmilk\n\neggs, two\nend",
        ] {
            assert!(has_come(SHOP, put, now), "{now:?}");
        }
        assert!(has_come(SHOP, put, "shop\neggs\nend"), "one of two was taken back");
        assert!(!has_come(SHOP, put, "shop\nben\nno eggs\nend"), "both were");
        assert!(has_come("shop", "shop\nmilk\neggs", "shop\nmilk\nben\neggs"));
        let (base, put) = ("Intro", "Intro\n\nFirst one of mine.\n\nSecond one of mine.");
        let now = "Intro\n\nFirst one of mine.\n\nBen's.\n\nSecond one of mine.\n\nBen's last.";
        assert!(has_come(base, put, now));
        assert!(!has_come(base, put, "Intro\n\nBen's.\n\nBen's last."));
        // The first of the lines is the rest of one that was there, the last of them begins one.
        let (base, put) = ("buy milk soon", "buy tea\nrice\nplums soon");
        assert!(has_come(base, put, "buy tea\nben 1\nrice\nben 2\nplums soon"));
        assert!(!has_come(base, put, "buy milk soon\nben 1"));
    }

    #[test]
    fn lines_that_were_taken_out_are_there_less_often() {
        let base = "[x] call Cleo\nmilk\nread chapter two\nmilk\nTuesday tea";
        let put = "[x] call Cleo\nmilk\nTuesday tea";
        assert!(has_come(base, put, "[ ] ben\n[x] call Cleo\nmilk\nTuesday tea"));
        assert!(!has_come(base, put, base));
        assert!(!has_come(
            base,
            put,
            "ben\n[x] call Cleo\nmilk\nread chapter two\nmilk\nTuesday tea"
        ));
        let (base, put) = ("One.\n\nTwo.\n\nThree.", "One.\n\nThree.");
        assert!(has_come(base, put, "One.\n\nBen.\n\nThree."));
    }

    #[test]
    fn what_others_have_corrected_has_come() {
        let many: Vec<_> = (0..20).map(|n| format!("line {n} of the lecture")).collect();
        let put = format!("shop\n{}\nend", many.join("\n"));
        let now = put.replace("line 7 of", "line seven of").replace("\nend", "\nben\nend");
        assert!(has_come(SHOP, &put, &now));
        let list = put.replace("\nline", "\n- line");
        assert!(has_come(SHOP, &put, &list), "others make a list of it");
        let left = |lines: usize| format!("shop\n{}\nben\nend", many[..lines].join("\n"));
        assert!(has_come(SHOP, &put, &left(10)), "half of it was taken back");
        assert!(!has_come(SHOP, &put, &left(4)), "most of it was");
        assert!(!has_come(SHOP, &put, "shop\nben\nend"));
        // One line alone, and words within one.
        let put = "shop\nring Cleo about chalk\nend";
        assert!(has_come(SHOP, put, "shop\nring Cleo about paint\nend"));
        assert!(!has_come(SHOP, put, "shop\nask Dan about paint\nend"));
        let far = "shop\nend\nCleo said that they ring about noon, chalk in hand, whoever is there";
        assert!(!has_come(SHOP, put, far), "the words are elsewhere, in what somebody else says");
        let (base, put) = ("Monday: read", "Monday: read two chapters on cells");
        assert!(has_come(base, put, "Monday: read three chapters on cells"));
        assert!(!has_come(base, put, "Monday: read three pages"));
        assert!(!has_come(base, put, base));
        // What is there twice is no correction of what was there before.
        let base = "shop\nring Cleo about chalk";
        let put = "shop\nring Cleo about chalk\nring Cleo about chalk";
        assert!(!has_come(base, put, "shop\nben\nring Cleo about chalk"));
    }

    #[test]
    fn a_line_that_was_broken_is_told_by_either_side() {
        let base = "[ ] eggs\nwater energy Monday\nrice";
        let put = "[ ] eggs\nwater\nenergy Monday\nrice";
        assert!(has_come(base, put, "[ ] eggs\nben 1\nwater\nben 2\nenergy Monday\nrice"));
        assert!(has_come(base, put, "[ ] eggs\nwater, much\nenergy Monday\nrice"));
        assert!(has_come(base, put, "[ ] eggs\nwater\nno energy Monday\nrice"));
        assert!(!has_come(base, put, "[ ] eggs\nben 1\nwater energy Monday\nben 2\nrice"));
        let (base, put) = ("one\ntwo", "one\n\ntwo");
        assert!(has_come(base, put, "one, ben\n\ntwo"));
        assert!(!has_come(base, put, "one, ben\ntwo, and what is longer"));
    }

    #[test]
    fn a_block_that_was_moved_is_told_by_what_it_was_moved_past() {
        let base = "one\ntwo\nthree\nfour\nend";
        let put = "three\nfour\none\ntwo\nend";
        assert!(has_come(base, put, "three\nben 1\nfour\nben 2\none\nben 3\ntwo\nend"));
        assert!(!has_come(base, put, "one\nben 1\ntwo\nben 2\nthree\nben 3\nfour\nend"));
    }

    #[test]
    fn what_tells_most_is_what_most_was_written_of() {
        let base = "[ ] call Cleo\nend";
        let put = "[x] call Cleo\nmilk\neggs\ntea\nend";
        assert!(has_come(base, put, "[ ] call Cleo\nmilk\neggs\ntea\nend"));
        assert!(!has_come(base, put, "[x] call Cleo\nben\nend"), "all lines were taken out");
    }

    #[test]
    fn whatever_one_other_person_writes_it_is_there_until_it_is_taken_back() {
        let mut seed = 7_u32;
        let mut below = |limit: usize| {
            seed = seed.wrapping_mul(1_103_515_245).wrapping_add(12_345);
            (seed >> 8) as usize % limit
        };
        for round in 0..2_000 {
            // Whose words they are is told by what they begin with; those of the base are of both.
            let mut line = |whose: &str, words: usize| -> String {
                let words: Vec<_> = (0..words).map(|_| format!("{whose}{}", below(60))).collect();
                words.join(" ")
            };
            let mut base: Vec<_> = (0..5).map(|number| line("base", 1 + number % 4)).collect();
            let added: Vec<_> = (0..5).map(|number| line("ada", 2 + number)).collect();
            let (ben, corrected) = (line("ben", 3), line("ben", 1));
            base.truncate(1 + below(5));
            let (at, count) = (below(base.len() + 1), 1 + below(5));
            let mut put = base.clone();
            put.splice(at..at, added.into_iter().take(count));
            let mut now = put.clone();
            let is_line = count < 2 || below(2) == 0;
            if is_line {
                now.insert(below(now.len() + 1), ben);
            } else {
                let line = &mut now[at + below(count)];
                let word = line.split(' ').nth(below(2)).unwrap().to_owned();
                *line = line.replacen(&word, &corrected, 1);
            }
            let [base_text, put_text, now_text] = [&base, &put, &now].map(|text| text.join("\n"));
            let scene = format!("{round}: {base_text:?} {put_text:?} {now_text:?}");
            assert!(has_come(&base_text, &put_text, &now_text), "{scene}");
            now.retain(|line| !line.contains("ada"));
            let taken_back = now.join("\n");
            assert!(!has_come(&base_text, &put_text, &taken_back), "{scene}, {taken_back:?}");
        }
    }
}
