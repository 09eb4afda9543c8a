//! Options that hold everywhere, and how their values are read.

use std::num::NonZeroU32;
use std::time::Duration;

use clap::{ArgAction, Args, ValueEnum};

/// Options that hold everywhere.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Profile of mlcr, or else of mls; goes before the environment.
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) profile: Option<String>,

    /// Workspace: its id or its name.
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) workspace: Option<String>,

    /// How data is printed [default: table].
    #[arg(short, long, global = true, value_enum, value_name = "FORMAT", hide_possible_values = false)]
    pub(crate) output: Option<Format>,

    /// CSV with a `'` before text that a spreadsheet would run as a formula.
    #[arg(long, global = true)]
    pub(crate) csv_for_spreadsheets: bool,

    /// Print what this jq program makes of the JSON.
    #[arg(long, global = true, value_name = "EXPR")]
    pub(crate) jq: Option<String>,

    /// Time for one request, such as 30s or 2m.
    #[arg(long, global = true, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) timeout: Option<Duration>,

    /// Time for each call with its repetitions, and for reading a whole list, such as 90s or 20m.
    #[arg(long, global = true, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) deadline: Option<Duration>,

    /// Requests a minute at most, where several processes share what the service allows; 900 by default.
    #[arg(long, global = true, value_name = "N")]
    pub(crate) rate: Option<NonZeroU32>,

    /// Do not ask; needed to delete, rotate, move a tag or replace a file where nobody can answer.
    #[arg(short, long, global = true)]
    pub(crate) yes: bool,

    /// Change nothing; print what would be sent.
    #[arg(long, global = true)]
    pub(crate) dry_run: bool,

    /// Say more on stderr: which requests were needed, and why it waits. Twice: a line for each request, with its
    /// status, milliseconds and request id.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,

    /// Say nothing on stderr but errors.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,

    /// When to use colours [default: auto].
    #[arg(long, global = true, value_name = "WHEN", value_parser = COLORS)]
    pub(crate) color: Option<String>,
}

/// The values of `--color`. Kept as text, because `tag add` has an option of this name for the tag.
const COLORS: [&str; 3] = ["auto", "always", "never"];

/// The colour of a tag, out of an option that hides the one about the terminal. What the parser finds there may
/// have been given before the command: then it is about the terminal.
pub(crate) fn tag_color(color: Option<String>) -> Option<String> {
    color.filter(|color| !COLORS.contains(&color.as_str()))
}

/// Reads the colour of a tag where `--color` hides the option about the terminal.
pub(crate) fn parse_color_option(text: &str) -> Result<String, String> {
    if COLORS.contains(&text) {
        return Err(format!(
            "here it is the colour of the tag, such as #2f81f7; about the terminal it goes before the command: \
             mlcr --color {text} …"
        ));
    }
    parse_color(text)
}

/// Reads the colour of a tag. The service's own rules are not known, so only what cannot be a colour is refused.
pub(crate) fn parse_color(text: &str) -> Result<String, String> {
    let digits = text.strip_prefix('#');
    let is_hex = |digits: &str| {
        matches!(digits.len(), 3 | 4 | 6 | 8) && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
    };
    let fits = (1..=64).contains(&text.len()) && !text.chars().any(char::is_control);
    if fits && digits.is_none_or(is_hex) {
        return Ok(text.to_owned());
    }
    Err("expected a colour such as #2f81f7, #f00 or red".into())
}

impl Global {
    pub(crate) fn format(&self) -> Format {
        let by_default = match (&self.jq, self.csv_for_spreadsheets) {
            (Some(_), _) => Format::Json,
            (None, true) => Format::Csv,
            (None, false) => Format::Table,
        };
        self.output.unwrap_or(by_default)
    }
}

/// How data is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Table,
    /// One JSON value, fields named as in the API.
    Json,
    /// One JSON value a line, printed as it comes.
    Ndjson,
    /// The same as JSON, in YAML.
    Yaml,
    /// Comma-separated values with a heading; a list in a cell is JSON.
    Csv,
    /// The table's columns with tabs between; numbers and times as programs read them.
    Tsv,
}

impl Format {
    /// True where programs read it, so that they get errors in JSON too.
    pub(crate) fn is_json(self) -> bool {
        matches!(self, Self::Json | Self::Ndjson)
    }
}

/// Reads `30`, `30s`, `5m`, `2h` or `7d`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || "expected a time such as 30s, 5m, 2h or 7d".to_owned();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let seconds = match unit {
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        "w" => 604_800.0,
        _ => return Err(wrong()),
    };
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let duration = Duration::try_from_secs_f64(number * seconds).map_err(|_| wrong())?;
    if duration.is_zero() || duration > Duration::from_secs(100 * 365 * 86_400) {
        return Err("expected more than nothing, and at most 100 years".into());
    }
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_about_the_terminal_is_no_colour_of_a_tag() {
        for text in ["#f00", "#2f81f7", "#2F81F7ff", "red", "dark blue", "none"] {
            assert_eq!(parse_color_option(text).as_deref(), Ok(text));
        }
        for text in ["", "#", "#12345", "#ggg", "#ффф", "red\u{1b}", &"x".repeat(65)] {
            assert!(parse_color(text).unwrap_err().starts_with("expected a colour"), "{text}");
        }
        for text in COLORS {
            assert!(parse_color_option(text).unwrap_err().contains("before the command"), "{text}");
        }
    }

    #[test]
    fn times_are_read_with_their_units_and_others_refused() {
        for (text, seconds) in [("30", 30), ("30s", 30), ("1.5m", 90), ("2h", 7200), ("7d", 604_800)] {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "s", "0", "-1", "5y", "1e9d", "nan", "99999999999999999999d", "1 m"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
