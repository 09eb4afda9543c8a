//! A job for every night: how much there is, `nightly` on what is `latest`, old images gone, and a report of it all.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use mlspace_registry::{Client, Completeness, Image, Outcome, Repository, Result, Timestamp, Uuid};
use mlspace_registry_transfer::{self as transfer, Digest};
use serde::Serialize;

/// What is pruned and what not.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Younger images stay.
    pub older_than: Duration,
    /// So many of the newest stay in each repository.
    pub keep_newest: usize,
    /// Images with one of these tags stay.
    pub keep_tags: Vec<String>,
    /// Repositories with one of these labels stay as they are.
    pub keep_labels: Vec<String>,
}

/// How much a repository holds.
#[derive(Clone, Debug, Serialize)]
pub struct Usage {
    /// The repository as it was found.
    pub repository: Repository,
    /// Images in it.
    pub images: usize,
    /// Their sizes together.
    pub bytes: i64,
    /// Whether these are all: of a list in doubt nothing is deleted.
    pub completeness: Completeness,
}

/// What happened in a night.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// How much there was before.
    pub usage: Vec<Usage>,
    /// Repositories whose `latest` image is `nightly` now.
    pub retagged: Vec<String>,
    /// Each image that was to go, and what became of it.
    pub outcomes: Vec<(Uuid, Outcome)>,
}

/// Does all of it but the push.
///
/// # Errors
/// When the repositories cannot be listed, or not all of them; when the images of one cannot, or a tag cannot be moved.
pub async fn run(client: &Client, now: Timestamp, policy: &Policy) -> Result<Report> {
    let (mut report, mut doomed) = (Report::default(), Vec::new());
    let repositories = client.repositories().list().collect_complete().await?;
    let lists = repositories.into_iter().map(|repository| {
        let images = client.images().list_in(&repository).collect_verified();
        async move { images.await.map(|list| (repository, list)) }
    });
    let mut lists = stream::iter(lists).buffered(8);
    while let Some((repository, list)) = lists.try_next().await? {
        if list.completeness == Completeness::Complete {
            doomed.extend(victims(now, policy, &repository, &list.items));
        }
        if let Some(latest) = repository.tags.iter().find(|tag| tag.name == "latest") {
            client.tags().move_to(repository.id, "nightly", latest.image_id).await?;
            report.retagged.push(repository.name.clone());
        }
        let (images, bytes) = (list.items.len(), list.items.iter().map(|image| image.size).sum());
        report.usage.push(Usage { repository, images, bytes, completeness: list.completeness });
    }
    report.outcomes = client.images().delete_many(doomed).send().await.outcomes().to_vec();
    Ok(report)
}

/// The images of a repository that nothing protects.
pub fn victims(now: Timestamp, policy: &Policy, repository: &Repository, images: &[Image]) -> Vec<Uuid> {
    if repository.labels.iter().flatten().any(|label| policy.keep_labels.contains(label)) {
        return Vec::new();
    }
    let mut images: Vec<&Image> = images.iter().collect();
    images.sort_by_key(|image| std::cmp::Reverse(image.push_time));
    let old = |image: &&Image| {
        let age = image.push_time.and_then(|pushed| pushed.until(now));
        // What has no age is not known to be old.
        age.is_some_and(|age| age > policy.older_than)
    };
    let kept = |image: &&Image| {
        image.tags.iter().any(|tag| policy.keep_tags.contains(&tag.name) || tag.name == "latest")
    };
    let images = images.into_iter().skip(policy.keep_newest);
    images.filter(old).filter(|image| !kept(image)).map(|image| image.id).collect()
}

/// Pushes an image from a folder or an archive to the client's own registry, under the tag `nightly`.
///
/// # Errors
/// When there is no image, or it cannot be pushed.
pub async fn push(
    client: &Client,
    registry: &transfer::Client,
    source: &Path,
    repository: &str,
) -> Result<Digest, Box<dyn Error + Send + Sync>> {
    let reference = client.full_name(repository, "nightly").await?.parse()?;
    let source = transfer::Source::open(source).await?;
    let mut pushed = registry.push([(source.image(None)?.clone(), reference)]).send().await?;
    Ok(pushed.images.remove(0).result?)
}
