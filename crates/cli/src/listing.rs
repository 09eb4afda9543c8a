//! The part of a list that is printed, and its order.

use std::cmp::Ordering;
use std::marker::PhantomData;
use std::num::NonZeroU32;

use clap::Args;

use crate::options::parse_duration;

/// Filters, order and limit of a list of `T`.
#[derive(Args, Debug)]
pub(crate) struct Listing<T: Listed> {
    #[arg(long = "filter", short = 'f', value_name = "FILTER", value_parser = Filter::parse::<T>, help = help::<T>())]
    filters: Vec<Filter>,

    #[arg(long, value_name = "FIELD", allow_hyphen_values = true, value_parser = parse_sort::<T>)]
    #[arg(help = format!("Sort by {}; `-` before it turns the order around, as in --sort=-{}", any_of(T::SORTS), T::SORTS[0]))]
    sort: Option<String>,

    /// Print at most so many.
    #[arg(long, value_name = "NUMBER")]
    limit: Option<usize>,

    #[arg(skip)]
    kind: PhantomData<fn() -> T>,
}

/// Something that lists are made of.
pub(crate) trait Listed: 'static {
    /// The conditions that lists of it know.
    const FILTERS: &'static [By];
    /// The fields that it can be sorted by.
    const SORTS: &'static [&'static str];
    fn facts(&self) -> Facts<'_>;
    fn compare(&self, other: &Self, by: &str) -> Ordering;
}

/// The sides of a thing that filters look at; those that it is not filtered by keep their defaults.
#[derive(Default)]
pub(crate) struct Facts<'f> {
    /// Any of these may fit a name.
    pub(crate) names: Vec<&'f str>,
    pub(crate) labels: &'f [String],
    pub(crate) favorite: bool,
    /// When it was last changed or pushed, in seconds since 1970; `None` where that is not known. What has
    /// no age fits no condition on it.
    pub(crate) time: Option<i64>,
    /// True if a pull is on record.
    pub(crate) pulled: bool,
    pub(crate) size: i64,
}

/// The kinds of condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Name,
    /// The names of an image are those of its tags.
    TagName,
    Label,
    Favorite,
    Updated,
    Pushed,
    Size,
    Pulls,
}

impl By {
    /// The words that such conditions begin with.
    fn words(self) -> &'static [&'static str] {
        match self {
            Self::Name | Self::TagName => &["name"],
            Self::Label => &["label"],
            Self::Favorite => &["favorite"],
            Self::Updated | Self::Pushed => &["older", "newer"],
            Self::Size => &["larger"],
            Self::Pulls => &["never-pulled"],
        }
    }

    /// As it is written, and for whom that does not say it, what it means.
    fn written(self) -> &'static str {
        match self {
            Self::Name => "a name with `*` and `?`",
            Self::TagName => "the name of a tag with `*` and `?`",
            Self::Label => "label=NAME",
            Self::Favorite => "favorite",
            Self::Updated => "older=TIME, newer=TIME (since its last change)",
            Self::Pushed => "older=TIME, newer=TIME (since its push)",
            Self::Size => "larger=SIZE",
            Self::Pulls => "never-pulled",
        }
    }
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

impl Filter {
    /// Reads a filter, and refuses what such a list cannot be filtered by.
    fn parse<T: Listed>(text: &str) -> Result<Self, String> {
        // A number alone would mean seconds, and somebody who deletes what is older meant days.
        let seconds = |text: &str| match text.ends_with(|c: char| c.is_ascii_alphabetic()) {
            true => parse_duration(text).map(|time| time.as_secs().cast_signed()),
            false => Err("expected a time with its unit, such as 30m, 12h, 90d or 2w".into()),
        };
        let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
        let (filter, by): (_, &[By]) = match (name, value) {
            ("label", Some(label)) => (Self::Label(label.to_owned()), &[By::Label]),
            ("older", Some(time)) => (Self::Older(seconds(time)?), &[By::Updated, By::Pushed]),
            ("newer", Some(time)) => (Self::Newer(seconds(time)?), &[By::Updated, By::Pushed]),
            ("larger", Some(size)) => (Self::Larger(parse_size(size)?), &[By::Size]),
            // The product's own pages write it in this way.
            ("favorite" | "favourite", None) => (Self::Favorite, &[By::Favorite]),
            ("never-pulled", None) => (Self::NeverPulled, &[By::Pulls]),
            ("name", Some(glob)) if !glob.is_empty() => {
                (Self::Name(glob.to_owned()), &[By::Name, By::TagName])
            }
            (glob, None) if glob.contains(['*', '?']) => {
                (Self::Name(glob.to_owned()), &[By::Name, By::TagName])
            }
            _ => return Err(unknown::<T>(name, value.is_none() && !name.is_empty())),
        };
        if by.iter().any(|by| T::FILTERS.contains(by)) {
            return Ok(filter);
        }
        Err(format!("this list cannot be filtered by {name}; expected {}", expected::<T>()))
    }
}

/// A word alone could be a name. It is refused all the same: a misspelt filter that finds nothing looks as if there
/// were nothing to find.
fn unknown<T: Listed>(word: &str, alone: bool) -> String {
    /// How alike a word is that may be meant, from 0 to 1; other filters reach 0.7.
    const ALIKE: f64 = 0.8;
    let written = word.to_lowercase().replace('_', "-");
    let known = T::FILTERS.iter().flat_map(|by| by.words());
    let known = known.map(|known| (strsim::jaro_winkler(known, &written), known));
    let nearest = known.filter(|(alike, _)| *alike >= ALIKE).max_by(|a, b| a.0.total_cmp(&b.0));
    let nearest = nearest.map_or_else(String::new, |(_, known)| format!("did you mean {known}? "));
    let name = if alone { format!("; a name is written name={word}") } else { String::new() };
    format!("{nearest}expected {}{name}", expected::<T>())
}

fn expected<T: Listed>() -> String {
    any_of(&T::FILTERS.iter().map(|by| by.written()).collect::<Vec<_>>())
}

fn help<T: Listed>() -> String {
    format!("Print only what fits: {}. Can be given several times; all must fit", expected::<T>())
}

/// `a, b or c`.
fn any_of(words: &[&str]) -> String {
    match words {
        [all @ .., last] if !all.is_empty() => format!("{} or {last}", all.join(", ")),
        _ => words.concat(),
    }
}

fn parse_sort<T: Listed>(text: &str) -> Result<String, String> {
    if T::SORTS.contains(&text.trim_start_matches('-')) {
        return Ok(text.to_owned());
    }
    Err(format!("this list can be sorted by {}", any_of(T::SORTS)))
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

impl<T: Listed> Listing<T> {
    /// True if an item fits all filters.
    pub(crate) fn fits(&self, item: &T, now: i64) -> bool {
        if self.filters.is_empty() {
            return true;
        }
        let facts = item.facts();
        let age = facts.time.map(|time| now - time);
        self.filters.iter().all(|filter| match filter {
            Filter::Name(glob) => facts.names.iter().any(|name| matches(glob, name)),
            Filter::Label(label) => facts.labels.contains(label),
            Filter::Favorite => facts.favorite,
            Filter::Older(seconds) => age.is_some_and(|age| age > *seconds),
            Filter::Newer(seconds) => age.is_some_and(|age| age < *seconds),
            Filter::Larger(bytes) => facts.size > *bytes,
            Filter::NeverPulled => !facts.pulled,
        })
    }

    /// True if anything may be left out.
    pub(crate) fn filters(&self) -> bool {
        !self.filters.is_empty()
    }

    /// True if all must be read before the first can be printed.
    pub(crate) fn sorts(&self) -> bool {
        self.sort.is_some()
    }

    pub(crate) fn sort(&self, items: &mut [T]) {
        let Some(by) = self.sort.as_deref() else { return };
        let field = by.trim_start_matches('-');
        if by.starts_with('-') {
            items.sort_by(|a, b| b.compare(a, field));
        } else {
            items.sort_by(|a, b| a.compare(b, field));
        }
    }

    /// How many are needed at most, where the first are as good as any.
    pub(crate) fn first(&self) -> Option<NonZeroU32> {
        let limit = self.limit.filter(|_| !self.filters() && !self.sorts())?;
        NonZeroU32::new(u32::try_from(limit).ok()?)
    }

    /// How many are printed at most.
    pub(crate) fn limit(&self) -> usize {
        self.limit.unwrap_or(usize::MAX)
    }
}

/// Matches a name against a pattern in which `*` stands for any text and `?` for any character.
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

    /// A thing with the facts of all kinds.
    #[derive(Debug)]
    struct Any<const N: usize>;

    impl<const N: usize> Listed for Any<N> {
        const FILTERS: &'static [By] =
            [&[By::Name, By::Label, By::Updated, By::Favorite, By::Size, By::Pulls], &[By::TagName] as &[_]]
                [N];
        const SORTS: &'static [&'static str] = &["name", "size"];

        fn facts(&self) -> Facts<'_> {
            Facts::default()
        }

        fn compare(&self, _: &Self, _: &str) -> Ordering {
            Ordering::Equal
        }
    }

    #[test]
    fn filters_are_read_or_refused_with_what_was_expected() {
        for (text, filter) in [
            ("base*", Filter::Name("base*".into())),
            ("name=favorite", Filter::Name("favorite".into())),
            ("label=prod", Filter::Label("prod".into())),
            ("favorite", Filter::Favorite),
            ("favourite", Filter::Favorite),
            ("b?se", Filter::Name("b?se".into())),
            ("name=base", Filter::Name("base".into())),
            ("older=1d", Filter::Older(86_400)),
            ("larger=1.5KiB", Filter::Larger(1536)),
            ("never-pulled", Filter::NeverPulled),
        ] {
            assert_eq!(Filter::parse::<Any<0>>(text), Ok(filter), "{text}");
        }
        for text in ["", "name=", "older=", "older=soon", "older=90", "larger=big", "larger=-1", "colour=red"]
        {
            assert!(Filter::parse::<Any<0>>(text).unwrap_err().contains("expected"), "{text}");
        }
        for text in ["label=prod", "favorite", "older=1d", "larger=1", "never-pulled"] {
            let problem = Filter::parse::<Any<1>>(text).unwrap_err();
            assert!(problem.ends_with("expected the name of a tag with `*` and `?`"), "{problem}");
        }
        for (text, nearest) in [
            ("favorit", "did you mean favorite?"),
            ("never_pulled", "did you mean never-pulled?"),
            ("Never-Pulled", "did you mean never-pulled?"),
            ("lable=prod", "did you mean label?"),
            ("oldr=1d", "did you mean older?"),
            ("untagged", "expected a name with `*` and `?`"),
            ("base", "a name is written name=base"),
        ] {
            let problem = Filter::parse::<Any<0>>(text).unwrap_err();
            assert!(problem.contains(nearest), "{text}: {problem}");
        }
        assert_eq!(parse_sort::<Any<0>>("-size"), Ok("-size".into()));
        assert_eq!(parse_sort::<Any<0>>("age"), Err("this list can be sorted by name or size".into()));
    }
}
