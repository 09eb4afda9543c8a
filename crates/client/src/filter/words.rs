//! The words of filters, and for which nouns there are which.

use mlspace_registry_api::types::{Image, Repository, Tag};

/// What a filter is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noun {
    Repository,
    Image,
    Tag,
}

/// Kept out of reach, so that there are three nouns and no more.
pub trait Sealed {
    #[doc(hidden)]
    const NOUN: Noun;
}

impl Sealed for Repository {
    const NOUN: Noun = Noun::Repository;
}

impl Sealed for Image {
    const NOUN: Noun = Noun::Image;
}

impl Sealed for Tag {
    const NOUN: Noun = Noun::Tag;
}

/// A word of filters.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct FilterWord {
    /// The word that such a condition begins with.
    pub word: &'static str,
    /// How it is written, such as `older=TIME`.
    pub written: &'static str,
    /// What it means.
    pub means: &'static str,
    pub(super) nouns: &'static [Noun],
}

const ALL: &[Noun] = &[Noun::Repository, Noun::Image, Noun::Tag];
const PUSHED: &[Noun] = &[Noun::Image, Noun::Tag];
const IMAGE: &[Noun] = &[Noun::Image];

const fn word(
    word: &'static str,
    written: &'static str,
    means: &'static str,
    nouns: &'static [Noun],
) -> FilterWord {
    FilterWord { word, written, means, nouns }
}

pub(super) const WORDS: &[FilterWord] = &[
    word("name", "name=PATTERN", "a name, or PATTERN alone", &[Noun::Repository]),
    word("name", "name=PATTERN", "the name of a tag, or PATTERN alone", PUSHED),
    word("tag", "tag=PATTERN", "any of its tags", IMAGE),
    word("untagged", "untagged", "without a tag", IMAGE),
    word("older", "older=TIME", "since its last change", &[Noun::Repository]),
    word("newer", "newer=TIME", "since its last change", &[Noun::Repository]),
    word("older", "older=TIME", "since its push", PUSHED),
    word("newer", "newer=TIME", "since its push", PUSHED),
    word("never-pulled", "never-pulled", "no pull on record", PUSHED),
    word("pulled-within", "pulled-within=TIME", "a pull so lately", PUSHED),
    word("not-pulled-for", "not-pulled-for=TIME", "no pull so lately, or none on record", PUSHED),
    word("larger", "larger=SIZE", "as listed", IMAGE),
    word("smaller", "smaller=SIZE", "as listed", IMAGE),
    word("label", "label=LABEL", "has the label", &[Noun::Repository]),
    word("label", "label=KEY[=VALUE]", "of the image's own configuration", IMAGE),
    word("repo.label", "repo.label=LABEL", "of its repository", PUSHED),
    word("color", "color=COLOUR", "a tag of this colour; `none` for none", PUSHED),
    word("signed", "signed", "a signed tag", PUSHED),
    word("favorite", "favorite", "a favourite of yours, or in one", ALL),
    word("digest", "digest=DIGEST", "or its beginning", IMAGE),
    word("platform", "platform=PATTERN", "such as linux/amd64", IMAGE),
];
