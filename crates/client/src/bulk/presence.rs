//! What is still there.
//!
//! 1. A few ids are read one by one. For more the lists are read that hold them: what is in none of them is
//!    gone, as far as they are known to be complete. What they leave open is read one by one.
//! 2. The service has no way to read a tag by its id. Where its image is known, the image tells; else the
//!    repositories, which list their tags.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::stream::{self, StreamExt, TryStreamExt};
use mlspace_registry_api::types::Repository;
use uuid::Uuid;

use super::{Noun, OUTAGE};
use crate::client::Client;
use crate::error::{Error, Result};
use crate::pager::Completeness;
use crate::verify::optional;

/// Fewer ids are not worth a list, which takes two requests at least and all that is there.
const LISTED_FROM: usize = 10;

/// For each id whether it is there, or why that could not be read.
pub(super) type Presences = HashMap<Uuid, Result<bool, Arc<Error>>>;

pub(super) struct Reader<'a> {
    pub(super) client: &'a Client,
    pub(super) noun: Noun,
    pub(super) concurrency: usize,
    /// The images of tags, as far as they are known.
    pub(super) images: &'a HashMap<Uuid, Uuid>,
}

impl Reader<'_> {
    /// Reads which of the ids are there.
    pub(super) async fn read(&self, ids: &[Uuid]) -> Presences {
        if let Noun::Tags = self.noun {
            let (known, unknown): (Vec<_>, Vec<_>) = ids.iter().partition(|id| self.images.contains_key(id));
            let mut presences = self.tags_of_images(&known).await;
            presences.extend(self.tags_of_repositories(&unknown).await);
            return presences;
        }
        let mut presences = Presences::new();
        if ids.len() >= LISTED_FROM
            && let Ok((there, complete)) = self.listed(ids.len()).await
        {
            let told = ids.iter().map(|id| (*id, Ok(there.contains(id))));
            presences.extend(told.filter(|(_, told)| complete || matches!(told, Ok(true))));
        }
        let left: Vec<Uuid> = ids.iter().filter(|id| !presences.contains_key(id)).copied().collect();
        presences.extend(self.one_by_one(left).await);
        presences
    }

    async fn one_by_one(&self, ids: Vec<Uuid>) -> Presences {
        let failures = AtomicUsize::new(0);
        let read = |id| {
            let failures = &failures;
            async move {
                if failures.load(Ordering::Relaxed) >= OUTAGE {
                    return (id, Err(Arc::new(Error::Protocol("not read: the service is failing".into()))));
                }
                let there = match self.noun {
                    Noun::Repositories => {
                        self.client.repositories().get_opt(id).await.map(|found| found.is_some())
                    }
                    _ => self.client.images().get_opt(id).await.map(|found| found.is_some()),
                };
                let in_a_row = if there.is_err() { failures.load(Ordering::Relaxed) + 1 } else { 0 };
                failures.store(in_a_row, Ordering::Relaxed);
                (id, there.map_err(Arc::new))
            }
        };
        stream::iter(ids).map(read).buffer_unordered(self.concurrency).collect().await
    }

    /// The ids that lists show, and whether they show all. Nothing where that costs more than reading so
    /// many ids.
    async fn listed(&self, ids: usize) -> Result<(HashSet<Uuid>, bool)> {
        let list = self.client.repositories().list().collect_verified().await?;
        let mut complete = list.completeness == Completeness::Complete;
        if let Noun::Repositories = self.noun {
            return Ok((list.items.into_iter().map(|repository| repository.id).collect(), complete));
        }
        if !complete || list.items.len() >= ids {
            return Ok((HashSet::new(), false));
        }
        let listing = stream::iter(list.items).map(|repository| self.images_in(repository));
        let mut listing = listing.buffer_unordered(self.concurrency);
        let mut there = HashSet::new();
        while let Some((images, all)) = listing.try_next().await? {
            there.extend(images);
            complete &= all;
        }
        Ok((there, complete))
    }

    /// One request where the repository counts its images right. One that is gone has none.
    async fn images_in(&self, repository: Repository) -> Result<(Vec<Uuid>, bool)> {
        let list = self.client.images().list_in(&repository).collect_verified();
        let Some(list) = optional(list.await)? else { return Ok((Vec::new(), true)) };
        let all = list.completeness == Completeness::Complete;
        Ok((list.items.into_iter().map(|image| image.id).collect(), all))
    }

    async fn tags_of_images(&self, ids: &[Uuid]) -> Presences {
        let mut of_images: HashMap<Uuid, Vec<Uuid>> = HashMap::new();
        for id in ids {
            let image = self.images.get(id).copied().unwrap_or_default();
            of_images.entry(image).or_default().push(*id);
        }
        let read = |(image, ids): (Uuid, Vec<Uuid>)| async move {
            let read = self.tags_of(image, &ids).await.map_err(Arc::new);
            ids.into_iter()
                .map(move |id| (id, read.clone().map(|there| there.contains(&id))))
                .collect::<Vec<_>>()
        };
        let read = stream::iter(of_images).map(read).buffer_unordered(self.concurrency);
        read.map(stream::iter).flatten().collect().await
    }

    /// The tags of an image. Those that its list lacks may stand with the image itself: what is in neither is gone.
    async fn tags_of(&self, image: Uuid, ids: &[Uuid]) -> Result<HashSet<Uuid>> {
        let list = optional(self.client.tags().list(image).collect_all().await)?;
        let (items, unreadable) = list.map_or_else(Default::default, |list| (list.items, list.unreadable));
        let mut there: HashSet<Uuid> = items.into_iter().map(|tag| tag.id).collect();
        if ids.iter().all(|id| there.contains(id)) {
            return Ok(there);
        }
        if let Some(row) = unreadable.first() {
            return Err(Error::Protocol(format!("a tag of the image cannot be read: {row}")));
        }
        let image = self.client.images().get_opt(image).await?;
        there.extend(image.into_iter().flat_map(|image| image.tags).map(|tag| tag.id));
        Ok(there)
    }

    async fn tags_of_repositories(&self, ids: &[Uuid]) -> Presences {
        if ids.is_empty() {
            return Presences::new();
        }
        let mut missing: HashSet<Uuid> = ids.iter().copied().collect();
        let failure = match self.client.repositories().list().collect_verified().await {
            Ok(list) => {
                for tag in list.items.iter().flat_map(|repository| &repository.tags) {
                    missing.remove(&tag.id);
                }
                (list.completeness != Completeness::Complete)
                    .then(|| Error::Protocol("the list of repositories is not known to be complete".into()))
            }
            Err(error) => Some(error),
        };
        let failure = failure.map(Arc::new);
        let there = |id: &Uuid| match &failure {
            _ if !missing.contains(id) => Ok(true),
            Some(failure) => Err(failure.clone()),
            None => Ok(false),
        };
        ids.iter().map(|id| (*id, there(id))).collect()
    }
}
