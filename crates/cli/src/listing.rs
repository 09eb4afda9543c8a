//! What of a list is printed, and in which order.

use std::cmp::Ordering;
use std::str::FromStr;

use clap::Args;
use mlspace_registry::Timestamp;

use crate::args::parse_duration;
use crate::failure::Failure;

/// Filters, order and limit of a list.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Listing {
    /// Print only what fits: a name with `*` and `?`, label=NAME, favorite, older=TIME, newer=TIME,
    /// larger=SIZE or never-pulled. Can be given several times; all must fit.
    #[arg(long = "filter", short = 'f', value_name = "FILTER")]
    filters: Vec<Filter>,

    /// Sort by a field; `-` before it turns the order around, as in --sort=-updated.
    #[arg(long, value_name = "FIELD", allow_hyphen_values = true)]
    sort: Option<String>,

    /// Print at most so many.
    #[arg(long, value_name = "NUMBER")]
    limit: Option<usize>,
}

/// A condition.
#[derive(Clone, Debug, PartialEq)]
enum Filter {
    Name(String),
    Label(String),
    Favorite,
    Older(i64),
    Newer(i64),
    Larger(i64),
    NeverPulled,
}

/// What filters look at. `None` where a thing of that kind has no such fact.
pub(crate) struct Facts<'f> {
    /// Any of these may fit a name.
    pub(crate) name: Vec<&'f str>,
    pub(crate) labels: Option<&'f [String]>,
    pub(crate) favorite: Option<bool>,
    /// When it was last changed or pushed.
    pub(crate) time: Timestamp,
    /// Whether a pull is on record.
    pub(crate) pulled: Option<bool>,
    pub(crate) size: Option<i64>,
}

/// Something that lists are made of.
pub(crate) trait Listed {
    /// The fields that it can be sorted by.
    const SORTS: &'static [&'static str];
    fn facts(&self) -> Facts<'_>;
    fn compare(&self, other: &Self, by: &str) -> Ordering;
}

impl FromStr for Filter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let seconds = |text: &str| parse_duration(text).map(|time| time.as_secs().cast_signed());
        match text.split_once('=') {
            Some(("name", glob)) => Ok(Self::Name(glob.to_owned())),
            Some(("label", label)) => Ok(Self::Label(label.to_owned())),
            Some(("older", time)) => seconds(time).map(Self::Older),
            Some(("newer", time)) => seconds(time).map(Self::Newer),
            Some(("larger", size)) => parse_size(size).map(Self::Larger),
            Some((name, _)) => Err(format!(
                "there is no filter {name}; expected a name with * and ?, label=NAME, favorite, older=TIME, \
                 newer=TIME, larger=SIZE or never-pulled"
            )),
            None if text == "favorite" => Ok(Self::Favorite),
            None if text == "never-pulled" => Ok(Self::NeverPulled),
            None if text.is_empty() => Err("expected a name, in which * and ? fit anything".into()),
            None => Ok(Self::Name(text.to_owned())),
        }
    }
}

/// Reads `1500`, `10MB` or `1.5GiB`.
fn parse_size(text: &str) -> Result<i64, String> {
    let wrong = || "expected a size such as 1500, 10MB or 1.5GiB".to_owned();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit: f64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "k" | "kb" => 1e3,
        "m" | "mb" => 1e6,
        "g" | "gb" => 1e9,
        "t" | "tb" => 1e12,
        "kib" => 1024.0,
        "mib" => 1_048_576.0,
        "gib" => 1_073_741_824.0,
        "tib" => 1_099_511_627_776.0,
        _ => return Err(wrong()),
    };
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let bytes = number * unit;
    if bytes < 9e18 { Ok(bytes as i64) } else { Err(wrong()) }
}

impl Listing {
    /// Checks what depends on the kind of thing, before anything is sent.
    pub(crate) fn check<T: Listed>(&self) -> Result<(), Failure> {
        let Some(by) = self.sort.as_deref() else { return Ok(()) };
        let by = by.trim_start_matches('-');
        if T::SORTS.contains(&by) {
            return Ok(());
        }
        let message = format!("this list cannot be sorted by {by}; it can by {}", T::SORTS.join(", "));
        Err(Failure::usage(message))
    }

    pub(crate) fn fits<T: Listed>(&self, item: &T, now: i64) -> Result<bool, Failure> {
        if self.filters.is_empty() {
            return Ok(true);
        }
        let facts = item.facts();
        let missing = |what: &str| Failure::usage(format!("this list knows nothing of {what} to filter by"));
        for filter in &self.filters {
            let age = now - facts.time.unix_seconds();
            let fits = match filter {
                Filter::Name(glob) => facts.name.iter().any(|name| matches(glob, name)),
                Filter::Label(label) => facts.labels.ok_or_else(|| missing("labels"))?.contains(label),
                Filter::Favorite => facts.favorite.ok_or_else(|| missing("favourites"))?,
                Filter::Older(seconds) => age > *seconds,
                Filter::Newer(seconds) => age < *seconds,
                Filter::Larger(bytes) => facts.size.ok_or_else(|| missing("sizes"))? > *bytes,
                Filter::NeverPulled => !facts.pulled.ok_or_else(|| missing("pulls"))?,
            };
            if !fits {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether all must be read before the first can be printed.
    pub(crate) fn sorts(&self) -> bool {
        self.sort.is_some()
    }

    pub(crate) fn sort<T: Listed>(&self, items: &mut [T]) {
        let Some(by) = self.sort.as_deref() else { return };
        let field = by.trim_start_matches('-');
        if by.starts_with('-') {
            items.sort_by(|a, b| b.compare(a, field));
        } else {
            items.sort_by(|a, b| a.compare(b, field));
        }
    }

    /// How many are printed at most.
    pub(crate) fn limit(&self) -> usize {
        self.limit.unwrap_or(usize::MAX)
    }
}

/// Whether the name fits a pattern in which `*` stands for any text and `?` for any character.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == '?' || *c == name[n] => {
                p += 1;
                n += 1;
            }
            // The last star takes one character more.
            _ => {
                let Some((at, from)) = star else { return false };
                star = Some((at, from + 1));
                (p, n) = (at + 1, from + 1);
            }
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_whole_names() {
        for (pattern, name, fits) in [
            ("train/*", "train/base", true),
            ("*base", "train/base", true),
            ("*a*e", "train/base", true),
            ("b?se", "base", true),
            ("base", "base2", false),
            ("*", "", true),
            ("?", "", false),
            ("об*з", "образ", true),
            ("a*b*c", "aXbYbZ", false),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
        // A pattern of many stars takes no longer than the product of both lengths.
        assert!(!matches(&"*a".repeat(200), &"a".repeat(199)));
    }

    #[test]
    fn filters_are_read_or_refused_with_what_was_expected() {
        for (text, filter) in [
            ("base*", Filter::Name("base*".into())),
            ("label=prod", Filter::Label("prod".into())),
            ("favorite", Filter::Favorite),
            ("older=1d", Filter::Older(86_400)),
            ("larger=1.5KiB", Filter::Larger(1536)),
            ("never-pulled", Filter::NeverPulled),
        ] {
            assert_eq!(text.parse(), Ok(filter), "{text}");
        }
        for text in ["", "older=", "older=soon", "larger=big", "larger=-1", "colour=red"] {
            assert!(text.parse::<Filter>().unwrap_err().contains("expected"), "{text}");
        }
    }
}
