//! What the guard accepts and the check of holes lets through, yrs applies or refuses; what it
//! writes of it is accepted again. Two updates one after the other, cut at a byte of the input.

#![no_main]

use libfuzzer_sys::fuzz_target;
use studyhall_sync_fuzz::{
    guard::{nesting::Nesting, update_v1},
    new_doc,
};
use yrs::{ClientID, ReadTxn, StateVector, Transact, Update, updates::decoder::Decode};

fuzz_target!(|input: &[u8]| {
    let Some((&cut, bytes)) = input.split_first() else { return };
    let (first, second) = bytes.split_at(usize::from(cut).min(bytes.len()));
    let doc = new_doc(1);
    let mut nesting = Nesting::default();
    for bytes in [first, second] {
        let Ok(scan) = update_v1(bytes) else { continue };
        let vector = doc.transact().state_vector();
        if scan.missing(|client| vector.get(&ClientID::new(client))).is_some() {
            continue;
        }
        let state = || vec![doc.transact().encode_state_as_update_v1(&StateVector::default())];
        if !nesting.admit(&scan, bytes, state).expect("accepted") {
            continue;
        }
        let update = Update::decode_v1(bytes).expect("what the guard accepts, yrs decodes");
        let _ = doc.transact_mut().apply_update(update);
        let state = doc.transact().encode_state_as_update_v1(&StateVector::default());
        update_v1(&state).expect("what yrs writes is accepted");
    }
});
