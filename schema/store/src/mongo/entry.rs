//! A log entry as a document: `{_id: "<d>:<s>", d, s, n, batch, at, crc, updates: [{by, data}]}`.
//!
//! The checksum is of the numbers and of `updates` as BSON, so that a changed byte is noticed. An
//! entry whose content was quarantined has `quarantined: true` and no updates.

use bson::{
    Binary, DateTime, RawArrayBuf, RawDocument, RawDocumentBuf, oid::ObjectId, raw::cstr,
    spec::BinarySubtype,
};
use bytes::Bytes;
use studyhall_schema::{
    Timestamp,
    ids::{LoginId, UserId},
};

use super::{fault::corrupt, rows::number};
use crate::{
    StoreError,
    checksum::checksum,
    log::{Entry, LoggedUpdate, PutId},
};

/// The `_id` of a document's entry at `seq`.
pub(super) fn id(d: &str, seq: u64) -> String {
    format!("{d}:{seq}")
}

/// An entry that is to be written.
pub(super) fn sealed(d: &str, entry: &Entry) -> RawDocumentBuf {
    let mut updates = RawArrayBuf::new();
    for update in &entry.updates {
        let mut one = RawDocumentBuf::new();
        one.append(cstr!("by"), ObjectId::from_bytes(update.by.bytes()));
        if let Some(login) = update.login {
            one.append(cstr!("login"), ObjectId::from_bytes(login.bytes()));
        }
        if let Some(PutId(put)) = update.put {
            one.append(cstr!("put"), ObjectId::from_bytes(put));
        }
        one.append(cstr!("data"), binary(&update.data));
        updates.push(one);
    }
    let numbers = Numbers {
        s: entry.seq.cast_signed(),
        n: entry.updates.len().cast_signed() as i64,
        batch: entry.batch.cast_signed(),
        at: entry.at.as_millis(),
    };
    let mut document = RawDocumentBuf::new();
    document.append(cstr!("_id"), id(d, entry.seq).as_str());
    document.append(cstr!("d"), d);
    document.append(cstr!("s"), numbers.s);
    document.append(cstr!("n"), numbers.n);
    document.append(cstr!("batch"), numbers.batch);
    document.append(cstr!("at"), DateTime::from_millis(numbers.at));
    document.append(cstr!("crc"), numbers.checksum(d, updates.as_bytes()));
    document.append(cstr!("updates"), updates);
    document
}

/// Bytes as they are kept.
pub(super) fn binary(data: &[u8]) -> bson::raw::RawBinaryRef<'_> {
    bson::raw::RawBinaryRef { subtype: BinarySubtype::Generic, bytes: data }
}

/// An entry's numbers, which its checksum covers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Numbers {
    pub(super) s: i64,
    pub(super) n: i64,
    pub(super) batch: i64,
    pub(super) at: i64,
}

impl Numbers {
    /// As they are in a document; the checksum says whether they are right.
    pub(super) fn of(document: &RawDocument) -> Option<Self> {
        Some(Self {
            s: number(document, "s")?,
            n: number(document, "n")?,
            batch: number(document, "batch")?,
            at: document.get_datetime("at").ok()?.timestamp_millis(),
        })
    }

    /// The sequence number of the entry that follows.
    pub(super) fn next_seq(&self) -> u64 {
        self.s.saturating_add(self.n).cast_unsigned()
    }

    pub(super) fn checksum(&self, d: &str, updates: &[u8]) -> i64 {
        checksum(d.as_bytes(), &[self.s, self.n, self.batch, self.at], updates)
    }
}

/// An entry that was read, and how many bytes it has. `Corrupt` when it is not as it was written.
pub(super) fn opened(d: &str, document: RawDocumentBuf) -> Result<(Entry, usize), StoreError> {
    let seq = number(&document, "s").unwrap_or_default();
    let bytes = Bytes::from(document.into_bytes());
    let entry = RawDocument::from_bytes(&bytes).ok().and_then(|document| open(d, document, &bytes));
    let entry = entry.ok_or_else(|| corrupt(format!("the entry of {d} at {seq}")))?;
    Ok((entry, bytes.len()))
}

fn open(d: &str, document: &RawDocument, bytes: &Bytes) -> Option<Entry> {
    let numbers = Numbers::of(document)?;
    let updates = document.get_array("updates").ok()?;
    if numbers.checksum(d, updates.as_bytes()) != number(document, "crc")? {
        return None;
    }
    let count = usize::try_from(numbers.n).ok().filter(|count| *count > 0)?;
    let updates = if is_quarantined(document) {
        vec![LoggedUpdate::nothing(); count]
    } else {
        updates
            .into_iter()
            .map(|update| {
                let update = update.ok()?.as_document()?;
                let by = UserId::from_bytes(update.get_object_id("by").ok()?.bytes());
                let data = update.get_binary("data").ok()?.bytes;
                let login = update.get_object_id("login").ok();
                let login = login.map(|login| LoginId::from_bytes(login.bytes()));
                let put = update.get_object_id("put").ok().map(|put| PutId(put.bytes()));
                Some(LoggedUpdate { by, login, put, data: bytes.slice_ref(data) })
            })
            .collect::<Option<Vec<_>>>()?
    };
    (updates.len() == count).then(|| Entry {
        seq: numbers.s.cast_unsigned(),
        batch: numbers.batch.cast_unsigned(),
        at: Timestamp::from_millis(numbers.at),
        updates,
    })
}

/// Whether its content has been taken out.
pub(super) fn is_quarantined(document: &RawDocument) -> bool {
    document.get_bool("quarantined").unwrap_or(false)
}

/// Bytes as BSON has them.
pub(super) fn content(bytes: Vec<u8>) -> Binary {
    Binary { subtype: BinarySubtype::Generic, bytes }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        let update = |by, data: &'static [u8]| LoggedUpdate {
            login: None,
            put: None,
            by: UserId::from_bytes([by; 12]),
            data: Bytes::from_static(data),
        };
        Entry {
            seq: 9,
            batch: u64::MAX - 3,
            at: Timestamp::from_millis(1_700_000_000_123),
            updates: vec![
                update(1, b"one"),
                update(2, b""),
                LoggedUpdate {
                    login: Some(LoginId::from_bytes([9; 12])),
                    put: Some(PutId([10; 12])),
                    ..update(1, b"three")
                },
            ],
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let document = sealed("note:1", &entry());
        assert_eq!(document.get_str("_id").unwrap(), "note:1:9");
        assert_eq!(opened("note:1", document).unwrap().0, entry());
    }

    #[test]
    fn a_flipped_bit_of_the_content_is_noticed() {
        let whole = sealed("note:1", &entry()).into_bytes();
        let begins = whole.windows(3).position(|window| window == b"one").unwrap();
        for at in begins..begins + 3 {
            let mut bytes = whole.clone();
            bytes[at] ^= 4;
            let document = RawDocumentBuf::from_bytes(bytes).unwrap();
            assert!(matches!(opened("note:1", document), Err(StoreError::Corrupt(_))));
        }
        let other = sealed("note:1", &entry());
        assert!(opened("note:2", other).is_err(), "nor does it pass as another document's");
    }
}
