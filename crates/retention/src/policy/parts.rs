//! Times and time zones of a policy.

use std::fmt;
use std::str::FromStr;

use jiff::tz::Offset;
use serde::{Deserialize, Serialize};

const DAY: i64 = 86_400;

/// A length of time in whole hours, days or weeks: `12h`, `14d`, `2w`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span {
    number: u32,
    unit: char,
}

impl Span {
    /// In seconds.
    pub fn seconds(self) -> i64 {
        let unit = match self.unit {
            'h' => 3_600,
            'd' => DAY,
            _ => 7 * DAY,
        };
        i64::from(self.number) * unit
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let unit = text.chars().last().filter(|unit| matches!(unit, 'h' | 'd' | 'w'))?;
            let number = text.get(..text.len() - 1)?;
            let number: u32 =
                number.bytes().all(|byte| byte.is_ascii_digit()).then(|| number.parse().ok())??;
            (number > 0).then_some(Self { number, unit })
        };
        read().ok_or_else(|| "expected a time such as 12h, 14d or 2w".to_owned())
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.number, self.unit)
    }
}

/// UTC, or a fixed distance from it: `+03:00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Zone(Offset);

impl Zone {
    pub(crate) fn offset(self) -> Offset {
        self.0
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self(Offset::UTC)
    }
}

impl FromStr for Zone {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "UTC" {
            return Ok(Self::default());
        }
        let read = || {
            let sign = match text.as_bytes().first()? {
                b'+' => 1,
                b'-' => -1,
                _ => return None,
            };
            let (hours, minutes) = text.get(1..)?.split_once(':')?;
            let part = |text: &str, most: i32| {
                let two = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
                two.then(|| text.parse::<i32>().ok())?.filter(|number| *number <= most)
            };
            Offset::from_seconds(sign * (part(hours, 14)? * 3_600 + part(minutes, 59)? * 60)).ok()
        };
        read().map(Self).ok_or_else(|| "expected UTC or an offset such as +03:00".to_owned())
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.seconds();
        if seconds == 0 {
            return f.write_str("UTC");
        }
        let (sign, minutes) = (if seconds < 0 { '-' } else { '+' }, seconds.abs() / 60);
        write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

macro_rules! as_text {
    ($type:ident, $form:literal) => {
        impl TryFrom<String> for $type {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.to_string()
            }
        }

        #[cfg(feature = "schemars")]
        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "pattern": $form })
            }
        }
    };
}

as_text!(Span, "^[0-9]+[hdw]$");
as_text!(Zone, "^(UTC|[+-][0-9]{2}:[0-9]{2})$");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_zones_are_read_and_written_alike() {
        for (text, seconds) in [("1h", 3_600), ("14d", 14 * DAY), ("2w", 14 * DAY)] {
            let span: Span = text.parse().unwrap();
            assert_eq!((span.seconds(), span.to_string().as_str()), (seconds, text));
        }
        for text in ["", "d", "0d", "14", "1.5d", "-1d", "1 d", "5m", "1д", "99999999999d", "+1d"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
        for text in ["UTC", "+03:00", "-09:30"] {
            assert_eq!(text.parse::<Zone>().unwrap().to_string(), text);
        }
        for text in ["", "MSK", "+3", "+03:60", "+15:00", "03:00", "+0300", "++3:00"] {
            assert!(text.parse::<Zone>().is_err(), "{text}");
        }
    }
}
