//! Finding things by their names, as the image registry does.

use uuid::Uuid;

use super::{Repository, World};

impl World {
    pub(crate) fn find_repository(&self, name: &str) -> Option<Uuid> {
        self.by_name.get(name).copied()
    }

    /// The repository of that id, or the one that has the image or the tag of that id.
    pub(crate) fn owner(&self, id: Uuid) -> Option<&Repository> {
        let of_image = || self.image(id).map(|image| image.repository);
        let of_tag = || self.tag(id).map(|tag| tag.repository);
        self.repository(id).or_else(|| self.repository(of_image().or_else(of_tag)?))
    }

    pub(crate) fn find_tag(&self, repository: &str, tag: &str) -> Option<Uuid> {
        self.repository(self.find_repository(repository)?)?.by_tag.get(tag).copied()
    }

    /// The names of a repository's tags, sorted; `None` if there is no such repository.
    pub(crate) fn tag_names(&self, repository: &str) -> Option<Vec<&str>> {
        let owner = self.repository(self.find_repository(repository)?)?;
        let mut names: Vec<_> = owner.by_tag.keys().map(String::as_str).collect();
        names.sort_unstable();
        Some(names)
    }
}
