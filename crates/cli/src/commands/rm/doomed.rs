//! One thing that will go.

use mlspace_registry::{Image, Repository, Tag, Uuid};
use schemars::JsonSchema;
use serde::Serialize;

use crate::output::table::Cell;
use crate::output::text::{short_digest, size};
use crate::output::{Look, Record};

/// One thing to be deleted. What is null was not looked up.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "DeletionTarget")]
pub(crate) struct Doomed {
    /// Its id.
    pub(crate) id: Uuid,
    /// The repository's name, or `repository:tag`, or `repository@digest`.
    pub(crate) name: Option<String>,
    /// The tags that go with it.
    pub(crate) tags: Option<Vec<String>>,
    /// How many images go with it.
    pub(crate) images: Option<u64>,
    /// Bytes of its images; layers that other images share are counted too.
    pub(crate) size: Option<i64>,
    /// The image that a tag is of.
    #[serde(skip)]
    #[schemars(skip)]
    pub(crate) image: Option<Uuid>,
}

impl Doomed {
    pub(super) fn bare(id: Uuid) -> Self {
        Self { id, name: None, tags: None, images: None, size: None, image: None }
    }

    pub(super) fn of_repository(repository: &Repository) -> Self {
        let size = match repository.images_count {
            0 => Some(0),
            1 => repository.recent_image.as_ref().map(|image| image.size),
            _ => None,
        };
        Self {
            id: repository.id,
            name: Some(repository.name.clone()),
            tags: Some(repository.tags.iter().map(|tag| tag.name.clone()).collect()),
            images: u64::try_from(repository.images_count).ok(),
            size,
            image: None,
        }
    }

    pub(super) fn of_image(image: Image) -> Self {
        Self {
            id: image.id,
            name: Some(format!("{}@{}", short_name(&image.full_name), short_digest(&image.digest))),
            tags: Some(image.tags.into_iter().map(|tag| tag.name).collect()),
            images: Some(1),
            size: Some(image.size),
            image: None,
        }
    }

    pub(super) fn of_tag(tag: &Tag) -> Self {
        Self {
            name: Some(short_name(&tag.full_name).to_owned()),
            tags: Some(vec![tag.name.clone()]),
            image: Some(tag.image_id),
            ..Self::bare(tag.id)
        }
    }
}

/// The name without the host and the registry before it.
fn short_name(full_name: &str) -> &str {
    let mut parts = full_name.splitn(3, '/').skip(1);
    match (parts.next(), parts.next()) {
        (Some(registry), Some(name)) if registry.parse::<Uuid>().is_ok() => name,
        _ => full_name,
    }
}

impl Record for Doomed {
    const HEADER: &'static [&'static str] = &["NAME", "IMAGES", "TAGS", "SIZE", "ID"];
    const FIELDS: &'static [&'static str] = &["id", "name", "tags", "images", "size"];

    fn row(&self, _: &Look) -> Vec<Cell> {
        vec![
            Cell::new(self.name.as_deref().unwrap_or("-")),
            Cell::new(self.images.map_or("-".into(), |images| images.to_string())).right(),
            Cell::new(self.tags.as_ref().map_or("-".into(), |tags| tags.join(", "))),
            Cell::new(self.size.map_or("-".into(), size)).right(),
            Cell::new(self.id.to_string()),
        ]
    }

    fn card(&self, look: &Look) -> Vec<(&'static str, Cell)> {
        Self::HEADER.iter().copied().zip(self.row(look)).collect()
    }
}
