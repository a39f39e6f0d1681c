//! Whether two values are the same, however they are written: yrs keeps objects without the order of
//! their keys, and has fewer ways to write a number than yjs.
//!
//! For bytes only that the guard has accepted; depth and counts have their limits by then.

use yrs::{
    Any,
    any::Number,
    encoding::read::{Cursor, Error},
};

use super::{
    Malformed,
    content::{ANY, EMBED, FORMAT},
};
use crate::wire::lib0::Reader;

/// Whether two contents of this kind say the same; of [`ANY`], one value each.
pub(super) fn is_same(kind: u8, left: &[u8], right: &[u8]) -> Result<bool, Malformed> {
    if left == right {
        return Ok(true);
    }
    let (mut left, mut right) = (Reader::new(left), Reader::new(right));
    match kind {
        ANY => Ok(alike(&any(left)?, &any(right)?)),
        EMBED => is_same_json(&mut left, &mut right),
        FORMAT => Ok(left.string()? == right.string()? && is_same_json(&mut left, &mut right)?),
        _ => Ok(false),
    }
}

fn any(reader: Reader<'_>) -> Result<Any, Malformed> {
    let mut reader = reader;
    let bytes = reader.take(reader.remaining())?;
    Any::decode(&mut Cursor::new(bytes)).map_err(unread)
}

fn is_same_json(left: &mut Reader<'_>, right: &mut Reader<'_>) -> Result<bool, Malformed> {
    let (left, right) = (left.string()?, right.string()?);
    let value = |text| Any::from_json(text).map_err(unread);
    Ok(left == right || alike(&value(left)?, &value(right)?))
}

fn unread(_: Error) -> Malformed {
    Malformed::Json
}

/// Recurses no deeper than the guard lets values be nested.
fn alike(left: &Any, right: &Any) -> bool {
    match (left, right) {
        (Any::Map(left), Any::Map(right)) => {
            left.len() == right.len()
                && left.iter().all(|(key, one)| right.get(key).is_some_and(|two| alike(one, two)))
        }
        (Any::Array(left), Any::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right.iter()).all(|(a, b)| alike(a, b))
        }
        (Any::Number(Number::Float(left)), Any::Number(Number::Float(right))) => {
            left.is_nan() && right.is_nan() || Number::Float(*left) == Number::Float(*right)
        }
        _ => left == right,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As lib0 writes a string.
    fn string(text: &str) -> Vec<u8> {
        let mut bytes = vec![u8::try_from(text.len()).expect("a short text")];
        bytes.extend(text.as_bytes());
        bytes
    }

    fn format(key: &str, json: &str) -> Vec<u8> {
        [string(key), string(json)].concat()
    }

    #[test]
    fn a_mark_is_the_same_in_any_order_of_its_keys() {
        let link = format("link", r#"{"href":"https://a.example","rel":null,"n":[1,2]}"#);
        let other = format("link", r#"{"n":[1.0,2],"href":"https://a.example","rel":null}"#);
        assert_eq!(is_same(FORMAT, &link, &other), Ok(true));
        let evil = format("link", r#"{"n":[1,2],"href":"https://e.example","rel":null}"#);
        assert_eq!(is_same(FORMAT, &link, &evil), Ok(false));
        let less = format("link", r#"{"href":"https://a.example","rel":null}"#);
        assert_eq!(is_same(FORMAT, &link, &less), Ok(false));
        let name = format("mark", r#"{"href":"https://a.example","rel":null,"n":[1,2]}"#);
        assert_eq!(is_same(FORMAT, &link, &name), Ok(false));
    }

    #[test]
    fn a_value_is_the_same_however_its_numbers_are_written() {
        let (float, int, minus) = ([123, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0], [125, 1], [125, 0x40]);
        let big = [122, 0, 0, 0, 0, 0, 0, 0, 1];
        assert_eq!(is_same(ANY, &float, &int), Ok(true));
        assert_eq!(is_same(ANY, &big, &int), Ok(true));
        assert_eq!(is_same(ANY, &minus, &[125, 0]), Ok(true), "minus zero");
        assert_eq!(is_same(ANY, &int, &[125, 2]), Ok(false));
        let map = |entries: &[(&str, &[u8])]| {
            let each = entries.iter().flat_map(|(key, value)| [string(key), value.to_vec()]);
            [vec![118, 2], each.flatten().collect()].concat()
        };
        let nan: &[u8] = &[123, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0];
        let (left, right) = (map(&[("a", nan), ("b", &int)]), map(&[("b", &int), ("a", nan)]));
        assert_eq!(is_same(ANY, &left, &right), Ok(true));
    }
}
