//! Reads filters.

use std::time::Duration;

use mlspace_registry_retention::Pattern;

use super::words::{FilterWord, Noun, WORDS};
use super::{Condition, FilterError};

/// How alike a word is that may be meant, from 0 to 1; other words of filters reach 0.7.
const ALIKE: f64 = 0.8;
/// Fewer digits of a digest are too few to be meant as one.
const SHORTEST_DIGEST: usize = 4;

/// Whether it is turned around, and its conditions, of which one must hold.
pub(super) fn read(text: &str, noun: Noun) -> Result<(bool, Vec<Condition>), FilterError> {
    let (negated, rest) = text.strip_prefix('!').map_or((false, text), |rest| (true, rest));
    let mut any = Vec::new();
    let mut key = None;
    for part in parts(rest) {
        let (word, value) = part.split_once('=').map_or((part, None), |(word, value)| (word, Some(value)));
        let word = spelled(word);
        let begins = known(noun).find(|known| known.word == word && is_complete(known, value));
        let (word, value) = match (begins, key) {
            (Some(known), _) => {
                key = known.written.contains('=').then_some(known.word);
                (known.word, value)
            }
            // Another value of the same.
            (None, Some(key)) if value.is_none() || key == "label" => (key, Some(part)),
            (None, _) if value.is_none() && is_pattern(part) => ("name", Some(part)),
            _ => return Err(unknown(word, value.is_none() && !part.is_empty(), noun)),
        };
        any.push(condition(word, value.unwrap_or_default(), noun)?);
    }
    Ok((negated, any))
}

/// The parts between commas that are not in a pattern's `{a,b}`.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    text.split(move |c| {
        inside = c == '{' || inside && c != '}';
        c == ',' && !inside
    })
}

/// The product's own pages write it in this way.
fn spelled(word: &str) -> &str {
    match word {
        "favourite" => "favorite",
        "colour" => "color",
        word => word,
    }
}

fn known(noun: Noun) -> impl Iterator<Item = &'static FilterWord> {
    WORDS.iter().filter(move |word| word.nouns.contains(&noun))
}

fn is_complete(known: &FilterWord, value: Option<&str>) -> bool {
    known.written.contains('=') == value.is_some()
}

/// A word alone could be a name. It is refused all the same: a misspelt filter that finds nothing looks as if there
/// were nothing to find.
fn is_pattern(part: &str) -> bool {
    part.contains(['*', '?', '[', '{'])
}

fn condition(word: &str, value: &str, noun: Noun) -> Result<Condition, FilterError> {
    let pattern = || match value.parse::<Pattern>() {
        Ok(pattern) if !pattern.takes_out() => Ok(pattern),
        Ok(_) => Err(FilterError("`!` stands before the whole filter, and turns all of it around".into())),
        Err(error) => Err(FilterError(error.to_string())),
    };
    if value.is_empty() && known(noun).any(|known| known.word == word && known.written.contains('=')) {
        return Err(unknown(word, false, noun));
    }
    Ok(match word {
        "name" | "tag" => Condition::Name(pattern()?),
        "untagged" => Condition::Untagged,
        "never-pulled" => Condition::NeverPulled,
        "older" => Condition::Older(time(value)?),
        "newer" => Condition::Newer(time(value)?),
        "pulled-within" => Condition::PulledWithin(time(value)?),
        "not-pulled-for" => Condition::NotPulledFor(time(value)?),
        "larger" => Condition::Larger(size(value)?),
        "smaller" => Condition::Smaller(size(value)?),
        "label" => Condition::Label(value.to_owned()),
        "repo.label" => Condition::RepositoryLabel(value.to_owned()),
        "color" => Condition::Color((value != "none").then(|| value.to_owned())),
        "signed" => Condition::Signed,
        "favorite" => Condition::Favorite,
        "digest" => Condition::Digest(digest(value)?),
        "platform" => Condition::Platform(pattern()?),
        _ => return Err(unknown(word, false, noun)),
    })
}

fn unknown(word: &str, alone: bool, noun: Noun) -> FilterError {
    let written = word.to_lowercase().replace('_', "-");
    let alike = known(noun).map(|known| (strsim::jaro_winkler(known.word, &written), known.word));
    let nearest = alike.filter(|(alike, _)| *alike >= ALIKE).max_by(|a, b| a.0.total_cmp(&b.0));
    let nearest = nearest.map_or_else(String::new, |(_, known)| format!("did you mean {known}? "));
    let name = if alone { format!("; a name is written name={word}") } else { String::new() };
    let forms: Vec<_> = known(noun).map(|known| known.written).collect();
    let forms = match &forms[..] {
        [all @ .., last] => format!("{} or {last}", all.join(", ")),
        [] => String::new(),
    };
    FilterError(format!("{nearest}expected {forms}{name}"))
}

/// Reads `30m`, `12h`, `90d` or `2w`. A number alone would mean seconds, and somebody who deletes what is older
/// meant days.
fn time(text: &str) -> Result<Duration, FilterError> {
    const LONGEST: f64 = 100.0 * 365.0 * 86_400.0;
    let read = || {
        let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let unit = match unit {
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3_600.0,
            "d" => 86_400.0,
            "w" => 604_800.0,
            _ => return None,
        };
        let number: f64 = decimal(number)?;
        let seconds = number * unit;
        (seconds > 0.0 && seconds <= LONGEST).then(|| Duration::from_secs_f64(seconds))
    };
    read().ok_or_else(|| {
        FilterError("expected a time with its unit, such as 30m, 12h, 90d or 2w, of at most 100 years".into())
    })
}

/// Reads `1500`, `10MB` or `1.5GiB`.
fn size(text: &str) -> Result<u64, FilterError> {
    let read = || {
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
            _ => return None,
        };
        let bytes = decimal(number)? * unit;
        (bytes < 9e18).then_some(bytes as u64)
    };
    read().ok_or_else(|| FilterError("expected a size such as 1500, 10MB or 1.5GiB".into()))
}

fn decimal(text: &str) -> Option<f64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    digits.then(|| text.parse().ok())?
}

fn digest(text: &str) -> Result<String, FilterError> {
    let text = text.trim_end_matches('…').to_ascii_lowercase();
    let hex = text.split_once(':').map_or(text.as_str(), |(_, hex)| hex);
    if hex.len() >= SHORTEST_DIGEST && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(text);
    }
    Err(FilterError("expected a digest, or at least the first four of its hexadecimal digits".into()))
}
