//! Models for tests of programs that take them: whole, and the same each time for the same name.

use uuid::Uuid;

use crate::Timestamp;
use crate::types::{Image, Registry, Repository, Tag, Workspace};

const HOST: &str = "cr.example.com";

/// An id that is made of a name (FNV-1a), so that the same name has the same id.
fn id(kind: &str, name: &str) -> Uuid {
    let step = |hash: u128, byte: u8| {
        (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
    };
    let hash = kind.bytes().chain(name.bytes()).fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, step);
    uuid::Builder::from_random_bytes(hash.to_be_bytes()).into_uuid()
}

/// 2026-11-01T12:00:00Z.
fn noon() -> Option<Timestamp> {
    Timestamp::from_unix_seconds(1_793_534_400)
}

impl Registry {
    /// A registry without repositories, for tests.
    pub fn sample() -> Self {
        Self::default().id(id("registry", "")).name("sample").created_at(noon()).updated_at(noon())
    }
}

impl Repository {
    /// A repository without images, for tests. Setters change what matters to one.
    ///
    /// ```
    /// use mlspace_registry_api::types::Repository;
    ///
    /// let repository = Repository::sample("train/base").images_count(2);
    /// assert_eq!(repository.id, Repository::sample("train/base").id);
    /// ```
    pub fn sample(name: &str) -> Self {
        let registry = Registry::sample().id;
        Self::default()
            .id(id("repository", name))
            .name(name)
            .full_name(format!("{HOST}/{registry}/{name}"))
            .registry_id(registry)
            .created_at(noon())
            .updated_at(noon())
    }
}

impl Image {
    /// An image of 1,000 bytes in that repository with one tag, for tests.
    ///
    /// ```
    /// use mlspace_registry_api::types::{Image, Repository};
    ///
    /// let repository = Repository::sample("train/base");
    /// let untagged = Image::sample(&repository, "v1").tags([]);
    /// assert_eq!(untagged.repository_id, repository.id);
    /// ```
    pub fn sample(repository: &Repository, tag: &str) -> Self {
        let own = id("image", &format!("{}:{tag}", repository.name));
        let digest = format!("sha256:{0}{0}", own.simple());
        Self::default()
            .id(own)
            .full_name(format!("{}@{digest}", repository.full_name))
            .digest(digest)
            .repository_id(repository.id)
            .size(1_000)
            .push_time(noon())
            .tags([Tag::sample(repository, own, tag)])
    }
}

impl Tag {
    /// A tag of that image in that repository, for tests.
    pub fn sample(repository: &Repository, image: Uuid, name: &str) -> Self {
        Self::default()
            .id(id("tag", &format!("{}:{name}", repository.name)))
            .name(name)
            .full_name(format!("{}:{name}", repository.full_name))
            .image_id(image)
            .repository_id(repository.id)
            .push_time(noon())
    }
}

impl Workspace {
    /// A workspace, for tests.
    pub fn sample(name: &str) -> Self {
        Self::default().id(id("workspace", name)).name(name)
    }
}
