//! Deletes images that nothing needs any more, and says what became of each.
//!
//! No tag is not enough for that: signatures, lists of contents and the images of an index are listed without a
//! tag, too. Only their manifests tell, so that this reads all of a repository's before it deletes there.

use std::collections::HashSet;

use mlspace_registry::{Client, Completeness, Error, Image, Outcome, Repository, Timestamp, Uuid};
use mlspace_registry_transfer::{self as transfer, Reference};
use serde::Deserialize;

/// A push that is under way has images without a tag. No push takes a day.
const MIN_AGE_SECONDS: i64 = 24 * 60 * 60;

/// What a tidy-up did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tidied {
    /// Images that are gone.
    pub deleted: Vec<Uuid>,
    /// Images that may or may not be gone, or that the service refuses to delete.
    pub left: Vec<Uuid>,
    /// Repositories that were not touched, and why.
    pub skipped: Vec<(String, String)>,
}

/// What a manifest points to: an index to its images, a signature to what it signs.
#[derive(Deserialize)]
struct Links {
    #[serde(default)]
    manifests: Vec<Descriptor>,
    subject: Option<Descriptor>,
}

#[derive(Deserialize)]
struct Descriptor {
    digest: String,
}

/// Deletes the images that have no tag, are a day old at `now`, point to no other and are pointed to by none.
///
/// A repository is skipped if anything about it is in doubt. Only where there is something to delete are
/// manifests read; the registry may count that as a pull of each.
pub async fn tidy(client: &Client, registry: &transfer::Client, now: Timestamp) -> Result<Tidied, Error> {
    let mut tidied = Tidied::default();
    for repository in client.repositories().list().collect_all().await?.items {
        let images = client.images().list(repository.id).collect_all().await?;
        if images.completeness != Completeness::Complete {
            let why = "the list of its images is not complete".to_owned();
            tidied.skipped.push((repository.name, why));
            continue;
        }
        let mut doomed: Vec<_> =
            images.items.iter().filter(|image| is_stale(image, &repository, now)).collect();
        if doomed.is_empty() {
            continue;
        }
        match needed(registry, &images.items).await {
            Ok(needed) => doomed.retain(|image| !needed.contains(&image.digest)),
            Err(error) => {
                tidied.skipped.push((repository.name, error.to_string()));
                continue;
            }
        }
        let report = client.images().delete_many(doomed.iter().map(|image| image.id)).send().await;
        for (id, outcome) in report.outcomes() {
            match outcome {
                Outcome::Deleted | Outcome::NotFound => tidied.deleted.push(*id),
                _ => tidied.left.push(*id),
            }
        }
    }
    Ok(tidied)
}

/// Whether an image is old and without a tag, by the image itself and by its repository, which lists all tags.
fn is_stale(image: &Image, repository: &Repository, now: Timestamp) -> bool {
    let tagged = !image.tags.is_empty() || repository.tags.iter().any(|tag| tag.image_id == image.id);
    let old = |pushed: Timestamp| now.unix_seconds() - pushed.unix_seconds() > MIN_AGE_SECONDS;
    !tagged && image.push_time.is_some_and(old)
}

/// The digests of all images that point to another or are pointed to.
async fn needed(
    registry: &transfer::Client,
    images: &[Image],
) -> Result<HashSet<String>, Box<dyn std::error::Error>> {
    let mut needed = HashSet::new();
    for image in images {
        let reference: Reference = format!("{}@{}", image.full_name, image.digest).parse()?;
        let links: Links = serde_json::from_slice(registry.manifest(&reference).await?.bytes())?;
        let targets: Vec<_> = links.manifests.into_iter().chain(links.subject).collect();
        needed.extend((!targets.is_empty()).then(|| image.digest.clone()));
        needed.extend(targets.into_iter().map(|target| target.digest));
        // Older tools write what belongs to sha256:abc as a tag sha256-abc, followed by `.sig` or the like.
        let named = image.tags.iter().filter_map(|tag| tag.name.strip_prefix("sha256-"));
        needed.extend(named.filter_map(|name| name.get(..64)).map(|hex| format!("sha256:{hex}")));
    }
    Ok(needed)
}
