//! The updates of a log entry as one blob.
//!
//! The form: 1, the number of people, each person's id (12 bytes), then each update as the
//! person's place among them, its length, its bytes. Numbers are LEB128. An entry whose content
//! was quarantined is the single byte 2. Where something was edited over REST the form begins with 3, and each
//! person's place is followed by that of the sign-in, counted from 1; 0 where there is none. Where something was put
//! that may be put again it begins with 4, and that one's place follows in the same way.

use bytes::{Buf, Bytes};
use studyhall_schema::ids::{LoginId, UserId};

use crate::log::{LoggedUpdate, PutId};

const UPDATES: u8 = 1;
const QUARANTINED: u8 = 2;
const WITH_LOGINS: u8 = 3;
const WITH_PUTS: u8 = 4;

/// The blob is none of these.
struct Unreadable;

/// The id of a person, a sign-in or a put.
type Id = [u8; 12];

/// The blob of a quarantined entry.
pub(super) const MARKER: &[u8] = &[QUARANTINED];

/// Writes updates.
pub(super) fn encode(updates: &[LoggedUpdate]) -> Vec<u8> {
    let mut ids: Vec<Id> = Vec::new();
    let places = |update: &LoggedUpdate| {
        let login = update.login.map_or(0, |login| place(&mut ids, login.bytes()) + 1);
        let put = update.put.map_or(0, |PutId(put)| place(&mut ids, put) + 1);
        (place(&mut ids, update.by.bytes()), login, put)
    };
    let places: Vec<_> = updates.iter().map(places).collect();
    let has_puts = updates.iter().any(|update| update.put.is_some());
    let has_logins = has_puts || updates.iter().any(|update| update.login.is_some());
    let size: usize = updates.iter().map(|update| update.data.len() + 8).sum();
    let mut blob = Vec::with_capacity(12 + ids.len() * 12 + size);
    blob.push(match (has_logins, has_puts) {
        (_, true) => WITH_PUTS,
        (true, false) => WITH_LOGINS,
        (false, false) => UPDATES,
    });
    put_number(&mut blob, ids.len());
    blob.extend(ids.iter().flatten());
    for (update, (by, login, put)) in updates.iter().zip(places) {
        put_number(&mut blob, by);
        if has_logins {
            put_number(&mut blob, login);
        }
        if has_puts {
            put_number(&mut blob, put);
        }
        put_number(&mut blob, update.data.len());
        blob.extend_from_slice(&update.data);
    }
    blob
}

/// The id's place; people who write come in runs, so the last is looked at first.
fn place(ids: &mut Vec<Id>, id: Id) -> usize {
    ids.iter().rposition(|known| *known == id).unwrap_or_else(|| {
        ids.push(id);
        ids.len() - 1
    })
}

/// Reads `count` updates. `None` when the blob is no such thing.
pub(super) fn decode(mut blob: Bytes, count: usize) -> Option<Vec<LoggedUpdate>> {
    let (has_logins, has_puts) = match blob.try_get_u8().ok()? {
        UPDATES => (false, false),
        WITH_LOGINS => (true, false),
        WITH_PUTS => (true, true),
        QUARANTINED if blob.is_empty() => {
            return Some(vec![LoggedUpdate::nothing(); count]);
        }
        _ => return None,
    };
    let ids = get_number(&mut blob)?;
    if blob.len() / 12 < ids {
        return None;
    }
    let ids: Vec<Id> = (0..ids)
        .map(|_| {
            let mut id = [0; 12];
            blob.copy_to_slice(&mut id);
            id
        })
        .collect();
    let mut updates = Vec::with_capacity(count.min(blob.len()));
    while !blob.is_empty() {
        let by = UserId::from_bytes(*ids.get(get_number(&mut blob)?)?);
        let login = if has_logins { get_id(&mut blob, &ids).ok()? } else { None };
        let put = if has_puts { get_id(&mut blob, &ids).ok()? } else { None };
        let (login, put) = (login.map(LoginId::from_bytes), put.map(PutId));
        let length = get_number(&mut blob)?;
        if blob.len() < length {
            return None;
        }
        updates.push(LoggedUpdate { by, login, put, data: blob.split_to(length) });
    }
    (updates.len() == count).then_some(updates)
}

/// An id, where there is one.
fn get_id(blob: &mut Bytes, ids: &[Id]) -> Result<Option<Id>, Unreadable> {
    match get_number(blob).ok_or(Unreadable)?.checked_sub(1) {
        Some(place) => ids.get(place).copied().map(Some).ok_or(Unreadable),
        None => Ok(None),
    }
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
        let data = proptest::collection::vec(any::<u8>(), 0..200);
        let some = || proptest::option::weighted(0.1, 0..3_u8);
        let update = (0..3_u8, some(), some(), data);
        proptest::collection::vec(update, 1..50).prop_map(|updates| {
            let logged = |(by, login, put, data): (u8, Option<u8>, Option<u8>, _)| LoggedUpdate {
                login: login.map(|login| LoginId::from_bytes([login; 12])),
                put: put.map(|put| PutId([put; 12])),
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
