//! Pushing: all blobs of all images first, then the manifests, each image's own last.

pub(crate) mod cache;
mod feed;
mod layer;
pub(crate) mod place;
mod upload;
mod write_manifest;

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt};

use crate::client::Client;
use crate::compression::Compression;
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::manifest::Manifest;
use crate::progress::{Event, PlannedBlob};
use crate::push::place::{BlobPlace, BlobTask, BlobsPlaced, Placer};
use crate::reference::Reference;
use crate::registry::repository::Repository;
use crate::source::{Blob, Image, Loaded, Manifests};

/// A push that is about to happen; made by [`Client::push`].
#[derive(Debug)]
#[must_use = "a push happens when it is sent"]
pub struct Push {
    client: Client,
    items: Vec<(Image, Reference)>,
    compression: Compression,
    verify: bool,
    mount_from: Vec<String>,
}

/// The outcome of a push: one entry per image and name, in the order given.
#[derive(Debug)]
#[non_exhaustive]
pub struct PushReport {
    /// The images.
    pub images: Vec<Pushed>,
}

/// One image under one name.
#[derive(Debug)]
#[non_exhaustive]
pub struct Pushed {
    /// The name.
    pub reference: Reference,
    /// The digest of the manifest that is there now under that name, or why there is none. An error is
    /// shared by all images that need the same blob.
    pub result: Result<Digest, Arc<Error>>,
}

impl PushReport {
    /// True if all went well.
    pub fn is_complete(&self) -> bool {
        self.images.iter().all(|image| image.result.is_ok())
    }
}

impl Client {
    /// Pushes images under names: one or many, to one registry or several. A blob that several images
    /// share is sent once.
    ///
    /// Cost: for each blob and repository one request to see whether it is there, and one to three to
    /// send it; for each manifest one.
    pub fn push(&self, items: impl IntoIterator<Item = (Image, Reference)>) -> Push {
        Push {
            client: self.clone(),
            items: items.into_iter().collect(),
            compression: Compression::default(),
            verify: false,
            mount_from: Vec::new(),
        }
    }
}

impl Push {
    /// Compresses plain layers of docker archives like this. Default gzip.
    pub fn compression(self, compression: Compression) -> Self {
        Self { compression, ..self }
    }

    /// Hashes every blob of an OCI layout before it is sent. Otherwise the registry is the one to notice
    /// damage: it must verify every blob.
    pub fn verify(self, verify: bool) -> Self {
        Self { verify, ..self }
    }

    /// Repositories of the same registry that may have some of the blobs already.
    pub fn mount_from(mut self, repositories: impl IntoIterator<Item = String>) -> Self {
        self.mount_from.extend(repositories);
        self
    }

    /// Does it. Dropping the future stops the push: blobs may be there then, and names only for images
    /// that are complete.
    ///
    /// # Errors
    /// Only what concerns all images alike: arguments that are wrong. What happens to one image is in its
    /// entry of the report.
    pub async fn send(self) -> Result<PushReport> {
        if let Some(name) = self.mount_from.iter().find(|name| !crate::reference::is_repository(name)) {
            return Err(Error::Invalid(format!(
                "`{}` is not a repository's name",
                crate::digest::shown(name)
            )));
        }
        let loaded = self.load().await?;
        let tasks = self.plan(&loaded);
        let placed = self.place(tasks).await;
        let shared = Arc::new((self, loaded, placed));
        let count = shared.0.items.len();
        let mut images: Vec<_> = stream::iter(0..count)
            .map(|at| {
                let shared = shared.clone();
                async move {
                    let (push, loaded, placed) = &*shared;
                    let reference = push.items[at].1.clone();
                    let result = push.name(&reference, &loaded[at], placed).await;
                    (at, Pushed { reference, result })
                }
            })
            .buffer_unordered(shared.0.client.inner.concurrency)
            .collect()
            .await;
        images.sort_by_key(|(at, _)| *at);
        Ok(PushReport { images: images.into_iter().map(|(_, pushed)| pushed).collect() })
    }

    async fn load(&self) -> Result<Vec<Result<Loaded, Arc<Error>>>> {
        let images: Vec<_> = self.items.iter().map(|(image, _)| image.clone()).collect();
        let load = move || images.iter().map(|image| image.load().map_err(Arc::new)).collect();
        tokio::task::spawn_blocking(load).await.map_err(|error| Error::task(&error))
    }

    /// The compression of a blob on its way, if there is one.
    fn compress_as(&self, blob: &Blob) -> Option<Compression> {
        (blob.is_plain_layer && self.compression != Compression::None).then_some(self.compression)
    }

    /// Lists which blobs have to be where, largest first.
    fn plan(&self, loaded: &[Result<Loaded, Arc<Error>>]) -> Vec<BlobTask> {
        let mut tasks: Vec<BlobTask> = Vec::new();
        let mut known: HashMap<(String, Digest, bool), usize> = HashMap::new();
        for ((_, reference), loaded) in self.items.iter().zip(loaded) {
            for blob in loaded.iter().flat_map(|loaded| &loaded.blobs) {
                let (registry, repository) = (reference.registry(), reference.repository().to_owned());
                let compress = self.compress_as(blob);
                let key = (registry.to_owned(), blob.digest.clone(), compress.is_some());
                let at = *known.entry(key).or_insert_with(|| {
                    tasks.push(BlobTask {
                        number: 0,
                        registry: registry.to_owned(),
                        blob: blob.clone(),
                        compress,
                        repositories: Vec::new(),
                    });
                    tasks.len() - 1
                });
                if !tasks[at].repositories.contains(&repository) {
                    tasks[at].repositories.push(repository);
                }
            }
        }
        tasks.sort_by_key(|task| std::cmp::Reverse(task.blob.data.len()));
        for (number, task) in tasks.iter_mut().enumerate() {
            task.number = number;
        }
        let planned =
            |task: &BlobTask| PlannedBlob { digest: task.blob.digest.clone(), size: task.blob.data.len() };
        (self.client.inner.patience.observer)(&Event::Planned { blobs: tasks.iter().map(planned).collect() });
        tasks
    }

    async fn place(&self, tasks: Vec<BlobTask>) -> BlobsPlaced {
        let compressors =
            tasks.iter().any(|task| task.compress.is_some()).then(|| self.client.inner.compressors());
        let placer = Arc::new(Placer {
            client: self.client.clone(),
            compressors,
            verify: self.verify,
            mount_from: self.mount_from.clone(),
        });
        stream::iter(tasks)
            .map(|task| {
                let placer = placer.clone();
                async move { placer.run(task).await }
            })
            .buffer_unordered(self.client.inner.concurrency)
            .flat_map(stream::iter)
            .collect()
            .await
    }

    /// Puts the manifests of one image, when all that they name is there.
    async fn name(
        &self,
        reference: &Reference,
        loaded: &Result<Loaded, Arc<Error>>,
        placed: &BlobsPlaced,
    ) -> Result<Digest, Arc<Error>> {
        let loaded = loaded.as_ref().map_err(Arc::clone)?;
        let mut sizes = Vec::with_capacity(loaded.blobs.len());
        for blob in &loaded.blobs {
            let place = BlobPlace {
                registry: reference.registry().to_owned(),
                repository: reference.repository().to_owned(),
                digest: blob.digest.clone(),
                is_compressed: self.compress_as(blob).is_some(),
            };
            match placed.get(&place) {
                Some(Ok(compressed)) => sizes.push(compressed.clone()),
                Some(Err(error)) => return Err(error.clone()),
                None => return Err(Arc::new(Error::Internal(format!("{} was not moved", blob.digest)))),
            }
        }
        let written;
        let manifests: &[Manifest] = match &loaded.manifests {
            Manifests::Ready(manifests) => manifests,
            Manifests::Docker { config, layers } => {
                let how = |at: &usize| loaded.blobs[*at].compression.unwrap_or(self.compression);
                let layers: Vec<_> = layers.iter().map(|at| (how(at), &sizes[*at])).collect();
                written = [write_manifest::write(&sizes[*config], &layers)?];
                &written
            }
        };
        self.put(reference, manifests).await.map_err(Arc::new)
    }

    async fn put(&self, reference: &Reference, manifests: &[Manifest]) -> Result<Digest> {
        let registry = self.client.registry(reference.registry()).await?;
        let repository = Repository { registry: &registry, name: reference.repository() };
        let Some((root, children)) = manifests.split_last() else {
            return Err(Error::Internal("the image has no manifest".into()));
        };
        if let Some(digest) = reference.digest().filter(|digest| **digest != root.digest) {
            return Err(Error::Digest {
                what: format!("the manifest for {reference}"),
                expected: digest.to_string(),
                found: root.digest.to_string(),
            });
        }
        for child in children {
            repository.put_manifest(child.digest.as_str(), child).await?;
        }
        repository.put_manifest(reference.tag().unwrap_or(reference.target()), root).await?;
        let (reference, digest) = (reference.to_string(), root.digest.clone());
        (self.client.inner.patience.observer)(&Event::Manifest { reference, digest });
        Ok(root.digest.clone())
    }
}
