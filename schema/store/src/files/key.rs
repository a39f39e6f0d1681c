//! Where a file is: a bucket and a random name. A key that parses cannot leave its folder.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use studyhall_schema::clock::Clock;
use thiserror::Error;

/// What files are for; each has its own rights and life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bucket {
    /// Pictures of people, made anew by the server.
    UserAvatars,
    /// What people share.
    Materials,
    /// What was uploaded and is not checked yet.
    TempUploads,
}

impl Bucket {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::UserAvatars, Self::Materials, Self::TempUploads];

    /// Its name in a folder, on S3 and in keys.
    pub fn name(self) -> &'static str {
        match self {
            Self::UserAvatars => "user-avatars",
            Self::Materials => "materials",
            Self::TempUploads => "temp-uploads",
        }
    }
}

/// A text that is no file's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a file's key is a bucket and 32 hex digits")]
pub struct InvalidKey;

/// A file's place: `materials/0123456789abcdef0123456789abcdef`. Names are random, never a
/// person's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileKey {
    bucket: Bucket,
    name: u128,
}

impl FileKey {
    /// A key that nobody can guess.
    pub fn random(bucket: Bucket, clock: &dyn Clock) -> Self {
        let mut name = [0; 16];
        clock.fill(&mut name);
        Self { bucket, name: u128::from_be_bytes(name) }
    }

    /// Its bucket.
    pub fn bucket(&self) -> Bucket {
        self.bucket
    }

    /// Its name in the bucket.
    pub fn name(&self) -> String {
        format!("{:032x}", self.name)
    }
}

impl fmt::Display for FileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{:032x}", self.bucket.name(), self.name)
    }
}

impl FromStr for FileKey {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let (bucket, name) = text.split_once('/').ok_or(InvalidKey)?;
        let bucket = Bucket::ALL.into_iter().find(|one| one.name() == bucket).ok_or(InvalidKey)?;
        let digits = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if name.len() != 32 || !name.bytes().all(digits) {
            return Err(InvalidKey);
        }
        let name = u128::from_str_radix(name, 16).map_err(|_| InvalidKey)?;
        Ok(Self { bucket, name })
    }
}

impl Serialize for FileKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FileKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use studyhall_schema::clock::TestClock;

    use super::*;

    #[test]
    fn a_key_parses_back_and_nothing_else_does() {
        let key = FileKey::random(Bucket::Materials, &TestClock::new(1));
        assert_eq!(key.to_string().parse(), Ok(key));
        let name = key.name();
        for text in [
            "",
            "materials",
            "materials/",
            "materials/..",
            "materials/../../etc/passwd",
            "secrets/00000000000000000000000000000000",
            "materials/+0000000000000000000000000000000",
            "materials/0000000000000000000000000000000G",
            "materials/0000000000000000000000000000000A",
            &format!("materials//{name}"),
            &format!("materials/{name}/"),
            &format!("/materials/{name}"),
        ] {
            assert_eq!(text.parse::<FileKey>(), Err(InvalidKey), "{text}");
        }
    }
}
