//! Repositories, images and tags as a registry holds them.

use std::collections::{BTreeSet, HashMap};

use mlspace_registry_api::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::ordered::Ordered;

/// The owner of a key: favourites belong to one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Person {
    ServiceAccount,
    Personal,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Repository {
    pub(crate) id: Uuid,
    pub(super) sequence: u64,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) labels: Vec<String>,
    pub(crate) favorite_of: BTreeSet<Person>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    /// By time of push, so that the last one is the recent image.
    pub(crate) images: Ordered,
    /// Every tag of the repository, also one that points to an image that is gone.
    pub(crate) tags: Ordered,
    pub(super) by_digest: HashMap<String, Uuid>,
    pub(super) by_tag: HashMap<String, Uuid>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Image {
    pub(crate) id: Uuid,
    pub(super) sequence: u64,
    pub(crate) repository: Uuid,
    pub(crate) digest: String,
    pub(crate) size: i64,
    pub(crate) push_time: Timestamp,
    pub(crate) pull_time: Option<Timestamp>,
    pub(crate) extra_attrs: Map<String, Value>,
    pub(crate) tags: Ordered,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Tag {
    pub(crate) id: Uuid,
    pub(super) sequence: u64,
    pub(crate) name: String,
    pub(crate) image: Uuid,
    pub(crate) repository: Uuid,
    pub(crate) color: Option<String>,
    pub(crate) push_time: Timestamp,
    pub(crate) pull_time: Option<Timestamp>,
    pub(crate) signed: bool,
}

/// An image to be pushed, with the tags that shall point to it.
///
/// ```
/// use mlspace_registry_simulator::{NewImage, NewTag};
///
/// let image = NewImage { size: 1_048_576, ..NewImage::new("train/base", ["v1", "latest"]) };
/// assert_eq!(image.tags.len(), 2);
///
/// // Pushed in summer, pulled once.
/// let old = NewImage {
///     push_time: Some("2026-06-01T08:00:00Z".parse()?),
///     pull_time: Some("2026-06-02T08:00:00Z".parse()?),
///     ..NewImage::new("train/base", [NewTag { color: Some("#2f81f7".into()), ..NewTag::new("v0") }])
/// };
/// # let _ = old;
/// # Ok::<(), mlspace_registry_simulator::TimestampError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewImage {
    /// The repository's name; a repository that does not exist is made. The name is taken as it is.
    pub repository: String,
    /// Tags. One that exists in the repository is moved here and keeps its id, and its colour unless it has another.
    pub tags: Vec<NewTag>,
    /// The manifest's digest; made up when `None`. An image that the repository has already is pushed again.
    pub digest: Option<String>,
    /// Bytes.
    pub size: i64,
    /// The image's docker configuration.
    pub extra_attrs: Map<String, Value>,
    /// The time of the push, of the image and its tags; now when `None`. A new repository is as old.
    pub push_time: Option<Timestamp>,
    /// The time of the last pull, of the image and of tags that have none; never when `None`.
    pub pull_time: Option<Timestamp>,
}

/// A tag to be pushed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewTag {
    /// Its name.
    pub name: String,
    /// Its colour.
    pub color: Option<String>,
    /// The time of the last pull by it; that of the image when `None`.
    pub pull_time: Option<Timestamp>,
    /// True if it is shown as signed.
    pub signed: bool,
}

/// A repository to be made, with what pushes do not give it. Its images are pushed by its name.
///
/// ```
/// use mlspace_registry_simulator::NewRepository;
///
/// let repository = NewRepository { labels: vec!["prod".into()], ..NewRepository::new("train/base") };
/// assert_eq!(repository.name, "train/base");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewRepository {
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: Option<String>,
    /// Its labels.
    pub labels: Vec<String>,
    /// True if it is a favourite of the service account.
    pub favorite: bool,
    /// True if it is a favourite of the person.
    pub favorite_of_person: bool,
}

impl NewImage {
    /// An image of no size with a made-up digest.
    pub fn new<T: Into<NewTag>>(repository: impl Into<String>, tags: impl IntoIterator<Item = T>) -> Self {
        Self {
            repository: repository.into(),
            tags: tags.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }
}

impl NewTag {
    /// A tag of that name.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }
}

impl<T: Into<String>> From<T> for NewTag {
    fn from(name: T) -> Self {
        Self::new(name)
    }
}

impl NewRepository {
    /// A repository of that name, with nothing else.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }
}

/// The fate of a tag that was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Tagged {
    Done(Uuid),
    NoImage,
    /// The name is taken by another image and may not be moved.
    Taken,
}
