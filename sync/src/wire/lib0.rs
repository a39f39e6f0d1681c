//! lib0's primitives: variable-length integers, strings and byte arrays, read without copying.
//!
//! The reader is stricter than lib0: an integer has one spelling, and every length is checked
//! against what is left before anything is taken. Must not know what the bytes mean.

use bytes::{BufMut, BytesMut};
use thiserror::Error;

/// The largest integer that JavaScript holds exactly; client ids end here.
pub const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// Why bytes of a client are refused. For the log: a client is told only that it was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Malformed {
    /// Something begins that the bytes do not end.
    #[error("the bytes end too early")]
    Truncated,
    /// Bytes are left over after the end.
    #[error("bytes follow after the end")]
    Trailing,
    /// An integer out of its range or with more bytes than it needs.
    #[error("an integer is out of range")]
    Integer,
    /// A string is not UTF-8.
    #[error("a string is not UTF-8")]
    Utf8,
    /// A count is larger than the bytes that are left.
    #[error("a count is larger than the bytes that are left")]
    Count,
    /// Values are nested too deep.
    #[error("values are nested too deep")]
    Depth,
    /// A text that should be JSON is not, or is not JSON that every reader takes.
    #[error("a text is not JSON")]
    Json,
    /// A kind that no current client writes, or that clients and server read differently.
    #[error("an unknown or unsupported kind")]
    Kind,
    /// A kind that stock clients can write and that no document here has.
    #[error("a kind that is not taken")]
    Unsupported,
    /// Parts that should be in order, or apart from each other, are not.
    #[error("parts are out of order")]
    Order,
    /// A part is empty that must not be, or a part is larger than its limit.
    #[error("a part has a size that it must not have")]
    Size,
    /// Bytes are not what their checksum says.
    #[error("a checksum is wrong")]
    Checksum,
    /// Compressed bytes cannot be inflated.
    #[error("compressed bytes cannot be inflated")]
    Deflate,
    /// Compressed bytes are more than they may be when they are inflated.
    #[error("compressed bytes are too many when they are inflated")]
    Inflated,
}

/// Reads lib0 values off the front of a slice.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A reader of `bytes`, from their start.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// How many bytes are left.
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Says that everything was read.
    pub fn finish(self) -> Result<(), Malformed> {
        if self.rest.is_empty() { Ok(()) } else { Err(Malformed::Trailing) }
    }

    /// One byte.
    #[inline]
    pub fn byte(&mut self) -> Result<u8, Malformed> {
        let (&first, rest) = self.rest.split_first().ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(first)
    }

    /// `length` bytes.
    #[inline]
    pub fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    /// `varUint`, at most 2^53 − 1.
    #[inline]
    pub fn var_uint(&mut self) -> Result<u64, Malformed> {
        let first = self.byte()?;
        if first < 0x80 {
            return Ok(u64::from(first));
        }
        self.var_uint_rest(u64::from(first & 0x7f), 7)
    }

    /// The bytes of an integer after its first one, which gave `value` in `shift` bits.
    fn var_uint_rest(&mut self, mut value: u64, mut shift: u32) -> Result<u64, Malformed> {
        loop {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if value > MAX_SAFE_INTEGER {
                return Err(Malformed::Integer);
            }
            if byte < 0x80 {
                // A last byte of zero adds nothing: the same integer has a shorter spelling.
                return if byte == 0 { Err(Malformed::Integer) } else { Ok(value) };
            }
            shift += 7;
            if shift > 49 {
                return Err(Malformed::Integer);
            }
        }
    }

    /// `varUint` below 2^31: clocks and lengths.
    #[inline]
    pub fn var_u31(&mut self) -> Result<u32, Malformed> {
        let value = self.var_uint()?;
        if value < 1 << 31 {
            // Cannot fail below 2^31; `try_from` only spares a lossy cast.
            u32::try_from(value).map_err(|_| Malformed::Integer)
        } else {
            Err(Malformed::Integer)
        }
    }

    /// `varInt`: sign in the second bit, magnitude at most 2^53 − 1.
    pub fn var_int(&mut self) -> Result<i64, Malformed> {
        let first = self.byte()?;
        let mut magnitude = u64::from(first & 0x3f);
        if first & 0x80 != 0 {
            magnitude = self.var_uint_rest(magnitude, 6)?;
        }
        let magnitude = i64::try_from(magnitude).map_err(|_| Malformed::Integer)?;
        Ok(if first & 0x40 == 0 { magnitude } else { -magnitude })
    }

    /// How many parts follow, of which each takes at least `least` bytes.
    #[inline]
    pub fn count(&mut self, least: usize) -> Result<usize, Malformed> {
        let count = usize::try_from(self.var_uint()?).map_err(|_| Malformed::Count)?;
        if count > self.rest.len() / least.max(1) { Err(Malformed::Count) } else { Ok(count) }
    }

    /// `varUint8Array`: a length and as many bytes.
    #[inline]
    pub fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = usize::try_from(self.var_uint()?).map_err(|_| Malformed::Truncated)?;
        self.take(length)
    }

    /// `varString`: a length in bytes and UTF-8.
    #[inline]
    pub fn string(&mut self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Malformed::Utf8)
    }
}

/// Bytes that `value` takes as a `varUint`.
pub fn var_uint_len(value: u64) -> usize {
    let bits = (64 - value.leading_zeros()).max(1);
    usize::try_from(bits.div_ceil(7)).unwrap_or(10)
}

/// Bytes that `length` bytes take as a `varUint8Array` or `varString`.
pub fn bytes_len(length: usize) -> usize {
    var_uint_len(u64::try_from(length).unwrap_or(u64::MAX)) + length
}

/// Writes lib0 values to the end of a buffer.
pub trait Lib0Write {
    /// A `varUint`.
    fn put_var_uint(&mut self, value: u64);
    /// A `varUint8Array`.
    fn put_var_bytes(&mut self, bytes: &[u8]);
    /// A `varString`.
    fn put_var_string(&mut self, text: &str) {
        self.put_var_bytes(text.as_bytes());
    }
}

impl Lib0Write for BytesMut {
    fn put_var_uint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.put_u8(0x80 | value.to_le_bytes()[0]);
            value >>= 7;
        }
        self.put_u8(value.to_le_bytes()[0]);
    }

    fn put_var_bytes(&mut self, bytes: &[u8]) {
        self.put_var_uint(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.put_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: u64) -> BytesMut {
        let mut buffer = BytesMut::new();
        buffer.put_var_uint(value);
        buffer
    }

    #[test]
    fn integers_round_trip_at_every_length() {
        for bits in 0..=53 {
            for value in [(1_u64 << bits) - 1, (1 << bits) & MAX_SAFE_INTEGER] {
                let buffer = written(value);
                assert_eq!(buffer.len(), var_uint_len(value), "{value}");
                let mut reader = Reader::new(&buffer);
                assert_eq!(reader.var_uint(), Ok(value));
                assert_eq!(reader.finish(), Ok(()));
            }
        }
    }

    #[test]
    fn an_integer_has_one_spelling_and_a_range() {
        for bytes in [
            &[0x80, 0x00][..],
            &[0xff, 0x80, 0x00],
            &[0xff; 9],
            &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01],
            &written(MAX_SAFE_INTEGER + 1),
            &written(u64::MAX),
        ] {
            assert_eq!(Reader::new(bytes).var_uint(), Err(Malformed::Integer), "{bytes:x?}");
        }
        assert_eq!(Reader::new(&[0x80]).var_uint(), Err(Malformed::Truncated));
        assert_eq!(Reader::new(&written(1 << 31)).var_u31(), Err(Malformed::Integer));
        assert_eq!(Reader::new(&written((1 << 31) - 1)).var_u31(), Ok((1 << 31) - 1));
    }

    #[test]
    fn signed_integers_carry_their_sign_in_the_second_bit() {
        assert_eq!(Reader::new(&[0x2a]).var_int(), Ok(42));
        assert_eq!(Reader::new(&[0x6a]).var_int(), Ok(-42));
        // 2^31 − 1 and its negative, as lib0 writes them.
        assert_eq!(Reader::new(&[0xbf, 0xff, 0xff, 0xff, 0x0f]).var_int(), Ok(2_147_483_647));
        assert_eq!(Reader::new(&[0xff, 0xff, 0xff, 0xff, 0x0f]).var_int(), Ok(-2_147_483_647));
        assert_eq!(Reader::new(&[0xff; 12]).var_int(), Err(Malformed::Integer));
    }

    #[test]
    fn lengths_and_counts_are_checked_before_anything_is_taken() {
        assert_eq!(Reader::new(&[5, b'a']).bytes(), Err(Malformed::Truncated));
        assert_eq!(Reader::new(&[0xff, 0xff, 0xff, 0x7a]).count(1), Err(Malformed::Count));
        assert_eq!(Reader::new(&[2, 0, 0]).count(2), Err(Malformed::Count));
        assert_eq!(Reader::new(&[1, 0, 0]).count(2), Ok(1));
        assert_eq!(Reader::new(&[2, 0xc3, 0x28]).string(), Err(Malformed::Utf8));
        assert_eq!(Reader::new(&[2, 0xc3, 0xa4]).string(), Ok("ä"));
    }
}
