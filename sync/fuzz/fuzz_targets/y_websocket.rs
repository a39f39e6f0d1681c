//! A frame of y-websocket is refused, or written again to the same bytes.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use studyhall_sync_fuzz::wire::yjs::YjsFrame;

fuzz_target!(|input: &[u8]| {
    let frame = Bytes::copy_from_slice(input);
    if let Ok(decoded) = YjsFrame::decode(&frame) {
        assert_eq!(decoded.encode(), frame);
    }
});
