//! A frame of Hocuspocus is refused, or written again to the same bytes.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use studyhall_sync_fuzz::wire::hocuspocus::Frame;

fuzz_target!(|input: &[u8]| {
    let frame = Bytes::copy_from_slice(input);
    if let Ok(Frame::Message(address, message)) = Frame::decode(&frame) {
        assert_eq!(message.to(address), frame);
        assert_eq!(message.body().to(address), frame);
        assert!(address.document().len() <= address.0.len());
    }
});
