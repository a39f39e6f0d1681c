//! Three texts become one: what one person made of a base, and what it has become meanwhile.

use super::diff::{self, Edit};

/// `theirs` with what `mine` changed of `base`. What both deleted is gone, what both inserted at one
/// place is there twice, theirs first.
///
/// `base` is a guess at what the writer of `mine` began with. Where `mine` shows that they had seen
/// `theirs` some other way, `mine` is what they want.
pub fn merged(base: &str, mine: &str, theirs: &str) -> String {
    if base == theirs || has_seen(base, mine, theirs) {
        return mine.to_owned();
    }
    let units: Vec<u16> = base.encode_utf16().collect();
    let (theirs, mut mine) = (diff::edits(base, theirs), diff::edits(base, mine));
    // What both have put in place of the same words is there once.
    mine.retain(|edit| edit.deleted == 0 || !theirs.contains(edit));
    let mut gone = vec![false; units.len()];
    for edit in theirs.iter().chain(&mine) {
        let start = edit.start as usize;
        let end = (start + edit.deleted as usize).min(gone.len());
        gone[start.min(end)..end].fill(true);
    }
    let mut merged = Vec::with_capacity(units.len());
    let (mut theirs, mut mine) = (theirs.iter().peekable(), mine.iter().peekable());
    for at in 0..=units.len() {
        let is_here = |edit: &&Edit<'_>| edit.start as usize <= at;
        for edits in [&mut theirs, &mut mine] {
            while let Some(edit) = edits.next_if(is_here) {
                merged.extend(edit.inserted.encode_utf16());
            }
        }
        if at < units.len() && !gone[at] {
            merged.push(units[at]);
        }
    }
    String::from_utf16_lossy(&merged)
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
    diff::edits(other, text).iter().all(|edit| edit.deleted == 0)
}

/// What is shorter may stand in both by chance.
const TELLING: usize = 16;

/// Whether `mine` has in one piece each what `theirs` has more than `base`, and as often. Less would not
/// do: two people write alike, and whose words are taken for seen is whose words are gone.
fn has_seen(base: &str, mine: &str, theirs: &str) -> bool {
    let times = |text: &str, part: &str| text.matches(part).count();
    let is_in_mine = |part: &str| {
        let in_mine = times(mine, part);
        part.len() >= TELLING && in_mine > times(base, part) && in_mine >= times(theirs, part)
    };
    let is_seen = |edit: &Edit<'_>| edit.deleted == 0 && is_in_mine(edit.inserted);
    is_in_mine(theirs) || diff::edits(base, theirs).iter().all(is_seen)
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
        assert_eq!(merged("", "mine", "something of theirs"), "something of theirsmine");
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
    fn what_both_have_put_in_place_of_the_same_words_is_there_once() {
        assert_eq!(merged("one\ntwo", "ONE\nBEN", "one\nBEN"), "ONE\nBEN");
    }

    #[test]
    fn a_put_that_may_be_in_there_already_is_put_once() {
        let (base, put) = ("bread", "bread, milk and eggs");
        let again = |now: &str| merged(nearest([base, put].into_iter(), now).unwrap(), put, now);
        let with_ben = "bread, milk and eggs BEN: and butter!";
        assert_eq!(again(with_ben), with_ben, "it was made");
        assert_eq!(again("bread BEN: and butter!"), "bread BEN: and butter!, milk and eggs");
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
