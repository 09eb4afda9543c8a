//! Moments, as people and programs want them written.

use jiff::tz::TimeZone;
use mlspace_registry::Timestamp;

use super::Look;
use super::table::Cell;
use super::text::age;
use crate::listing::TimeForm;
use crate::options::Format;

/// From this width of a terminal on there is room for hours and minutes.
const WITH_TIME_OF_DAY: usize = 100;

/// A time zone; by default UTC.
#[derive(Clone, Debug)]
pub(crate) struct Zone(TimeZone);

impl Default for Zone {
    fn default() -> Self {
        Self(TimeZone::UTC)
    }
}

impl Zone {
    /// The one that `TZ` names, or else the one of this machine. One that nobody knows is UTC, as for other programs.
    pub(crate) fn new(name: Option<&str>) -> Self {
        match name {
            Some(name) => {
                let name = name.trim_start_matches(':');
                Self(TimeZone::get(name).or_else(|_| TimeZone::posix(name)).unwrap_or(TimeZone::UTC))
            }
            None => Self(TimeZone::try_system().unwrap_or(TimeZone::UTC)),
        }
    }

    /// `2026-10-27 17:22` or a part of it, by a format of jiff's. What jiff cannot hold is written as it is.
    fn write(&self, stamp: Timestamp, format: &str) -> String {
        match jiff::Timestamp::from_second(stamp.unix_seconds()) {
            Ok(moment) => moment.to_zoned_datetime(self.0.clone()).strftime(format).to_string(),
            Err(_) => stamp.to_string(),
        }
    }
}

impl Look {
    /// A moment in a row of a table.
    pub(crate) fn moment(&self, stamp: Option<Timestamp>) -> Cell {
        let Some(known) = stamp else { return Cell::new("-").plain("") };
        let short = self.width.is_some_and(|width| width < WITH_TIME_OF_DAY);
        let format = if short { "%Y-%m-%d" } else { "%Y-%m-%d %H:%M" };
        let form = self.chosen.time.unwrap_or(match self.format {
            Format::Tsv => TimeForm::Iso,
            _ => TimeForm::Local,
        });
        Cell::new(match form {
            TimeForm::Local => self.zone.write(known, format),
            TimeForm::Utc => Zone::default().write(known, format),
            TimeForm::Ago => age(stamp, self.now),
            TimeForm::Iso => known.to_string(),
        })
    }

    /// A moment on a card: to the second, with how long ago that is.
    pub(crate) fn moment_in_full(&self, stamp: Option<Timestamp>) -> Cell {
        match stamp {
            Some(known) => {
                let written = self.zone.write(known, "%Y-%m-%d %H:%M:%S %:z");
                Cell::new(format!("{written} ({})", age(stamp, self.now)))
            }
            None => Cell::new("not known"),
        }
    }
}
