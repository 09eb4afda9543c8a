//! Deletes the images of a registry that no tag points to, and says what became of each.

use mlspace_registry::{Client, Completeness, Error, Outcome, Uuid};

/// What a tidy-up did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tidied {
    /// Images that are gone.
    pub deleted: Vec<Uuid>,
    /// Images that may or may not be gone, or that the service refuses to delete.
    pub left: Vec<Uuid>,
    /// Repositories that were not touched because the list of their images was not complete.
    pub skipped: Vec<String>,
}

/// Deletes all untagged images.
///
/// Ids are collected before anything is deleted: deleting while listing would move items to other pages.
pub async fn tidy(client: &Client) -> Result<Tidied, Error> {
    let mut tidied = Tidied::default();
    let mut untagged = Vec::new();
    for repository in client.repositories().list().collect_all().await?.items {
        let images = client.images().list(repository.id).collect_all().await?;
        if images.completeness != Completeness::Complete {
            tidied.skipped.push(repository.name);
            continue;
        }
        untagged.extend(images.items.iter().filter(|image| image.tags.is_empty()).map(|image| image.id));
    }
    let report = client.images().delete_many(untagged).send().await;
    for (id, outcome) in report.outcomes() {
        match outcome {
            Outcome::Deleted | Outcome::NotFound => tidied.deleted.push(*id),
            _ => tidied.left.push(*id),
        }
    }
    Ok(tidied)
}
