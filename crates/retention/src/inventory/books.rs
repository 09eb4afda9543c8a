//! The list of repositories is a second book: it has every tag with the image that it points to.

use std::collections::BTreeSet;

use mlspace_registry_api::types::{Image, Repository};

/// True if both books have the same tags at the same images. Where they differ a tag came, went or moved between the
/// two, or an image came with a part of its tags, which would make an untagged image of a tagged one.
pub(super) fn agree(repository: &Repository, images: &[Image]) -> bool {
    let first: BTreeSet<_> =
        repository.tags.iter().map(|tag| (tag.id, tag.image_id, tag.name.as_str())).collect();
    let tags =
        images.iter().flat_map(|image| image.tags.iter().map(|tag| (tag.id, image.id, tag.name.as_str())));
    let second: BTreeSet<_> = tags.collect();
    first == second
}
