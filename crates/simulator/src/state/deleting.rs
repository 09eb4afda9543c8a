//! Deleting, with all that goes along.

use uuid::Uuid;

use super::World;
use crate::quirks::TaggedImages;

impl World {
    pub(crate) fn delete_repository(&mut self, id: Uuid) -> bool {
        let Some(repository) = self.repositories.remove(&id) else { return false };
        for tag in repository.tags.iter().filter_map(|tag| self.tags.remove(&tag)) {
            self.orphans.remove(&tag.image);
        }
        for image in repository.images.iter() {
            self.images.remove(&image);
        }
        self.order.remove(repository.sequence);
        self.by_name.remove(&repository.name);
        self.updated_at = self.clock.stamp();
        true
    }

    pub(crate) fn delete_image(&mut self, id: Uuid, tagged: TaggedImages) -> bool {
        let Some(image) = self.images.get(&id) else { return false };
        if tagged == TaggedImages::Refused && !image.tags.is_empty() {
            return false;
        }
        let Some(image) = self.images.remove(&id) else { return false };
        if let Some(owner) = self.repositories.get_mut(&image.repository) {
            owner.images.remove(image.sequence);
            owner.by_digest.remove(&image.digest);
        }
        if tagged == TaggedImages::KeepTags {
            if !image.tags.is_empty() {
                self.orphans.insert(id, image.tags);
            }
        } else {
            for tag in image.tags.iter() {
                self.unlink_tag(tag);
            }
        }
        self.touch(image.repository, self.clock.stamp());
        true
    }

    pub(crate) fn delete_tag(&mut self, id: Uuid) -> bool {
        let Some(repository) = self.unlink_tag(id) else { return false };
        self.touch(repository, self.clock.stamp());
        true
    }

    /// Takes a tag out of every list and returns its repository.
    pub(super) fn unlink_tag(&mut self, id: Uuid) -> Option<Uuid> {
        let tag = self.tags.remove(&id)?;
        self.edit_image(tag.image, |image| image.tags.remove(tag.sequence));
        if let Some(orphans) = self.orphans.get_mut(&tag.image) {
            orphans.remove(tag.sequence);
            if orphans.is_empty() {
                self.orphans.remove(&tag.image);
            }
        }
        if let Some(owner) = self.repositories.get_mut(&tag.repository) {
            owner.tags.remove(tag.sequence);
            owner.by_tag.remove(&tag.name);
        }
        Some(tag.repository)
    }
}
