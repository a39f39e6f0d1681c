//! What yrs writes is accepted, what is hostile is refused, and what is accepted yrs decodes.

use std::collections::HashMap;

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use yrs::{
    Any, Array, ArrayPrelim, Doc, IdSet, Map, MapPrelim, OffsetKind, Options, ReadTxn, StateVector,
    Text, Transact, Update, WriteTxn, XmlElementPrelim, XmlFragment, XmlTextPrelim,
    updates::{decoder::Decode, encoder::Encode},
};

use super::*;
use crate::wire::lib0::Lib0Write;

pub(super) fn doc(client: u64) -> Doc {
    let mut options = Options::with_client_id(yrs::ClientID::new(client));
    options.offset_kind = OffsetKind::Utf16;
    Doc::with_options(options)
}

/// The updates of one edit each, with every kind of content that yrs writes.
fn rich_updates() -> Vec<Vec<u8>> {
    let doc = doc((1 << 53) - 1);
    let mut updates = Vec::new();
    let mut edit = |act: &dyn Fn(&mut yrs::TransactionMut<'_>)| {
        let mut txn = doc.transact_mut();
        act(&mut txn);
        updates.push(txn.encode_update_v1());
    };
    edit(&|txn| txn.get_or_insert_text("content").insert(txn, 0, "Grüße 🦀 aus dem Raum"));
    edit(&|txn| {
        let bold = [("bold".into(), Any::from(true))].into();
        txn.get_or_insert_text("content").insert_with_attributes(txn, 5, "fett", bold);
    });
    edit(&|txn| txn.get_or_insert_text("content").remove_range(txn, 2, 9));
    edit(&|txn| {
        let image = Any::from(HashMap::from([("image".to_owned(), Any::from("a.png"))]));
        txn.get_or_insert_text("content").insert_embed(txn, 3, image);
    });
    edit(&|txn| {
        let value = Any::from_json(r#"{"a":[1,2.5,null,"x",{"b":true}],"c":-4294967296}"#);
        let map = txn.get_or_insert_map("meta");
        map.insert(txn, "title", "Ada");
        map.insert(txn, "title", "Ben");
        map.insert(txn, "any", value.unwrap());
        map.insert(txn, "bytes", Any::from(&b"\x00\x01"[..]));
        map.insert(txn, "big", Any::Number(yrs::Number::Int(1 << 40)));
        map.insert(txn, "list", ArrayPrelim::from([1, 2, 3]));
        let inner = map.insert(txn, "map", MapPrelim::default());
        inner.insert(txn, "key", "value");
        inner.remove(txn, "key");
    });
    edit(&|txn| {
        let list = txn.get_or_insert_array("list");
        list.insert_range(txn, 0, [Any::Null, Any::Undefined, Any::from(0.5), Any::from(7)]);
        list.remove_range(txn, 1, 2);
    });
    edit(&|txn| {
        let fragment = txn.get_or_insert_xml_fragment("default");
        let paragraph = fragment.insert(txn, 0, XmlElementPrelim::empty("paragraph"));
        yrs::Xml::insert_attribute(&paragraph, txn, "align", "left");
        let text = paragraph.insert(txn, 0, XmlTextPrelim::new("Hallo"));
        text.insert(txn, 5, " Welt");
        fragment.insert(txn, 1, XmlElementPrelim::empty("horizontalRule"));
        fragment.remove_range(txn, 0, 1);
    });
    updates.push(doc.transact().encode_state_as_update_v1(&StateVector::default()));
    updates
}

fn ids(scan: &Scan) -> Vec<(u64, u32, u32)> {
    scan.inserts.iter().map(|run| (run.client, run.start, run.end)).collect()
}

#[test]
fn everything_that_yrs_writes_is_accepted() {
    let replica = doc(2);
    for update in rich_updates() {
        let scan = update_v1(&update).unwrap();
        let decoded = Update::decode_v1(&update).unwrap();
        for (client, clock) in decoded.state_vector_lower().iter() {
            assert!(
                scan.inserts.iter().any(|r| (r.client, r.start) == (client.get(), *clock)),
                "{scan:?}"
            );
        }
        assert_eq!(scan.is_empty(), decoded.is_empty());
        let vector = replica.transact().state_vector();
        assert_eq!(scan.missing(|client| vector.get(&yrs::ClientID::new(client))), None);
        replica.transact_mut().apply_update(decoded).unwrap();
        state_vector_v1(&replica.transact().state_vector().encode_v1()).unwrap();
    }
    assert_eq!(update_v1(Update::EMPTY_V1).map(|scan| scan.is_empty()), Ok(true));
}

#[test]
fn encoding_v2_is_refused() {
    let doc = doc(7);
    doc.get_or_insert_text("content").insert(&mut doc.transact_mut(), 0, "abc");
    let update = doc.transact().encode_state_as_update_v2(&StateVector::default());
    assert!(update_v1(&update).is_err());
    assert!(update_v1(Update::EMPTY_V2).is_err());
}

#[test]
fn a_scan_says_where_an_update_starts_and_what_it_stands_on() {
    let (ada, ben) = (doc(10), doc(20));
    let text = ada.get_or_insert_text("content");
    text.insert(&mut ada.transact_mut(), 0, "a🦀");
    let first = ada.transact().encode_state_as_update_v1(&StateVector::default());
    ben.transact_mut().apply_update(Update::decode_v1(&first).unwrap()).unwrap();
    let mut txn = ben.transact_mut();
    txn.get_or_insert_text("content").insert(&mut txn, 3, "b");
    let second = txn.encode_update_v1();
    drop(txn);

    let scan = update_v1(&second).unwrap();
    assert_eq!(ids(&scan), [(20, 0, 1)]);
    assert_eq!(scan.names[..], [Id { client: 10, clock: 2 }]);
    let missing = |ada: u32, ben: u32| scan.missing(|client| if client == 10 { ada } else { ben });
    assert_eq!(missing(3, 0), None);
    assert_eq!(missing(3, 5), None, "what is known already is no hole");
    assert_eq!(missing(2, 0), Some(Id { client: 10, clock: 2 }), "its neighbour is not there");

    // Both together stand on nothing.
    let both = ben.transact().encode_state_as_update_v1(&StateVector::default());
    let scan = update_v1(&both).unwrap();
    assert_eq!(ids(&scan), [(20, 0, 1), (10, 0, 3)]);
    assert_eq!(scan.missing(|_| 0), None);

    // From the second tick on there is a hole.
    let vector = StateVector::from_iter([(yrs::ClientID::new(10), 1)]);
    let tail = ada.transact().encode_state_as_update_v1(&vector);
    let scan = update_v1(&tail).unwrap();
    assert_eq!(ids(&scan), [(10, 1, 3)]);
    assert_eq!(scan.missing(|_| 0), Some(Id { client: 10, clock: 0 }));
    assert_eq!(scan.missing(|_| 1), None);
}

#[test]
fn a_deletion_alone_names_what_it_deletes() {
    let doc = doc(10);
    let text = doc.get_or_insert_text("content");
    text.insert(&mut doc.transact_mut(), 0, "abcd");
    let mut txn = doc.transact_mut();
    text.remove_range(&mut txn, 1, 2);
    let scan = update_v1(&txn.encode_update_v1()).unwrap();
    assert!(scan.deletes_only() && !scan.is_empty());
    assert_eq!(scan.missing(|_| 3), None);
    assert_eq!(scan.missing(|_| 2), Some(Id { client: 10, clock: 2 }));
}

#[test]
fn a_gap_inside_an_update_makes_two_runs() {
    // One client: "a" at 0, a gap of 3, "b" at 4 in root `t`; nothing deleted.
    let update =
        [&[1, 3, 5, 0][..], &[4, 1, 1, b't', 1, b'a'], &[10, 3], &[4, 1, 1, b't', 1, b'b'], &[0]]
            .concat();
    let scan = update_v1(&update).unwrap();
    assert_eq!(ids(&scan), [(5, 0, 1), (5, 4, 5)]);
    assert_eq!(scan.missing(|_| 0), Some(Id { client: 5, clock: 1 }));
    assert_eq!(scan.missing(|_| 4), None);
}

/// An update with one item of root `t`, whose content is `content`.
fn with_content(kind: u8, content: &[u8]) -> Vec<u8> {
    [&[1, 1, 5, 0, kind, 1, 1, b't'][..], content, &[0]].concat()
}

#[test]
fn what_clients_and_server_would_read_differently_is_refused() {
    let string = |text: &str| {
        let mut buffer = BytesMut::new();
        buffer.put_var_string(text);
        buffer.to_vec()
    };
    for (kind, content, why) in [
        (2, [&[1][..], &string("1")].concat(), "JSON: yrs reads one text too many"),
        (7, [&[5][..], &string("hook")].concat(), "an XML hook: yrs does not read its name"),
        (7, vec![7, 0, 5, 0], "a weak link"),
        (7, vec![9], "a sub-document as a type"),
        (7, vec![15], "a type without a kind"),
        (8, vec![1, 115], "an unknown value"),
        (9, [&string("guid")[..], &[118, 0]].concat(), "a sub-document: yrs never lets go of it"),
        (11, vec![0, 0], "a move"),
        (0x14, string("a"), "a kind with its fifth bit"),
        (0, vec![1], "an item of kind 0"),
        (4, string(""), "an empty text"),
        (8, vec![0], "no values"),
        (5, string("{"), "an embed that is not JSON"),
        (5, string("\"\\ud800\""), "half a character"),
        (4, vec![2, 0xc3, 0x28], "a text that is not UTF-8"),
    ] {
        assert!(update_v1(&with_content(kind, &content)).is_err(), "{why}");
    }
    assert!(update_v1(&with_content(4, &string("a"))).is_ok());
}

#[test]
fn order_and_names_of_clients_are_checked() {
    let item = [4, 1, 1, b't', 1, b'a'];
    let twice = [&[2, 1, 5, 0][..], &item, &[1, 5, 9], &item, &[0]].concat();
    assert_eq!(update_v1(&twice), Err(Malformed::Order));
    let upwards = [&[2, 1, 5, 0][..], &item, &[1, 6, 0], &item, &[0]].concat();
    assert_eq!(update_v1(&upwards), Err(Malformed::Order));
    // An item whose left neighbour is itself, and a type that lives in itself.
    assert_eq!(update_v1(&[1, 1, 5, 0, 0x84, 5, 0, 1, b'a', 0]), Err(Malformed::Order));
    assert_eq!(update_v1(&[1, 1, 5, 0, 7, 0, 5, 0, 0, 0]), Err(Malformed::Order));
    // Ranges of deletions that overlap, and an empty one.
    assert_eq!(update_v1(&[0, 1, 5, 2, 4, 2, 5, 2]), Err(Malformed::Order));
    assert_eq!(update_v1(&[0, 1, 5, 1, 4, 0]), Err(Malformed::Size));
}

#[test]
fn huge_numbers_are_refused() {
    let max_clock = [0xff, 0xff, 0xff, 0xff, 0x07];
    let huge_clock = [&[1, 1, 5][..], &max_clock, &[4, 1, 1, b't', 1, b'a', 0]].concat();
    assert_eq!(update_v1(&huge_clock), Err(Malformed::Integer));
    let huge_gc = [&[1, 1, 5, 1, 0][..], &max_clock, &[0]].concat();
    assert_eq!(update_v1(&huge_gc), Err(Malformed::Integer));
    let huge_deletion = [&[0, 1, 5, 1, 1][..], &max_clock].concat();
    assert_eq!(update_v1(&huge_deletion), Err(Malformed::Integer));
    let huge_client = [&[1, 1][..], &[0xff; 7], &[0x1f, 0, 0, 1, 0]].concat();
    assert_eq!(update_v1(&huge_client), Err(Malformed::Integer));
}

#[test]
fn five_bytes_cannot_claim_memory() {
    let bomb = [0xff, 0xff, 0xff, 0x7a];
    for prefix in [&[][..], &[1], &[0], &[0, 1, 5]] {
        let bytes = [prefix, &bomb].concat();
        assert_eq!(update_v1(&bytes), Err(Malformed::Count), "{bytes:x?}");
        assert!(state_vector_v1(&bytes).is_err());
    }
    for tag in [117, 118] {
        let value = [&[1, tag][..], &bomb].concat();
        assert_eq!(update_v1(&with_content(8, &value)), Err(Malformed::Count));
    }
}

#[test]
fn nested_values_end_at_the_limit_and_never_recurse() {
    let nested = |tags: &[u8], depth: usize| {
        let mut content = vec![1];
        for _ in 0..depth {
            content.extend(tags);
        }
        content.push(126);
        with_content(8, &content)
    };
    for tags in [&[117, 1][..], &[118, 1, 1, b'k']] {
        assert!(update_v1(&nested(tags, MAX_DEPTH)).is_ok());
        assert!(Update::decode_v1(&nested(tags, MAX_DEPTH)).is_ok());
        assert_eq!(update_v1(&nested(tags, MAX_DEPTH + 1)), Err(Malformed::Depth));
        assert_eq!(update_v1(&nested(tags, 5_000_000)), Err(Malformed::Depth));
    }
}

#[test]
fn updates_are_refused_cut_at_every_length_and_with_a_tail() {
    for update in rich_updates() {
        for end in 0..update.len() {
            assert!(update_v1(&update[..end]).is_err(), "cut at {end}");
        }
        assert_eq!(update_v1(&[&update[..], &[0]].concat()), Err(Malformed::Trailing));
    }
    let vector = [2, 5, 1, 6, 0x80, 1];
    assert_eq!(state_vector_v1(&vector), Ok(()));
    for end in 0..vector.len() {
        assert!(state_vector_v1(&vector[..end]).is_err());
    }
    assert_eq!(state_vector_v1(&[&vector[..], &[0]].concat()), Err(Malformed::Trailing));
}

/// What the guard accepts, yrs decodes to the same runs, and applies or refuses without a panic.
fn holds_what_it_promises(bytes: &[u8]) {
    if let Ok(scan) = update_v1(bytes) {
        let update = Update::decode_v1(bytes).expect("what the guard accepts, yrs decodes");
        let lower = update.state_vector_lower();
        for (client, clock) in lower.iter() {
            let run = scan.inserts.iter().find(|run| run.client == client.get());
            assert_eq!(run.map(|run| run.start), Some(*clock));
        }
        says_the_same(&Bytes::copy_from_slice(bytes), &scan, &update);
        let doc = doc(1);
        let _ = doc.transact_mut().apply_update(update);
        let state = doc.transact().encode_state_as_update_v1(&StateVector::default());
        assert!(update_v1(&state).is_ok(), "what yrs writes of it is accepted again");
    }
    if state_vector_v1(bytes).is_ok() {
        StateVector::decode_v1(bytes).expect("what the guard accepts, yrs decodes");
    }
}

/// What is read as a keystroke is what yrs decodes.
fn says_the_same(bytes: &Bytes, scan: &Scan, update: &Update) {
    let runs = |set: &IdSet| -> Vec<Run> {
        let runs = set.iter().flat_map(|(client, ranges)| {
            let client = client.get();
            ranges.iter().map(move |range| Run { client, start: range.start, end: range.end })
        });
        let mut runs: Vec<Run> = runs.collect();
        runs.sort_by_key(|run| (run.client, run.start));
        runs
    };
    let (inserted, deleted) = (runs(&update.insertions(true)), runs(update.delete_set()));
    match typing::stroke(bytes, scan) {
        Some(typing::Stroke::Typed(typed)) => {
            assert_eq!((inserted, deleted), (vec![typed.run], vec![]));
        }
        Some(typing::Stroke::Erased(ranges)) => {
            let mut ranges = ranges.to_vec();
            ranges.sort_by_key(|run| (run.client, run.start));
            assert_eq!((inserted, deleted), (vec![], ranges));
        }
        None => {}
    }
}

#[test]
fn a_keystroke_of_somebody_who_has_typed_before_is_read_as_one() {
    // Client 5 puts "k" at its clock 43 after its clock 42.
    holds_what_it_promises(&[1, 1, 5, 43, 0x84, 5, 42, 1, b'k', 0]);
}

#[test]
fn a_gap_beside_deletions_is_no_keystroke() {
    holds_what_it_promises(&[1, 1, 1, 1, 10, 4, 1, 1, 1, 0, 1]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        holds_what_it_promises(&bytes);
    }

    #[test]
    fn changed_updates_never_panic(
        which in 0_usize..8,
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..4, any::<u8>()), 1..4),
    ) {
        let mut bytes = rich_updates().swap_remove(which);
        for (at, how, byte) in changes {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes[at] ^= 1 << (byte & 7),
                2 => bytes.insert(at, byte),
                _ => { bytes.remove(at); }
            }
            prop_assume!(!bytes.is_empty());
        }
        holds_what_it_promises(&bytes);
    }
}
