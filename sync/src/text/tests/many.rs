//! Notes of more lines than anybody reads.

use studyhall_schema::note::Format;
use yrs::{Any, Text, Transact, XmlElementPrelim, XmlFragment, XmlTextPrelim, types::Attrs};

use super::{super::*, REST, apply, note, state};

#[test]
fn a_rich_note_may_have_very_many_lines_and_few_of_them_change_at_once() {
    let lines = |count: usize, word: &str| format!("{word}\n").repeat(count - 1) + word;
    let text = lines(100_000, "a");
    let doc = note(Format::Rich, &text);
    assert!(super::text(&doc, Format::Rich) == text);
    let put = |text: &str| diff_update(&state(&doc), REST, Format::Rich, text);
    let first = format!("first\n{text}");
    assert!(put(&first).unwrap().is_some());
    assert_eq!(put("all gone"), Err(EditError::TooLong));
}

#[test]
fn of_a_list_only_as_many_items_go_at_once_as_the_library_finds_in_time() {
    let list = |items: usize| {
        let doc = new_doc(5);
        let fragment = doc.get_or_insert_xml_fragment(FRAGMENT);
        let mut txn = doc.transact_mut();
        let list = fragment.insert(&mut txn, 0, XmlElementPrelim::empty("bulletList"));
        for _ in 0..items {
            let item = list.insert(&mut txn, 0, XmlElementPrelim::empty("listItem"));
            let line = item.insert(&mut txn, 0, XmlElementPrelim::empty("paragraph"));
            line.insert(&mut txn, 0, XmlTextPrelim::new("a"));
        }
        drop(txn);
        doc
    };
    let goes = |items| diff_update(&state(&list(items)), REST, Format::Rich, "all gone");
    assert!(goes(2_000).is_ok());
    assert_eq!(goes(30_000), Err(EditError::TooLong));
}

#[test]
fn only_so_many_lines_of_a_long_note_become_others_at_once() {
    let lines =
        |count: usize| (0..count).map(|n| ["aa", "ab", "bb"][n * n % 3]).collect::<Vec<_>>();
    let turned = |count| {
        let mut lines = lines(count);
        let doc = note(Format::Rich, &lines.join("\n"));
        for line in &mut lines {
            *line = if *line == "aa" { "cc" } else { "dd" };
        }
        diff_update(&state(&doc), REST, Format::Rich, &lines.join("\n")[..])
    };
    assert!(turned(5_000).is_ok());
    assert_eq!(turned(40_000), Err(EditError::TooLong));
}

/// A note of one paragraph.
fn paragraph(lines: usize, is_marked: bool) -> Doc {
    let doc = new_doc(5);
    let fragment = doc.get_or_insert_xml_fragment(FRAGMENT);
    let mut txn = doc.transact_mut();
    let paragraph = fragment.insert(&mut txn, 0, XmlElementPrelim::empty("paragraph"));
    if is_marked {
        let text = paragraph.insert(&mut txn, 0, XmlTextPrelim::new(""));
        for number in 0..lines {
            let bold = if number % 2 == 0 { Any::Bool(true) } else { Any::Null };
            let marks = Attrs::from([("bold".into(), bold)]);
            text.insert_with_attributes(&mut txn, 0, "aa ", marks);
        }
    } else {
        for _ in 0..lines {
            paragraph.insert(&mut txn, 0, XmlElementPrelim::empty("hardBreak"));
            paragraph.insert(&mut txn, 0, XmlTextPrelim::new("aa"));
        }
    }
    drop(txn);
    doc
}

#[test]
fn of_what_is_within_one_block_only_so_much_becomes_other_words_at_once() {
    for is_marked in [false, true] {
        let puts = |lines: usize| {
            let doc = paragraph(lines, is_marked);
            let mut text = super::text(&doc, Format::Rich);
            // Every second one.
            for number in (0..lines).step_by(2) {
                text.replace_range(3 * number..3 * number + 2, "cc");
            }
            let put = diff_update(&state(&doc), REST, Format::Rich, &text[..])?;
            apply(&doc, &put.expect("something changes"));
            assert_eq!(super::text(&doc, Format::Rich), text);
            Ok(())
        };
        assert_eq!(puts(1_000), Ok(()), "marked: {is_marked}");
        assert_eq!(puts(42_000), Err(EditError::TooLong), "marked: {is_marked}");
    }
}
