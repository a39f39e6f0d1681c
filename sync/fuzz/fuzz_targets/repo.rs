//! A CBOR frame of automerge-repo is refused, or says the same when it is written again.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use studyhall_sync_fuzz::wire::{
    automerge::{MAX_INFLATED, SyncMessage},
    repo::{Frame, Route, ephemeral, sync},
};

fuzz_target!(|input: &[u8]| {
    let frame = Bytes::copy_from_slice(input);
    match Frame::decode(&frame) {
        Ok(Frame::Sync { sender, document, data }) => {
            let again = sync(Route { sender, target: "target" }, document, &data);
            let read = Frame::decode(&again).expect("what is written is read");
            assert_eq!(read, Frame::Sync { sender, document, data: data.clone() });
            let _ = SyncMessage::decode(&data, MAX_INFLATED);
        }
        Ok(Frame::Ephemeral(said)) => {
            let again = ephemeral(&said, "target");
            assert_eq!(Frame::decode(&again), Ok(Frame::Ephemeral(said)));
        }
        _ => {}
    }
});
