//! The registry's contents as the service writes them, nulls included.

use std::collections::BTreeMap;

use mlspace_registry_api::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::quirks::{Commands, Quirks};
use crate::service::Service;
use crate::state::{Image, Person, Repository, Tag, World};

/// The world as one person sees it, and as the quirks have it written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Viewer<'a> {
    pub(crate) world: &'a World,
    pub(crate) quirks: &'a Quirks,
    pub(crate) person: Person,
}

impl Service {
    /// The registry as that person sees it.
    pub(crate) fn viewer(&self, person: Person) -> Viewer<'_> {
        Viewer { world: &self.world, quirks: &self.quirks, person }
    }
}

/// The outer option leaves the field out, the inner one is null.
type CommandLines = Option<Option<BTreeMap<&'static str, String>>>;

#[derive(Serialize)]
pub(crate) struct RegistryView {
    id: Uuid,
    name: String,
    created_at: Timestamp,
    updated_at: Timestamp,
    repositories_count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    commands: CommandLines,
}

#[derive(Serialize)]
pub(crate) struct RepositoryView<'a> {
    id: Uuid,
    name: &'a str,
    full_name: String,
    description: Option<&'a str>,
    labels: &'a [String],
    created_at: Timestamp,
    updated_at: Timestamp,
    registry_id: Uuid,
    tags: Vec<TagView<'a>>,
    favorite: bool,
    images_count: usize,
    recent_image: Option<ImageView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    commands: CommandLines,
}

#[derive(Serialize)]
pub(crate) struct ImageView<'a> {
    id: Uuid,
    digest: &'a str,
    full_name: String,
    repository_id: Uuid,
    size: i64,
    push_time: Timestamp,
    pull_time: Option<Timestamp>,
    extra_attrs: &'a Map<String, Value>,
    tags: Vec<TagView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    commands: CommandLines,
}

#[derive(Serialize)]
pub(crate) struct TagView<'a> {
    id: Uuid,
    name: &'a str,
    full_name: String,
    image_id: Uuid,
    repository_id: Uuid,
    color: Option<&'a str>,
    push_time: Timestamp,
    pull_time: Option<Timestamp>,
    signed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    commands: CommandLines,
}

impl<'a> Viewer<'a> {
    pub(crate) fn registry(self) -> RegistryView {
        RegistryView {
            id: self.world.id,
            name: self.world.id.to_string(),
            created_at: self.world.created_at,
            updated_at: self.world.updated_at,
            repositories_count: self.world.repositories().len(),
            commands: self.commands(|| [("login", format!("docker login {}", self.quirks.registry_host))]),
        }
    }

    pub(crate) fn repository(self, repository: &'a Repository) -> RepositoryView<'a> {
        let full_name = self.full_name(repository);
        RepositoryView {
            id: repository.id,
            name: &repository.name,
            description: repository.description.as_deref(),
            labels: &repository.labels,
            created_at: repository.created_at,
            updated_at: repository.updated_at,
            registry_id: self.world.id,
            tags: self.tags(repository.tags.iter()),
            favorite: repository.favorite_of.contains(&self.person),
            images_count: repository.images.len(),
            recent_image: repository.images.last().and_then(|id| self.world.image(id)).map(|i| self.image(i)),
            commands: self.commands(|| [("push", format!("docker push {full_name}:TAG"))]),
            full_name,
        }
    }

    pub(crate) fn image(self, image: &'a Image) -> ImageView<'a> {
        self.image_with(image, image.tags.iter())
    }

    /// An image of which only some tags are shown, as paging does.
    pub(crate) fn image_with(self, image: &'a Image, tags: impl Iterator<Item = Uuid>) -> ImageView<'a> {
        let full_name = self.repository_of(image.repository);
        ImageView {
            id: image.id,
            digest: &image.digest,
            repository_id: image.repository,
            size: image.size,
            push_time: image.push_time,
            pull_time: image.pull_time,
            extra_attrs: &image.extra_attrs,
            tags: self.tags(tags),
            commands: self.commands(|| [("pull", format!("docker pull {full_name}@{}", image.digest))]),
            full_name,
        }
    }

    pub(crate) fn tag(self, tag: &'a Tag) -> TagView<'a> {
        let full_name = format!("{}:{}", self.repository_of(tag.repository), tag.name);
        TagView {
            id: tag.id,
            name: &tag.name,
            image_id: tag.image,
            repository_id: tag.repository,
            color: tag.color.as_deref(),
            push_time: tag.push_time,
            pull_time: tag.pull_time,
            signed: tag.signed,
            commands: self.commands(|| [("pull", format!("docker pull {full_name}"))]),
            full_name,
        }
    }

    pub(crate) fn tags(self, ids: impl Iterator<Item = Uuid>) -> Vec<TagView<'a>> {
        ids.filter_map(|id| self.world.tag(id)).map(|tag| self.tag(tag)).collect()
    }

    fn repository_of(self, id: Uuid) -> String {
        self.world.repository(id).map(|repository| self.full_name(repository)).unwrap_or_default()
    }

    fn full_name(self, repository: &Repository) -> String {
        format!("{}/{}/{}", self.quirks.registry_host, self.world.id, repository.name)
    }

    fn commands<const N: usize>(self, lines: impl FnOnce() -> [(&'static str, String); N]) -> CommandLines {
        match self.quirks.commands {
            Commands::Present => Some(Some(lines().into())),
            Commands::Empty => Some(Some(BTreeMap::new())),
            Commands::Null => Some(None),
            Commands::Absent => None,
        }
    }
}
