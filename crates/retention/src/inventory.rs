//! What there is, as small as it can be and still be judged.

mod books;
mod build;
mod saved;

use std::collections::BTreeMap;
use std::fmt;

use mlspace_registry_api::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use build::{InventoryBuilder, ListState, Manifest};
pub use saved::SavedError;
pub(crate) use saved::{SavedImage, SavedRepository, SavedTag};

/// A moment in whole seconds since 1970; what is not known is a moment as well, so that a million of them are small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Moment(i64);

impl Moment {
    pub(crate) const UNKNOWN: Self = Self(i64::MIN);

    /// A stamp without an offset may be meant in any zone, the most western of which is 14 hours behind: it is taken as
    /// that much later, so that nothing goes early.
    pub(crate) fn new(stamp: Option<Timestamp>) -> Self {
        const MOST_WESTERN: i64 = 14 * 3_600;
        stamp.map_or(Self::UNKNOWN, |stamp| {
            Self(stamp.unix_seconds() + if stamp.has_offset() { 0 } else { MOST_WESTERN })
        })
    }

    pub(crate) fn seconds(self) -> Option<i64> {
        (self != Self::UNKNOWN).then_some(self.0)
    }

    pub(crate) fn stamp(self) -> Option<Timestamp> {
        self.seconds().and_then(Timestamp::from_unix_seconds)
    }
}

/// A digest. The usual one takes its 32 bytes and no more.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Digest {
    Sha256([u8; 32]),
    Other(Box<str>),
}

impl Digest {
    pub(crate) fn new(text: &str) -> Self {
        let sha256 = || {
            let hex = text.strip_prefix("sha256:")?.as_bytes();
            let mut bytes = [0; 32];
            if hex.len() != 64 {
                return None;
            }
            for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
                let digit = |digit: u8| (digit as char).to_digit(16).map(|value| value as u8);
                *byte = digit(pair[0])? << 4 | digit(pair[1])?;
            }
            Some(Self::Sha256(bytes))
        };
        sha256().unwrap_or_else(|| Self::Other(text.to_ascii_lowercase().into()))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sha256(bytes) => {
                f.write_str("sha256:")?;
                bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
            Self::Other(text) => f.write_str(text),
        }
    }
}

/// What there is in a registry: repositories with their images and tags, and no more of each than is judged. Made by
/// an [`InventoryBuilder`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inventory {
    /// By name.
    pub(crate) repositories: Vec<Repository>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Repository {
    pub(crate) id: Uuid,
    pub(crate) name: Box<str>,
    /// What docker is told, without a tag.
    pub(crate) full_name: Box<str>,
    pub(crate) labels: Vec<Box<str>>,
    pub(crate) favorite: bool,
    /// Set where nothing in it may be judged.
    pub(crate) left_out: Option<LeftOut>,
    /// The count that was accepted instead of a complete list.
    pub(crate) accepted: bool,
    /// By id.
    pub(crate) images: Vec<Image>,
    /// What of its manifests was read, by the image's place.
    pub(crate) manifests: BTreeMap<u32, Manifest>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Image {
    pub(crate) id: Uuid,
    pub(crate) digest: Digest,
    pub(crate) pushed: Moment,
    pub(crate) pulled: Moment,
    pub(crate) size: i64,
    /// By name.
    pub(crate) tags: Box<[Tag]>,
    /// Its attributes have an architecture or a configuration.
    pub(crate) attributes: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tag {
    pub(crate) id: Uuid,
    pub(crate) name: Box<str>,
    pub(crate) color: Option<Box<str>>,
    pub(crate) pushed: Moment,
    pub(crate) pulled: Moment,
    pub(crate) signed: bool,
}

/// Why nothing in a repository is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LeftOut {
    /// The service counts more images than it lists.
    ListShort,
    /// Whether these are all its images is not known.
    ListUnknown,
    /// The tags in the list of repositories are not those in its list of images.
    ListsDisagree,
}

impl LeftOut {
    /// As it is written in plans.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ListShort => "list_short",
            Self::ListUnknown => "list_unknown",
            Self::ListsDisagree => "lists_disagree",
        }
    }
}

impl Inventory {
    /// How many repositories there are, those that are left out among them.
    pub fn repositories(&self) -> usize {
        self.repositories.len()
    }

    /// How many images there are in all repositories.
    pub fn images(&self) -> usize {
        self.repositories.iter().map(|repository| repository.images.len()).sum()
    }

    /// How many tags there are in all repositories.
    pub fn tags(&self) -> usize {
        let images = self.repositories.iter().flat_map(|repository| &repository.images);
        images.map(|image| image.tags.len()).sum()
    }

    /// The names of repositories that are left out, each with why.
    pub fn left_out(&self) -> impl Iterator<Item = (&str, LeftOut)> {
        self.repositories.iter().filter_map(|repository| Some((&*repository.name, repository.left_out?)))
    }

    /// True if there is a pull on record anywhere. A service that records none would make `keep_pulled_within` an
    /// empty promise.
    pub fn has_pulls(&self) -> bool {
        let images = self.repositories.iter().flat_map(|repository| &repository.images);
        images.into_iter().any(|image| {
            image.pulled != Moment::UNKNOWN || image.tags.iter().any(|tag| tag.pulled != Moment::UNKNOWN)
        })
    }
}
