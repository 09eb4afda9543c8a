//! Brings images to registries: plans each blob once, places them all, and names what is complete.

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
use crate::push::supply::Origin;
use crate::push::{Pushed, write_manifest};
use crate::reference::Reference;
use crate::registry::repository::Repository;
use crate::source::{Blob, Loaded, Manifests};

/// Images on their way to these names.
pub(crate) struct Delivery {
    pub(crate) client: Client,
    pub(crate) names: Vec<Reference>,
    pub(crate) compression: Compression,
    pub(crate) verify: bool,
    pub(crate) mount_from: Vec<String>,
}

impl Delivery {
    /// One image for each name, in their order; those that could not be read fail here.
    pub(crate) async fn run(self, loaded: Vec<Result<Loaded, Arc<Error>>>) -> Vec<Pushed> {
        let tasks = self.plan(&loaded);
        let placed = self.place(tasks).await;
        let shared = Arc::new((self, loaded, placed));
        let mut images: Vec<_> = stream::iter(0..shared.0.names.len())
            .map(|at| {
                let shared = shared.clone();
                async move {
                    let (delivery, loaded, placed) = &*shared;
                    let reference = delivery.names[at].clone();
                    let result = delivery.name(&reference, &loaded[at], placed).await;
                    (at, Pushed { reference, result })
                }
            })
            .buffer_unordered(shared.0.client.inner.concurrency)
            .collect()
            .await;
        images.sort_by_key(|(at, _)| *at);
        images.into_iter().map(|(_, pushed)| pushed).collect()
    }

    /// The compression of a blob on its way, if there is one.
    fn compress_as(&self, blob: &Blob) -> Option<Compression> {
        (blob.is_plain_layer && self.compression != Compression::None).then_some(self.compression)
    }

    /// Lists which blobs have to be where, largest first.
    fn plan(&self, loaded: &[Result<Loaded, Arc<Error>>]) -> Vec<BlobTask> {
        let mut tasks: Vec<BlobTask> = Vec::new();
        let mut known: HashMap<(String, Digest, bool), usize> = HashMap::new();
        for (reference, loaded) in self.names.iter().zip(loaded) {
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
                        sources: Vec::new(),
                    });
                    tasks.len() - 1
                });
                if !tasks[at].repositories.contains(&repository) {
                    tasks[at].repositories.push(repository);
                }
                if let Origin::There(blob) = &blob.origin
                    && blob.registry.name == registry
                    && !tasks[at].sources.contains(&blob.repository)
                {
                    tasks[at].sources.push(blob.repository.clone());
                }
            }
        }
        tasks.sort_by_key(|task| std::cmp::Reverse(task.blob.origin.len()));
        for (number, task) in tasks.iter_mut().enumerate() {
            task.number = number;
        }
        let planned =
            |task: &BlobTask| PlannedBlob { digest: task.blob.digest.clone(), size: task.blob.origin.len() };
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
