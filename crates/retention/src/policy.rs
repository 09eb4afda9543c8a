//! What may go and what of it stays, as people write it.

mod parts;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::pattern::Patterns;
pub use parts::{Span, Zone};

/// More rules than this are no policy that anybody reads; a set of rules is kept as the bits of one number.
const MOST_RULES: usize = 64;
/// A push in flight has children without tags.
const SHORTEST_WITHIN: i64 = 3_600;

/// A policy. It is written as TOML or as JSON of the same shape; a key that it does not know is an error, because a
/// misspelt `keep_last` must not delete.
///
/// The order of rules is irrelevant, what no rule covers is never touched, and what any rule keeps stays.
///
/// ```
/// use mlspace_registry_retention::Policy;
///
/// let policy: Policy = r#"
/// version = 1
/// [[rule]]
/// name = "ci builds"
/// repositories = ["train/**", "!train/golden"]
/// tags = ["ci-*"]
/// keep_within = "14d"
/// "#.parse()?;
/// assert_eq!(policy.rules[0].keep_last, 1);
///
/// let error = "version = 1\nkeep_lst = 3".parse::<Policy>().unwrap_err();
/// assert!(error.to_string().contains("line 2, column 1"), "{error}");
/// # Ok::<(), mlspace_registry_retention::PolicyError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema), schemars(deny_unknown_fields, !try_from))]
#[serde(try_from = "Written")]
#[non_exhaustive]
pub struct Policy {
    /// The version of this form: 1.
    pub version: u32,
    /// Where days, weeks, months and years begin: `UTC` or an offset such as `+03:00`. No names of zones, so that the
    /// same policy means the same on every machine.
    #[cfg_attr(feature = "schemars", schemars(default))]
    pub timezone: Zone,
    /// What wins over every rule.
    #[cfg_attr(feature = "schemars", schemars(default))]
    pub protect: Protect,
    /// What a plan may not go beyond.
    #[cfg_attr(feature = "schemars", schemars(default))]
    pub limits: Limits,
    /// How it is known that no image is part of another one.
    #[cfg_attr(feature = "schemars", schemars(default))]
    pub indexes: Indexes,
    /// The rules.
    #[serde(rename = "rule")]
    #[cfg_attr(feature = "schemars", schemars(default))]
    pub rules: Vec<Rule>,
}

/// What wins over every rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Protect {
    /// Labels of repositories; by default `keep`.
    pub labels: Vec<String>,
    /// The favourites of whoever signs in; by default true.
    pub favorites: bool,
    /// Patterns of tags, whose images then stay as well; by default `latest`.
    pub tags: Patterns,
    /// Signed tags; by default true.
    pub signed: bool,
    /// Colours of tags; upper and lower case are the same.
    pub colors: Vec<String>,
    /// Patterns of repositories.
    pub repositories: Patterns,
    /// Whole digests, such as `sha256:…`.
    pub digests: Vec<String>,
    /// Files whose text names images that are in use; patterns of paths.
    pub in_use: Vec<String>,
}

impl Default for Protect {
    fn default() -> Self {
        Self {
            labels: vec!["keep".to_owned()],
            favorites: true,
            tags: Patterns::new(["latest"]).unwrap_or_default(),
            signed: true,
            colors: Vec::new(),
            repositories: Patterns::default(),
            digests: Vec::new(),
            in_use: Vec::new(),
        }
    }
}

/// What a plan may not go beyond.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Limits {
    /// A plan that would delete more images is refused; by default 100,000.
    pub images: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { images: 100_000 }
    }
}

/// How it is known that no image is part of another one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Indexes {
    /// By default `manifests`.
    pub how: How,
}

/// How it is known that no image is part of another one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// Untagged images of a repository go only where each of its manifests is known to be an index or none.
    #[default]
    Manifests,
    /// An image whose attributes have an architecture or a configuration is none; that the service leaves them out for
    /// an index is not known for certain.
    Attributes,
    /// There are no indexes: the word of whoever wrote the policy.
    None,
}

/// What may go, and what of it stays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema), schemars(deny_unknown_fields, !try_from))]
#[serde(try_from = "WrittenRule")]
#[non_exhaustive]
pub struct Rule {
    /// Its name, which reasons and reports use; no two rules have the same.
    pub name: String,
    /// Patterns of repositories.
    pub repositories: Patterns,
    /// Only of repositories with one of these labels, if there are any.
    #[cfg_attr(feature = "schemars", schemars(default))]
    pub labels: Vec<String>,
    /// Patterns of the tags that may go; empty where `untagged` is set.
    #[cfg_attr(feature = "schemars", schemars(default))]
    pub tags: Patterns,
    /// Images without a tag may go.
    #[cfg_attr(feature = "schemars", schemars(default))]
    pub untagged: bool,
    /// What was pushed or tagged so lately stays; at least an hour.
    pub keep_within: Span,
    /// So many of the newest images stay; by default 1 with tags, and none without.
    #[cfg_attr(feature = "schemars", schemars(default, with = "Option<u32>"))]
    pub keep_last: u32,
    /// The newest of each of so many days that have images stays; likewise the next three.
    #[cfg_attr(feature = "schemars", schemars(default))]
    pub keep_daily: u32,
    /// ISO weeks.
    #[cfg_attr(feature = "schemars", schemars(default))]
    pub keep_weekly: u32,
    /// Months.
    #[cfg_attr(feature = "schemars", schemars(default))]
    pub keep_monthly: u32,
    /// Years.
    #[cfg_attr(feature = "schemars", schemars(default))]
    pub keep_yearly: u32,
    /// What was pulled so lately stays.
    #[cfg_attr(feature = "schemars", schemars(default))]
    pub keep_pulled_within: Option<Span>,
    /// Of an image that stays for another tag, the tags that may go do go.
    #[cfg_attr(feature = "schemars", schemars(default))]
    pub untag: bool,
    /// Even the newest tagged image of a repository may go.
    #[cfg_attr(feature = "schemars", schemars(default))]
    pub may_empty: bool,
}

/// A text that is no policy, or no cases of one, with the line and the column where that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError {
    problem: String,
    line: Option<usize>,
    column: Option<usize>,
}

impl PolicyError {
    /// The line, from 1.
    pub fn line(&self) -> Option<usize> {
        self.line
    }

    /// The column, from 1.
    pub fn column(&self) -> Option<usize> {
        self.column
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, "line {line}, column {column}: ")?;
        }
        f.write_str(&self.problem)
    }
}

impl std::error::Error for PolicyError {}

impl std::str::FromStr for Policy {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        read(text)
    }
}

/// Reads TOML, or JSON of the same shape.
pub(crate) fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, PolicyError> {
    let text = text.trim_start_matches('\u{feff}');
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).map_err(|error| {
            let whole = error.to_string();
            let problem = whole.split(" at line ").next().unwrap_or(&whole).to_owned();
            PolicyError { problem, line: Some(error.line()), column: Some(error.column()) }
        });
    }
    toml::from_str(text).map_err(|error| {
        let place = error.span().and_then(|span| text.get(..span.start)).map(|before| {
            let line = before.matches('\n').count() + 1;
            (line, before.rsplit('\n').next().unwrap_or_default().chars().count() + 1)
        });
        let problem = error.message().trim_end().replace('\n', "; ");
        PolicyError { problem, line: place.map(|place| place.0), column: place.map(|place| place.1) }
    })
}

/// A policy before it is checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: u32,
    #[serde(default)]
    timezone: Zone,
    #[serde(default)]
    protect: Protect,
    #[serde(default)]
    limits: Limits,
    #[serde(default)]
    indexes: Indexes,
    #[serde(default, rename = "rule")]
    rules: Vec<Rule>,
}

impl TryFrom<Written> for Policy {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let Written { version, timezone, protect, limits, indexes, rules } = written;
        if version != 1 {
            return Err(format!("version {version} is not known; expected version = 1"));
        }
        if rules.len() > MOST_RULES {
            return Err(format!("{} rules are too many; expected at most {MOST_RULES}", rules.len()));
        }
        let mut names: Vec<_> = rules.iter().map(|rule| rule.name.as_str()).collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(format!("two rules are called {:?}", pair[0]));
        }
        if protect.tags.iter().any(|pattern| pattern.as_str().contains('/')) {
            return Err(SLASH.to_owned());
        }
        if let Some(digest) = protect.digests.iter().find(|digest| !is_digest(digest)) {
            return Err(format!("{digest:?} is not a whole digest such as sha256:…"));
        }
        Ok(Self { version, timezone, protect, limits, indexes, rules })
    }
}

const SLASH: &str = "no tag has a `/`";

fn is_digest(text: &str) -> bool {
    let (algorithm, hex) = text.split_once(':').unwrap_or_default();
    let whole = if algorithm == "sha256" { hex.len() == 64 } else { hex.len() >= 32 };
    !algorithm.is_empty() && whole && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A rule before it is checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRule {
    name: String,
    repositories: Patterns,
    #[serde(default)]
    labels: Vec<String>,
    #[serde(default)]
    tags: Patterns,
    #[serde(default)]
    untagged: bool,
    keep_within: Span,
    keep_last: Option<u32>,
    #[serde(default)]
    keep_daily: u32,
    #[serde(default)]
    keep_weekly: u32,
    #[serde(default)]
    keep_monthly: u32,
    #[serde(default)]
    keep_yearly: u32,
    keep_pulled_within: Option<Span>,
    #[serde(default)]
    untag: bool,
    #[serde(default)]
    may_empty: bool,
}

impl TryFrom<WrittenRule> for Rule {
    type Error = String;

    fn try_from(rule: WrittenRule) -> Result<Self, String> {
        let name = rule.name.trim().to_owned();
        let wrong = |problem: &str| Err(format!("rule {name:?}: {problem}"));
        if name.is_empty() {
            return Err("a rule has no name".to_owned());
        }
        if rule.repositories.is_empty() {
            return wrong("repositories is empty; `**` is all of them");
        }
        if rule.tags.is_empty() != rule.untagged {
            return wrong("expected either tags = [\"…\"] or untagged = true");
        }
        if rule.tags.iter().any(|pattern| pattern.as_str().contains('/')) {
            return wrong(SLASH);
        }
        if rule.keep_within.seconds() < SHORTEST_WITHIN {
            return wrong("keep_within is at least 1h: a push in flight has children without tags");
        }
        if rule.untagged && (rule.untag || rule.may_empty) {
            return wrong("untag and may_empty are about tags, and this rule is about images without");
        }
        Ok(Self {
            name,
            keep_last: rule.keep_last.unwrap_or(u32::from(!rule.untagged)),
            repositories: rule.repositories,
            labels: rule.labels,
            tags: rule.tags,
            untagged: rule.untagged,
            keep_within: rule.keep_within,
            keep_daily: rule.keep_daily,
            keep_weekly: rule.keep_weekly,
            keep_monthly: rule.keep_monthly,
            keep_yearly: rule.keep_yearly,
            keep_pulled_within: rule.keep_pulled_within,
            untag: rule.untag,
            may_empty: rule.may_empty,
        })
    }
}
