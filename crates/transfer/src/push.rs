//! Pushing: all blobs of all images first, then the manifests, each image's own last.

pub(crate) mod cache;
pub(crate) mod deliver;
mod feed;
mod layer;
pub(crate) mod place;
pub(crate) mod supply;
mod upload;
mod write_manifest;

use std::sync::Arc;

use crate::client::Client;
use crate::compression::Compression;
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::manifest::Manifest;
use crate::push::deliver::Delivery;
use crate::reference::Reference;
use crate::registry::repository::Repository;
use crate::source::{Image, Loaded};

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

impl Client {
    /// Puts a manifest or an index under a name, its bytes as they are. What it refers to must be there: with a manifest
    /// that [`Client::manifest`] read of the same repository this gives an image one more tag. A manifest that refers
    /// to another one is listed as its referrer.
    ///
    /// Cost: one request, and those of signing in; one more where the answer gets lost, to see what became of it, and
    /// up to four where the registry has no list of referrers.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the reference has another digest; [`Error::Unknown`] if it may be there or not.
    pub async fn put_manifest(&self, reference: &Reference, manifest: &Manifest) -> Result<()> {
        if let Some(digest) = reference.digest().filter(|digest| *digest != manifest.digest()) {
            return Err(Error::Invalid(format!(
                "the manifest is {}, and {digest} was named",
                manifest.digest()
            )));
        }
        let registry = self.registry(reference.registry()).await?;
        let repository = Repository { registry: &registry, name: reference.repository() };
        repository.put_manifest(reference.target(), manifest).await
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
        let Self { client, items, compression, verify, mount_from } = self;
        // What was copied to be read is there for as long as the images are.
        let (_images, names): (Vec<_>, Vec<_>) = items.into_iter().unzip();
        let delivery = Delivery { client, names, compression, verify, mount_from };
        Ok(PushReport { images: delivery.run(loaded).await })
    }

    async fn load(&self) -> Result<Vec<Result<Loaded, Arc<Error>>>> {
        let images: Vec<_> = self.items.iter().map(|(image, _)| image.clone()).collect();
        let load = move || images.iter().map(|image| image.load().map_err(Arc::new)).collect();
        tokio::task::spawn_blocking(load).await.map_err(|error| Error::task(&error))
    }
}
