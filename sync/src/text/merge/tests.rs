//! What two people make of one text.

use std::collections::HashMap;

use proptest::prelude::*;

use self::scenes::{EITHER_WAY, REWRITTEN, SCENES};
use super::{super::words::words, *};

mod scenes;
mod small;

#[test]
fn both_peoples_changes_survive() {
    let base = "one two three";
    let bob = "one two three BOB TYPED THIS";
    assert_eq!(merged(base, "ONE two three", bob), "ONE two three BOB TYPED THIS");
    assert_eq!(merged(base, "one three", "one two 2 three"), "one 2 three");
    assert_eq!(merged("", "mine", "something of theirs"), "something of theirs\nmine");
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
    let both = merged(base, "Plan:\nIn the first week I will read all and agree", "Plan: I agree");
    assert!(both.contains(" I agree") && both.contains("I will read"), "{both}");
}

#[test]
fn what_the_base_has_already_is_no_sign_that_the_others_change_was_seen() {
    let line = "--------------------\n";
    let base = format!("Monday\n{line}Bread\n");
    let both = merged(&base, &format!("Monday\n{line}Bread and milk\n"), &format!("{base}{line}"));
    assert_eq!(both, format!("Monday\n{line}Bread and milk\n{line}"));
    let (plan, number) = ("The plan: we meet and go home\n", "Ben's number is 555-1234");
    let base = format!("{plan}{number}");
    assert_eq!(merged(&base, &format!("Hello. {base}"), plan), format!("Hello. {plan}"));
    let base = format!("{number}\n{plan}");
    assert_eq!(merged(&base, &format!("{base}We eat at 8."), plan), format!("{plan}We eat at 8."));
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
    assert_eq!(merged("at 10:30.", "at 12:15.", "at 11:45."), "at 11:45 12:15.");
    assert_eq!(merged("Anna", "Susanna", "Hannah"), "Hannah\nSusanna");
    let (exam, talk) = ("The exam is on chapter four.\n", "A talk tomorrow is about nothing.\n");
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
    assert_eq!(both, "Ada\nfirst\nsecond\nBen\nrest");
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
fn what_one_has_written_is_in_one_piece() {
    for (base, ada, ben, both) in SCENES {
        assert_eq!(merged(base, ada, ben), *both);
    }
}

#[test]
fn lines_may_end_with_blanks_and_with_either_line_break() {
    let base = "one\ntwo\nthree words\nfour\n";
    let merge = |ada: &str, ben: &str, both: &str| {
        let crlf = |text: &str| text.replace('\n', "\r\n");
        for (ada, ben) in [(ada, ben), (ben, ada)] {
            assert_eq!(merged(base, ada, ben), both);
            assert_eq!(merged(&crlf(base), &crlf(ada), &crlf(ben)), crlf(both));
            let with_blanks = |text: &str| text.replace('\n', " \n");
            let [spaced, ada, ben] = [base, ada, ben].map(with_blanks);
            assert_eq!(merged(&spaced, &ada, &ben), with_blanks(both));
        }
    };
    for words in ["three words more", "three new words", "thirty words"] {
        let both = base.replace("three words", words);
        merge(&both, "one\ntwo\nfour\n", &both);
    }
    let ada = "one\ntwo\nADA\nthree words\nfour\n";
    merge(ada, "one\nfour\n", "one\nADA\nfour\n");
    merge(ada, "one\ntwo\nthree words\n", "one\ntwo\nADA\nthree words\n");
    let ada = "one\ntwo\nthree words and more\nfour\n";
    assert_eq!(merged(base, ada, "one\ntwo \nfour\n"), ada.replace("two", "two "));
}

#[test]
fn lines_stay_apart_where_nobody_has_joined_them() {
    for (base, ada, ben, both) in EITHER_WAY {
        assert_eq!(merged(base, ada, ben), *both);
        assert_eq!(merged(base, ben, ada), *both);
    }
}

#[test]
fn each_who_rewrites_a_line_has_a_line() {
    for (base, ada, ben, both) in REWRITTEN {
        assert_eq!(merged(base, ada, ben), *both);
    }
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
fn lines_that_are_said_once_more_are_there_once_though_others_have_come_beside_them() {
    for (base, mine, theirs) in [
        ("a\n", "a\nmy line\n", "a\nmy line\nher line\n"),
        ("a\n", "a\nmy line\n", "a\nher line\nmy line\n"),
        ("a", "a\nmy line", "a\nmy line\nher line"),
        ("a", "a\nmy line", "a\nher line\nmy line"),
        ("", "my line", "my line\nher line"),
        ("a\nb", "a\nmy line\nb", "a\nmy line\nher line\nb"),
        ("a", "a home", "a home and hers"),
        ("a", "a home", "a hers home"),
    ] {
        assert_eq!(merged_again(base, mine, theirs), theirs);
        assert_eq!(merged_again(base, theirs, mine), theirs, "or they have written on themselves");
    }
    assert_eq!(merged_again("a", "a\nmil", "a\nmilk"), "a\nmilk\nmil");
    // Two people who say the like.
    let both = merged("Who comes?", "Who comes?\nI do", "Who comes?\nI do\n(and my sister)");
    assert_eq!(both, "Who comes?\nI do\n(and my sister)\nI do");
    assert_eq!(merged("a", "a\nmilk", "a\nmilk\nmilk"), "a\nmilk\nmilk\nmilk");
}

#[test]
fn the_same_sign_that_both_put_to_a_word_is_there_once() {
    for (base, ada, ben, both) in [
        ("- [ ] milk\n- [ ] eggs\n", "- [x] milk\n- [x] eggs\n", "- [x] milk\n- [ ] eggs\n", ""),
        ("- [] milk\n", "- [x] milk\n- eggs\n", "- [x] milk\n", ""),
        ("go home\nnow", "go home!\nnow", "go home!\nnow then", "go home!\nnow then"),
    ] {
        assert_eq!(merged(base, ada, ben), if both.is_empty() { ada } else { both });
    }
    let indented = merged("one\n", "  - new\n", "  * Ben\none\n");
    assert_eq!(indented, "  * Ben\n  - new\n", "blanks before two lines are of each");
}

#[test]
fn an_empty_line_is_no_part_of_a_line_that_another_adds_there() {
    for (base, ada, ben, both) in [
        ("one\ntwo\n", "one\n\ntwo\n", "one\nBEN\ntwo\n", "one\nBEN\n\ntwo\n"),
        ("one\ntwo\n", "one\ntwo\n\n", "one\ntwo\nBEN\n", "one\ntwo\nBEN\n\n"),
        ("one\n\ntwo\n", "one\n\n\ntwo\n", "one\n\nBEN\ntwo\n", "one\n\n\nBEN\ntwo\n"),
        // It is when the other has added one as well.
        ("one\ntwo\n", "one\n\ntwo\n", "one\nBEN\n\ntwo\n", "one\nBEN\n\ntwo\n"),
    ] {
        assert_eq!(merged(base, ada, ben), both, "{ada:?} {ben:?}");
    }
}

const WORD: &str = "[a-c]{1,2}|10|字|[.,(]|\n|- ";
const PROSE: &str = "((aa|b|cab|10:30|e\u{301}|字字|\\(c\\)|-)[ \n.,]{0,2} ?){0,8}";

/// Where a text is changed, how much of it goes, and whether something comes.
fn cuts() -> impl Strategy<Value = Vec<(usize, usize, usize)>> {
    prop::collection::vec((0_usize..40, 0_usize..12, 0_usize..12), 0..4)
}

fn rewritten(base: &str, cuts: &[(usize, usize, usize)], words: &[String]) -> String {
    let mut text = base.to_owned();
    for &(at, size, word) in cuts {
        let start = text.floor_char_boundary(at.min(text.len()));
        let end = text.floor_char_boundary((start + size).min(text.len()));
        text.replace_range(start..end, words.get(word).map_or("", String::as_str));
    }
    text
}

/// How often each word is there. Signs at the edges of a line may be there once more.
fn counted(text: &str) -> HashMap<String, usize> {
    let mut counted = HashMap::new();
    let of_line = |line| words(line).into_iter().skip_while(|word| begins_words(word));
    for word in text.lines().flat_map(of_line).filter(|word| !begins_words(word)) {
        *counted.entry(word.to_owned()).or_default() += 1;
    }
    counted
}

/// What somebody does to a line.
#[derive(Debug, Clone)]
enum Edit {
    Replaces(usize),
    Adds(usize),
    Cuts(usize),
    Ends,
    Deletes,
    Rewrites,
    Follows,
    Indents,
}

fn edit() -> impl Strategy<Value = Option<(bool, Edit)>> {
    let edit = prop_oneof![
        (0_usize..5).prop_map(Edit::Replaces),
        (0_usize..6).prop_map(Edit::Adds),
        (0_usize..5).prop_map(Edit::Cuts),
        Just(Edit::Ends),
        Just(Edit::Deletes),
        Just(Edit::Rewrites),
        Just(Edit::Follows),
        Just(Edit::Indents),
    ];
    prop::option::weighted(0.6, (any::<bool>(), edit))
}

impl Edit {
    /// The lines that come of one.
    fn of(&self, number: usize, line: &[String]) -> Vec<String> {
        let mut words = line.to_vec();
        let new = format!("new{number}");
        match *self {
            Self::Replaces(at) => words[at % line.len()] = new,
            Self::Adds(at) => words.insert(at % (line.len() + 1), new),
            Self::Cuts(at) if line.len() > 1 => drop(words.remove(at % line.len())),
            Self::Cuts(_) => {}
            Self::Ends => words[line.len() - 1].push('!'),
            Self::Deletes => return Vec::new(),
            Self::Rewrites => words = vec![new.clone(), "and".into(), format!("more{number}")],
            Self::Follows => return vec![line.join(" "), new],
            Self::Indents => return vec![format!("  {}", line.join(" "))],
        }
        vec![words.join(" ")]
    }
}

proptest! {
    #[test]
    fn changes_in_different_lines_are_all_made(
        lines in prop::collection::vec((1_usize..6, edit(), any::<bool>()), 2..9),
        trims in prop::option::of(any::<bool>()),
    ) {
        let base: Vec<(Vec<String>, bool)> = (0..)
            .zip(&lines)
            .map(|(number, (words, _, gap)): (usize, _)| {
                ((0..*words).map(|word| format!("w{number}x{word}")).collect(), *gap)
            })
            .collect();
        let text = |is_made: &dyn Fn(bool) -> bool| {
            let mut text = String::new();
            for (number, ((_, edit, _), (words, gap))) in lines.iter().zip(&base).enumerate() {
                let made = match edit {
                    Some((by, edit)) if is_made(*by) => edit.of(number, words),
                    _ => vec![words.join(" ")],
                };
                text.extend(made.iter().flat_map(|line| [line.as_str(), "\n"]));
                text.push_str(if *gap && number > 0 && !made.is_empty() { "\n" } else { "" });
            }
            let is_trimmed = trims.is_some_and(is_made);
            if is_trimmed { text.trim_end().to_owned() } else { text }
        };
        let [base, mine, theirs, both] = [
            text(&|_| false),
            text(&|by| by),
            text(&|by| !by),
            text(&|_| true),
        ];
        let merged = merged(&base, &mine, &theirs);
        let said = |text: &str| -> Vec<String> {
            let lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty());
            lines.map(str::to_owned).collect()
        };
        prop_assert_eq!(said(&merged), said(&both), "{:?} {:?} {:?}", base, mine, theirs);
    }
}

proptest! {
    #[test]
    fn lines_that_nobody_touches_stay(
        lines in prop::collection::vec((1_usize..6, edit(), edit(), any::<bool>()), 2..9),
        line_break in prop_oneof![Just("\n"), Just("\r\n"), Just(" \n")],
    ) {
        let words = |number: usize, words: usize| -> Vec<String> {
            (0..words).map(|word| format!("w{number}x{word}")).collect()
        };
        let text = |by: Option<bool>| -> String {
            let mut text = Vec::new();
            for (number, (size, mine, theirs, gap)) in lines.iter().enumerate() {
                let line = words(number, *size);
                let edit = by.and_then(|by| if by { mine.as_ref() } else { theirs.as_ref() });
                match edit {
                    // Two write other words.
                    Some((_, edit)) => text.extend(edit.of(number + usize::from(by == Some(true)) * 10, &line)),
                    None => text.push(line.join(" ")),
                }
                text.extend(gap.then(String::new));
            }
            text.iter().flat_map(|line| [line.as_str(), line_break]).collect()
        };
        let [base, mine, theirs] = [None, Some(true), Some(false)].map(text);
        let merged = merged(&base, &mine, &theirs);
        for (number, (size, mine, theirs, _)) in lines.iter().enumerate() {
            if mine.is_none() && theirs.is_none() {
                let line = words(number, *size).join(" ");
                let is_there = merged.lines().filter(|it| it.trim_end() == line).count() == 1;
                prop_assert!(is_there, "{:?} in {:?}", line, merged);
            }
        }
    }
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
    fn no_word_is_torn_or_lost(
        base in PROSE, mine in cuts(), theirs in cuts(), words in prop::collection::vec(WORD, 8),
    ) {
        let (mine, theirs) = (rewritten(&base, &mine, &words), rewritten(&base, &theirs, &words));
        let text = merged(&base, &mine, &theirs);
        let [base_words, mine, theirs, text_words] =
            [&base, &mine, &theirs, &text].map(|text| counted(text));
        for (word, times) in &text_words {
            let known = [&mine, &theirs].map(|words| words.get(word).unwrap_or(&0));
            prop_assert!(*times <= known[0] + known[1], "{:?} in {:?}", word, text);
        }
        for (word, times) in mine.iter().chain(&theirs) {
            let added = times.saturating_sub(*base_words.get(word).unwrap_or(&0));
            prop_assert!(text_words.get(word).unwrap_or(&0) >= &added, "{:?} in {:?}", word, text);
        }
    }

    #[test]
    fn who_changed_nothing_changes_nothing(base in ".{0,40}", other in ".{0,40}") {
        prop_assert_eq!(merged(&base, &base, &other), other.clone());
        prop_assert_eq!(merged(&base, &other, &base), other);
    }
}
