//! Index keys as bytes that compare as the values do.
//!
//! The order is `MongoDB`'s: null, numbers by value whatever their type, strings by their bytes,
//! ids, booleans, dates. A missing field is null, and null equals null in a unique index.

use bson::{Bson, RawDocument};

use crate::StoreError;

/// The key of null and of a missing field.
pub(super) const NULL: [u8; 1] = [0x05];

/// A value as a key. Arrays, documents and the like have none.
pub(super) fn key(value: &Bson) -> Result<Vec<u8>, StoreError> {
    Ok(match value {
        Bson::Null | Bson::Undefined => NULL.to_vec(),
        Bson::Int32(number) => integer(i64::from(*number)),
        Bson::Int64(number) => integer(*number),
        Bson::Double(number) => tagged(0x10, &[&double(*number)[..], &[0x80, 0]].concat()),
        Bson::String(text) => tagged(0x20, text.as_bytes()),
        Bson::ObjectId(id) => tagged(0x30, &id.bytes()),
        Bson::Boolean(truth) => tagged(0x40, &[u8::from(*truth)]),
        Bson::DateTime(date) => tagged(0x50, &signed(date.timestamp_millis())),
        other => {
            let form = other.element_type();
            return Err(StoreError::Invalid(format!("an index cannot hold a {form:?}")));
        }
    })
}

/// The key of a record's top-level field.
pub(super) fn field(document: &RawDocument, name: &str) -> Result<Vec<u8>, StoreError> {
    let unreadable = |error: String| StoreError::Invalid(format!("field {name}: {error}"));
    match document.get(name).map_err(|error| unreadable(error.to_string()))? {
        None => Ok(NULL.to_vec()),
        Some(value) => key(&Bson::try_from(value).map_err(|error| unreadable(error.to_string()))?),
    }
}

fn tagged(tag: u8, bytes: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(1 + bytes.len());
    key.push(tag);
    key.extend_from_slice(bytes);
    key
}

/// Integers compare as numbers with the sign bit turned.
fn signed(number: i64) -> [u8; 8] {
    (number.cast_unsigned() ^ (1 << 63)).to_be_bytes()
}

/// IEEE 754 numbers compare as their bits, once negative ones are turned around.
fn double(number: f64) -> [u8; 8] {
    if number.is_nan() {
        return [0; 8]; // below all others
    }
    // Adding a positive zero makes negative zero positive.
    let bits = (number + 0.0).to_bits();
    let ordered = if bits >> 63 == 1 { !bits } else { bits | (1 << 63) };
    ordered.to_be_bytes()
}

/// The nearest double, then what is left over, so that integers and doubles share one order. What
/// is left over is at most 512, as a double has 53 bits of the 63.
#[expect(clippy::cast_precision_loss, reason = "what is lost is the second part of the key")]
#[expect(clippy::cast_possible_truncation, reason = "a double within i64's range, rounded")]
fn integer(number: i64) -> Vec<u8> {
    let nearest = number as f64;
    let left = i128::from(number) - nearest as i128 + (1 << 15); // 16 bits with the sign turned
    let left = u16::try_from(left).unwrap_or(u16::MAX);
    tagged(0x10, &[&double(nearest)[..], &left.to_be_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use bson::oid::ObjectId;
    use proptest::prelude::*;

    use super::*;

    fn order(a: impl Into<Bson>, b: impl Into<Bson>) -> std::cmp::Ordering {
        key(&a.into()).unwrap().cmp(&key(&b.into()).unwrap())
    }

    #[test]
    fn kinds_follow_each_other_as_in_mongodb() {
        let kinds = [
            Bson::Null,
            Bson::Double(f64::NAN),
            Bson::Double(f64::NEG_INFINITY),
            Bson::Int64(i64::MIN),
            Bson::Int32(-1),
            Bson::Double(0.5),
            Bson::Int64(i64::MAX - 1),
            Bson::Int64(i64::MAX),
            Bson::Double(f64::INFINITY),
            Bson::String(String::new()),
            Bson::String("a".into()),
            Bson::ObjectId(ObjectId::from_bytes([0; 12])),
            Bson::Boolean(false),
            Bson::Boolean(true),
            Bson::DateTime(bson::DateTime::from_millis(-1)),
            Bson::DateTime(bson::DateTime::from_millis(0)),
        ];
        for pair in kinds.windows(2) {
            assert!(key(&pair[0]).unwrap() < key(&pair[1]).unwrap(), "{pair:?}");
        }
        assert!(key(&Bson::Array(vec![])).is_err());
        assert_eq!(order(1_i32, 1.0), std::cmp::Ordering::Equal);
        assert_eq!(order(-0.0, 0_i64), std::cmp::Ordering::Equal);
    }

    proptest! {
        #[test]
        fn integers_are_in_order(a: i64, b: i64, near in -600_i64..600) {
            prop_assert_eq!(order(a, b), a.cmp(&b));
            let c = a.saturating_add(near);
            prop_assert_eq!(order(a, c), a.cmp(&c));
        }

        #[test]
        fn doubles_are_in_order(a: f64, b: f64) {
            prop_assert_eq!(Some(order(a, b)), a.partial_cmp(&b));
        }

        #[test]
        fn doubles_and_small_integers_are_in_order(a: i32, b: f64) {
            prop_assert_eq!(Some(order(a, b)), f64::from(a).partial_cmp(&b));
        }

        #[test]
        fn strings_are_in_order_of_their_bytes(a: String, b: String) {
            prop_assert_eq!(order(a.clone(), b.clone()), a.as_bytes().cmp(b.as_bytes()));
        }
    }
}
