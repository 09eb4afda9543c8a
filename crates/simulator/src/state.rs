//! The contents of the registry. Knows nothing of HTTP, of keys or of how things are written on the wire.

pub(crate) mod content;
mod deleting;
pub(crate) mod digest;
mod lookup;
pub(crate) mod manifest;
mod model;
pub(crate) mod store;
pub(crate) mod upload;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use mlspace_registry_api::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Clock;
use crate::ids::Ids;
use crate::ordered::Ordered;

pub(crate) use model::{Image, Person, Repository, Tag, Tagged};
pub use model::{NewImage, NewRepository, NewTag};

/// The registry of one workspace.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct World {
    #[serde(skip)]
    clock: Arc<Clock>,
    ids: Ids,
    sequence: u64,
    pub(crate) id: Uuid,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    repositories: HashMap<Uuid, Repository>,
    order: Ordered,
    by_name: HashMap<String, Uuid>,
    images: HashMap<Uuid, Image>,
    tags: HashMap<Uuid, Tag>,
    /// Tags whose image was deleted without them.
    orphans: HashMap<Uuid, Ordered>,
}

impl World {
    pub(crate) fn new(clock: Arc<Clock>) -> Self {
        let mut ids = Ids::new(1);
        let now = clock.stamp();
        Self {
            clock,
            sequence: 0,
            id: ids.uuid(),
            ids,
            created_at: now,
            updated_at: now,
            repositories: HashMap::new(),
            order: Ordered::default(),
            by_name: HashMap::new(),
            images: HashMap::new(),
            tags: HashMap::new(),
            orphans: HashMap::new(),
        }
    }

    /// Goes on with a clock, after it was read from a file.
    pub(crate) fn with_clock(self, clock: Arc<Clock>) -> Self {
        Self { clock, ..self }
    }

    pub(crate) fn repository(&self, id: Uuid) -> Option<&Repository> {
        self.repositories.get(&id)
    }

    pub(crate) fn image(&self, id: Uuid) -> Option<&Image> {
        self.images.get(&id)
    }

    pub(crate) fn tag(&self, id: Uuid) -> Option<&Tag> {
        self.tags.get(&id)
    }

    /// All repositories, oldest first.
    pub(crate) fn repositories(&self) -> &Ordered {
        &self.order
    }

    /// The tags of an image; `None` if neither it nor a tag of it exists.
    pub(crate) fn tags_of(&self, image: Uuid) -> Option<&Ordered> {
        self.images.get(&image).map(|image| &image.tags).or_else(|| self.orphans.get(&image))
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.stamp()
    }

    fn next(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    /// The repository of that name, made at that time if there is none.
    pub(crate) fn create_repository(&mut self, name: &str, at: Timestamp) -> Uuid {
        if let Some(id) = self.by_name.get(name) {
            return *id;
        }
        let (id, sequence) = (self.ids.uuid(), self.next());
        let repository = Repository {
            id,
            sequence,
            name: name.to_owned(),
            description: None,
            labels: Vec::new(),
            favorite_of: BTreeSet::new(),
            created_at: at,
            updated_at: at,
            images: Ordered::default(),
            tags: Ordered::default(),
            by_digest: HashMap::new(),
            by_tag: HashMap::new(),
        };
        self.repositories.insert(id, repository);
        self.order.push(sequence, id);
        self.by_name.insert(name.to_owned(), id);
        id
    }

    /// Changes a repository outside the API: what seeds need beyond pushes.
    pub(crate) fn edit_repository(&mut self, id: Uuid, edit: impl FnOnce(&mut Repository)) {
        if let Some(repository) = self.repositories.get_mut(&id) {
            edit(repository);
        }
    }

    /// As [`World::edit_repository`], for an image.
    pub(crate) fn edit_image(&mut self, id: Uuid, edit: impl FnOnce(&mut Image)) {
        if let Some(image) = self.images.get_mut(&id) {
            edit(image);
        }
    }

    /// As [`World::edit_repository`], for a tag.
    pub(crate) fn edit_tag(&mut self, id: Uuid, edit: impl FnOnce(&mut Tag)) {
        if let Some(tag) = self.tags.get_mut(&id) {
            edit(tag);
        }
    }

    /// Takes a push and returns the image's id.
    pub(crate) fn push_image(&mut self, new: NewImage) -> Uuid {
        let at = new.push_time.unwrap_or_else(|| self.clock.stamp());
        let repository = self.create_repository(&new.repository, at);
        let digest = new.digest.unwrap_or_else(|| format!("sha256:{}", self.ids.hex(4)));
        let (id, sequence) = (self.ids.uuid(), self.next());
        let mut image = Image {
            id,
            sequence,
            repository,
            digest: digest.clone(),
            size: new.size,
            push_time: at,
            pull_time: new.pull_time,
            extra_attrs: new.extra_attrs,
            tags: Ordered::default(),
        };
        if let Some(owner) = self.repositories.get_mut(&repository) {
            // A manifest that is pushed again stays the same image and becomes the recent one.
            let known = owner.by_digest.get(&digest).and_then(|id| self.images.remove(id));
            if let Some(known) = known {
                owner.images.remove(known.sequence);
                let pull_time = image.pull_time.or(known.pull_time);
                image = Image { id: known.id, pull_time, tags: known.tags, ..image };
            }
            owner.images.push(sequence, image.id);
            owner.by_digest.insert(digest, image.id);
        }
        let id = image.id;
        self.images.insert(id, image);
        for tag in new.tags {
            let pull_time = tag.pull_time.or(new.pull_time);
            self.place_tag(id, NewTag { pull_time, ..tag }, true, at);
        }
        self.edit_repository(repository, |owner| owner.created_at = owner.created_at.min(at));
        self.created_at = self.created_at.min(at);
        self.touch(repository, at);
        id
    }

    /// Points a tag to an image now. A tag of that name is moved if `may_move`, and keeps its colour unless a new one is
    /// given.
    pub(crate) fn set_tag(
        &mut self,
        image: Uuid,
        name: &str,
        color: Option<String>,
        may_move: bool,
    ) -> Tagged {
        self.place_tag(image, NewTag { color, ..NewTag::new(name) }, may_move, self.clock.stamp())
    }

    fn place_tag(&mut self, image: Uuid, new: NewTag, may_move: bool, push_time: Timestamp) -> Tagged {
        let NewTag { name, color, pull_time, signed } = new;
        let Some(repository) = self.images.get(&image).map(|image| image.repository) else {
            return Tagged::NoImage;
        };
        let known = self.repositories.get(&repository).and_then(|owner| owner.by_tag.get(&name)).copied();
        let old = known.and_then(|id| self.tags.get(&id));
        if !may_move && old.is_some_and(|tag| tag.image != image) {
            return Tagged::Taken;
        }
        let color = color.or_else(|| old.and_then(|tag| tag.color.clone()));
        let id = match known {
            Some(id) => id,
            None => self.ids.uuid(),
        };
        if known.is_some() {
            self.unlink_tag(id);
        }
        let sequence = self.next();
        if let Some(owner) = self.repositories.get_mut(&repository) {
            owner.by_tag.insert(name.clone(), id);
            owner.tags.push(sequence, id);
        }
        self.edit_image(image, |image| image.tags.push(sequence, id));
        let tag = Tag { id, sequence, name, image, repository, color, push_time, pull_time, signed };
        self.tags.insert(id, tag);
        self.touch(repository, push_time);
        Tagged::Done(id)
    }

    /// Sets or clears a tag's colour; false if there is no such tag.
    pub(crate) fn set_color(&mut self, id: Uuid, color: Option<String>) -> bool {
        let Some(tag) = self.tags.get_mut(&id) else { return false };
        tag.color = color;
        let repository = tag.repository;
        self.touch(repository, self.clock.stamp());
        true
    }

    /// Changes what a person may change; false if there is no such repository.
    pub(crate) fn update_repository(
        &mut self,
        id: Uuid,
        description: Option<String>,
        add: Vec<String>,
        remove: &[String],
    ) -> bool {
        let Some(repository) = self.repositories.get_mut(&id) else { return false };
        repository.description = description.or(repository.description.take());
        for label in add {
            if !repository.labels.contains(&label) {
                repository.labels.push(label);
            }
        }
        repository.labels.retain(|label| !remove.contains(label));
        self.touch(id, self.clock.stamp());
        true
    }

    fn touch(&mut self, repository: Uuid, at: Timestamp) {
        self.updated_at = self.updated_at.max(at);
        self.edit_repository(repository, |repository| repository.updated_at = repository.updated_at.max(at));
    }

    /// Notes that an image was pulled, by one of its tags or by its digest.
    pub(crate) fn pull_image(&mut self, id: Uuid, tag: Option<&str>) {
        let now = self.clock.stamp();
        let Some(image) = self.images.get_mut(&id) else { return };
        image.pull_time = Some(now);
        let tags: Vec<Uuid> = image.tags.iter().collect();
        for id in tags {
            self.edit_tag(id, |pulled| {
                if Some(pulled.name.as_str()) == tag {
                    pulled.pull_time = Some(now);
                }
            });
        }
    }
}
