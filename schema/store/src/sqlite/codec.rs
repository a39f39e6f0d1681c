//! The updates of a log entry as one blob.
//!
//! The form: 1, the number of people, each person's id (12 bytes), then each update as the
//! person's place among them, its length, its bytes. Numbers are LEB128. An entry whose content
//! was quarantined is the single byte 2.

use bytes::{Buf, Bytes};
use studyhall_schema::ids::UserId;

use crate::log::LoggedUpdate;

const UPDATES: u8 = 1;
const QUARANTINED: u8 = 2;

/// The blob of a quarantined entry.
pub(super) const MARKER: &[u8] = &[QUARANTINED];

/// Writes updates.
pub(super) fn encode(updates: &[LoggedUpdate]) -> Vec<u8> {
    let mut people: Vec<UserId> = Vec::new();
    let places: Vec<usize> = updates.iter().map(|update| place(&mut people, update.by)).collect();
    let size: usize = updates.iter().map(|update| update.data.len() + 8).sum();
    let mut blob = Vec::with_capacity(12 + people.len() * 12 + size);
    blob.push(UPDATES);
    put_number(&mut blob, people.len());
    for person in &people {
        blob.extend_from_slice(&person.bytes());
    }
    for (update, place) in updates.iter().zip(places) {
        put_number(&mut blob, place);
        put_number(&mut blob, update.data.len());
        blob.extend_from_slice(&update.data);
    }
    blob
}

/// The person's place; people who write come in runs, so the last is looked at first.
fn place(people: &mut Vec<UserId>, by: UserId) -> usize {
    people.iter().rposition(|person| *person == by).unwrap_or_else(|| {
        people.push(by);
        people.len() - 1
    })
}

/// Reads `count` updates. `None` when the blob is no such thing.
pub(super) fn decode(mut blob: Bytes, count: usize) -> Option<Vec<LoggedUpdate>> {
    match blob.try_get_u8().ok()? {
        UPDATES => {}
        QUARANTINED if blob.is_empty() => {
            return Some(vec![LoggedUpdate::nothing(); count]);
        }
        _ => return None,
    }
    let people = get_number(&mut blob)?;
    if blob.len() / 12 < people {
        return None;
    }
    let people: Vec<UserId> = (0..people)
        .map(|_| {
            let mut id = [0; 12];
            blob.copy_to_slice(&mut id);
            UserId::from_bytes(id)
        })
        .collect();
    let mut updates = Vec::with_capacity(count.min(blob.len()));
    while !blob.is_empty() {
        let by = *people.get(get_number(&mut blob)?)?;
        let length = get_number(&mut blob)?;
        if blob.len() < length {
            return None;
        }
        updates.push(LoggedUpdate { by, data: blob.split_to(length) });
    }
    (updates.len() == count).then_some(updates)
}

fn put_number(blob: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        blob.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    blob.push(number.to_le_bytes()[0]);
}

fn get_number(blob: &mut Bytes) -> Option<usize> {
    let mut number = 0_usize;
    for shift in (0..35).step_by(7) {
        let byte = blob.try_get_u8().ok()?;
        number |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn updates() -> impl Strategy<Value = Vec<LoggedUpdate>> {
        let update = (0..3_u8, proptest::collection::vec(any::<u8>(), 0..200));
        proptest::collection::vec(update, 1..50).prop_map(|updates| {
            let logged = |(by, data)| LoggedUpdate {
                by: UserId::from_bytes([by; 12]),
                data: Bytes::from_owner::<Vec<u8>>(data),
            };
            updates.into_iter().map(logged).collect()
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(updates in updates()) {
            let blob = Bytes::from(encode(&updates));
            prop_assert_eq!(decode(blob.clone(), updates.len() + 1), None);
            prop_assert_eq!(decode(blob, updates.len()), Some(updates));
        }

        #[test]
        fn garbage_is_refused_and_never_panics(bytes: Vec<u8>, count in 0..10_usize) {
            let _ = decode(Bytes::from(bytes), count);
        }
    }

    #[test]
    fn a_quarantined_entry_has_as_many_empty_updates() {
        let read = decode(Bytes::from_static(MARKER), 3).unwrap();
        assert_eq!(read.len(), 3);
        assert!(read.iter().all(|update| update.data.is_empty()));
    }
}
