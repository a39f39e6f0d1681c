//! Three texts become one: what one person made of a base, and what it has become meanwhile.

use std::ops::Range;

use super::{
    diff::{self, Edit},
    words::{self, Change, changes, is_glued},
};

/// `theirs` with what `mine` changed of `base`, by whole words. What both deleted is gone, what both
/// inserted at one place is there twice, theirs first. A word that one deleted and the other changed
/// stays as the other has it, and so does a line.
///
/// `base` is a guess at what the writer of `mine` began with. Where `mine` shows that they had seen
/// `theirs` some other way, `mine` is what they want.
pub fn merged(base: &str, mine: &str, theirs: &str) -> String {
    let their = changes(base, theirs);
    if their.is_empty() || has_seen((base, mine, theirs), &their) {
        return mine.to_owned();
    }
    let mut my = changes(base, mine);
    // What both have put in place of the same words is there once.
    my.retain(|change| change.only_adds() || !is_among(&their, change));
    let base = Base::new(base);
    let their = base.whole(their, &my);
    let mut my = base.whole(my, &their);
    my.retain(|change| change.only_adds() || !is_among(&their, change));
    base.with(&their, &my)
}

fn is_among(changes: &[Change], change: &Change) -> bool {
    let at = changes.partition_point(|other| other.start < change.start);
    changes.get(at).is_some_and(|other| {
        (other.start, other.end, &other.inserted) == (change.start, change.end, &change.inserted)
    })
}

/// What two people began with, and where its words and lines begin.
struct Base<'a> {
    text: &'a str,
    words: Vec<usize>,
    lines: Vec<usize>,
}

impl<'a> Base<'a> {
    fn new(text: &'a str) -> Self {
        let words = diff::offsets(&words::words(text));
        Self { text, words, lines: diff::offsets(&words::lines(text)) }
    }

    /// These changes, those of one word or line that `by` deletes as one change of all of it: what is
    /// left of it would not be read as what it was.
    fn whole(&self, changes: Vec<Change>, by: &[Change]) -> Vec<Change> {
        let torn = changes.iter().filter_map(|change| self.torn(change, by)).collect();
        let mut whole = Vec::with_capacity(changes.len());
        let mut changes = changes.into_iter().peekable();
        for unit in apart(torn) {
            let is_before = |change: &Change| change.start < unit.start && change.end <= unit.start;
            while let Some(change) = changes.next_if(is_before) {
                whole.push(change);
            }
            let first = changes.peek().map_or(unit.start, |change| change.start);
            let (start, mut end) = (unit.start.min(first), unit.end);
            let (mut text, mut from) = (String::new(), start);
            while let Some(change) = changes.next_if(|change| change.start <= end) {
                text += &self.text[from..change.start];
                text += &change.inserted;
                (from, end) = (change.end, end.max(change.end));
            }
            text += &self.text[from..end];
            whole.push(Change { start, end, inserted: text, at: 0 });
        }
        whole.extend(changes);
        whole
    }

    /// The word or the line that a change adds to, when `by` deletes it.
    fn torn(&self, change: &Change, by: &[Change]) -> Option<Range<usize>> {
        if change.inserted.is_empty() {
            return None;
        }
        let line = self.line_of(change);
        let word = self.word_of(change);
        let units = [line.map(|line| (line, true)), word.clone().map(|word| (word, false))];
        units.into_iter().flatten().find_map(|(unit, is_line)| {
            let first = by.partition_point(|other| other.end < unit.start);
            let mut near = by[first..].iter().take_while(|other| other.start <= unit.end);
            // A word that both let grow is two words.
            let grows = |other: &Change| other.only_adds() && self.word_of(other) == word;
            if !is_line && near.clone().any(grows) {
                return Some(unit);
            }
            let meets = |other: &&Change| {
                !other.only_adds() && other.start < unit.end && other.end > unit.start
            };
            let deleted = near.find(meets)?;
            let is_all = deleted.start <= unit.start && deleted.end >= unit.end;
            (!is_line || (is_all && deleted.inserted.is_empty())).then_some(unit)
        })
    }

    /// The line within which something is changed.
    fn line_of(&self, change: &Change) -> Option<Range<usize>> {
        let line = self.lines.partition_point(|start| *start <= change.start).checked_sub(1)?;
        let line = self.lines[line]..*self.lines.get(line + 1)?;
        let is_own =
            change.only_adds() && change.start == line.start && change.inserted.ends_with('\n');
        (change.end <= line.end && !is_own).then_some(line)
    }

    /// The word that a change is a part of.
    fn word_of(&self, change: &Change) -> Option<Range<usize>> {
        let before = self.text[..change.start].chars().next_back();
        let after = self.text[change.end..].chars().next();
        let inserted = &change.inserted;
        let is_after = is_glued(before, inserted.chars().next());
        let is_before = is_glued(inserted.chars().next_back(), after);
        let at = match (is_after, is_before) {
            (true, _) => change.start.checked_sub(1)?,
            (_, true) => change.end,
            _ => return None,
        };
        let word = self.words.partition_point(|start| *start <= at).checked_sub(1)?;
        Some(self.words[word]..*self.words.get(word + 1)?)
    }

    /// What sets a change apart from one of the other that stands right before it.
    fn between(&self, before: &str, change: &Change) -> Option<char> {
        let (before, first) = (before.chars().next_back(), change.inserted.chars().next());
        let is_line = self.lines.binary_search(&change.start).is_ok()
            && self.text[change.end..].chars().next().is_none_or(|next| next == '\n');
        match (before, first) {
            (Some(before), Some(first)) if before.is_whitespace() || first.is_whitespace() => None,
            (Some(_), Some(_)) if !change.only_adds() => Some(if is_line { '\n' } else { ' ' }),
            _ => is_glued(before, first).then_some(' '),
        }
    }

    /// What a word has grown by stays with it, then what is put right beside it: before what stands apart,
    /// or after.
    fn rank(&self, change: &Change) -> u8 {
        let is_beside = |one: Option<char>, other: Option<char>| {
            [one, other].iter().all(|sign| sign.is_some_and(|sign| !sign.is_whitespace()))
        };
        let (before, after) = self.text.split_at(change.start);
        let (before, after) = (before.chars().next_back(), after.chars().next());
        let mut inserted = change.inserted.chars();
        let (first, last) = (inserted.clone().next(), inserted.next_back());
        match change.only_adds() {
            _ if is_glued(before, first) => 0,
            _ if is_beside(before, first) => 1,
            true if is_glued(last, after) => 4,
            true if is_beside(last, after) => 3,
            _ => 2,
        }
    }

    /// Whether a change is a line of its own.
    fn is_line(&self, change: &Change) -> bool {
        let begins = |at: &usize| self.lines.binary_search(at).is_ok();
        let is_whole = change.start < change.end && begins(&change.end);
        begins(&change.start)
            && !change.inserted.is_empty()
            && (is_whole || change.inserted.ends_with('\n'))
    }

    /// The text with the changes of both.
    fn with(&self, their: &[Change], my: &[Change]) -> String {
        let mut all: Vec<&Change> = their.iter().chain(my).collect();
        all.sort_by_key(|change| (change.start, self.rank(change))); // theirs first where all is the same
        let mut text = String::with_capacity(self.text.len());
        // Up to where all is said, and which part of the base the end of the text stands for.
        let (mut from, mut at, mut is_added) = (0, 0, false);
        for change in all {
            if from < change.start {
                let kept = &self.text[from..change.start];
                text.extend(joint(&text, kept).filter(|_| from != at));
                text += kept;
                (at, is_added) = (change.start, false);
            }
            if self.is_line(change) && !text.is_empty() && !text.ends_with('\n') {
                text.push('\n'); // the other has deleted the end of the line before it
            } else if is_added {
                text.extend(self.between(&text, change));
            } else if at != change.start {
                text.extend(joint(&text, &change.inserted));
            }
            text += &change.inserted;
            let is_deletion = change.inserted.is_empty();
            // Who only deletes wants to join what is left, but not to what the other has put there.
            if !is_deletion || (at == change.start && !is_added) {
                at = change.end;
            }
            is_added |= !is_deletion;
            from = from.max(change.end);
        }
        let kept = &self.text[from..];
        text.extend(joint(&text, kept).filter(|_| from != at));
        text + kept
    }
}

/// What keeps two words apart when what was between them is gone.
fn joint(before: &str, after: &str) -> Option<char> {
    is_glued(before.chars().next_back(), after.chars().next()).then_some(' ')
}

/// Ranges in order, those that meet as one.
fn apart(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_by_key(|range| range.start);
    let mut apart: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match apart.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => apart.push(range),
        }
    }
    apart
}

/// All lines of `theirs`, and what `mine` has beside them: nobody knows what the writer of `mine` began
/// with. Where one says all that the other says, it stands for both.
pub fn both(mine: &str, theirs: &str) -> String {
    let lines = |text| str::split_inclusive(text, '\n').collect::<Vec<_>>();
    let (mine, theirs) = (lines(mine), lines(theirs));
    let mut both = String::new();
    let mut add = |lines: &str| {
        if !both.is_empty() && !lines.is_empty() && !both.ends_with('\n') {
            both.push('\n');
        }
        both.push_str(lines);
    };
    let mut from = 0;
    for (of_theirs, of_mine) in diff::hunks(&theirs, &mine) {
        theirs[from..of_theirs.start].iter().copied().for_each(&mut add);
        from = of_theirs.end;
        let (theirs, mine) = (theirs[of_theirs].concat(), mine[of_mine].concat());
        if !says_all(&mine, &theirs) {
            add(&theirs);
        }
        if !says_all(&theirs, &mine) {
            add(&mine);
        }
    }
    theirs[from..].iter().copied().for_each(&mut add);
    both
}

/// Whether a text has all words of another, in order; some may have grown.
fn says_all(text: &str, other: &str) -> bool {
    changes(other, text).iter().all(Change::only_adds)
}

/// What is shorter may stand in both by chance.
const TELLING: usize = 16;
/// So much of what stands around it tells where something was added.
const AROUND: usize = 16;
/// More changes are not looked for.
const SOUGHT: usize = 500;

/// Whether `mine` has what `theirs` has more than `base`, each in one piece with what is around it, and
/// as often. Less would not do: two people write alike, and whose words are taken for seen is whose
/// words are gone.
fn has_seen((base, mine, theirs): (&str, &str, &str), their: &[Change]) -> bool {
    let times = |text: &str, part: &str| text.matches(part).count();
    let is_in_mine = |part: &str| {
        let in_mine = times(mine, part);
        part.len() >= TELLING && in_mine > times(base, part) && in_mine >= times(theirs, part)
    };
    let around = |change: &Change| {
        let start = theirs.floor_char_boundary(change.at.saturating_sub(AROUND));
        let end = theirs.ceil_char_boundary(change.at + change.inserted.len() + AROUND);
        &theirs[start..end]
    };
    let is_seen = |change: &Change| change.only_adds() && is_in_mine(around(change));
    is_in_mine(theirs) || (their.len() <= SOUGHT && their.iter().all(is_seen))
}

/// Which of these a text has been made from: the one that it differs least from.
pub fn nearest<'a>(bases: impl ExactSizeIterator<Item = &'a str>, text: &str) -> Option<&'a str> {
    let is_only = bases.len() == 1;
    bases.min_by_key(|base| if is_only { 0 } else { distance(base, text) })
}

/// How much is deleted and inserted between two texts.
fn distance(old: &str, new: &str) -> u64 {
    let size =
        |edit: &Edit<'_>| u64::from(edit.deleted) + u64::from(diff::utf16_len(edit.inserted));
    diff::edits(old, new).iter().map(size).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_peoples_changes_survive() {
        let base = "one two three";
        let bob = "one two three BOB TYPED THIS";
        assert_eq!(merged(base, "ONE two three", bob), "ONE two three BOB TYPED THIS");
        assert_eq!(merged(base, "one three", "one two 2 three"), "one 2 three");
        assert_eq!(merged("", "mine", "something of theirs"), "something of theirs mine");
        assert_eq!(merged("a😀b", "a😀c", "x a😀b"), "x a😀c");
    }

    #[test]
    fn who_began_with_what_is_there_now_gets_what_they_wrote() {
        let theirs = "what Ben typed while Ada looked on";
        assert_eq!(merged("", &format!("{theirs}!"), theirs), format!("{theirs}!"));
        let typed = "completely new text typed in the editor";
        let put = format!("{typed}, and more");
        assert_eq!(merged("one two three", &put, typed), put);
    }

    #[test]
    fn who_writes_what_looks_alike_takes_nothing_from_the_other() {
        let (base, ben) = ("Plan:", "Plan:\n- eggs for Monday");
        let both = merged(base, "Plan:\n- eggs for Friday", ben);
        assert!(both.contains("- eggs for Monday") && both.contains("- eggs for Friday"), "{both}");
        let both =
            merged(base, "Plan:\nIn the first week I will read all and agree", "Plan: I agree");
        assert!(both.contains(" I agree") && both.contains("I will read"), "{both}");
    }

    #[test]
    fn what_the_base_has_already_is_no_sign_that_the_others_change_was_seen() {
        let line = "--------------------\n";
        let base = format!("Monday\n{line}Bread\n");
        let both =
            merged(&base, &format!("Monday\n{line}Bread and milk\n"), &format!("{base}{line}"));
        assert_eq!(both, format!("Monday\n{line}Bread and milk\n{line}"));
        let (plan, number) = ("The plan: we meet and go home\n", "Ben's number is 555-1234");
        let base = format!("{plan}{number}");
        assert_eq!(merged(&base, &format!("Hello. {base}"), plan), format!("Hello. {plan}"));
        let base = format!("{number}\n{plan}");
        assert_eq!(
            merged(&base, &format!("{base}We eat at 8."), plan),
            format!("{plan}We eat at 8.")
        );
    }

    #[test]
    fn who_both_write_on_after_a_word_leave_that_word_once() {
        for base in ["Plan:", "A long title with many words, to do:", "\u{4eca}\u{65e5}\u{306f}"] {
            let (ben, ada) = ("\nBen can come after the 20th", "\n- We rent the house by the lake");
            let both = merged(base, &format!("{base}{ada}"), &format!("{base}{ben}"));
            assert_eq!(both, format!("{base}{ben}{ada}"));
        }
    }

    #[test]
    fn words_that_both_change_stay_as_each_has_them() {
        let lake = "We meet Monday at the lake.";
        let ben = "We meet Tuesday at the lake.";
        assert_eq!(merged(lake, "We meet at the lake.", ben), ben);
        let ada = "We meet Wednesday at the lake.";
        assert_eq!(merged(lake, ada, ben), "We meet Tuesday Wednesday at the lake.");
        let both = merged(lake, "We meet at the lake.", "We meet Mondays at the lake.");
        assert_eq!(both, "We meet Mondays at the lake.");
        let list = "- buy bread\n- buy butter\n- buy milk\n";
        let ben = "- buy bread\n- buy better batteries\n- buy milk\n";
        assert_eq!(merged(list, "- buy bread\n- buy milk\n", ben), ben);
        let costs = |number| format!("It costs {number} euros.");
        assert_eq!(merged(&costs("120"), &costs("125"), &costs("150")), costs("150 125"));
        assert_eq!(merged("at 10:30.", "at 12:15.", "at 11:45."), "at 11:45. 12:15.");
        assert_eq!(merged("Anna", "Susanna", "Hannah"), "Hannah\nSusanna");
        let (exam, talk) =
            ("The exam is on chapter four.\n", "A talk tomorrow is about nothing.\n");
        let other = "Everybody knows what is on: no exam.\n";
        assert_eq!(merged(exam, talk, other), format!("{other}{talk}"));
    }

    #[test]
    fn words_that_nobody_touches_are_whole_and_there_once() {
        let merge = |base: &str, ada: &str, ben: &str| merged(base, ada, ben);
        let base = "We bring bread, butter\nand beans\nbananas for all";
        let ada = "We bring bread, butter\nand green beans\nbananas for all";
        assert_eq!(
            merge(base, ada, "We bring bananas for all"),
            "We bring \nand green beans\nbananas for all"
        );
        let base = "I like the sea\nThen there\nthe end";
        let ada = "I like the sea\nThen there really\nthe end";
        assert_eq!(merge(base, ada, "I like the end"), "I like the\nThen there really\n end");
        let base = "B0 B1\u{5b57}\nB2\nB3 B4. B5:\nB6w B7\n";
        let both = merge(base, &base.replace("B1\u{5b57}", "Q218"), "B0 B3 B4. B5:\nB6w B7\n");
        assert_eq!(both, "B0 Q218 B3 B4. B5:\nB6w B7\n");
        let both = merge("Ada Ben\nrest", "Ada\nsecond\nBen\nrest", "Ada\nfirst\nBen\nrest");
        assert_eq!(both, "Ada\nfirst\n\nsecond\nBen\nrest");
    }

    #[test]
    fn what_a_word_has_grown_by_stays_with_it() {
        assert_eq!(merged("10 people", "100 people", "10 nice people"), "100 nice people");
        let ask = |words: &str| format!("Ask the {words} about it.");
        let both = merged(&ask("teacher"), &ask("teachers"), &ask("teacher tomorrow"));
        assert_eq!(both, ask("teachers tomorrow"));
        assert_eq!(merged("the lake", "the lake?", "the lake\nand"), "the lake?\nand");
        assert_eq!(merged("see page 12", "see page 123", "see page 12."), "see page 123.");
        let costs = |what: &str| format!("costs {what} euro");
        assert_eq!(merged(&costs("5"), &costs("5.50"), &costs("5 or 6")), costs("5.50 or 6"));
        assert_eq!(merged(&costs("5"), &costs("500"), &costs("50")), costs("50 500"));
        let both = merged("Call Ann", "Call Anne and Ben", "Call Anna and Cy");
        assert_eq!(both, "Call Anna and Cy Anne and Ben");
        assert_eq!(merged("page 12", "page 125", "page 312"), "page 312 125");
        assert_eq!(merged("a ship", "a ships", "a ships"), "a ships");
        let list = "- eggs\n- milk\n- bread";
        let both = merged(list, "- eggs\n- milk", "- eggs\n- milk\n- brown bread");
        assert_eq!(both, "- eggs\n- milk\n- brown bread");
    }

    #[test]
    fn the_same_words_elsewhere_are_no_sign_that_the_others_were_seen() {
        let (base, line) = ("Monday:\nTuesday:\n", "- read chapter four\n");
        let (ben, ada) = (format!("Monday:\n{line}Tuesday:\n"), format!("{base}{line}"));
        assert_eq!(merged(base, &ada, &ben), format!("Monday:\n{line}Tuesday:\n{line}"));
    }

    #[test]
    fn what_both_have_put_in_place_of_the_same_words_is_there_once() {
        assert_eq!(merged("one\ntwo", "ONE\nBEN", "one\nBEN"), "ONE\nBEN");
    }

    #[test]
    fn a_put_that_may_be_in_there_already_is_put_once() {
        let (base, put) = ("bread", "bread, milk and eggs");
        let again = |now: &str| merged(nearest([base, put].into_iter(), now).unwrap(), put, now);
        let with_ben = "bread, milk and eggs BEN: and butter!";
        assert_eq!(again(with_ben), with_ben, "it was made");
        assert_eq!(again("bread BEN: and butter!"), "bread, milk and eggs BEN: and butter!");
    }

    #[test]
    fn when_nobody_knows_what_was_shown_whole_lines_of_both_stay() {
        let text = both("# Shopping\n- eggs for Friday\n", "# Shopping\n- milk for Monday\n");
        assert_eq!(text, "# Shopping\n- milk for Monday\n- eggs for Friday\n");
        assert_eq!(both("Ada wrote this", "and Ben that"), "and Ben that\nAda wrote this");
        assert_eq!(both("bread, milk and eggs", "bread"), "bread, milk and eggs");
        assert_eq!(both("bread\n", "bread, milk\nand Ben\n"), "bread, milk\nand Ben\n");
        assert_eq!(both("the ships sail", "the ship"), "the ships sail", "a word has grown");
    }

    /// Whether what is left of `text` without some letters is `part`.
    fn holds(text: &str, part: &str) -> bool {
        let mut letters = text.chars();
        part.chars().all(|letter| letters.any(|other| other == letter))
    }

    proptest! {
        #[test]
        fn words_of_ones_own_survive(
            base in "(one|two|three|\n|[ab]){0,6}",
            mine in 0_usize..40,
            theirs in 0_usize..40,
            cut in (0_usize..40, 0_usize..40),
        ) {
            let typed = |at: usize, word: &str, cut: usize| {
                let at = at.min(base.len());
                let end = (at + cut).min(base.len());
                format!("{}{word}{}", &base[..at], &base[end..])
            };
            let (mine, theirs) = (typed(mine, " ADA ", cut.0 % 7), typed(theirs, " BEN ", cut.1 % 7));
            let text = merged(&base, &mine, &theirs);
            prop_assert!(text.contains("ADA") && text.contains("BEN"), "{:?}", text);
        }

        #[test]
        fn both_have_all_of_each(mine in "[ab\n \u{1f600}]{0,40}", theirs in "[ab\n \u{1f600}]{0,40}") {
            let text = both(&mine, &theirs);
            prop_assert!(holds(&text, &mine) && holds(&text, &theirs), "{:?}", text);
            prop_assert_eq!(both(&mine, &mine), mine);
        }

        #[test]
        fn who_changed_nothing_changes_nothing(base in ".{0,40}", other in ".{0,40}") {
            prop_assert_eq!(merged(&base, &base, &other), other.clone());
            prop_assert_eq!(merged(&base, &other, &base), other);
        }
    }
}
