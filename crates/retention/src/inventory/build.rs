//! Makes an inventory of what the service lists.

use std::collections::BTreeMap;

use mlspace_registry_api::types;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Digest, Image, Inventory, LeftOut, Moment, Repository, Tag, books};

/// Takes repositories with their images, and keeps of them what is judged: nothing of an image's configuration.
///
/// ```
/// use mlspace_registry_retention::{InventoryBuilder, ListState};
/// # fn listed() -> Vec<(mlspace_registry_api::types::Repository, Vec<mlspace_registry_api::types::Image>)> { vec![] }
///
/// let mut builder = InventoryBuilder::new();
/// for (repository, images) in listed() {
///     builder.add(&repository, images, ListState::Complete);
/// }
/// let inventory = builder.build();
/// assert_eq!(inventory.images(), 0);
/// ```
#[derive(Debug, Default)]
pub struct InventoryBuilder {
    repositories: BTreeMap<Uuid, Repository>,
}

/// Whether a list of images was all there was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListState {
    /// One answer that agrees with its count, or two equal walks.
    Complete,
    /// The service counts more than it gave.
    Short,
    /// Not known.
    Unknown,
    /// Not complete, or not known to be, and taken as if it were: the word of whoever started this.
    Accepted,
}

/// What a manifest is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Manifest {
    /// One image, and what it is attached to, if that was read and there is something.
    Image {
        /// The digest of its subject.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        subject: Option<String>,
    },
    /// A list of other manifests.
    Index {
        /// Their digests.
        children: Vec<String>,
    },
}

impl InventoryBuilder {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a repository, with the tags that the list of repositories has of it, and its images.
    pub fn add(&mut self, repository: &types::Repository, images: Vec<types::Image>, list: ListState) {
        let left_out = match list {
            _ if !books::agree(repository, &images) => Some(LeftOut::ListsDisagree),
            ListState::Short => Some(LeftOut::ListShort),
            ListState::Unknown => Some(LeftOut::ListUnknown),
            ListState::Complete | ListState::Accepted => None,
        };
        let images = images.into_iter().map(Image::new).collect();
        let taken = Repository {
            id: repository.id,
            name: repository.name.as_str().into(),
            full_name: repository.full_name.as_str().into(),
            labels: repository.labels.iter().flatten().map(|label| label.as_str().into()).collect(),
            favorite: repository.favorite,
            left_out,
            accepted: list == ListState::Accepted,
            images,
            manifests: BTreeMap::new(),
        };
        self.repositories.insert(repository.id, taken.sorted());
    }

    pub(super) fn put(&mut self, repository: Repository) {
        self.repositories.insert(repository.id, repository.sorted());
    }

    /// Adds what a manifest is that was read. One that is of no known image is of no use.
    pub fn manifest(&mut self, repository: Uuid, image: Uuid, manifest: Manifest) {
        if let Some(repository) = self.repositories.get_mut(&repository)
            && let Ok(place) = repository.images.binary_search_by_key(&image, |image| image.id)
            && let Ok(place) = u32::try_from(place)
        {
            repository.manifests.insert(place, manifest);
        }
    }

    /// The inventory, in an order that is the same whatever the order was in which it was taken.
    pub fn build(self) -> Inventory {
        let mut repositories: Vec<_> = self.repositories.into_values().collect();
        repositories.sort_by(|a, b| a.name.cmp(&b.name).then(a.id.cmp(&b.id)));
        Inventory { repositories }
    }
}

impl Repository {
    fn sorted(mut self) -> Self {
        self.images.sort_by_key(|image| image.id);
        self.images.dedup_by_key(|image| image.id);
        self
    }
}

impl Image {
    fn new(image: types::Image) -> Self {
        let mut tags: Vec<_> = image.tags.into_iter().map(Tag::new).collect();
        tags.sort_by(|a, b| a.name.cmp(&b.name).then(a.id.cmp(&b.id)));
        Self {
            id: image.id,
            digest: Digest::new(&image.digest),
            pushed: Moment::new(image.push_time),
            pulled: Moment::new(image.pull_time),
            size: image.size,
            tags: tags.into(),
            attributes: ["architecture", "config"].iter().any(|key| image.extra_attrs.contains_key(*key)),
        }
    }
}

impl Tag {
    fn new(tag: types::Tag) -> Self {
        Self {
            id: tag.id,
            name: tag.name.into(),
            color: tag.color.map(Into::into),
            pushed: Moment::new(tag.push_time),
            pulled: Moment::new(tag.pull_time),
            signed: tag.signed,
        }
    }
}
