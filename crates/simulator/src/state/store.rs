//! The files of the registry: blobs under their digests, and uploads that are not finished.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempDir, TempPath};

use crate::state::digest::{Algorithm, Digest};

/// A folder with blobs. File names are made of digests alone.
pub(crate) struct BlobStore {
    root: PathBuf,
    uploads: TempDir,
    /// The whole folder, if nobody wants to keep it.
    _whole: Option<TempDir>,
    /// Held so that no other simulator works in the same folder.
    _lock: File,
}

impl BlobStore {
    /// In that folder, which is made if it is missing, or in a temporary one that goes with the store.
    pub(crate) fn open(folder: Option<&Path>) -> io::Result<Self> {
        let whole = match folder {
            Some(_) => None,
            None => Some(tempfile::Builder::new().prefix("mlspace-registry-simulator-").tempdir()?),
        };
        let root = folder.or(whole.as_ref().map(TempDir::path)).map(Path::to_owned).unwrap_or_default();
        for algorithm in Algorithm::ALL {
            std::fs::create_dir_all(root.join("blobs").join(algorithm.name()))?;
        }
        let lock = File::create(root.join("lock"))?;
        lock.try_lock()?;
        let uploads = tempfile::Builder::new().prefix("uploads-").tempdir_in(&root)?;
        Ok(Self { root, uploads, _whole: whole, _lock: lock })
    }

    fn blob(&self, digest: &Digest) -> PathBuf {
        self.root.join("blobs").join(digest.algorithm().name()).join(digest.hex())
    }

    /// An empty file for an upload. It is gone when it is dropped, unless it is kept.
    pub(crate) fn create(&self) -> io::Result<TempPath> {
        NamedTempFile::new_in(self.uploads.path()).map(NamedTempFile::into_temp_path)
    }

    /// Makes an upload the blob of that digest, in one step.
    pub(crate) fn keep(&self, upload: TempPath, digest: &Digest) -> io::Result<()> {
        upload.persist(self.blob(digest)).map_err(|error| error.error)
    }

    pub(crate) fn open_blob(&self, digest: &Digest) -> io::Result<File> {
        File::open(self.blob(digest))
    }

    /// Deletes a blob. Whoever reads it already can read it to its end.
    pub(crate) fn remove(&self, digest: &Digest) {
        if let Err(error) = std::fs::remove_file(self.blob(digest)) {
            tracing::error!(%error, %digest, "cannot remove a blob");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_kept_without_its_unfinished_uploads() {
        let folder = tempfile::tempdir().unwrap();
        let store = BlobStore::open(Some(folder.path())).unwrap();
        assert!(BlobStore::open(Some(folder.path())).is_err(), "two simulators in one folder");
        let upload = store.create().unwrap();
        std::fs::write(&upload, b"abc").unwrap();
        let digest = Digest::of(Algorithm::Sha256, b"abc");
        store.keep(upload, &digest).unwrap();
        let unfinished = store.create().unwrap();
        drop(store);
        drop(unfinished);
        let blob = folder.path().join("blobs/sha256").join(digest.hex());
        assert_eq!(std::fs::read(blob).unwrap(), b"abc");
        let left: Vec<_> =
            std::fs::read_dir(folder.path()).unwrap().map(|one| one.unwrap().file_name()).collect();
        assert!(left.iter().all(|name| name == "blobs" || name == "lock"), "{left:?}");
        assert!(BlobStore::open(Some(folder.path())).is_ok());
    }

    #[test]
    fn a_temporary_folder_goes_with_the_store() {
        let store = BlobStore::open(None).unwrap();
        let root = store.root.clone();
        assert!(root.is_dir());
        drop(store);
        assert!(!root.exists());
    }
}
