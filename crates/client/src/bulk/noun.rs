//! The kinds of things that are deleted, and how to see what is still there.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::stream::{self, StreamExt};
use mlspace_registry_api::types;
use uuid::Uuid;

use super::OUTAGE;
use crate::call::Call;
use crate::client::Client;
use crate::error::{Error, Result};
use crate::operation::{IMAGE_DELETE, REPOSITORY_DELETE, Repeat, TAG_DELETE};
use crate::pager::Completeness;

/// A kind of thing that can be deleted by the list.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Noun {
    Repositories,
    Images,
    Tags,
}

/// For each id whether it is there, or why that could not be read.
pub(crate) type Presences = HashMap<Uuid, Result<bool, Arc<Error>>>;

impl Noun {
    /// Sends one chunk; answers with what the service says it deleted.
    ///
    /// The loop below may not repeat it when the answer is lost: the second answer would leave out what
    /// the first request deleted. Reading settles that.
    pub(crate) async fn delete(self, client: &Client, ids: Vec<Uuid>) -> Result<Vec<Uuid>> {
        let once =
            |operation, field| Call { repeat: Repeat::IfUnsent, ..Call::new(operation).fields(&[field]) };
        match self {
            Self::Repositories => {
                let body = types::DeleteRepositories::new(ids);
                let call = once(&REPOSITORY_DELETE, "repository_ids");
                client
                    .core
                    .call(call, |api| {
                        let body = body.clone();
                        async move { api.repository_delete(body).send().await }
                    })
                    .await
            }
            Self::Images => {
                let body = types::DeleteImages::new(ids);
                client
                    .core
                    .call(once(&IMAGE_DELETE, "image_ids"), |api| {
                        let body = body.clone();
                        async move { api.image_delete(body).send().await }
                    })
                    .await
            }
            Self::Tags => {
                let body = types::DeleteTags::new(ids);
                client
                    .core
                    .call(once(&TAG_DELETE, "tag_ids"), |api| {
                        let body = body.clone();
                        async move { api.tag_delete(body).send().await }
                    })
                    .await
            }
        }
    }

    pub(crate) fn operation(self) -> &'static str {
        match self {
            Self::Repositories => REPOSITORY_DELETE.id,
            Self::Images => IMAGE_DELETE.id,
            Self::Tags => TAG_DELETE.id,
        }
    }

    /// Reads which of the ids are there: one request an id, or for tags one list of all repositories.
    pub(crate) async fn read(self, client: &Client, ids: Vec<Uuid>, concurrency: usize) -> Presences {
        if let Self::Tags = self {
            return tags_there(client, ids).await;
        }
        let failures = AtomicUsize::new(0);
        let read = |id| {
            let failures = &failures;
            async move {
                if failures.load(Ordering::Relaxed) >= OUTAGE {
                    return (id, Err(Arc::new(Error::Protocol("not read: the service is failing".into()))));
                }
                let there = match self {
                    Self::Repositories => {
                        client.repositories().get_opt(id).await.map(|found| found.is_some())
                    }
                    _ => client.images().get_opt(id).await.map(|found| found.is_some()),
                };
                let in_a_row = if there.is_err() { failures.load(Ordering::Relaxed) + 1 } else { 0 };
                failures.store(in_a_row, Ordering::Relaxed);
                (id, there.map_err(Arc::new))
            }
        };
        stream::iter(ids).map(read).buffer_unordered(concurrency).collect().await
    }
}

/// The service has no way to read a tag by its id; the repositories list theirs.
async fn tags_there(client: &Client, ids: Vec<Uuid>) -> Presences {
    if ids.is_empty() {
        return Presences::new();
    }
    let mut missing: HashSet<Uuid> = ids.iter().copied().collect();
    let failure = match client.repositories().list().collect_complete().await {
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
