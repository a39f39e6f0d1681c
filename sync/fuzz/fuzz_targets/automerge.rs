//! What the guard accepts of a change, automerge decodes or refuses, without a panic and to as many
//! operations; and a sync message around it is refused or written the same.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use studyhall_sync_fuzz::{
    guard::automerge::{change, document},
    wire::automerge::{MAX_INFLATED, SyncMessage},
};

fuzz_target!(|input: &[u8]| {
    let bytes = Bytes::copy_from_slice(input);
    let _ = document(&bytes);
    if let Ok(message) = SyncMessage::decode(&bytes, MAX_INFLATED) {
        let bare = message.without_changes();
        automerge::sync::Message::decode(&bare).expect("the library reads it");
        let again = SyncMessage::decode(&bare.into(), MAX_INFLATED).expect("it is written");
        assert_eq!((again.heads, again.need, again.shared), (message.heads, message.need, message.shared));
    }
    let Ok(scan) = change(&bytes) else { return };
    let operations = scan.operations().take_while(Result::is_ok).count();
    assert!(operations <= scan.ops as usize);
    if let Ok(decoded) = automerge::Change::try_from(&scan.plain[..]) {
        assert_eq!(decoded.len(), scan.ops as usize);
        assert_eq!(decoded.hash().0, scan.hash);
        assert_eq!(operations, scan.ops as usize, "the library reads what the guard does not");
        let _ = decoded.decode();
    }
});
