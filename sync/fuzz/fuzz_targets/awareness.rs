//! Awareness updates of four connections of two people, one after the other, never break its
//! books, and what is told is an update again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use studyhall_schema::{Timestamp, ids::UserId};
use studyhall_sync_fuzz::awareness::{Awareness, Who};

fuzz_target!(|input: &[u8]| {
    let mut awareness = Awareness::default();
    let mut other_node = Awareness::default();
    let mut now = Timestamp::default();
    for (number, part) in input.split(|&byte| byte == 0xfe).enumerate() {
        let connection = number as u64 % 4;
        let user = UserId::from_bytes([connection as u8 / 2; 12]);
        let person = Who { user, writes: number % 3 > 0 };
        let _ = awareness.receive(now, connection, person, part);
        if number % 5 == 4 {
            now = now + std::time::Duration::from_secs(20);
            awareness.expire(now);
        }
        let left = (number % 7 == 6).then(|| awareness.leave(now, connection)).flatten();
        for told in [awareness.own_changed(), left].into_iter().flatten() {
            other_node.merge(now, &told).expect("what is told is an update");
        }
        awareness.take_changed();
    }
    if let Some(full) = awareness.own_full() {
        other_node.merge(now, &full).expect("what is told is an update");
    }
});
