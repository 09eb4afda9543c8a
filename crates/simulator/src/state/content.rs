//! Which blobs and manifests each repository has. Tags and images are the management API's: see `publish`.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tempfile::TempPath;
use uuid::Uuid;

use crate::state::digest::Digest;
use crate::state::manifest::Manifest;
use crate::state::store::BlobStore;

/// The registry's contents. A blob's file is there as long as a repository has the blob.
pub(crate) struct Content {
    pub(crate) store: Arc<BlobStore>,
    index: Index,
}

/// The contents without the bytes, as they are kept from one run to the next.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Index {
    repositories: HashMap<String, Repository>,
    blobs: HashMap<Digest, Blob>,
}

#[derive(Serialize, Deserialize)]
struct Blob {
    size: u64,
    /// The number of repositories that have it.
    repositories: usize,
}

#[derive(Default, Serialize, Deserialize)]
struct Repository {
    blobs: HashSet<Digest>,
    manifests: BTreeMap<Digest, Stored>,
    /// The number of manifests of the repository that refer to a digest.
    references: HashMap<Digest, usize>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Stored {
    /// The number of the manifest's own bytes.
    pub(crate) length: u64,
    pub(crate) manifest: Manifest,
    /// The bytes of the manifest and of all that it refers to.
    pub(crate) size: u64,
    /// Its image in the management API, if it is shown there.
    pub(crate) image: Option<Uuid>,
}

impl Content {
    /// Goes on with an index, and removes the files that are in it no more.
    pub(crate) fn new(store: BlobStore, index: Index) -> io::Result<Self> {
        let manifests = index
            .repositories
            .iter()
            .flat_map(|(name, owner)| owner.manifests.keys().map(|digest| (name.as_str(), digest)));
        store.sweep(index.blobs.keys(), manifests)?;
        Ok(Self { store: Arc::new(store), index })
    }

    pub(crate) fn index(&self) -> &Index {
        &self.index
    }

    /// The size of a blob, if the repository has it.
    pub(crate) fn blob(&self, repository: &str, digest: &Digest) -> Option<u64> {
        self.index.repositories.get(repository).filter(|one| one.blobs.contains(digest))?;
        self.index.blobs.get(digest).map(|blob| blob.size)
    }

    /// Takes a finished upload into a repository.
    pub(crate) fn add_blob(
        &mut self,
        repository: &str,
        digest: &Digest,
        upload: TempPath,
        size: u64,
    ) -> io::Result<()> {
        self.store.keep(upload, digest)?;
        self.index.blobs.entry(digest.clone()).or_insert(Blob { size, repositories: 0 });
        self.link(repository, digest);
        Ok(())
    }

    /// Gives a repository a blob that one of the others has which `may_pull` lets through.
    pub(crate) fn mount(
        &mut self,
        repository: &str,
        digest: &Digest,
        may_pull: impl Fn(&str) -> bool,
    ) -> bool {
        let mut owners = self.index.repositories.iter().filter(|(_, owner)| owner.blobs.contains(digest));
        let there = owners.any(|(name, _)| may_pull(name));
        if there {
            self.link(repository, digest);
        }
        there
    }

    fn link(&mut self, repository: &str, digest: &Digest) {
        let owner = self.index.repositories.entry(repository.to_owned()).or_default();
        if owner.blobs.insert(digest.clone())
            && let Some(blob) = self.index.blobs.get_mut(digest)
        {
            blob.repositories += 1;
        }
    }

    /// Takes a blob out of a repository; false if it has none such.
    pub(crate) fn remove_blob(&mut self, repository: &str, digest: &Digest) -> bool {
        let owner = self.index.repositories.get_mut(repository);
        let had = owner.is_some_and(|owner| owner.blobs.remove(digest));
        if had {
            self.unlink(digest);
        }
        had
    }

    fn unlink(&mut self, digest: &Digest) {
        let Some(blob) = self.index.blobs.get_mut(digest) else { return };
        blob.repositories -= 1;
        if blob.repositories == 0 {
            self.index.blobs.remove(digest);
            self.store.remove(digest);
        }
    }

    pub(crate) fn manifest(&self, repository: &str, digest: &Digest) -> Option<&Stored> {
        self.index.repositories.get(repository)?.manifests.get(digest)
    }

    /// All manifests of a repository by digest.
    pub(crate) fn manifests(&self, repository: &str) -> impl Iterator<Item = (&Digest, &Stored)> {
        self.index.repositories.get(repository).into_iter().flat_map(|owner| &owner.manifests)
    }

    /// The number of manifests of the repository that refer to that digest.
    pub(crate) fn references(&self, repository: &str, digest: &Digest) -> usize {
        let owner = self.index.repositories.get(repository);
        owner.and_then(|owner| owner.references.get(digest)).copied().unwrap_or_default()
    }

    /// Keeps a manifest. One that is there already stays as it is.
    pub(crate) fn add_manifest(
        &mut self,
        repository: &str,
        digest: &Digest,
        bytes: &[u8],
        stored: Stored,
    ) -> io::Result<()> {
        let owner = self.index.repositories.entry(repository.to_owned()).or_default();
        if owner.manifests.contains_key(digest) {
            return Ok(());
        }
        self.store.keep_manifest(repository, digest, bytes)?;
        for part in stored.manifest.parts() {
            *owner.references.entry(part.digest.clone()).or_default() += 1;
        }
        owner.manifests.insert(digest.clone(), stored);
        Ok(())
    }

    pub(crate) fn set_image(&mut self, repository: &str, digest: &Digest, image: Option<Uuid>) {
        let owner = self.index.repositories.get_mut(repository);
        if let Some(stored) = owner.and_then(|owner| owner.manifests.get_mut(digest)) {
            stored.image = image;
        }
    }

    pub(crate) fn remove_manifest(&mut self, repository: &str, digest: &Digest) -> Option<Stored> {
        let owner = self.index.repositories.get_mut(repository)?;
        let stored = owner.manifests.remove(digest)?;
        self.store.remove_manifest(repository, digest);
        for part in stored.manifest.parts() {
            if let Some(count) = owner.references.get_mut(&part.digest) {
                *count -= 1;
                if *count == 0 {
                    owner.references.remove(&part.digest);
                }
            }
        }
        Some(stored)
    }

    pub(crate) fn remove_repository(&mut self, repository: &str) {
        let Some(owner) = self.index.repositories.remove(repository) else { return };
        for digest in &owner.blobs {
            self.unlink(digest);
        }
        for digest in owner.manifests.keys() {
            self.store.remove_manifest(repository, digest);
        }
    }
}
