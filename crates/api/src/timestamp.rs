//! Moments as the service writes them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A moment in time, in UTC.
///
/// The document declares `date-time`, and servers of this family also send stamps without an offset;
/// those are read as UTC. Written out it always carries `Z`.
///
/// ```
/// use mlspace_registry_api::Timestamp;
///
/// let with_offset: Timestamp = "2026-10-19T15:00:00+03:00".parse()?;
/// let without: Timestamp = "2026-10-19T12:00:00".parse()?;
/// assert_eq!(with_offset, without);
/// assert_eq!(without.to_string(), "2026-10-19T12:00:00Z");
/// # Ok::<(), mlspace_registry_api::TimestampError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(jiff::Timestamp);

/// A text that is not a moment in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimestampError(String);

impl fmt::Display for TimestampError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a date and time such as 2026-10-19T12:00:00Z", self.0)
    }
}

impl std::error::Error for TimestampError {}

impl Timestamp {
    /// Whole seconds since 1970-01-01T00:00:00Z; negative before.
    pub fn unix_seconds(self) -> i64 {
        self.0.as_second()
    }

    /// The moment that many seconds after 1970-01-01T00:00:00Z, or `None` outside the years -9999 to 9999.
    pub fn from_unix_seconds(seconds: i64) -> Option<Self> {
        jiff::Timestamp::from_second(seconds).ok().map(Self)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let utc = |civil| jiff::tz::Offset::UTC.to_timestamp(civil);
        text.parse::<jiff::Timestamp>()
            .or_else(|_| text.parse().and_then(utc))
            .map(Self)
            .map_err(|_| TimestampError(text.chars().take(64).collect()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(feature = "schemars")]
impl schemars::JsonSchema for Timestamp {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "date-time" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_without_an_offset_are_utc() {
        for text in [
            "2026-10-19T12:00:00.123456Z",
            "2026-10-19T12:00:00.123456",
            "2026-10-19 12:00:00.123456",
            "2026-10-19T15:00:00.123456+03:00",
        ] {
            let stamp: Timestamp = text.parse().unwrap();
            assert_eq!(stamp.to_string(), "2026-10-19T12:00:00.123456Z", "{text}");
        }
    }

    #[test]
    fn what_is_no_moment_is_refused_without_being_quoted_at_length() {
        let error = "x".repeat(10_000).parse::<Timestamp>().unwrap_err();
        assert!(error.to_string().len() < 200);
    }
}
