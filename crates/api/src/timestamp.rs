//! Moments as the service writes them.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use jiff::civil::{DateTime, date};
use jiff::tz::Offset;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A moment in time, in UTC.
///
/// The document declares `date-time`, and servers of this family also send stamps without an offset;
/// those are read as UTC, and [`has_offset`](Self::has_offset) tells them apart. Written out it always
/// carries `Z`. Two stamps of the same moment are equal, however they were written.
///
/// ```
/// use mlspace_registry_api::Timestamp;
///
/// let with_offset: Timestamp = "2026-10-19T15:00:00+03:00".parse()?;
/// let without: Timestamp = "2026-10-19T12:00:00".parse()?;
/// assert_eq!(with_offset, without);
/// assert!(with_offset.has_offset() && !without.has_offset());
/// assert_eq!(without.to_string(), "2026-10-19T12:00:00Z");
/// # Ok::<(), mlspace_registry_api::TimestampError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Timestamp {
    /// In UTC. A calendar's moment reaches the end of the year 9999, which "never" is written as.
    utc: DateTime,
    has_offset: bool,
}

/// A text that is not a moment in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimestampError(String);

impl fmt::Display for TimestampError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a date and time such as 2026-10-19T12:00:00Z", self.0)
    }
}

impl std::error::Error for TimestampError {}

const EPOCH: DateTime = date(1970, 1, 1).at(0, 0, 0, 0);

impl Timestamp {
    /// Whole seconds since 1970-01-01T00:00:00Z; negative before.
    pub fn unix_seconds(self) -> i64 {
        let since = self.utc.duration_since(EPOCH);
        // Towards the past, as whole seconds are counted.
        since.as_secs() - i64::from(since.subsec_nanos() < 0)
    }

    /// The moment that many seconds after 1970-01-01T00:00:00Z, or `None` outside the years -9999 to 9999.
    pub fn from_unix_seconds(seconds: i64) -> Option<Self> {
        let utc = EPOCH.checked_add(jiff::SignedDuration::from_secs(seconds)).ok()?;
        Some(Self { utc, has_offset: true })
    }

    /// False where it was written without an offset, so that UTC is an assumption.
    pub fn has_offset(self) -> bool {
        self.has_offset
    }

    /// The time from this moment to `later`; `None` if that is earlier.
    ///
    /// ```
    /// use std::time::Duration;
    /// use mlspace_registry_api::Timestamp;
    ///
    /// let pushed: Timestamp = "2026-10-19T12:00:00Z".parse()?;
    /// let now: Timestamp = "2026-10-20T12:00:00Z".parse()?;
    /// assert_eq!(pushed.until(now), Some(Duration::from_secs(86_400)));
    /// assert_eq!(now.until(pushed), None);
    /// # Ok::<(), mlspace_registry_api::TimestampError>(())
    /// ```
    pub fn until(self, later: Self) -> Option<Duration> {
        later.utc.duration_since(self.utc).try_into().ok()
    }

    /// True in the first year, which is how Go writes a moment that was never set.
    pub(crate) fn is_zero(self) -> bool {
        self.utc.year() <= 1
    }
}

impl PartialEq for Timestamp {
    fn eq(&self, other: &Self) -> bool {
        self.utc == other.utc
    }
}

impl Eq for Timestamp {}

impl Hash for Timestamp {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.utc.hash(state);
    }
}

impl PartialOrd for Timestamp {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Timestamp {
    fn cmp(&self, other: &Self) -> Ordering {
        self.utc.cmp(&other.utc)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}Z", self.utc)
    }
}

impl From<SystemTime> for Timestamp {
    /// The moment of a clock; one outside the years -9999 to 9999 is taken as the nearest end of them.
    fn from(time: SystemTime) -> Self {
        let since = match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => jiff::SignedDuration::try_from(after),
            Err(before) => jiff::SignedDuration::try_from(before.duration()).map(|before| -before),
        };
        let since = since.unwrap_or(jiff::SignedDuration::MAX);
        Self { utc: EPOCH.saturating_add(since), has_offset: true }
    }
}

impl TryFrom<Timestamp> for SystemTime {
    type Error = TimestampError;

    /// Fails where the system's clock does not reach so far.
    fn try_from(stamp: Timestamp) -> Result<Self, TimestampError> {
        let since = stamp.utc.duration_since(EPOCH);
        let moment = match Duration::try_from(since) {
            Ok(after) => Self::UNIX_EPOCH.checked_add(after),
            Err(_) => Self::UNIX_EPOCH.checked_sub(since.unsigned_abs()),
        };
        moment.ok_or_else(|| TimestampError(stamp.to_string()))
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let read = |text: &str| {
            let moment =
                text.parse::<jiff::Timestamp>().map(|moment| (Offset::UTC.to_datetime(moment), true));
            // The last hours of the year 9999 are beyond what has an offset.
            let last = || text.strip_suffix('Z').unwrap_or_default().parse().map(|utc| (utc, true));
            moment.or_else(|_| text.parse().map(|utc| (utc, false))).or_else(|_| last())
        };
        let (utc, has_offset) = read(text)
            .or_else(|error| nine_digits(text).ok_or(error).and_then(|text| read(&text)))
            .map_err(|_| TimestampError(text.chars().take(64).collect()))?;
        Ok(Self { utc, has_offset })
    }
}

/// The stamp without what is smaller than a nanosecond, if it has any.
fn nine_digits(text: &str) -> Option<String> {
    let (whole, rest) = text.split_once('.')?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    (digits > 9).then(|| format!("{whole}.{}{}", &rest[..9], &rest[digits..]))
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
    fn stamps_without_an_offset_are_utc_and_remember_it() {
        for (text, has_offset) in [
            ("2026-10-19T12:00:00.123456Z", true),
            ("2026-10-19T12:00:00.123456", false),
            ("2026-10-19 12:00:00.123456", false),
            ("2026-10-19T15:00:00.123456+03:00", true),
        ] {
            let stamp: Timestamp = text.parse().unwrap();
            assert_eq!(stamp.to_string(), "2026-10-19T12:00:00.123456Z", "{text}");
            assert_eq!(stamp.has_offset(), has_offset, "{text}");
        }
    }

    #[test]
    fn the_ends_of_time_and_digits_beyond_a_nanosecond_are_read() {
        for (text, read) in [
            ("9999-12-31T23:59:59.999999", "9999-12-31T23:59:59.999999Z"),
            ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
            ("2026-10-19T12:00:00.123456789012Z", "2026-10-19T12:00:00.123456789Z"),
            ("2026-10-19T12:00:00.123456789012+03:00", "2026-10-19T09:00:00.123456789Z"),
            ("2026-10-19T12:00:00.123456789012", "2026-10-19T12:00:00.123456789Z"),
        ] {
            assert_eq!(
                text.parse::<Timestamp>().map(|stamp| stamp.to_string()).as_deref(),
                Ok(read),
                "{text}"
            );
        }
    }

    #[test]
    fn seconds_and_clocks_are_the_same_moment() {
        for seconds in [-62_135_596_800, -1, 0, 1_792_411_200, 253_402_300_799] {
            let stamp = Timestamp::from_unix_seconds(seconds).unwrap();
            assert_eq!(stamp.unix_seconds(), seconds);
            assert_eq!(Timestamp::from(SystemTime::try_from(stamp).unwrap()), stamp);
        }
        assert_eq!(Timestamp::from_unix_seconds(i64::MAX), None);
        let before: Timestamp = "1969-12-31T23:59:59.5Z".parse().unwrap();
        assert_eq!(before.unix_seconds(), -1);
    }

    #[test]
    fn what_is_no_moment_is_refused_without_being_quoted_at_length() {
        let error = "x".repeat(10_000).parse::<Timestamp>().unwrap_err();
        assert!(error.to_string().len() < 200);
    }
}
