//! Patterns for names of repositories and tags.

#[cfg(test)]
mod tests;

use std::fmt;
use std::str::{Chars, FromStr};

use serde::{Deserialize, Serialize};

/// Longer than any name; what is longer is no pattern but a mistake.
const LONGEST: usize = 1024;
/// The alternatives of `{a,b}` and `**/` multiply.
const MOST_ALTERNATIVES: usize = 64;

/// A pattern that a whole name matches or not; upper and lower case differ.
///
/// | written | stands for |
/// | --- | --- |
/// | `*` | any text without `/`, also none |
/// | `**` | any text, also none; `**/` also for no folder at all, so that `**/base` matches `base` |
/// | `?` | one character other than `/` |
/// | `[a-z0]`, `[!a-z]` | one of these characters, or one of no others; never `/` |
/// | `{a,b}` | one of these texts, which may have wildcards |
/// | `!` before all | what matches is taken out of what other patterns match, see [`Patterns`] |
///
/// No name has any of these characters, so none of them needs to be written as itself.
///
/// ```
/// use mlspace_registry_retention::Pattern;
///
/// let pattern: Pattern = "train/*".parse()?;
/// assert!(pattern.matches("train/base"));
/// assert!(!pattern.matches("train/nlp/base"));
/// # Ok::<(), mlspace_registry_retention::PatternError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern {
    text: String,
    takes_out: bool,
    alternatives: Vec<Vec<Token>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Token {
    /// This character.
    One(char),
    /// Any character within a folder's name.
    Any,
    /// A character within one of these bounds, or, negated, in none.
    Class { negated: bool, ranges: Vec<(char, char)> },
    /// Any text, which may go `deep` over `/`.
    Run { deep: bool },
}

/// A text that is no pattern, with what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternError {
    text: String,
    problem: &'static str,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text: String = self.text.chars().take(64).collect();
        write!(f, "`{}` is not a pattern for names: {}", text.escape_debug(), self.problem)
    }
}

impl std::error::Error for PatternError {}

impl Pattern {
    /// True if the text means more than the one name that it is.
    ///
    /// ```
    /// use mlspace_registry_retention::Pattern;
    ///
    /// assert!(Pattern::is_meant("train/*") && Pattern::is_meant("!train/base"));
    /// assert!(!Pattern::is_meant("train/base"));
    /// ```
    pub fn is_meant(text: &str) -> bool {
        text.starts_with('!') || text.contains(['*', '?', '[', ']', '{', '}'])
    }

    /// True if the whole name is what the pattern stands for, whether that is taken out or not.
    pub fn matches(&self, name: &str) -> bool {
        self.alternatives.iter().any(|tokens| matches(tokens, name))
    }

    /// True if it was written with a `!`.
    pub fn takes_out(&self) -> bool {
        self.takes_out
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.text
    }
}

impl TryFrom<String> for Pattern {
    type Error = PatternError;

    fn try_from(text: String) -> Result<Self, PatternError> {
        text.parse()
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let wrong = |problem| PatternError { text: text.to_owned(), problem };
        let (takes_out, name) = text.strip_prefix('!').map_or((false, text), |rest| (true, rest));
        if name.is_empty() || text.len() > LONGEST {
            return Err(wrong(if name.is_empty() { "it is empty" } else { "it is longer than any name" }));
        }
        let alternatives = alternatives(name).map_err(wrong)?;
        let tokens = alternatives.iter().map(|text| tokens(text)).collect::<Result<_, _>>();
        Ok(Self { text: text.to_owned(), takes_out, alternatives: tokens.map_err(wrong)? })
    }
}

/// The texts without `{a,b}`, and without a `**/` that can stand for nothing, that together mean the same.
fn alternatives(text: &str) -> Result<Vec<String>, &'static str> {
    let mut plain = vec![String::new()];
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (inner, after) = after.split_once('}').ok_or("a `{` is not closed")?;
        if inner.contains('{') {
            return Err("a `{` stands within another");
        }
        plain = each_with(plain, &[before])?;
        plain = each_with(plain, &inner.split(',').collect::<Vec<_>>())?;
        rest = after;
    }
    plain = each_with(plain, &[rest])?;
    let mut whole = Vec::new();
    for text in &plain {
        let mut begun = vec![String::new()];
        for folder in text.split_inclusive('/') {
            let choices: &[&str] = if folder == "**/" { &[folder, ""] } else { &[folder] };
            begun = each_with(begun, choices)?;
        }
        whole.extend(begun);
    }
    Ok(whole)
}

fn each_with(begun: Vec<String>, choices: &[&str]) -> Result<Vec<String>, &'static str> {
    if begun.len() * choices.len() > MOST_ALTERNATIVES {
        return Err("it has too many alternatives; write several patterns");
    }
    Ok(begun.iter().flat_map(|begun| choices.iter().map(move |choice| format!("{begun}{choice}"))).collect())
}

fn tokens(text: &str) -> Result<Vec<Token>, &'static str> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let token = match c {
            '*' => match tokens.last_mut() {
                Some(Token::Run { deep }) => {
                    *deep = true;
                    continue;
                }
                _ => Token::Run { deep: false },
            },
            '?' => Token::Any,
            '[' => class(&mut rest)?,
            ']' | '}' => return Err("a `]` or `}` closes nothing"),
            c if c.is_control() || c.is_whitespace() || "!\\:@".contains(c) => {
                return Err("no name has a space, `!`, `\\`, `:` or `@`");
            }
            c => Token::One(c),
        };
        tokens.push(token);
    }
    Ok(tokens)
}

/// The rest of a `[`.
fn class(rest: &mut Chars<'_>) -> Result<Token, &'static str> {
    let (inner, after) = rest.as_str().split_once(']').ok_or("a `[` is not closed")?;
    *rest = after.chars();
    let (negated, inner) = inner.strip_prefix('!').map_or((false, inner), |inner| (true, inner));
    let mut ranges = Vec::new();
    let mut inner = inner.chars();
    while let Some(first) = inner.next() {
        let mut ahead = inner.clone();
        let last = match (ahead.next(), ahead.next()) {
            (Some('-'), Some(last)) => {
                inner = ahead;
                last
            }
            _ => first,
        };
        if first > last {
            return Err("a range in `[]` runs backwards");
        }
        ranges.push((first, last));
    }
    if ranges.is_empty() { Err("a `[]` is empty") } else { Ok(Token::Class { negated, ranges }) }
}

/// Where to go on when what follows a run does not match: its place, and what of the name it has not taken.
type Mark<'n> = Option<(usize, Chars<'n>)>;

/// No more steps than the pattern times the square of the name: a run takes as little as it can, and only the last
/// run of either depth ever takes more, because what a run before it could take is taken by the later one as well.
fn matches(tokens: &[Token], name: &str) -> bool {
    let (mut place, mut rest) = (0, name.chars());
    let (mut shallow, mut deep): (Mark<'_>, Mark<'_>) = (None, None);
    loop {
        let before = rest.clone();
        let goes_on = match tokens.get(place) {
            None => before.as_str().is_empty(),
            Some(Token::Run { deep: true }) => {
                (shallow, deep) = (None, Some((place, before.clone())));
                true
            }
            Some(Token::Run { deep: false }) => {
                shallow = Some((place, before.clone()));
                true
            }
            Some(token) => rest.next().is_some_and(|c| takes(token, c)),
        };
        if goes_on {
            if place >= tokens.len() {
                return true;
            }
            place += 1;
            continue;
        }
        let next = longer(&mut shallow, false).or_else(|| longer(&mut deep, true));
        match next {
            Some(next) => (place, rest) = next,
            None => return false,
        }
    }
}

/// Where to go on after the run takes one character more, if it can.
fn longer<'n>(mark: &mut Mark<'n>, deep: bool) -> Option<(usize, Chars<'n>)> {
    let (run, left) = mark.as_mut()?;
    if left.next().is_some_and(|c| deep || c != '/') {
        return Some((*run + 1, left.clone()));
    }
    *mark = None;
    None
}

fn takes(token: &Token, c: char) -> bool {
    match token {
        Token::One(one) => c == *one,
        Token::Any => c != '/',
        Token::Class { negated, ranges } => {
            c != '/' && ranges.iter().any(|(first, last)| (*first..=*last).contains(&c)) != *negated
        }
        Token::Run { .. } => false,
    }
}

/// Several patterns: a name matches if it matches one of them and none of those written with a `!`. Their order
/// is irrelevant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<Pattern>", into = "Vec<Pattern>")]
pub struct Patterns(Vec<Pattern>);

#[cfg(feature = "schemars")]
impl schemars::JsonSchema for Patterns {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Patterns".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "array", "items": { "type": "string", "minLength": 1 } })
    }
}

impl Patterns {
    /// Reads patterns.
    ///
    /// # Errors
    /// Where a text is no pattern, and where all of them take out: there is nothing to take it out of.
    pub fn new<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Result<Self, PatternError> {
        texts.into_iter().map(|text| text.as_ref().parse()).collect::<Result<Vec<_>, _>>()?.try_into()
    }

    /// True if the name matches one of the patterns, and none that takes out.
    pub fn matches(&self, name: &str) -> bool {
        let (mut inside, mut out) = (false, false);
        for pattern in &self.0 {
            let hit = if pattern.takes_out { &mut out } else { &mut inside };
            *hit = *hit || pattern.matches(name);
        }
        inside && !out
    }

    /// True if there are none, so that no name matches.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The patterns, in the order in which they were given.
    pub fn iter(&self) -> impl Iterator<Item = &Pattern> {
        self.0.iter()
    }
}

impl TryFrom<Vec<Pattern>> for Patterns {
    type Error = PatternError;

    /// Fails where there is nothing to take out of: such a list would match no name, and who wrote it meant all others.
    fn try_from(patterns: Vec<Pattern>) -> Result<Self, PatternError> {
        match patterns.first() {
            Some(first) if patterns.iter().all(Pattern::takes_out) => Err(PatternError {
                text: first.text.clone(),
                problem: "there is nothing that it could be taken out of; put `**` beside it for all names",
            }),
            _ => Ok(Self(patterns)),
        }
    }
}

impl From<Patterns> for Vec<Pattern> {
    fn from(patterns: Patterns) -> Self {
        patterns.0
    }
}
