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
/// use mlspace_registry_simulator::NewImage;
///
/// let image = NewImage { size: 1_048_576, ..NewImage::new("train/base", ["v1", "latest"]) };
/// assert_eq!(image.tags.len(), 2);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewImage {
    /// The repository's name; a repository that does not exist is made. The name is taken as it is.
    pub repository: String,
    /// Names of tags. A tag that exists in the repository is moved here and keeps its id and colour.
    pub tags: Vec<String>,
    /// The manifest's digest; made up when `None`. An image that the repository has already is pushed again.
    pub digest: Option<String>,
    /// Bytes.
    pub size: i64,
    /// The image's docker configuration.
    pub extra_attrs: Map<String, Value>,
}

impl NewImage {
    /// An image of no size with a made-up digest.
    pub fn new<T: Into<String>>(repository: impl Into<String>, tags: impl IntoIterator<Item = T>) -> Self {
        Self {
            repository: repository.into(),
            tags: tags.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
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
