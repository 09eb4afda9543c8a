//! Conditions on what lists hold, in words.

mod read;
#[cfg(test)]
mod tests;
mod words;

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;
use std::time::Duration;

use mlspace_registry_api::Timestamp;
use mlspace_registry_api::types::{Image, Repository, Tag};
use mlspace_registry_retention::Pattern;

pub use words::FilterWord;
use words::Noun;

/// A condition on repositories, images or tags, as people write it: `older=90d`, `tag=v*,prod`, `!signed`.
///
/// A comma is "or": it parts conditions, and the values of one. A `!` before all turns the whole around. What is not
/// known of a thing fits no condition on it, turned around or not: an image of unknown age is neither `older=90d` nor
/// `!older=90d`. [`words`](Self::words) lists what a filter can say.
///
/// ```
/// use mlspace_registry::{Filter, Image};
///
/// let filter: Filter<Image> = "untagged,tag=ci-*".parse()?;
/// # let _ = filter;
/// let error = "never-puled".parse::<Filter<Image>>().unwrap_err();
/// assert!(error.to_string().starts_with("did you mean never-pulled?"));
/// # Ok::<(), mlspace_registry::FilterError>(())
/// ```
pub struct Filter<T> {
    text: String,
    negated: bool,
    any: Vec<Condition>,
    noun: PhantomData<fn(&T)>,
}

/// What filters are made for: repositories, images and tags.
pub trait Filtered: words::Sealed {}

impl Filtered for Repository {}
impl Filtered for Image {}
impl Filtered for Tag {}

/// A text that is no filter, or none for such a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError(pub(crate) String);

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for FilterError {}

/// A condition without "or" and "not".
#[derive(Clone, Debug, PartialEq)]
enum Condition {
    /// The name of a repository or a tag; of an image, of any of its tags.
    Name(Pattern),
    Untagged,
    NeverPulled,
    Older(Duration),
    Newer(Duration),
    PulledWithin(Duration),
    NotPulledFor(Duration),
    Larger(u64),
    Smaller(u64),
    /// A label of a repository; one of an image's own configuration, as KEY or KEY=VALUE.
    Label(String),
    RepositoryLabel(String),
    /// `None` is no colour.
    Color(Option<String>),
    Signed,
    Favorite,
    /// The beginning of a digest, with `sha256:` or without.
    Digest(String),
    Platform(Pattern),
}

/// A thing with the repository that it is in.
#[derive(Clone, Copy)]
struct Subject<'s> {
    repository: &'s Repository,
    image: Option<&'s Image>,
    /// Those of the image, or the tag itself.
    tags: &'s [Tag],
    noun: Noun,
}

impl<T: Filtered> Filter<T> {
    /// What a filter of such things can say.
    pub fn words() -> impl Iterator<Item = &'static FilterWord> {
        words::WORDS.iter().filter(|word| word.nouns.contains(&T::NOUN))
    }

    /// The filter as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn fits(&self, subject: Subject<'_>, now: Timestamp) -> bool {
        let mut known = true;
        for condition in &self.any {
            match condition.holds(subject, now) {
                Some(true) => return !self.negated,
                Some(false) => {}
                None => known = false,
            }
        }
        self.negated && known
    }
}

impl Filter<Repository> {
    /// True if the repository fits. Ages count to `now`.
    pub fn matches(&self, repository: &Repository, now: Timestamp) -> bool {
        self.fits(Subject { repository, image: None, tags: &[], noun: Noun::Repository }, now)
    }
}

impl Filter<Image> {
    /// True if the image fits, which is in this repository. Ages count to `now`.
    pub fn matches(&self, image: &Image, repository: &Repository, now: Timestamp) -> bool {
        self.fits(Subject { repository, image: Some(image), tags: &image.tags, noun: Noun::Image }, now)
    }
}

impl Filter<Tag> {
    /// True if the tag fits, which is in this repository. Ages count to `now`.
    pub fn matches(&self, tag: &Tag, repository: &Repository, now: Timestamp) -> bool {
        let tags = std::slice::from_ref(tag);
        self.fits(Subject { repository, image: None, tags, noun: Noun::Tag }, now)
    }
}

impl Subject<'_> {
    /// When it was pushed; a repository, when it last changed.
    fn time(&self) -> Option<Timestamp> {
        match (self.noun, self.image) {
            (Noun::Repository, _) => self.repository.updated_at,
            (_, Some(image)) => image.push_time,
            _ => self.tags.first()?.push_time,
        }
    }

    /// The newest pull on record.
    fn pulled(&self) -> Option<Timestamp> {
        let tags = self.tags.iter().filter_map(|tag| tag.pull_time);
        tags.chain(self.image.and_then(|image| image.pull_time)).max()
    }
}

impl Condition {
    /// `None` where it is not known.
    fn holds(&self, subject: Subject<'_>, now: Timestamp) -> Option<bool> {
        let age = |stamp: Timestamp| stamp.until(now).unwrap_or_default();
        let tags = subject.tags;
        Some(match self {
            Self::Name(pattern) => match subject.noun {
                Noun::Repository => pattern.matches(&subject.repository.name),
                Noun::Image | Noun::Tag => tags.iter().any(|tag| pattern.matches(&tag.name)),
            },
            Self::Untagged => tags.is_empty(),
            Self::NeverPulled => subject.pulled().is_none(),
            Self::Older(time) => age(subject.time()?) > *time,
            Self::Newer(time) => age(subject.time()?) < *time,
            Self::PulledWithin(time) => subject.pulled().is_some_and(|pulled| age(pulled) <= *time),
            Self::NotPulledFor(time) => subject.pulled().is_none_or(|pulled| age(pulled) > *time),
            Self::Larger(bytes) => u64::try_from(subject.image?.size).unwrap_or_default() > *bytes,
            Self::Smaller(bytes) => u64::try_from(subject.image?.size).unwrap_or_default() < *bytes,
            Self::Label(label) if subject.noun == Noun::Image => has_label(subject.image?, label),
            Self::Label(label) | Self::RepositoryLabel(label) => {
                subject.repository.labels.as_ref().is_some_and(|labels| labels.contains(label))
            }
            Self::Color(color) => tags.iter().any(|tag| match (color, &tag.color) {
                (Some(color), Some(own)) => color.eq_ignore_ascii_case(own),
                (color, own) => color.is_none() && own.is_none(),
            }),
            Self::Signed => tags.iter().any(|tag| tag.signed),
            Self::Favorite => subject.repository.favorite,
            Self::Digest(beginning) => {
                let digest = subject.image?.digest.as_str();
                let hex = digest.split_once(':').map_or(digest, |(_, hex)| hex);
                digest.starts_with(beginning) || hex.starts_with(beginning)
            }
            Self::Platform(pattern) => pattern.matches(&platform(subject.image?)?),
        })
    }
}

/// A label of the image's own configuration.
fn has_label(image: &Image, wanted: &str) -> bool {
    let labels = image.extra_attrs.get("config").and_then(|config| config.get("Labels"));
    let labels = labels.and_then(|labels| labels.as_object());
    labels.into_iter().flatten().any(|(key, value)| match wanted.split_once('=') {
        Some((name, text)) => key == name && value.as_str() == Some(text),
        None => key == wanted,
    })
}

/// `linux/amd64` or `linux/arm/v7`; `None` where the image does not say, as no index does.
fn platform(image: &Image) -> Option<String> {
    let part = |key: &str| image.extra_attrs.get(key)?.as_str().filter(|part| !part.is_empty());
    let (os, architecture) = (part("os")?, part("architecture")?);
    Some(match part("variant") {
        Some(variant) => format!("{os}/{architecture}/{variant}"),
        None => format!("{os}/{architecture}"),
    })
}

impl<T: Filtered> FromStr for Filter<T> {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        let (negated, any) = read::read(text, T::NOUN)?;
        Ok(Self { text: text.to_owned(), negated, any, noun: PhantomData })
    }
}

impl<T> Clone for Filter<T> {
    fn clone(&self) -> Self {
        Self { text: self.text.clone(), any: self.any.clone(), ..*self }
    }
}

impl<T> fmt::Debug for Filter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Filter({:?})", self.text)
    }
}

impl<T> PartialEq for Filter<T> {
    fn eq(&self, other: &Self) -> bool {
        (self.negated, &self.any) == (other.negated, &other.any)
    }
}
