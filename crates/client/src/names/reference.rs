//! The ways in which people name a repository, an image or a tag.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::error::Error;

/// Fewer characters of an id are too few to be meant as one.
pub(super) const SHORTEST_PREFIX: usize = 4;
/// Longer than any full name with a digest.
const LONGEST: usize = 1024;

/// What somebody calls a repository, an image or a tag: an id, the beginning of one, a name, or a full name as docker
/// takes it, the last two with a tag or a digest.
///
/// It is only ever compared with what the service lists; what goes into a request is an id that was parsed as one. So
/// no text of a user can become part of a path.
///
/// ```
/// use mlspace_registry::Reference;
///
/// let reference: Reference = "train/resnet:latest".parse()?;
/// let Reference::Name(name) = reference else { unreachable!() };
/// assert_eq!((name.base.as_str(), name.tag.as_deref()), ("train/resnet", Some("latest")));
/// assert!("a/../b".parse::<Reference>().is_err());
/// # Ok::<(), mlspace_registry::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// A whole id.
    Id(Uuid),
    /// A name, or the beginning of an id: only the service's list can tell.
    Name(Name),
}

/// A name, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The repository's name or full name, or the beginning of an id.
    pub base: String,
    /// The tag, without the colon.
    pub tag: Option<String>,
    /// The digest, whole or its beginning, such as `sha256:4f1d`.
    pub digest: Option<String>,
}

impl Name {
    /// The text as the beginning of an id, if it can be one.
    pub(super) fn as_prefix(&self) -> Option<String> {
        let is_hex = |c: char| c.is_ascii_hexdigit() || c == '-';
        let whole = self.tag.is_none() && self.digest.is_none();
        let fits = (SHORTEST_PREFIX..=36).contains(&self.base.len()) && self.base.chars().all(is_hex);
        (whole && fits).then(|| self.base.to_ascii_lowercase())
    }
}

impl Reference {
    /// True if it could begin an id if it were longer.
    pub(super) fn is_short_of_a_prefix(&self) -> bool {
        let short = |base: &str| base.len() < SHORTEST_PREFIX && base.chars().all(|c| c.is_ascii_hexdigit());
        matches!(self, Self::Name(Name { base, tag: None, digest: None }) if short(base))
    }
}

impl FromStr for Reference {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        read(text).map_err(Error::Invalid)
    }
}

fn read(text: &str) -> Result<Reference, String> {
    // A table marks with it what it cuts.
    let text = text.trim().trim_end_matches('…');
    let expected =
        "expected an id, the beginning of an id, NAME, NAME:TAG, NAME@sha256:DIGEST or a full name";
    if text.is_empty() || text.len() > LONGEST {
        return Err(expected.into());
    }
    if let Some(c) = text.chars().find(|c| !c.is_alphanumeric() && !"._-/:@+".contains(*c)) {
        return Err(format!("{} cannot be part of a name; {expected}", c.escape_debug()));
    }
    if let (36, Ok(id)) = (text.len(), text.parse()) {
        return Ok(Reference::Id(id));
    }
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(parse_digest(digest)?)),
        None => (text, None),
    };
    let (base, tag) = match rest.rsplit_once(':') {
        Some((base, tag)) if !tag.contains('/') => (base, Some(tag.to_owned())),
        _ => (rest, None),
    };
    if base.split('/').any(|part| matches!(part, "" | "." | "..")) || tag.as_deref() == Some("") {
        return Err(expected.into());
    }
    Ok(Reference::Name(Name { base: base.to_owned(), tag, digest }))
}

fn parse_digest(text: &str) -> Result<String, String> {
    let hex = text.split_once(':').map_or("", |(_, hex)| hex);
    if hex.len() >= SHORTEST_PREFIX && hex.chars().all(|c| c.is_ascii_hexdigit()) {
        return Ok(text.to_ascii_lowercase());
    }
    Err("a digest is written sha256: and its hexadecimal digits, at least the first four".into())
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Name(name) => {
                f.write_str(&name.base)?;
                name.tag.iter().try_for_each(|tag| write!(f, ":{tag}"))?;
                name.digest.iter().try_for_each(|digest| write!(f, "@{digest}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(base: &str, tag: Option<&str>, digest: Option<&str>) -> Reference {
        let own = |text: Option<&str>| text.map(str::to_owned);
        Reference::Name(Name { base: base.into(), tag: own(tag), digest: own(digest) })
    }

    #[test]
    fn every_form_of_reference_is_read() {
        let id = "3fa85f64-5717-4562-b3fc-2c963f66afa6";
        let full = format!("cr.ai.cloud.ru/{id}/team/base");
        for (text, reference) in [
            (id.to_owned(), Reference::Id(id.parse().unwrap())),
            ("3fa8".into(), name("3fa8", None, None)),
            ("team/base".into(), name("team/base", None, None)),
            ("base:v1".into(), name("base", Some("v1"), None)),
            ("base@sha256:ABCD".into(), name("base", None, Some("sha256:abcd"))),
            ("base:v1@sha256:abcd".into(), name("base", Some("v1"), Some("sha256:abcd"))),
            (full.clone(), name(&full, None, None)),
            (format!("{full}:v1"), name(&full, Some("v1"), None)),
            ("localhost:5000/base".into(), name("localhost:5000/base", None, None)),
        ] {
            assert_eq!(text.parse::<Reference>().unwrap(), reference, "{text}");
            assert_eq!(reference.to_string().to_lowercase(), text.to_lowercase());
        }
    }

    #[test]
    fn what_a_table_has_cut_is_the_beginning_of_an_id() {
        assert_eq!("3fa85f64-5717-…".parse::<Reference>().unwrap(), name("3fa85f64-5717-", None, None));
    }

    #[test]
    fn hostile_or_broken_references_are_refused() {
        for text in [
            "",
            " ",
            "..",
            "a/../b",
            "../v1/users/generate_password",
            "%2e%2e",
            "a%2fb",
            "a?b",
            "a#b",
            "a b",
            "a\u{1b}[2J",
            "a\\b",
            "/a",
            "a/",
            "a//b",
            "a:",
            "a@",
            "a@sha256:",
            "a@sha256:xyz!",
            "$(a)",
            "a;b",
        ] {
            assert!(text.parse::<Reference>().is_err(), "{text:?}");
        }
        assert!("a".repeat(LONGEST + 1).parse::<Reference>().is_err());
    }

    #[test]
    fn only_what_can_begin_an_id_is_a_prefix() {
        let prefix = |text: &str| match text.parse().unwrap() {
            Reference::Name(name) => name.as_prefix(),
            Reference::Id(_) => None,
        };
        assert_eq!(prefix("3FA8-").as_deref(), Some("3fa8-"));
        for text in ["3fa", "3fag", "3fa8:v1", "beef/cafe"] {
            assert_eq!(prefix(text), None, "{text}");
        }
    }
}
