//! Why documents have a limit of nesting, and that the limit is low enough: yrs on small stacks.

use std::process::Command;

use bytes::BytesMut;
use studyhall_schema::note::Format;
use studyhall_sync::{
    guard::nesting::{MAX_NESTING, depth},
    text::{new_doc, read_text},
    wire::lib0::Lib0Write,
};
use yrs::{
    Doc, GetString, ReadTxn, StateVector, Transact, Update, WriteTxn, XmlFragment, types::ToJson,
    updates::decoder::Decode,
};

/// Elements that each live in the one before, the first one in the fragment `default`.
fn chain(length: u32) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    for value in [1, length, 5, 0] {
        bytes.put_var_uint(value.into());
    }
    for clock in 0..length {
        bytes.put_var_uint(7);
        if clock == 0 {
            bytes.put_var_uint(1);
            bytes.put_var_string("default");
        } else {
            for value in [0, 5, clock - 1] {
                bytes.put_var_uint(value.into());
            }
        }
        bytes.put_var_uint(3);
        bytes.put_var_string("paragraph");
    }
    bytes.put_var_uint(0);
    bytes.to_vec()
}

fn nested(levels: u32) -> Doc {
    let doc = new_doc(1);
    let update = Update::decode_v1(&chain(levels)).unwrap();
    doc.transact_mut().apply_update(update).unwrap();
    doc
}

fn on_a_stack_of(bytes: usize, act: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(bytes).spawn(act).unwrap();
    thread.join().unwrap();
}

#[test]
fn at_the_limit_everything_works_on_half_of_a_workers_stack() {
    on_a_stack_of(1 << 20, || {
        let doc = nested(MAX_NESTING);
        let mut txn = doc.transact_mut();
        let fragment = txn.get_or_insert_xml_fragment("default");
        assert!(!fragment.get_string(&txn).is_empty());
        let list = txn.get_or_insert_array("default");
        let _ = list.to_json(&txn);
        fragment.remove(&mut txn, 0);
        drop(txn);
        let state = doc.transact().encode_state_as_update_v1(&StateVector::default());
        assert!(state.len() < 64, "deleted and collected");
    });
}

#[test]
fn what_the_server_does_itself_does_not_recurse() {
    on_a_stack_of(1 << 20, || {
        let doc = nested(100_000);
        let txn = doc.transact();
        assert_eq!(read_text(&txn, Format::Rich), "");
        let state = txn.encode_state_as_update_v1(&StateVector::default());
        assert_eq!(depth(&[state]), Ok(100_000));
    });
}

#[test]
fn without_a_limit_one_deletion_aborts_the_process() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "child_deletes_what_is_nested_without_limit"])
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("has overflowed its stack"), "yrs has changed: {errors}");
    assert!(!output.status.success());
}

#[test]
#[ignore = "aborts; the test above runs it in a process of its own"]
fn child_deletes_what_is_nested_without_limit() {
    on_a_stack_of(2 << 20, || {
        let doc = nested(100_000);
        let deletion = Update::decode_v1(&[0, 1, 5, 1, 0, 1]).unwrap();
        doc.transact_mut().apply_update(deletion).unwrap();
    });
}
