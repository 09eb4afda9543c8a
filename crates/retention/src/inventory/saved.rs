//! An inventory in a file: a line for each repository.

use std::fmt;

use mlspace_registry_api::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Digest, Image, Inventory, InventoryBuilder, LeftOut, Manifest, Moment, Repository, Tag};

/// A line that is no repository of an inventory.
#[derive(Debug)]
pub struct SavedError(serde_json::Error);

impl fmt::Display for SavedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "this is no line of an inventory: {}", self.0)
    }
}

impl std::error::Error for SavedError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct SavedRepository {
    pub(crate) repository: String,
    pub(crate) id: Uuid,
    pub(crate) full_name: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) labels: Vec<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) favorite: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) left_out: Option<LeftOut>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) accepted: bool,
    pub(crate) images: Vec<SavedImage>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct SavedImage {
    pub(crate) id: Uuid,
    pub(crate) digest: String,
    pub(crate) pushed: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pulled: Option<Timestamp>,
    pub(crate) size: i64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tags: Vec<SavedTag>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) attributes: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) manifest: Option<Manifest>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct SavedTag {
    pub(crate) name: String,
    pub(crate) id: Uuid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) color: Option<String>,
    pub(crate) pushed: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pulled: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) signed: bool,
}

impl Inventory {
    /// The inventory as lines of JSON, one for each repository and none longer than that; times are those that are
    /// judged by. [`InventoryBuilder::add_saved`] reads them.
    pub fn to_lines(&self) -> impl Iterator<Item = String> {
        // Text as keys and finite numbers: this does not fail.
        self.repositories
            .iter()
            .map(|one| serde_json::to_string(&SavedRepository::from(one)).unwrap_or_default())
    }
}

impl InventoryBuilder {
    /// Adds a repository of a saved inventory.
    ///
    /// # Errors
    /// Where the line is none of [`Inventory::to_lines`].
    pub fn add_saved(&mut self, line: &str) -> Result<(), SavedError> {
        self.add_read(serde_json::from_str(line).map_err(SavedError)?);
        Ok(())
    }

    pub(crate) fn add_read(&mut self, saved: SavedRepository) {
        let id = saved.id;
        let manifests: Vec<_> =
            saved.images.iter().filter_map(|image| Some((image.id, image.manifest.clone()?))).collect();
        self.put(saved.into());
        for (image, manifest) in manifests {
            self.manifest(id, image, manifest);
        }
    }
}

impl From<&Repository> for SavedRepository {
    fn from(one: &Repository) -> Self {
        let manifest =
            |place: usize| u32::try_from(place).ok().and_then(|place| one.manifests.get(&place).cloned());
        let images = one.images.iter().enumerate().map(|(place, image)| SavedImage {
            id: image.id,
            digest: image.digest.to_string(),
            pushed: image.pushed.stamp(),
            pulled: image.pulled.stamp(),
            size: image.size,
            tags: image.tags.iter().map(SavedTag::from).collect(),
            attributes: image.attributes,
            manifest: manifest(place),
        });
        Self {
            repository: one.name.to_string(),
            id: one.id,
            full_name: one.full_name.to_string(),
            labels: one.labels.iter().map(ToString::to_string).collect(),
            favorite: one.favorite,
            left_out: one.left_out,
            accepted: one.accepted,
            images: images.collect(),
        }
    }
}

impl From<&Tag> for SavedTag {
    fn from(tag: &Tag) -> Self {
        Self {
            name: tag.name.to_string(),
            id: tag.id,
            color: tag.color.as_deref().map(str::to_owned),
            pushed: tag.pushed.stamp(),
            pulled: tag.pulled.stamp(),
            signed: tag.signed,
        }
    }
}

impl From<SavedRepository> for Repository {
    fn from(saved: SavedRepository) -> Self {
        Self {
            id: saved.id,
            name: saved.repository.into(),
            full_name: saved.full_name.into(),
            labels: saved.labels.into_iter().map(Into::into).collect(),
            favorite: saved.favorite,
            left_out: saved.left_out,
            accepted: saved.accepted,
            images: saved.images.into_iter().map(Image::from).collect(),
            manifests: std::collections::BTreeMap::new(),
        }
    }
}

impl From<SavedImage> for Image {
    fn from(saved: SavedImage) -> Self {
        let mut tags: Vec<_> = saved.tags.into_iter().map(Tag::from).collect();
        tags.sort_by(|a, b| a.name.cmp(&b.name).then(a.id.cmp(&b.id)));
        Self {
            id: saved.id,
            digest: Digest::new(&saved.digest),
            pushed: Moment::new(saved.pushed),
            pulled: Moment::new(saved.pulled),
            size: saved.size,
            tags: tags.into(),
            attributes: saved.attributes,
        }
    }
}

impl From<SavedTag> for Tag {
    fn from(saved: SavedTag) -> Self {
        Self {
            id: saved.id,
            name: saved.name.into(),
            color: saved.color.map(Into::into),
            pushed: Moment::new(saved.pushed),
            pulled: Moment::new(saved.pulled),
            signed: saved.signed,
        }
    }
}
