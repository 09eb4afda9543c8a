//! The files of the registry: blobs under their digests, and uploads that are not finished.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::{NamedTempFile, TempDir, TempPath};

use crate::state::digest::{Algorithm, Digest};

/// A folder with blobs, manifests, and what is kept from one run to the next. Names of files in it are made of
/// digests alone.
pub(crate) struct BlobStore {
    root: PathBuf,
    uploads: TempDir,
    /// True if the last run in the folder did not end well, so that what it changed is lost.
    pub(crate) has_lost: bool,
    /// The whole folder, if nobody wants to keep it.
    whole: Option<TempDir>,
    /// Held so that no other simulator works in the same folder.
    _lock: File,
}

/// The file that says what is kept.
const STATE: &str = "state.json";

/// The file that is there while a simulator runs in the folder, so that the next one knows how it ended.
const RUNNING: &str = "running";

/// The beginning of the names of temporary folders.
const TEMPORARY: &str = "mlspace-registry-simulator-";

impl BlobStore {
    /// In that folder, which is made if it is missing, or in a temporary one that goes with the store.
    pub(crate) fn open(folder: Option<&Path>) -> io::Result<Self> {
        let whole = match folder {
            Some(folder) => {
                check_folder(folder)?;
                None
            }
            None => {
                sweep_temporary();
                Some(tempfile::Builder::new().prefix(TEMPORARY).tempdir()?)
            }
        };
        let root = folder.or(whole.as_ref().map(TempDir::path)).map(Path::to_owned).unwrap_or_default();
        for algorithm in Algorithm::ALL {
            std::fs::create_dir_all(root.join("blobs").join(algorithm.name()))?;
        }
        std::fs::create_dir_all(root.join("manifests"))?;
        let lock = File::create(root.join("lock"))?;
        lock.try_lock()?;
        for entry in std::fs::read_dir(&root)? {
            let entry = entry?;
            let name = entry.file_name();
            if name.to_string_lossy().starts_with("uploads-") {
                std::fs::remove_dir_all(entry.path())?;
            } else if name.to_string_lossy().starts_with(".tmp") {
                std::fs::remove_file(entry.path())?;
            }
        }
        let has_lost = root.join(RUNNING).exists();
        File::create(root.join(RUNNING))?;
        let uploads = tempfile::Builder::new().prefix("uploads-").tempdir_in(&root)?;
        Ok(Self { root, uploads, has_lost, whole, _lock: lock })
    }

    /// The state that the last run left that ended well.
    pub(crate) fn state(&self) -> io::Result<Option<Vec<u8>>> {
        match std::fs::read(self.root.join(STATE)) {
            Ok(state) => Ok(Some(state)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes the state, readable for its owner alone, if the folder is to stay.
    pub(crate) fn save(&self, state: impl FnOnce() -> io::Result<Vec<u8>>) -> io::Result<()> {
        if self.whole.is_some() {
            return Ok(());
        }
        let mut file = NamedTempFile::new_in(&self.root)?;
        file.write_all(&state()?)?;
        file.as_file().sync_all()?;
        file.persist(self.root.join(STATE)).map_err(|error| error.error)?;
        std::fs::remove_file(self.root.join(RUNNING))
    }

    /// Removes the files that belong to nobody.
    pub(crate) fn sweep<'d>(
        &self,
        blobs: impl Iterator<Item = &'d Digest>,
        manifests: impl Iterator<Item = (&'d str, &'d Digest)>,
    ) -> io::Result<()> {
        let mut kept: HashSet<_> = blobs.map(|digest| self.blob(digest)).collect();
        kept.extend(manifests.map(|(repository, digest)| self.manifest(repository, digest)));
        for folder in ["blobs", "manifests"] {
            for folder in std::fs::read_dir(self.root.join(folder))? {
                for file in std::fs::read_dir(folder?.path())? {
                    let path = file?.path();
                    if !kept.contains(&path) {
                        std::fs::remove_file(path)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn manifest(&self, repository: &str, digest: &Digest) -> PathBuf {
        let owner = Digest::of(Algorithm::Sha256, repository.as_bytes());
        self.root.join("manifests").join(owner.hex()).join(digest.hex())
    }

    pub(crate) fn keep_manifest(&self, repository: &str, digest: &Digest, bytes: &[u8]) -> io::Result<()> {
        let path = self.manifest(repository, digest);
        path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
        let mut file = NamedTempFile::new_in(self.uploads.path())?;
        file.write_all(bytes)?;
        file.persist(path).map(drop).map_err(|error| error.error)
    }

    pub(crate) fn read_manifest(&self, repository: &str, digest: &Digest) -> io::Result<Vec<u8>> {
        std::fs::read(self.manifest(repository, digest))
    }

    pub(crate) fn remove_manifest(&self, repository: &str, digest: &Digest) {
        if let Err(error) = std::fs::remove_file(self.manifest(repository, digest)) {
            tracing::error!(%error, %digest, "cannot remove a manifest");
        }
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

/// Refuses a folder that has something else in it: what belongs to nobody here is removed.
fn check_folder(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        refuse_link(&entry)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_known = ["blobs", "manifests", "lock", STATE, RUNNING, "lost+found"].contains(&name.as_ref())
            || name.starts_with("uploads-")
            || name.starts_with(".tmp");
        if !is_known {
            return Err(io::Error::other(format!("it has `{name}`, which no simulator made")));
        }
    }
    for part in ["blobs", "manifests"].map(|name| folder.join(name)).iter().filter(|part| part.is_dir()) {
        std::fs::read_dir(part)?.try_for_each(|entry| refuse_link(&entry?))?;
    }
    // A folder of somebody else's can have blobs as well.
    let is_ours = folder.join("lock").exists() || !folder.join("blobs").exists();
    is_ours.then_some(()).ok_or_else(|| io::Error::other("it has `blobs` that no simulator made"))
}

/// Refuses a link: what is written, emptied and removed here would be elsewhere.
fn refuse_link(entry: &std::fs::DirEntry) -> io::Result<()> {
    if entry.file_type()?.is_symlink() {
        return Err(io::Error::other(format!(
            "{} is a link, which no simulator made",
            entry.path().display()
        )));
    }
    Ok(())
}

/// Removes temporary folders of simulators that were killed.
fn sweep_temporary() {
    /// A younger one may be about to be locked by the simulator that has just made it.
    const YOUNG: Duration = Duration::from_secs(60);
    for entry in std::fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let age = entry.metadata().and_then(|data| data.modified()).ok().and_then(|time| time.elapsed().ok());
        let is_old = age.is_some_and(|age| age > YOUNG);
        let is_meant = entry.file_name().to_string_lossy().starts_with(TEMPORARY);
        if is_old
            && is_meant
            && File::open(entry.path().join("lock")).is_ok_and(|lock| lock.try_lock().is_ok())
        {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob(store: &BlobStore, bytes: &[u8]) -> Digest {
        let upload = store.create().unwrap();
        std::fs::write(&upload, bytes).unwrap();
        let digest = Digest::of(Algorithm::Sha256, bytes);
        store.keep(upload, &digest).unwrap();
        digest
    }

    fn names(folder: &Path) -> Vec<String> {
        let names = std::fs::read_dir(folder).unwrap().map(|one| one.unwrap().file_name());
        let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_folder_keeps_what_belongs_to_somebody() {
        let folder = tempfile::tempdir().unwrap();
        let store = BlobStore::open(Some(folder.path())).unwrap();
        assert!(BlobStore::open(Some(folder.path())).is_err(), "two simulators in one folder");
        let (kept, lost) = (blob(&store, b"kept"), blob(&store, b"lost"));
        store.keep_manifest("a", &kept, b"kept").unwrap();
        store.keep_manifest("b", &kept, b"lost").unwrap();
        let unfinished = store.create().unwrap();
        store.save(|| Ok(b"state".to_vec())).unwrap();
        drop((store, unfinished));
        assert_eq!(names(folder.path()), ["blobs", "lock", "manifests", "state.json"]);

        let store = BlobStore::open(Some(folder.path())).unwrap();
        assert!(!store.has_lost);
        assert_eq!(store.state().unwrap().unwrap(), b"state");
        store.sweep([&kept].into_iter(), [("a", &kept)].into_iter()).unwrap();
        assert!(store.open_blob(&kept).is_ok() && store.open_blob(&lost).is_err());
        assert_eq!(store.read_manifest("a", &kept).unwrap(), b"kept");
        assert!(store.read_manifest("b", &kept).is_err());
    }

    #[test]
    fn what_a_killed_simulator_leaves_is_noticed_and_swept() {
        let folder = tempfile::tempdir().unwrap();
        let store = BlobStore::open(Some(folder.path())).unwrap();
        std::mem::forget(store.create().unwrap());
        std::fs::write(folder.path().join(".tmpX"), "half a state").unwrap();
        // Killed: nothing of it runs to its end, but the lock is free.
        let BlobStore { uploads, _lock, .. } = store;
        std::mem::forget(uploads);
        drop(_lock);
        assert!(names(folder.path()).iter().any(|name| name.starts_with("uploads-")));
        let store = BlobStore::open(Some(folder.path())).unwrap();
        assert!(store.has_lost);
        let uploads = names(folder.path()).iter().filter(|name| name.starts_with("uploads-")).count();
        assert_eq!(uploads, 1, "that of the new one");
        assert!(!folder.path().join(".tmpX").exists());
    }

    #[test]
    fn a_folder_of_somebody_else_is_not_touched() {
        for file in ["oci-layout", "notes.txt"] {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join(file), "mine").unwrap();
            let error = BlobStore::open(Some(folder.path())).map(|_| ()).unwrap_err().to_string();
            assert!(error.contains(file), "{error}");
            assert_eq!(names(folder.path()), [file]);
        }
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("blobs/sha256")).unwrap();
        assert!(BlobStore::open(Some(folder.path())).is_err(), "blobs that no simulator made");
    }

    #[cfg(unix)]
    #[test]
    fn nothing_is_written_or_removed_where_a_link_leads() {
        let elsewhere = tempfile::tempdir().unwrap();
        std::fs::write(elsewhere.path().join("mine"), "mine").unwrap();
        for (link, target) in
            [("lock", "mine"), ("running", "mine"), ("blobs", ""), ("blobs/sha256", ""), ("manifests/a", "")]
        {
            let folder = tempfile::tempdir().unwrap();
            drop(BlobStore::open(Some(folder.path())).unwrap());
            let path = folder.path().join(link);
            match path.is_dir() {
                true => std::fs::remove_dir_all(&path).unwrap(),
                false => drop(std::fs::remove_file(&path)),
            }
            std::os::unix::fs::symlink(elsewhere.path().join(target), &path).unwrap();
            let error = BlobStore::open(Some(folder.path())).map(|_| ()).unwrap_err().to_string();
            assert!(error.contains(&*path.to_string_lossy()), "{error}");
            assert_eq!(std::fs::read(elsewhere.path().join("mine")).unwrap(), b"mine", "{link}");
        }
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
