//! Models for tests of programs that take them: whole, and the same each time for the same name.

use mlspace_registry_api::Timestamp;
use mlspace_registry_api::types::{Image, Registry, Repository, Tag, Workspace};
use uuid::Uuid;

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

/// A registry without repositories.
pub fn registry() -> Registry {
    Registry::default().id(id("registry", "")).name("sample").created_at(noon()).updated_at(noon())
}

/// A repository without images. Setters change what matters to a test.
///
/// ```
/// use mlspace_registry::sample;
///
/// let repository = sample::repository("train/base").images_count(2);
/// assert_eq!(repository.id, sample::repository("train/base").id);
/// ```
pub fn repository(name: &str) -> Repository {
    let registry = registry().id;
    Repository::default()
        .id(id("repository", name))
        .name(name)
        .full_name(format!("{HOST}/{registry}/{name}"))
        .registry_id(registry)
        .created_at(noon())
        .updated_at(noon())
}

/// An image of 1,000 bytes in that repository with one tag.
///
/// ```
/// use mlspace_registry::sample;
///
/// let repository = sample::repository("train/base");
/// let untagged = sample::image(&repository, "v1").tags([]);
/// assert_eq!(untagged.repository_id, repository.id);
/// ```
pub fn image(repository: &Repository, with_tag: &str) -> Image {
    let own = id("image", &format!("{}:{with_tag}", repository.name));
    let digest = format!("sha256:{0}{0}", own.simple());
    Image::default()
        .id(own)
        .full_name(format!("{}@{digest}", repository.full_name))
        .digest(digest)
        .repository_id(repository.id)
        .size(1_000)
        .push_time(noon())
        .tags([tag(repository, own, with_tag)])
}

/// A tag of that image in that repository.
pub fn tag(repository: &Repository, image: Uuid, name: &str) -> Tag {
    Tag::default()
        .id(id("tag", &format!("{}:{name}", repository.name)))
        .name(name)
        .full_name(format!("{}:{name}", repository.full_name))
        .image_id(image)
        .repository_id(repository.id)
        .push_time(noon())
}

/// A workspace.
pub fn workspace(name: &str) -> Workspace {
    Workspace::default().id(id("workspace", name)).name(name)
}
