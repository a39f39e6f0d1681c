//! Changes that the guard takes and refuses, made by hand: what no library writes.

use std::io::Write;

use automerge::{AutoCommit, ROOT, transaction::Transactable};
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
