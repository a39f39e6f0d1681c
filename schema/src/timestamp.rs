//! A moment in UTC, to the millisecond: RFC 3339 in JSON, a date in BSON.

use std::{fmt, ops::Add, ops::Sub, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// How long ago `earlier` was; zero when it is not earlier.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;
    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(millis(duration)))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = i128::from(self.0) * 1_000_000;
        let moment = OffsetDateTime::from_unix_timestamp_nanos(nanos).map_err(|_| fmt::Error)?;
        f.write_str(&moment.format(&Rfc3339).map_err(|_| fmt::Error)?)
    }
}

impl From<Timestamp> for bson::Bson {
    fn from(at: Timestamp) -> Self {
        Self::DateTime(bson::DateTime::from_millis(at.0))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            bson::DateTime::from_millis(self.0).serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
            let moment =
                OffsetDateTime::parse(&text, &Rfc3339).map_err(serde::de::Error::custom)?;
            // Of an offset at the ends of time there is no moment in UTC that could be written.
            let moment = moment.checked_to_offset(UtcOffset::UTC);
            let moment = moment.filter(|moment| (0..=9999).contains(&moment.year()));
            let moment = moment.ok_or_else(|| serde::de::Error::custom("beyond the calendar"))?;
            let millis = i64::try_from(moment.unix_timestamp_nanos() / 1_000_000)
                .map_err(serde::de::Error::custom)?;
            Ok(Self(millis))
        } else {
            bson::DateTime::deserialize(deserializer).map(|date| Self(date.timestamp_millis()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Row {
        at: Timestamp,
    }

    #[test]
    fn json_is_rfc_3339_and_bson_is_a_date() {
        let row = Row { at: Timestamp::from_millis(1_672_531_200_123) };
        let json = serde_json::to_string(&row).unwrap();
        assert_eq!(json, r#"{"at":"2023-01-01T00:00:00.123Z"}"#);
        assert_eq!(serde_json::from_str::<Row>(&json).unwrap(), row);
        let bytes = bson::serialize_to_vec(&row).unwrap();
        let document: bson::Document = bson::deserialize_from_slice(&bytes).unwrap();
        assert_eq!(document.get_datetime("at").unwrap().timestamp_millis(), 1_672_531_200_123);
        assert_eq!(bson::deserialize_from_slice::<Row>(&bytes).unwrap(), row);
    }

    #[test]
    fn what_cannot_be_written_is_not_read() {
        for text in ["0000-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "tomorrow"] {
            let json = format!(r#"{{"at":"{text}"}}"#);
            assert!(serde_json::from_str::<Row>(&json).is_err(), "{text}");
        }
        let first = r#"{"at":"0000-01-01T00:00:00Z"}"#;
        let row = serde_json::from_str::<Row>(first).unwrap();
        assert_eq!(serde_json::to_string(&row).unwrap(), first);
    }
}
