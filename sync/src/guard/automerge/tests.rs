//! Changes that the guard takes and refuses, made by hand: what no library writes.

use std::{io::Write, sync::LazyLock};

use automerge::{
    ActorId, AutoCommit, ObjType, ROOT, ScalarValue,
    marks::{ExpandMark, Mark},
    transaction::Transactable,
};
use flate2::{Compression, write::DeflateEncoder};
use proptest::prelude::*;

use super::*;

/// Signed LEB128.
fn signed(mut value: i64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let byte = u8::try_from(value & 0x7f).unwrap();
        value >>= 7;
        if (value == 0 && byte & 0x40 == 0) || (value == -1 && byte & 0x40 != 0) {
            bytes.push(byte);
            return bytes;
        }
        bytes.push(byte | 0x80);
    }
}

fn number(value: u64) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    bytes.put_var_uint(value);
    bytes.to_vec()
}

/// A run of one value.
fn run(times: i64, value: u64) -> Vec<u8> {
    [signed(times), number(value)].concat()
}

/// A change of one actor with these columns.
fn body(columns: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = vec![0, 1, 7, 1, 1, 0, 0, 0];
    bytes.extend(number(columns.len() as u64));
    for (spec, column) in columns {
        bytes.extend([number((*spec).into()), number(column.len() as u64)].concat());
    }
    for (_, column) in columns {
        bytes.extend(column);
    }
    bytes
}

fn chunk_of(kind: u8, body: &[u8], says: &[u8]) -> Bytes {
    let length = number(body.len() as u64);
    [&MAGIC[..], &hash(says)[..4], &[kind], &length, body].concat().into()
}

fn change_of(columns: &[(u32, Vec<u8>)]) -> Result<Scan, Malformed> {
    let body = body(columns);
    change(&chunk_of(CHANGE, &body, &body))
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// `times` times the key `k` of the root is set.
fn puts(times: i64) -> Vec<(u32, Vec<u8>)> {
    let key = [signed(times), vec![1, b'k']].concat();
    vec![
        (0x15, key),
        (0x34, number(times.unsigned_abs())),
        (0x42, run(times, 1)),
        (0x56, run(times, 0)),
    ]
}

#[test]
fn what_is_well_formed_is_read() {
    let scan = change_of(&puts(3)).unwrap();
    assert_eq!((scan.ops, scan.seq, scan.start, scan.actors.len()), (3, 1, 1, 1));
    let op = scan.operations().next().unwrap().unwrap();
    assert_eq!((op.object, op.key, op.action), (None, OpKey::Text("k"), Action::Put));
    let body = body(&puts(3));
    let compressed = change(&chunk_of(COMPRESSED, &deflate(&body), &body)).unwrap();
    assert_eq!((compressed.hash, &compressed.plain), (scan.hash, &scan.plain));
}

#[test]
fn bombs_are_refused_before_they_grow() {
    let zeros = vec![0; INFLATED + 1];
    let bomb = deflate(&zeros);
    assert!(bomb.len() < 20_000);
    assert_eq!(change(&chunk_of(COMPRESSED, &bomb, &zeros)).unwrap_err(), Malformed::Inflated);
    let count = Malformed::Count;
    assert_eq!(change_of(&puts(1 << 40)).unwrap_err(), count, "operations");
    assert_eq!(change_of(&puts(100_000)).unwrap_err(), count, "operations that say nothing");
    let mut preds = puts(2);
    preds.push((0x70, run(2, 1 << 39)));
    assert_eq!(change_of(&preds).unwrap_err(), count, "predecessors");
    let nulls = [vec![0], number(1 << 50)].concat();
    assert_eq!(change_of(&[(0x02, nulls)]).unwrap_err(), count, "nothing, many times");
    let flags = [(0x34, number(1 << 50))];
    assert_eq!(change_of(&flags).unwrap_err(), count, "flags");
    let literal = [signed(-(1 << 40)), vec![1]].concat();
    assert!(change_of(&[(0x42, literal)]).is_err(), "a literal run that is not there");
}

#[test]
fn what_the_library_would_panic_at_is_refused() {
    let mut foreign = puts(1);
    foreign.insert(0, (0x01, run(1, 5)));
    foreign.insert(1, (0x02, run(1, 1)));
    assert_eq!(change_of(&foreign).unwrap_err(), Malformed::Integer, "an actor that is not named");
    assert_eq!(change_of(&[(0x42, run(1, 9))]).unwrap_err(), Malformed::Kind, "an unknown action");
    assert_eq!(change_of(&[(0x4a, run(1, 1))]).unwrap_err(), Malformed::Kind, "a deflated column");
    let twice = [(0x42, run(1, 1)), (0x42, run(1, 1))];
    assert_eq!(change_of(&twice).unwrap_err(), Malformed::Order);
    let mut later = body(&puts(1));
    (later[3], later[4]) = (2, 2);
    later.push(0);
    let later = change(&chunk_of(CHANGE, &later, &later));
    assert_eq!(later.unwrap_err(), Malformed::Trailing, "an author in a later change");
    let body = body(&puts(1));
    let spoiled = change(&chunk_of(CHANGE, &body, b"another"));
    assert_eq!(spoiled.unwrap_err(), Malformed::Checksum);
}

#[test]
fn a_document_that_would_inflate_beyond_its_limit_is_no_snapshot() {
    let mut doc = AutoCommit::new();
    doc.put(ROOT, "key", "many words ".repeat(1000)).unwrap();
    assert_eq!(document(&doc.save()), Ok(()));
    let zeros = deflate(&vec![0; INFLATED_DOCUMENT + 1]);
    // No actors, no heads, no columns of changes, one of operations.
    let body = [vec![0, 0, 0, 1], number(0x5f), number(zeros.len() as u64), zeros].concat();
    assert_eq!(document(&chunk_of(DOCUMENT, &body, &[])), Err(Malformed::Inflated));
}

#[test]
fn nothing_that_is_cut_or_goes_on_is_taken() {
    let body = body(&puts(2));
    let whole = chunk_of(CHANGE, &body, &body);
    for end in 0..whole.len() {
        assert!(change(&whole.slice(..end)).is_err(), "cut at {end}");
        assert!(end == 0 || chunks(&whole.slice(..end)).is_err());
    }
    let twice = Bytes::from([&whole[..], &whole[..]].concat());
    assert_eq!(change(&twice).unwrap_err(), Malformed::Trailing);
    assert_eq!(chunks(&twice).unwrap(), [whole.clone(), whole]);
}

#[test]
fn what_takes_long_to_look_at_is_refused() {
    let mut preds = puts(2);
    preds.push((0x70, run(2, 1 << 17)));
    assert_eq!(change_of(&preds).unwrap_err(), Malformed::Count, "one replaces too many");
    let mut keys = puts(1000);
    keys[0].1 = [signed(1000), number(100 << 10), vec![b'k'; 100 << 10]].concat();
    assert_eq!(change_of(&keys).unwrap_err(), Malformed::Count, "a long key, again and again");
}

/// A document with changes of all kinds.
fn of_all_kinds() -> Vec<automerge::Change> {
    let mut doc = AutoCommit::new();
    let text = doc.put_object(ROOT, "text", ObjType::Text).unwrap();
    doc.splice_text(&text, 0, 0, &"Hello world, ".repeat(8)).unwrap();
    doc.commit();
    let mut other = doc.fork().with_actor(ActorId::from([9]));
    let values: [ScalarValue; 9] = [
        ScalarValue::Null,
        false.into(),
        true.into(),
        u64::MAX.into(),
        i64::MIN.into(),
        0.5.into(),
        "words".into(),
        vec![1_u8, 2].into(),
        ScalarValue::Timestamp(-70),
    ];
    for doc in [&mut doc, &mut other] {
        let list = doc.put_object(ROOT, "list", ObjType::List).unwrap();
        for value in values.iter().chain(&values) {
            doc.insert(&list, 0, value.clone()).unwrap();
        }
        doc.put(ROOT, "counter", ScalarValue::counter(300)).unwrap();
        doc.commit();
        doc.splice_text(&text, 3, 5, "x").unwrap();
        let mark = Mark::new("bold".into(), true, 2, 6);
        doc.mark(&text, mark, ExpandMark::Both).unwrap();
        doc.commit();
    }
    doc.merge(&mut other).unwrap();
    doc.increment(ROOT, "counter", -70).unwrap();
    doc.put(ROOT, "list", 1).unwrap();
    doc.splice_text(&text, 0, 20, "").unwrap();
    doc.commit();
    doc.get_changes(&[])
}

/// Whether the library writes a change again as it is.
fn is_written_so(change: &automerge::Change) -> bool {
    let again = || automerge::Change::from(change.decode()).hash();
    std::panic::catch_unwind(again).is_ok_and(|hash| hash == change.hash())
}

/// Whether each operation can be read, and replaces others in order, as the core asks of them.
fn is_readable(scan: &Scan) -> bool {
    let orders = |op: Op<'_>| op.preds.is_sorted_by_key(|id| (id.counter, &scan.actors[id.actor]));
    scan.operations().all(|op| op.is_ok_and(orders))
}

/// Whether a value is of a kind that nobody writes.
fn has_unknown(change: &automerge::Change) -> bool {
    let is_unknown = |op: &automerge::legacy::Op| {
        matches!(op.primitive_value(), Some(ScalarValue::Unknown { .. }))
    };
    change.decode().operations.iter().any(is_unknown)
}

#[test]
fn what_the_library_writes_is_canonical() {
    for change_made in of_all_kinds() {
        let scan = change(&Bytes::copy_from_slice(change_made.raw_bytes())).unwrap();
        assert!(scan.is_canonical() && is_readable(&scan), "{:?}", change_made.decode());
    }
}

#[test]
fn a_large_paste_is_canonical_unless_it_is_spelled_in_another_way() {
    let mut doc = AutoCommit::new();
    let text = doc.put_object(ROOT, "text", ObjType::Text).unwrap();
    doc.commit();
    doc.splice_text(&text, 0, 0, &"letters ".repeat(50_000)).unwrap();
    doc.commit();
    doc.splice_text(&text, 0, 400_000, "").unwrap();
    doc.commit();
    for change_made in doc.get_changes(&[]) {
        let bytes = change_made.raw_bytes();
        assert!(change(&Bytes::copy_from_slice(bytes)).unwrap().is_canonical());
    }
    let halves = [run(200_000, 1), run(200_000, 1)].concat();
    let spelled = |actions: Vec<u8>| {
        let mut columns = puts(400_000);
        columns[2].1 = actions;
        columns.insert(4, (0x57, vec![7; 400_000]));
        columns[3].1 = run(400_000, 1 << 4 | 3);
        columns.push((0x70, run(400_000, 0)));
        change_of(&columns).unwrap()
    };
    assert!(spelled(run(400_000, 1)).is_canonical());
    assert!(!spelled(halves).is_canonical(), "one run in two");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn canonical_is_what_the_library_writes(which: usize, spoils in prop::collection::vec((any::<usize>(), any::<u8>()), 1..4)) {
        static ALL: LazyLock<Vec<automerge::Change>> = LazyLock::new(of_all_kinds);
        let bytes = ALL[which % ALL.len()].raw_bytes();
        let start = 9 + bytes[9..].iter().take_while(|byte| **byte >= 0x80).count() + 1;
        let mut body = bytes[start..].to_vec();
        for (at, byte) in spoils {
            let at = at % body.len();
            body[at] = if byte < 80 { body[at] ^ 1 << (byte % 8) } else { byte };
        }
        let Ok(scan) = change(&chunk_of(CHANGE, &body, &body)) else { return Ok(()) };
        let Ok(change) = automerge::Change::try_from(&scan.plain[..]) else { return Ok(()) };
        if is_readable(&scan) {
            let is_ours = is_written_so(&change) && !has_unknown(&change);
            prop_assert_eq!(scan.is_canonical(), is_ours, "{:?}", change.decode());
        }
    }
}

proptest! {
    #[test]
    fn what_the_guard_takes_the_library_takes(columns in prop::collection::vec(
        (prop::sample::select(vec![0x01_u32, 0x02, 0x11, 0x13, 0x15, 0x34, 0x42, 0x56, 0x57, 0x70, 0x71, 0x73]),
         prop::collection::vec(any::<u8>(), 0..8)), 0..6))
    {
        let mut columns = columns;
        columns.sort_by_key(|column| column.0);
        columns.dedup_by_key(|column| column.0);
        if let Ok(scan) = change_of(&columns) {
            // It may find more that is wrong, but does not panic, and reads as many operations.
            if let Ok(change) = automerge::Change::try_from(&scan.plain[..]) {
                prop_assert_eq!(change.len(), scan.ops as usize);
                prop_assert_eq!(change.hash().0, scan.hash);
            }
        }
    }
}
