//! What counts as a change, and what as a word.

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
        pieces.map(|(piece, is_line)| (old[piece.start..piece.end].to_owned(), is_line)).collect()
    };
    let line = |text: &str| (text.to_owned(), true);
    let word = |text: &str| (text.to_owned(), false);
    assert_eq!(parts("a\nb\nc\n", "c\n"), [line("a\n"), line("b\n")]);
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

#[test]
fn of_what_is_there_twice_two_who_take_out_one_take_out_the_same() {
    let block = "a b c\nd e f\ng h i";
    for (base, mine, theirs) in [
        ("shop\nmilk\nmilk\nend", "shop\nmilk\nend", "ben\nshop\nmilk\nend"),
        ("shop\nmilk\nmilk\nend", "shop\nmilk\nend", "shop\nben\nmilk\nend"),
        ("shop\nmilk\nmilk\nend", "shop\nmilk\nend", "shop today\nmilk\nend"),
        ("x\nmilk\nmilk\nmilk\nend", "x\nmilk\nend", "ben\nx\nmilk\nend"),
        ("it is very very good\nend", "it is very good\nend", "Ben: it is very good\nend"),
        ("One.\n\n\nTwo.", "One.\n\nTwo.", "Ben\nOne.\n\nTwo."),
        ("a b c\nd e f\na b c\nd e f", "a b c\nd e f", "Title\na b c\nd e f"),
        ("a b c\nd e f\na b c\nd e f", "a b c\nd e f", "a b c\nd e f\nben"),
    ] {
        assert_eq!(crate::text::merged(base, mine, theirs), theirs, "{base:?}");
        assert_eq!(crate::text::merged(base, theirs, mine), theirs, "{base:?}, the other way");
    }
    let base = format!("Intro\n{block}\n{block}\nOutro");
    let mine = format!("Intro\n{block}\nOutro");
    for theirs in ["Introduction\nB\nOutro", "Intro\nben\nB\nOutro", "Intro\nB\nOutro\nben"] {
        let theirs = theirs.replace('B', block);
        assert_eq!(crate::text::merged(&base, &mine, &theirs), theirs);
    }
}

#[test]
fn a_line_in_place_of_one_of_two_equal_ones_stands_in_its_place() {
    for (base, mine, theirs, both) in [
        (
            "milk\nmilk\neggs",
            "bread\nmilk\neggs",
            "milk\nmilk 2 litres\neggs",
            "bread\nmilk 2 litres\neggs",
        ),
        (
            "milk\nmilk\neggs",
            "tea\nbread\nmilk\neggs",
            "milk\nmilk!\neggs",
            "tea\nbread\nmilk!\neggs",
        ),
        ("0\n0\n0\n9", "7\n0\n0\n9", "0\n0\n05\n9", "7\n0\n05\n9"),
        (
            "milk\nmilk\neggs",
            "milk\nbread\neggs",
            "milk 2 litres\nmilk\neggs",
            "milk 2 litres\nbread\neggs",
        ),
    ] {
        assert_eq!(crate::text::merged(base, mine, theirs), both, "{base:?}");
        assert_eq!(crate::text::merged(base, theirs, mine), both, "{base:?}, the other way");
    }
    let first = |old: &str, new: &str| changes(old, new)[0].start;
    assert_eq!(first("milk\nmilk\neggs", "bread\nmilk\neggs"), 0);
    assert_eq!(first("0\n0\n0\n9", "7\n0\n0\n9"), 0);
    assert_eq!(first("milk\nmilk\neggs", "milk\nbread\neggs"), 5);
}

#[test]
fn however_lines_repeat_the_changes_make_the_new_text_of_the_old() {
    let mut texts = vec![String::new()];
    let mut ends = texts.clone();
    for _ in 0..3 {
        let more = |text: &String| {
            let lines = ["a", "b", "a\n", "b\n", "a\n\n", "a\u{3000}\n", "\u{2003}"];
            lines.map(|line| format!("{text}{line}"))
        };
        ends = ends.iter().flat_map(more).collect();
        texts.extend(ends.iter().step_by(3).cloned());
    }
    for old in &texts {
        for new in &texts {
            let (mut made, mut from) = (String::new(), 0);
            for change in changes(old, new) {
                assert!(change.start >= from, "{old:?} {new:?}: one begins within the one before");
                made.extend([&old[from..change.start], &change.inserted]);
                assert!(new.is_char_boundary(change.at), "{old:?} {new:?}");
                from = change.end;
            }
            made.push_str(&old[from..]);
            assert_eq!(&made, new, "of {old:?}");
        }
    }
}
