//! What the guard accepts, yrs decodes, to the runs that the guard saw and in the memory that it
//! foresaw.

#![no_main]

use cap::Cap;
use libfuzzer_sys::fuzz_target;
use studyhall_sync_fuzz::guard::{nesting::depth, state_vector_v1, update_v1};
use yrs::{StateVector, Update, updates::decoder::Decode};

#[global_allocator]
static ALLOCATOR: Cap<std::alloc::System> = Cap::new(std::alloc::System, usize::MAX);

fuzz_target!(|bytes: &[u8]| {
    if state_vector_v1(bytes).is_ok() {
        StateVector::decode_v1(bytes).expect("what the guard accepts, yrs decodes");
    }
    let Ok(scan) = update_v1(bytes) else { return };
    let before = ALLOCATOR.allocated();
    let update = Update::decode_v1(bytes).expect("what the guard accepts, yrs decodes");
    let taken = ALLOCATOR.allocated().saturating_sub(before) as u64;
    assert!(
        taken <= scan.decoded_size * 2 + 1024,
        "{taken} bytes taken, {} foreseen",
        scan.decoded_size
    );
    // A client with no ranges of deletions says nothing either.
    assert!(scan.is_empty() || !update.is_empty(), "{scan:?}");
    for (client, clock) in update.state_vector_lower().iter() {
        let run = scan.inserts.iter().find(|run| run.client == client.get());
        assert_eq!(run.map(|run| run.start), Some(*clock));
    }
    assert!(depth(&[bytes, bytes]).expect("accepted") <= scan.types + 1);
});
