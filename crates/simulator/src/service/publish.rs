//! The meeting of the registry and the management API: a push, a pull or a delete on one side, and what it is on
//! the other.

use std::io;

use bytes::Bytes;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::Service;
use crate::quirks::{
    Accessories, DeletedImageBlobs, DeletedIndex, IndexChildren, LastTag, Prefix, SparseIndex, TaggedImages,
};
use crate::state::NewImage;
use crate::state::content::Stored;
use crate::state::digest::Digest;
use crate::state::manifest::{Contents, Manifest, Part, Reference};

/// A manifest that was pushed.
pub(crate) struct Push<'a> {
    pub(crate) repository: &'a str,
    pub(crate) digest: &'a Digest,
    pub(crate) bytes: Bytes,
    pub(crate) manifest: Manifest,
    /// The configuration, which becomes `extra_attrs`.
    pub(crate) config: Map<String, Value>,
    pub(crate) tags: Vec<String>,
}

/// The reason for which a manifest is not taken.
#[derive(Debug)]
pub(crate) enum PushError {
    Part(BadPart),
    /// It would move a tag that may not be moved.
    Immutable,
    /// It could not be written.
    Disk(io::Error),
}

impl From<BadPart> for PushError {
    fn from(bad: BadPart) -> Self {
        Self::Part(bad)
    }
}

/// The part of a manifest for which it is not taken.
#[derive(Debug)]
pub(crate) enum BadPart {
    /// It is not there.
    Unknown(Part),
    /// It is there, and has so many bytes.
    Size { part: Part, length: u64 },
}

impl Service {
    /// Takes a manifest whose blobs are there, and shows it as an image.
    pub(crate) fn push_manifest(&mut self, push: Push<'_>) -> Result<(), PushError> {
        let Push { repository, digest, bytes, manifest, config, tags } = push;
        let mut size = bytes.len() as u64;
        let moved = tags.iter().filter_map(|tag| self.tagged(repository, tag));
        let moved = moved
            .filter(|(_, image)| self.world.image(*image).is_none_or(|one| one.digest != digest.to_string()));
        if moved.into_iter().any(|(id, _)| self.is_immutable(id)) {
            return Err(PushError::Immutable);
        }
        // All parts before anything is kept, so that a manifest that is refused leaves no trace.
        for part in manifest.parts() {
            let total = self.check_part(repository, part, &manifest.contents)?;
            size = size.saturating_add(total);
        }
        let children = match &manifest.contents {
            Contents::Index(parts) => parts.iter().map(|part| part.digest.clone()).collect(),
            Contents::Image(_) => Vec::new(),
        };
        let is_accessory = manifest.subject.is_some();
        let stored = Stored { length: bytes.len() as u64, manifest, size, image: None };
        self.content.add_manifest(repository, digest, &bytes, stored).map_err(PushError::Disk)?;
        // An index that came before may already refer to it; such a child is no image of its own.
        let is_child = self.content.references(repository, digest) > 0;
        let is_shown = match is_accessory {
            true => self.quirks.accessories == Accessories::Images,
            false => !is_child || self.quirks.index_children == IndexChildren::Listed,
        };
        if !tags.is_empty() || is_shown {
            self.show(repository, digest, config, tags);
        }
        // After the index is kept: tools push the children first, and only now is it known that they are children.
        if self.quirks.index_children == IndexChildren::Hidden {
            for child in &children {
                self.hide(repository, child);
            }
        }
        Ok(())
    }

    /// Checks that what a manifest refers to is there, and returns how many bytes it comes to.
    fn check_part(&self, repository: &str, part: &Part, contents: &Contents) -> Result<u64, BadPart> {
        let child = self
            .content
            .manifest(repository, &part.digest)
            .filter(|_| matches!(contents, Contents::Index(_)));
        let (length, total) = match (child, self.content.blob(repository, &part.digest)) {
            (Some(child), _) => (child.length, child.size),
            (None, Some(size)) => (size, size),
            (None, None) => {
                let sparse = self.quirks.sparse_index == SparseIndex::Accepted;
                if sparse && matches!(contents, Contents::Index(_)) {
                    return Ok(part.size);
                }
                return Err(BadPart::Unknown(part.clone()));
            }
        };
        if length != part.size {
            return Err(BadPart::Size { part: part.clone(), length });
        }
        Ok(total)
    }

    fn show(&mut self, repository: &str, digest: &Digest, config: Map<String, Value>, tags: Vec<String>) {
        let size = self.content.manifest(repository, digest).map_or(0, |stored| stored.size);
        let image = self.world.push_image(NewImage {
            digest: Some(digest.to_string()),
            size: i64::try_from(size).unwrap_or(i64::MAX),
            extra_attrs: config,
            ..NewImage::new(repository, tags)
        });
        self.content.set_image(repository, digest, Some(image));
    }

    /// Stops showing a manifest that belongs to an index, unless it has a tag of its own.
    fn hide(&mut self, repository: &str, digest: &Digest) {
        let image = self.content.manifest(repository, digest).and_then(|stored| stored.image);
        let Some(image) = image else { return };
        if self.world.tags_of(image).is_none_or(|tags| tags.is_empty()) {
            self.world.delete_image(image, TaggedImages::RemoveTags);
            self.content.set_image(repository, digest, None);
        }
    }

    /// True for a tag that can be neither deleted nor moved.
    pub(crate) fn is_immutable(&self, tag: Uuid) -> bool {
        let name = self.world.tag(tag).map(|tag| tag.name.as_str()).unwrap_or_default();
        self.quirks.immutable_tags.as_ref().is_some_and(|Prefix(prefix)| name.starts_with(prefix.as_str()))
    }

    /// True for a repository that has such a tag.
    pub(crate) fn has_immutable(&self, repository: Uuid) -> bool {
        let repository = self.world.repository(repository);
        repository.is_some_and(|one| one.tags.iter().any(|tag| self.is_immutable(tag)))
    }

    /// The tag of that name on another image of the image's repository.
    pub(crate) fn tag_beside(&self, image: Uuid, name: &str) -> Option<Uuid> {
        let repository = self.world.repository(self.world.image(image)?.repository)?;
        let (id, owner) = self.tagged(&repository.name, name)?;
        (owner != image).then_some(id)
    }

    /// True if deleting that would delete such a tag.
    pub(crate) fn deletes_immutable(&self, repository: &str, reference: &Reference) -> bool {
        match reference {
            Reference::Tag(tag) => self.tagged(repository, tag).is_some_and(|(id, _)| self.is_immutable(id)),
            Reference::Digest(digest) => {
                let image = self.content.manifest(repository, digest).and_then(|stored| stored.image);
                image.is_some_and(|image| self.holds_immutable(image))
            }
        }
    }

    /// True for an image that has such a tag.
    pub(crate) fn holds_immutable(&self, image: Uuid) -> bool {
        self.world.tags_of(image).is_some_and(|tags| tags.iter().any(|tag| self.is_immutable(tag)))
    }

    /// The digest that a reference stands for, if the repository has such a manifest.
    pub(crate) fn resolve(&self, repository: &str, reference: &Reference) -> Option<Digest> {
        let digest = match reference {
            Reference::Digest(digest) => digest.clone(),
            Reference::Tag(tag) => Digest::parse(&self.world.image(self.tagged(repository, tag)?.1)?.digest)?,
        };
        self.content.manifest(repository, &digest).map(|_| digest)
    }

    /// A tag's id and its image's.
    fn tagged(&self, repository: &str, tag: &str) -> Option<(Uuid, Uuid)> {
        let id = self.world.find_tag(repository, tag)?;
        Some((id, self.world.tag(id)?.image))
    }

    /// Notes that a manifest was pulled.
    pub(crate) fn pulled(&mut self, repository: &str, digest: &Digest, reference: &Reference) {
        let image = self.content.manifest(repository, digest).and_then(|stored| stored.image);
        let tag = match reference {
            Reference::Tag(tag) => Some(tag.as_str()),
            Reference::Digest(_) => None,
        };
        if let Some(image) = image {
            self.world.pull_image(image, tag);
        }
    }

    /// Deletes a tag through the registry.
    pub(crate) fn untag(&mut self, repository: &str, tag: &str) -> bool {
        self.tagged(repository, tag).is_some_and(|(id, _)| self.delete_tag(id))
    }

    /// Deletes a tag.
    pub(crate) fn delete_tag(&mut self, id: Uuid) -> bool {
        let image = self.world.tag(id).map(|tag| tag.image);
        let deleted = self.world.delete_tag(id);
        if let Some(image) = image.filter(|_| self.quirks.last_tag == LastTag::RemovesImage)
            && self.world.tags_of(image).is_some_and(|tags| tags.is_empty())
        {
            self.delete_image(image);
        }
        deleted
    }

    /// Deletes a manifest through the registry, with its image and its tags. Its blobs stay, as the specification
    /// leaves them to requests of their own; the manifests of an index become images.
    pub(crate) fn delete_manifest(&mut self, repository: &str, digest: &Digest) -> bool {
        let Some(stored) = self.content.remove_manifest(repository, digest) else { return false };
        if let Some(image) = stored.image {
            self.world.delete_image(image, TaggedImages::RemoveTags);
        }
        self.remove_accessories(repository, digest);
        if let Contents::Index(parts) = &stored.manifest.contents {
            for part in parts {
                let child = self.content.manifest(repository, &part.digest);
                let hidden = child.filter(|child| child.image.is_none());
                // The index is gone already; whatever still refers to the child is another one, which keeps it hidden.
                if self.content.references(repository, &part.digest) == 0
                    && let Some(hidden) = hidden
                {
                    if self.quirks.deleted_index == DeletedIndex::RemovesChildren {
                        self.remove_deeply(repository, part.digest.clone());
                        continue;
                    }
                    let config = self.config_of(repository, &hidden.manifest);
                    self.show(repository, &part.digest, config, Vec::new());
                }
            }
        }
        true
    }

    /// The configuration of an image, which is small.
    pub(crate) fn config_of(&self, repository: &str, manifest: &Manifest) -> Map<String, Value> {
        let digest =
            manifest.config.as_ref().filter(|digest| self.content.blob(repository, digest).is_some());
        let file = digest.and_then(|digest| self.content.store.open_blob(digest).ok());
        file.and_then(|file| serde_json::from_reader(std::io::BufReader::new(file)).ok()).unwrap_or_default()
    }

    /// Deletes an image through the management API.
    pub(crate) fn delete_image(&mut self, id: Uuid) -> bool {
        let Some(image) = self.world.image(id) else { return false };
        let digest = Digest::parse(&image.digest);
        let repository = self.world.repository(image.repository).map(|one| one.name.clone());
        if !self.world.delete_image(id, self.quirks.tagged_images) {
            return false;
        }
        if let (Some(repository), Some(digest)) = (repository, digest) {
            if self.content.references(&repository, &digest) > 0 {
                // An index needs it: it is only not an image of its own any more.
                self.content.set_image(&repository, &digest, None);
            } else {
                self.remove_deeply(&repository, digest);
            }
        }
        true
    }

    /// Removes a manifest, the manifests that were shown only as part of it, and the blobs that nothing in the
    /// repository refers to any more.
    fn remove_deeply(&mut self, repository: &str, digest: Digest) {
        // A queue and no recursion: an index may lie in an index, as deep as a client likes.
        let mut queue = vec![digest];
        while let Some(digest) = queue.pop() {
            let Some(stored) = self.content.remove_manifest(repository, &digest) else { continue };
            queue.extend(self.accessories(repository, &digest));
            for part in stored.manifest.parts() {
                if self.content.references(repository, &part.digest) > 0 {
                    continue;
                }
                match self.content.manifest(repository, &part.digest) {
                    Some(child) if child.image.is_none() => queue.push(part.digest.clone()),
                    Some(_) => {}
                    None if self.quirks.deleted_image_blobs == DeletedImageBlobs::Removed => {
                        self.content.remove_blob(repository, &part.digest);
                    }
                    None => {}
                }
            }
        }
    }

    /// The manifests that are hidden as attached to that one.
    fn accessories(&self, repository: &str, subject: &Digest) -> Vec<Digest> {
        if self.quirks.accessories == Accessories::Images {
            return Vec::new();
        }
        let all = self.content.manifests(repository);
        let attached =
            all.filter(|(_, one)| one.manifest.subject.as_ref() == Some(subject) && one.image.is_none());
        attached.map(|(digest, _)| digest.clone()).collect()
    }

    fn remove_accessories(&mut self, repository: &str, subject: &Digest) {
        for digest in self.accessories(repository, subject) {
            self.remove_deeply(repository, digest);
        }
    }

    /// Deletes a repository through the management API.
    pub(crate) fn delete_repository(&mut self, id: Uuid) -> bool {
        let name = self.world.repository(id).map(|repository| repository.name.clone());
        let deleted = self.world.delete_repository(id);
        if let (true, Some(name)) = (deleted, name) {
            self.content.remove_repository(&name);
        }
        deleted
    }
}
