//! The checksum of what is kept: of its name, its numbers and its content.

/// A flipped bit anywhere changes it.
pub(crate) fn checksum(name: &[u8], numbers: &[i64], content: &[u8]) -> i64 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(name);
    for number in numbers {
        hasher.update(&number.to_le_bytes());
    }
    hasher.update(content);
    i64::from(hasher.finalize())
}
