//! Which text somebody began with, told from what they put.

use proptest::prelude::*;

use super::*;

/// Which of these somebody began with, the oldest first; what they have put themselves begins with `put:`.
fn base<'a>(texts: &[&'a str], text: &str) -> &'a str {
    let split = |text: &'a str| match (text.strip_prefix("put:"), text.strip_prefix("left:")) {
        (Some(text), _) => (text, Known::Put),
        (_, Some(text)) => (text, Known::Left),
        _ => (text, Known::Opened),
    };
    let texts: Vec<_> = texts.iter().rev().map(|text| split(text)).collect();
    let since: Vec<_> = texts.iter().map(|(base, _)| Since::between(base, text)).collect();
    let of = |(since, (text, known))| Candidate { text, since, known, is_reopened: false };
    let candidates: Vec<_> = since.iter().zip(texts.iter().copied()).map(of).collect();
    texts[begun_with(&candidates).unwrap()].0
}

#[test]
fn a_line_that_others_broke_says_nothing_of_who_has_its_words() {
    let was = "Then and exam the euro\nLast during the milk thermodynamics\n";
    let theirs = "Then experiments and photosynthesis the euro\nLast during the milk chloroplast \n\
                  thermodynamics\nrespiring ";
    let put = "put:Then and exam the euro\nLast during the introductory milk thermodynamics\n";
    let both = "Then experiments and photosynthesis the euro\nLast during the introductory milk \
                chloroplast \nthermodynamics\nrespiring ";
    let next = "Then and exam the small\neuro\nLast during the introductory milk thermodynamics\n";
    assert_eq!(base(&[was, put, both], next), &put[4..]);
    assert_eq!(base(&[was, theirs], "Then and exam\nLast during the milk thermodynamics\n"), was);
}

#[test]
fn words_that_others_wrote_into_lines_of_another_are_not_taken_for_seen() {
    let was = "First Katharina and the exam lecture\nThen and exam the euro\n\
               Last during the milk thermodynamics\n";
    let put = "put:First Katharina and the final exam lecture\nThen and exam the euro\n\
               Last during the introductory milk thermodynamics\n";
    let both = "First Saturday Katharina and the final exam lecture\n\
                Then experiments and photosynthesis the euro\n\
                Last during the introductory milk chloroplast \nthermodynamics\nrespiring ";
    let next = "First Katharina and the long final questions lecture\nThen and exam the small\neuro\n\
                Last during the introductory milk thermodynamics\n";
    assert_eq!(base(&[was, put, both], next), &put[4..]);
}

#[test]
fn who_has_not_taken_over_what_came_meanwhile_began_before_it() {
    let (open, listed) = ("Plan for Monday.\n", "BEN wrote this. Plan for Monday.\n");
    assert_eq!(base(&[open, listed], "Plan for Monday.\nada "), open);
    assert_eq!(base(&[open, listed], "Plan for Tuesday.\n"), open);
    assert_eq!(base(&[open, listed], "BEN wrote this. Plan for Tuesday.\n"), listed);
    assert_eq!(base(&[open, listed], "BEN wrote. Plan for Monday.\nada"), listed);
    assert_eq!(base(&["", "Ben's"], "ada"), "");
    assert_eq!(base(&["same", "same"], "same"), "same");
}

#[test]
fn who_goes_on_typing_began_with_what_they_put() {
    let texts = ["Plan\n", "put:Plan\nThe exam is on Mon", "BEN. Plan\nThe exam is on Mon"];
    assert_eq!(base(&texts, "Plan\nThe exam is on Monday"), "Plan\nThe exam is on Mon");
    assert_eq!(base(&texts, "Plan\nThe exam is on Friday"), "Plan\nThe exam is on Mon");
    assert_eq!(base(&texts, "BEN. Plan\nThe exam is on Monday"), texts[2]);
    // Takes back a sentence of her own, longer than Ben's words in an answer before.
    let put = "Plan\nada0. This was a long sentence of her own.";
    let newest = format!("BEN. {put}");
    let texts = ["Plan\n", "BEN. Plan\nada0.", &format!("put:{put}"), &newest];
    assert_eq!(base(&texts, "Plan\nada0."), put);
    assert_eq!(base(&texts, "all else"), put, "she has put it, and may not have seen Ben's");
}

#[test]
fn who_shortens_what_they_saw_has_seen_it() {
    let (before, seen) =
        ("Plan\n", "Plan\nBen's paragraph of some ten words that goes on and on\n");
    assert_eq!(base(&[before, seen], "Plan\nBen's paragraph of some\n"), seen);
    assert_eq!(base(&[before, seen], "Something else altogether\n"), seen);
    // Both mend a word.
    let (before, seen) = ("teh cat sat", "the cat sat. Ben: on the mat, and slept");
    assert_eq!(base(&[before, seen], "the cat sat"), before);
}

#[test]
fn who_takes_their_own_words_back_has_seen_what_came_meanwhile() {
    let scenes = [
        ("Shopping\n", "- bananas and oranges\n", "Shopping\n- bananas and oranges\n- milk\n"),
        (
            "teh cat sat\n",
            "and the dog came in from the garden\n",
            "the cat sat\nand the dog came in from the garden\n",
        ),
        (
            "Agenda for Monday\n",
            "I think that we need more time.\n",
            "Agenda for Monday, 10:30\nI think that we need more time.\n",
        ),
        (
            "Plan\n",
            "We meet on Monday in the library.\n",
            "Plan (v2)\nWe meet on Monday in the library.\n",
        ),
    ];
    for (open, own, seen) in scenes {
        let texts = [open, &format!("put:{open}{own}"), seen];
        assert_eq!(base(&texts, &seen.replace(own, "")), seen);
    }
}

#[test]
fn two_who_write_of_the_same_things_have_not_seen_each_others() {
    let scenes = [
        (
            "Shopping\n",
            "- [ ] milk\n- [ ] bread\n- [ ] eggs\n- [ ] salt\n",
            "- [ ] pens\n- [ ] ink\n- [ ] glue\n- [ ] tape\n",
        ),
        (
            "Party\n",
            "I will bring the salad and the bread.\n",
            "I will bring the chairs and a table.\n",
        ),
        (
            "Links\n",
            "https://en.wikipedia.org/wiki/Mitochondrion\n",
            "https://en.wikipedia.org/wiki/Photosynthesis\n",
        ),
        (
            "When do we meet?\n",
            "I can come on Monday or on Friday after four.\n",
            "I can come on Tuesday or on Friday before two.\n",
        ),
        (
            "予定\n",
            "月曜日に図書館で会いましょう。第四章を復習します。\n",
            "小さい部屋を予約しました。火曜日に資料を持って行きます。\n",
        ),
    ];
    for (open, bens, adas) in scenes {
        let (listed, own) = (format!("{open}{bens}"), format!("{open}{adas}"));
        assert_eq!(base(&[open, &listed], &own), open);
        // Another tab of hers has seen Ben's, and put a line.
        let put = format!("put:{listed}I wrote the mail.\n");
        assert_eq!(base(&[open, &listed, &put], &own), open);
    }
}

#[test]
fn who_writes_alone_began_with_what_they_put() {
    for (open, put, next) in [
        ("Name: \n", "Name: Ada\n", "Name: Lovelace\n"),
        ("", "draft\n", "Essay\n"),
        ("a\nb\n", "a\nb\nnew\n", "new\na\nb\n"),
        ("one\ntwo\n", "one\n", "one\ntwo again\n"),
    ] {
        assert_eq!(base(&[open, &format!("put:{put}")], next), put);
    }
    // What she put before that is hers as well, wherever it was shown.
    let texts = [
        "Plan\n",
        "left:Plan\nMonday at six\n",
        "Plan\nMonday at six\n.",
        "put:Plan\nMonday at six\ncake\n",
    ];
    assert_eq!(base(&texts, "Plan\nTuesday, noon\ncake\n"), "Plan\nMonday at six\ncake\n");
}

#[test]
fn who_takes_back_what_they_put_began_with_that_though_a_blank_is_left() {
    for (shown, put, next) in [
        ("Buy milk", "Buy milk and eggs", "Buy milk "),
        ("- eggs\n- milk", "- eggs\n- milk\n- tea", "- eggs\n- milk\n"),
        ("", "Buy milk", "\n"),
        ("One. Two.", "One. Wrong sentence here. Two.", "One.  Two."),
        ("a\nb\n", "a\nb\nsecret\n", "a\n  b\n"),
    ] {
        assert_eq!(base(&[shown, &format!("put:{put}")], next), put);
        assert_eq!(base(&[shown, &format!("put:{put}"), put], next), put);
        // Somebody else's words that were only listed are not taken back with it.
        let others = format!("{put} Ben was here");
        assert_ne!(base(&[shown, &format!("put:{put}"), &others], next), others);
    }
}

#[test]
fn who_opened_what_others_wrote_in_place_of_something_has_rewritten_that() {
    let texts = ["Plan\nread chapter one\n", "Plan\nwatch the film\n"];
    assert_eq!(base(&texts, "Plan\nask Anna\n"), texts[1]);
    assert_eq!(base(&texts, "Plan\nread chapter one twice\n"), texts[0]);
    let texts = ["Plan\nread chapter one\n", "Plan\nwatch the film\nBEN brings it\n"];
    assert_eq!(
        base(&texts, "Plan\nask Anna\n"),
        texts[0],
        "what Ben added besides is nothing rewritten"
    );
}

#[test]
fn a_second_tab_that_began_before_is_told_from_the_first_by_what_others_wrote() {
    let texts = ["Plan\n", "BEN. Plan\n", "put:BEN. Plan\nada0 writes"];
    assert_eq!(base(&texts, "Plan\nother tab"), "Plan\n");
    assert_eq!(base(&texts, "My Plan\n"), "Plan\n");
    assert_eq!(base(&texts, "BEN. Plan\nada0 has written"), "BEN. Plan\nada0 writes");
}

#[test]
fn long_texts_are_compared_where_they_differ() {
    let text = "All work and no play makes Ada a dull girl.\n".repeat(24_000);
    let (old, new) = (format!("{text}one two\n{text}"), format!("{text}one three\n{text}"));
    let since = Since::between(&old, &new);
    assert_eq!((since.typed, since.deleted), (4, 2));
    assert_eq!(differing(&old, &new), (text.len(), "one two\n", "one three\n"));
}

proptest! {
    #[test]
    fn what_is_the_same_is_what_was_begun_with(
        texts in prop::collection::vec(("[ab \n🦀ä]{0,12}", any::<bool>()), 1..6),
        which in any::<prop::sample::Index>(),
    ) {
        let text = &which.get(&texts).0;
        let marked = texts.iter().map(|(text, is_put)| if *is_put { format!("put:{text}") } else { text.clone() });
        let marked: Vec<_> = marked.collect();
        let marked: Vec<_> = marked.iter().map(String::as_str).collect();
        prop_assert_eq!(base(&marked, text), text);
    }

    #[test]
    fn what_both_have_at_their_edges_is_left_out(old in "[ab\n🦀]{0,12}", new in "[ab\n🦀]{0,12}") {
        let (_, from, to) = differing(&old, &new);
        let cut = old.len() - from.len();
        prop_assert_eq!(cut, new.len() - to.len());
        prop_assert_eq!(old == new, from == to);
    }
}
