//! Notes of more lines than anybody reads.

use studyhall_schema::note::Format;
use yrs::{Transact, XmlElementPrelim, XmlFragment, XmlTextPrelim};

use super::{super::*, REST, note, state};

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
