//! Notes as people edit them: what is not touched stays, what two people do merges.

use proptest::prelude::*;
use studyhall_schema::document::DocumentKind;
use yrs::{
    Any, Array, ArrayPrelim, StateVector, Text, XmlElementRef, XmlOut, types::text::YChange,
    updates::encoder::Encode,
};

use super::*;

mod many;

const REST: u64 = 77;

fn state(doc: &Doc) -> Vec<u8> {
    doc.transact().encode_state_as_update_v1(&StateVector::default())
}

fn apply(doc: &Doc, update: &[u8]) {
    crate::guard::update_v1(update).expect("the guard accepts what the server writes");
    doc.transact_mut().apply_update(Update::decode_v1(update).unwrap()).unwrap();
}

fn note(format: Format, text: &str) -> Doc {
    let doc = new_doc(5);
    apply(&doc, &initial_update(NoteId::from_bytes([9; 12]), format, Some("Title"), text));
    doc
}

fn text(doc: &Doc, format: Format) -> String {
    read_text(&doc.transact(), format)
}

/// Edits the note to read as `new`, and says whether anything had to change.
fn put(doc: &Doc, format: Format, new: &str) -> bool {
    let is_changed = write(doc, format, new);
    assert_eq!(text(doc, format), new);
    is_changed
}

fn write(doc: &Doc, format: Format, new: &str) -> bool {
    let update = diff_update(&state(doc), REST, format, new).unwrap();
    if let Some(update) = &update {
        apply(doc, update);
    }
    update.is_some()
}

/// The tags of the fragment's children, and the text of each with its marks.
fn shape(doc: &Doc) -> Vec<String> {
    let fragment = doc.get_or_insert_xml_fragment(FRAGMENT);
    let txn = doc.transact();
    fragment.children(&txn).map(|child| describe(&child, &txn)).collect()
}

fn describe(node: &XmlOut, txn: &impl ReadTxn) -> String {
    match node {
        XmlOut::Element(element) => {
            let inner: Vec<_> = element.children(txn).map(|child| describe(&child, txn)).collect();
            format!("{}({})", element.tag(), inner.join(","))
        }
        XmlOut::Text(text) => {
            let chunks = text.diff(txn, YChange::identity).into_iter().map(|chunk| {
                let marks = chunk.attributes.map_or(String::new(), |marks| {
                    marks.keys().flat_map(|key| [key.as_ref(), ":"]).collect()
                });
                format!("{marks}{}", chunk.insert.to_string(txn))
            });
            chunks.collect::<Vec<_>>().join("|")
        }
        XmlOut::Fragment(_) => "fragment".into(),
    }
}

/// A Tiptap page: a heading, a paragraph with a mark and a hard break, a list, a rule.
fn page() -> Doc {
    let doc = new_doc(6);
    let fragment = doc.get_or_insert_xml_fragment(FRAGMENT);
    let mut txn = doc.transact_mut();
    let block = |txn: &mut TransactionMut<'_>, parent: &XmlElementRef, tag: &str, text: &str| {
        let inner = parent.push_back(txn, XmlElementPrelim::empty(tag));
        inner.push_back(txn, XmlTextPrelim::new(text));
        inner
    };
    let heading = fragment.push_back(&mut txn, XmlElementPrelim::empty("heading"));
    heading.push_back(&mut txn, XmlTextPrelim::new("Plan 🦀"));
    let paragraph = fragment.push_back(&mut txn, XmlElementPrelim::empty("paragraph"));
    let text = paragraph.push_back(&mut txn, XmlTextPrelim::new("read chapter two"));
    text.format(&mut txn, 5, 7, [("bold".into(), Any::from(true))].into());
    paragraph.push_back(&mut txn, XmlElementPrelim::empty("hardBreak"));
    paragraph.push_back(&mut txn, XmlTextPrelim::new("then rest"));
    let list = fragment.push_back(&mut txn, XmlElementPrelim::empty("bulletList"));
    for line in ["one", "two"] {
        let item = list.push_back(&mut txn, XmlElementPrelim::empty("listItem"));
        block(&mut txn, &item, "paragraph", line);
    }
    fragment.push_back(&mut txn, XmlElementPrelim::empty("horizontalRule"));
    fragment.push_back(&mut txn, XmlElementPrelim::empty("paragraph"));
    drop(txn);
    doc
}

#[test]
fn the_first_content_is_the_same_bytes_each_time() {
    for format in [Format::Plain, Format::Rich] {
        let id = NoteId::from_bytes([9; 12]);
        let update = initial_update(id, format, Some("T"), "a\n\nb");
        assert_eq!(update, initial_update(id, format, Some("T"), "a\n\nb"));
        let doc = new_doc(1);
        apply(&doc, &update);
        apply(&doc, &update);
        assert_eq!(text(&doc, format), "a\n\nb");
        assert_eq!(read_title(&doc.transact()), Some("T".into()));
        let other = initial_update(NoteId::from_bytes([8; 12]), format, Some("T"), "a\n\nb");
        assert_ne!(update, other);
        assert_eq!(initial_update(id, format, None, ""), Update::EMPTY_V1);
    }
    assert!(initial_client(NoteId::from_bytes([0xff; 12])) < 1 << 53);
    assert!(initial_client(NoteId::from_bytes([0; 12])) > u64::from(u32::MAX));
}

#[test]
fn a_title_is_set_where_it_differs() {
    let doc = note(Format::Plain, "a");
    let wanted = |title| Wanted { text: "a", title };
    for title in [None, Some("Title")] {
        assert_eq!(diff_update(&state(&doc), REST, Format::Plain, wanted(title)), Ok(None));
    }
    let update = diff_update(&state(&doc), REST, Format::Plain, wanted(Some("Other"))).unwrap();
    apply(&doc, &update.unwrap());
    assert_eq!(read_title(&doc.transact()), Some("Other".into()));
    assert_eq!(text(&doc, Format::Plain), "a");
    let mut doc = crate::document::automerge::new_doc();
    let id = NoteId::from_bytes([9; 12]);
    doc.load_incremental(&automerge::first_change(DocumentKind::PlainNote)).unwrap();
    doc.load_incremental(&automerge::initial_change(id, Some("Title"), "a").unwrap()).unwrap();
    for title in [None, Some("Title")] {
        assert_eq!(automerge::diff_change(&mut doc, REST, wanted(title)), Ok(None));
    }
    let change = automerge::diff_change(&mut doc, REST, wanted(Some("Other"))).unwrap();
    doc.load_incremental(&change.unwrap()).unwrap();
    assert_eq!(automerge::read_title(&doc), Some("Other".into()));
    assert_eq!(automerge::read_text(&doc), "a");
}

#[test]
fn a_note_whose_text_a_client_has_replaced_reads_and_can_be_put_again() {
    use ::automerge::{ROOT, transaction::Transactable};
    let mut doc = crate::document::automerge::new_doc();
    doc.load_incremental(&automerge::first_change(DocumentKind::PlainNote)).unwrap();
    for (junk, reads) in [(Some("fixed words"), "fixed words"), (None, "")] {
        match junk {
            Some(words) => doc.put(ROOT, CONTENT, words).unwrap(),
            None => doc.delete(ROOT, CONTENT).unwrap(),
        }
        assert_eq!(automerge::read_text(&doc), reads);
        let put = Wanted { text: "put again", title: Some("and named") };
        let change = automerge::diff_change(&mut doc, REST, put).unwrap().unwrap();
        doc.load_incremental(&change).unwrap();
        assert_eq!(automerge::read_text(&doc), "put again");
        assert_eq!(automerge::read_title(&doc), Some("and named".into()));
    }
}

#[test]
fn titles_of_the_wrong_kind_are_no_titles() {
    let doc = note(Format::Plain, "");
    let meta = doc.get_or_insert_map(META);
    meta.insert(&mut doc.transact_mut(), TITLE, "ä".repeat(300));
    assert_eq!(read_title(&doc.transact()).map(|title| title.chars().count()), Some(MAX_TITLE));
    meta.insert(&mut doc.transact_mut(), TITLE, 7);
    assert_eq!(read_title(&doc.transact()), None);
    assert_eq!(read_title(&new_doc(1).transact()), None);
}

#[test]
fn a_put_edits_and_both_people_keep_what_they_wrote() {
    for format in [Format::Plain, Format::Rich] {
        let doc = note(format, "The quick fox\njumps over");
        let update = diff_update(&state(&doc), REST, format, "The quick brown fox\njumps").unwrap();
        // Meanwhile somebody types at the start and at the end of the first line.
        let line = "Oh! The quick fox!\njumps over";
        let typed = diff_update(&state(&doc), 6, format, line).unwrap();
        apply(&doc, &update.unwrap());
        apply(&doc, &typed.unwrap());
        assert_eq!(text(&doc, format), "Oh! The quick brown fox!\njumps", "{format:?}");
    }
}

/// Ada PUTs while Ben, whose editor has not heard of it, types over a word or deletes it.
#[test]
fn whoever_types_over_the_same_word_leaves_each_ones_in_one_piece() {
    let (meet, tuesday) = ("We meet Monday at six.", "We meet Tuesday at six.");
    for (base, put, [before, word, typed], both) in [
        (meet, tuesday, ["We meet ", "Monday", ""], tuesday),
        (meet, tuesday, ["We meet ", "Monday", "Friday"], "We meet TuesdayFriday at six."),
        (meet, tuesday, ["We meet Monday", "", " or so"], "We meet Tuesday or so at six."),
        (meet, tuesday, ["We meet ", "", "next "], "We meet next Tuesday at six."),
        (meet, tuesday, ["We", " meet Monday at six", ""], "WeTuesday."),
        ("is 1250 euro", "is 1375 euro", ["is ", "1250", "990"], "is 1375990 euro"),
        ("room A-117", "room B-112", ["room ", "A-117", "C-4"], "room B-112C-4"),
        ("at 555-1234 now", "at 555-9876 now", ["at ", "555-1234", "5"], "at 555-98765 now"),
        ("a\nb", "a\nnew\nb", ["a", "", " and more"], "a and more\nnew\nb"),
    ] {
        for format in [Format::Plain, Format::Rich] {
            let doc = note(format, base);
            let update = diff_update(&state(&doc), REST, format, put).unwrap().unwrap();
            type_over(&doc, format, before.len(), (word.len(), typed));
            apply(&doc, &update);
            assert_eq!(text(&doc, format), both, "{format:?}");
        }
        let mut doc = crate::document::automerge::new_doc();
        doc.load_incremental(&automerge::first_change(DocumentKind::PlainNote)).unwrap();
        let first = automerge::initial_change(NoteId::from_bytes([9; 12]), None, base);
        doc.load_incremental(&first.unwrap()).unwrap();
        let change = automerge::diff_change(&mut doc, REST, put.into()).unwrap().unwrap();
        automerge::type_over(&mut doc, before.len(), (word.len(), typed));
        doc.load_incremental(&change).unwrap();
        let now = automerge::read_text(&doc);
        let mut new_words = words::words(put).into_iter().filter(|word| !base.contains(word));
        assert!(now.contains(typed) && new_words.all(|word| now.contains(word)), "{now}");
    }
}

/// As an editor does: the word is deleted, and what is typed goes where it was.
fn type_over(doc: &Doc, format: Format, at: usize, (deleted, typed): (usize, &str)) {
    let mut txn = doc.transact_mut();
    let [at, deleted] = [at, deleted].map(|at| u32::try_from(at).unwrap());
    match format {
        Format::Plain => {
            let content = txn.get_or_insert_text(CONTENT);
            content.remove_range(&mut txn, at, deleted);
            content.insert(&mut txn, at, typed);
        }
        Format::Rich => {
            let fragment = txn.get_or_insert_xml_fragment(FRAGMENT);
            let Some(XmlOut::Element(block)) = fragment.get(&txn, 0) else { panic!("a block") };
            let Some(XmlOut::Text(line)) = block.get(&txn, 0) else { panic!("its text") };
            line.remove_range(&mut txn, at, deleted);
            line.insert(&mut txn, at, typed);
        }
    }
}

#[test]
fn the_same_text_again_is_no_update() {
    assert!(!put(&note(Format::Plain, "a\nb"), Format::Plain, "a\nb"));
    assert!(!put(&note(Format::Rich, "a\nb"), Format::Rich, "a\nb"));
    assert!(!put(&note(Format::Rich, ""), Format::Rich, ""));
    assert!(!put(&page(), Format::Rich, &text(&page(), Format::Rich)));
}

#[test]
fn a_page_reads_as_a_line_a_block() {
    assert_eq!(text(&page(), Format::Rich), "Plan 🦀\nread chapter two\nthen rest\none\ntwo\n");
}

#[test]
fn only_the_changed_part_of_a_block_is_edited() {
    let doc = page();
    put(&doc, Format::Rich, "Plan 🦀!\nread chapters two\nthen all the rest\none\ntwo\n");
    assert_eq!(
        shape(&doc),
        [
            "heading(Plan 🦀!)",
            "paragraph(read |bold:chapters| two,hardBreak(),then all the rest)",
            "bulletList(listItem(paragraph(one)),listItem(paragraph(two)))",
            "horizontalRule()",
            "paragraph()",
        ]
    );
}

#[test]
fn new_lines_become_paragraphs_and_lost_lines_go_with_their_block() {
    let doc = page();
    put(&doc, Format::Rich, "first\nPlan 🦀\nnew\nread chapter two\nthen rest\none\n");
    assert_eq!(
        shape(&doc),
        [
            "paragraph(first)",
            "heading(Plan 🦀)",
            "paragraph(new)",
            "paragraph(read |bold:chapter| two,hardBreak(),then rest)",
            "bulletList(listItem(paragraph(one)))",
            "horizontalRule()",
            "paragraph()",
        ]
    );
    // A line behind a hard break goes with the break; its text node stays, empty.
    put(&doc, Format::Rich, "first\nPlan 🦀\nnew\nread chapter two\none\nlast");
    assert_eq!(shape(&doc)[3], "paragraph(read |bold:chapter| two,)");
    put(&doc, Format::Rich, "first");
    assert_eq!(shape(&doc), ["paragraph(first)", "horizontalRule()"]);
    put(&doc, Format::Rich, "");
    put(&doc, Format::Rich, "again\n\n");
}

/// A note that holds elements with elements in them, each with its text.
fn tree(of: &[Node]) -> Doc {
    fn grow(holder: &impl XmlFragment, txn: &mut TransactionMut<'_>, nodes: &[Node]) {
        for Node(tag, text, inner) in nodes {
            let element = holder.push_back(txn, XmlElementPrelim::empty(*tag));
            if !text.is_empty() {
                element.push_back(txn, XmlTextPrelim::new(*text));
            }
            grow(&element, txn, inner);
        }
    }
    let doc = new_doc(6);
    let fragment = doc.get_or_insert_xml_fragment(FRAGMENT);
    grow(&fragment, &mut doc.transact_mut(), of);
    doc
}

struct Node(&'static str, &'static str, Vec<Node>);

fn line(text: &'static str) -> Node {
    Node("paragraph", text, vec![])
}

/// An editor deletes an item that does not begin with a paragraph, and all that is in it.
#[test]
fn what_is_left_of_a_list_is_one_that_editors_keep() {
    let item = |inner| Node("listItem", "", inner);
    let list = |items| Node("bulletList", "", items);
    let children = || list(vec![item(vec![line("one")]), item(vec![line("two")])]);
    let note = || tree(&[list(vec![item(vec![line("parent"), children()])]), line("other")]);
    let lost_parent = note();
    write(&lost_parent, Format::Rich, "one\ntwo\nother");
    assert_eq!(
        shape(&lost_parent),
        [
            "bulletList(listItem(paragraph(),bulletList(listItem(paragraph(one)),listItem(paragraph(two)))))",
            "paragraph(other)"
        ]
    );
    let lost_children = note();
    put(&lost_children, Format::Rich, "parent\nother");
    assert_eq!(shape(&lost_children)[0], "bulletList(listItem(paragraph(parent)))");
    let lost_all = note();
    put(&lost_all, Format::Rich, "other");
    assert_eq!(shape(&lost_all), ["paragraph(other)"]);
    let quote = Node("blockquote", "", vec![line("quoted")]);
    let quoted = tree(&[list(vec![item(vec![line("first"), quote])])]);
    write(&quoted, Format::Rich, "quoted");
    assert_eq!(shape(&quoted), ["bulletList(listItem(paragraph(),blockquote(paragraph(quoted))))"]);
    let two = tree(&[list(vec![item(vec![line("first"), line("second")])])]);
    put(&two, Format::Rich, "second");
    assert_eq!(shape(&two), ["bulletList(listItem(paragraph(second)))"]);
}

#[test]
fn tables_and_what_nobody_knows_keep_their_shape() {
    let cell = |text| Node("tableCell", "", vec![line(text)]);
    let rows = vec![Node("tableRow", "", vec![cell("a"), cell("b")])];
    let table = tree(&[Node("table", "", rows), line("end")]);
    write(&table, Format::Rich, "b\nend");
    assert_eq!(shape(&table)[0], "table(tableRow(tableCell(paragraph()),tableCell(paragraph(b))))");
    let details = vec![
        Node("detailsSummary", "summary", vec![]),
        Node("detailsContent", "", vec![line("inside")]),
    ];
    let details = tree(&[Node("details", "", details), line("end")]);
    write(&details, Format::Rich, "summary\ninside\nmore\nend");
    assert_eq!(
        shape(&details)[..2],
        [
            "details(detailsSummary(summary),detailsContent(paragraph(inside),paragraph(more)))",
            "paragraph(end)"
        ]
    );
    write(&details, Format::Rich, "summary\nfirst\ninside\nmore\nend");
    assert_eq!(
        shape(&details)[0],
        "details(detailsSummary(summary),detailsContent(paragraph(first),paragraph(inside),paragraph(more)))",
        "what comes after the summary is first in what can be unfolded"
    );
    write(&details, Format::Rich, "summary\ninside\nmore\nend");
    write(&details, Format::Rich, "inside\nmore\nend");
    assert_eq!(
        shape(&details)[0],
        "details(detailsSummary(),detailsContent(paragraph(inside),paragraph(more)))"
    );
}

#[test]
fn a_line_that_is_put_before_another_takes_none_of_its_block() {
    let note = tree(&[Node("heading", "Title", vec![]), line("text")]);
    put(&note, Format::Rich, "Intro\nTitle two\ntext");
    assert_eq!(shape(&note), ["paragraph(Intro)", "heading(Title two)", "paragraph(text)"]);
}

#[test]
fn code_keeps_its_lines_in_one_block() {
    let doc = new_doc(6);
    let fragment = doc.get_or_insert_xml_fragment(FRAGMENT);
    {
        let mut txn = doc.transact_mut();
        let code = fragment.push_back(&mut txn, XmlElementPrelim::empty("codeBlock"));
        code.push_back(&mut txn, XmlTextPrelim::new("fn main() {\n}"));
    }
    put(&doc, Format::Rich, "fn main() {\n    work();\n}");
    assert_eq!(shape(&doc), ["codeBlock(fn main() {\n    work();\n})"]);
}

#[test]
fn embedded_values_stay_where_they_are() {
    let doc = note(Format::Plain, "a b");
    let content = doc.get_or_insert_text(CONTENT);
    let image = Any::from_json(r#"{"image":"a.png"}"#).unwrap();
    content.insert_embed(&mut doc.transact_mut(), 2, image);
    put(&doc, Format::Plain, "xa b🦀");
    let txn = doc.transact();
    let chunks: Vec<_> = content.diff(&txn, YChange::identity);
    assert_eq!(chunks.len(), 3);
    assert_eq!(chunks[0].insert, "xa ".into());
    assert_eq!(chunks[2].insert, "b🦀".into());
}

#[test]
fn strangers_in_the_tree_are_passed_over() {
    let doc = note(Format::Rich, "a\nb");
    {
        let mut txn = doc.transact_mut();
        let list = txn.get_or_insert_array(FRAGMENT);
        list.insert(&mut txn, 1, "a value where no value belongs");
        list.insert(&mut txn, 0, ArrayPrelim::from([1]));
    }
    assert_eq!(text(&doc, Format::Rich), "a\nb");
    put(&doc, Format::Rich, "a1\nb2\nc");
    // A text that is embedded cannot be told from text: it is left alone.
    let doc = note(Format::Plain, "ab");
    doc.get_or_insert_text(CONTENT).insert_embed(&mut doc.transact_mut(), 1, Any::from("xyz"));
    let refused = diff_update(&state(&doc), REST, Format::Plain, "abc");
    assert_eq!(refused, Err(EditError::Content));
    assert_eq!(diff_update(&[7], REST, Format::Plain, ""), Err(EditError::State));
}

#[test]
fn vectors_of_the_server_pass_its_own_guard() {
    let vector = page().transact().state_vector().encode_v1();
    assert_eq!(crate::guard::state_vector_v1(&vector), Ok(()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_text_becomes_any_other(
        texts in prop::collection::vec("[ab\n 🦀]{0,12}", 2..5), from_page in any::<bool>()
    ) {
        for format in [Format::Plain, Format::Rich] {
            let doc = if from_page { page() } else { note(format, &texts[0]) };
            for text in &texts {
                put(&doc, format, text);
            }
        }
    }

    #[test]
    fn two_puts_at_once_converge(a in "[ab\n]{0,10}", b in "[ab\n]{0,10}", c in "[ab\n]{0,10}") {
        for format in [Format::Plain, Format::Rich] {
            let doc = note(format, &a);
            let base = state(&doc);
            let [left, right] = [(1, &b), (2, &c)].map(|(client, new)| {
                diff_update(&base, client, format, new.as_str()).unwrap().unwrap_or(Update::EMPTY_V1.into())
            });
            let other = new_doc(9);
            for update in [&base, &right, &left] {
                apply(&other, update);
            }
            apply(&doc, &left);
            apply(&doc, &right);
            prop_assert_eq!(text(&doc, format), text(&other, format));
        }
    }
}
