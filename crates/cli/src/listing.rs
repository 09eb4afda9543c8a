//! The part of a list that is printed, its order, and its columns.

use std::cmp::Ordering;
use std::marker::PhantomData;
use std::num::NonZeroU32;

use clap::{Args, ValueEnum};
use mlspace_registry::{Filter, Filtered, Timestamp};

use crate::output::Record;

/// Filters, order, limit and columns of a list of `T`.
#[derive(Args, Debug)]
pub(crate) struct Listing<T: Listed> {
    #[arg(long = "filter", short = 'f', value_name = "FILTER", value_parser = parse_filter::<T>, help = help::<T>())]
    filters: Vec<Filter<T::Noun>>,

    #[arg(long, value_name = "FIELD", allow_hyphen_values = true, value_delimiter = ',', value_parser = Key::parse::<T>)]
    #[arg(help = format!("Sort by {}, or by several with commas between; `-` before one turns it around, as in --sort=-{}", any_of(T::SORTS), T::SORTS[0]))]
    sort: Vec<Key>,

    /// Print at most so many, after sorting.
    #[arg(long, value_name = "NUMBER")]
    limit: Option<usize>,

    #[arg(long, value_name = "COLUMN", value_delimiter = ',', value_parser = parse_column::<T>)]
    #[arg(help = format!("Only these columns of the table, in this order, with commas between: {}", columns::<T>().join(", ")))]
    columns: Vec<String>,

    /// All columns of the table, ids as well.
    #[arg(long, conflicts_with = "columns")]
    wide: bool,

    /// No headings above the columns.
    #[arg(long)]
    no_headers: bool,

    /// How times are written in the table [default: local, and iso where no terminal is].
    #[arg(long, value_enum, value_name = "FORM", hide_possible_values = false)]
    time: Option<TimeForm>,

    #[arg(skip)]
    kind: PhantomData<fn() -> T>,
}

/// How times are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TimeForm {
    /// In this machine's time zone.
    Local,
    /// The same in UTC.
    Utc,
    /// How long ago.
    Ago,
    /// To the fraction of a second, for programs.
    Iso,
}

/// What is chosen of a table.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chosen {
    /// By their names; none is those that fit.
    pub(crate) columns: Vec<String>,
    pub(crate) wide: bool,
    pub(crate) no_headers: bool,
    pub(crate) time: Option<TimeForm>,
}

/// A field to sort by.
#[derive(Clone, Debug, PartialEq)]
struct Key {
    field: String,
    descending: bool,
}

/// Something that lists are made of.
pub(crate) trait Listed: Record + Send + 'static {
    /// What its filters are about.
    type Noun: Filtered;
    /// The fields that it can be sorted by.
    const SORTS: &'static [&'static str];
    fn fits(&self, filter: &Filter<Self::Noun>, now: Timestamp) -> bool;
    fn compare(&self, other: &Self, by: &str) -> Ordering;
    /// Bytes as the service lists them, of what has a size.
    fn listed_size(&self) -> i64 {
        0
    }
}

fn parse_filter<T: Listed>(text: &str) -> Result<Filter<T::Noun>, String> {
    text.parse().map_err(|error: mlspace_registry::FilterError| error.to_string())
}

fn help<T: Listed>() -> String {
    let words: Vec<_> =
        Filter::<T::Noun>::words().map(|word| format!("{} ({})", word.written, word.means)).collect();
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    format!(
        "Print only what fits: {}. A comma is \"or\", a `!` before all turns it around. Can be given several times; \
         all must fit",
        any_of(&words)
    )
}

/// The names of the columns, as they are written for `--columns`.
fn columns<T: Listed>() -> Vec<String> {
    T::HEADER.iter().filter(|name| !name.is_empty()).map(|name| name.to_lowercase()).collect()
}

fn parse_column<T: Listed>(text: &str) -> Result<String, String> {
    let known = columns::<T>();
    let wanted = text.to_lowercase();
    if known.contains(&wanted) { Ok(wanted) } else { Err(format!("this table has {}", known.join(", "))) }
}

/// `a, b or c`.
fn any_of(words: &[&str]) -> String {
    match words {
        [all @ .., last] if !all.is_empty() => format!("{} or {last}", all.join(", ")),
        _ => words.concat(),
    }
}

impl Key {
    fn parse<T: Listed>(text: &str) -> Result<Self, String> {
        let (descending, field) = text.strip_prefix('-').map_or((false, text), |field| (true, field));
        if T::SORTS.contains(&field) {
            return Ok(Self { field: field.to_owned(), descending });
        }
        Err(format!("this list can be sorted by {}", any_of(T::SORTS)))
    }
}

impl<T: Listed> Listing<T> {
    /// True if an item fits all filters.
    pub(crate) fn fits(&self, item: &T, now: Timestamp) -> bool {
        self.filters.iter().all(|filter| item.fits(filter, now))
    }

    /// The same list with one more condition.
    pub(crate) fn with(mut self, filter: Filter<T::Noun>) -> Self {
        self.filters.push(filter);
        self
    }

    /// True if anything may be left out.
    pub(crate) fn filters(&self) -> bool {
        !self.filters.is_empty()
    }

    /// True if all must be read before the first can be printed.
    pub(crate) fn sorts(&self) -> bool {
        !self.sort.is_empty()
    }

    /// By the first field, and where that is equal by the next.
    pub(crate) fn sort(&self, items: &mut [T]) {
        items.sort_by(|a, b| {
            let by =
                |key: &Key| if key.descending { b.compare(a, &key.field) } else { a.compare(b, &key.field) };
            self.sort.iter().map(by).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
        });
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

    /// What is chosen of the table.
    pub(crate) fn chosen(&self) -> Chosen {
        Chosen {
            columns: self.columns.clone(),
            wide: self.wide,
            no_headers: self.no_headers,
            time: self.time,
        }
    }
}

#[cfg(test)]
mod tests {
    use mlspace_registry::Repository;

    use super::*;

    #[test]
    fn fields_and_columns_are_read_or_refused_with_those_that_there_are() {
        let key = |text: &str| Key::parse::<Repository>(text);
        assert_eq!(key("-images"), Ok(Key { field: "images".into(), descending: true }));
        assert_eq!(
            key("age"),
            Err("this list can be sorted by name, images, tags, created or updated".into())
        );
        assert_eq!(parse_column::<Repository>("Name"), Ok("name".into()));
        assert!(parse_column::<Repository>("size").unwrap_err().contains("this table has name, images"));
    }
}
