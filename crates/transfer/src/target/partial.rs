//! Files on their way to their names. Whoever writes one holds a lock on it, so that one which a killed
//! process left is known by being free: it is resumed or removed.

use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;

use tempfile::TempPath;

use crate::error::{Error, Result};

const PREFIX: &str = ".partial-";

/// A file that is being written; removed when it is dropped without being kept.
#[derive(Debug)]
pub(crate) struct Partial {
    pub(crate) file: File,
    path: TempPath,
}

impl Partial {
    /// A new file beside what it will become.
    pub(super) fn new(folder: &Path, name: &OsStr) -> Result<Self> {
        let mut prefix = OsStr::new(PREFIX).to_owned();
        prefix.push(name);
        prefix.push("-");
        loop {
            let mut builder = tempfile::Builder::new();
            builder.prefix(&prefix);
            // As readable as new files are.
            #[cfg(unix)]
            builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
            let made = builder.tempfile_in(folder);
            let (file, path) = made.map_err(|error| Error::io(folder, "write in it", error))?.into_parts();
            if is_taken(&file, &path) {
                return Ok(Self { file, path });
            }
        }
    }

    /// The file that was begun under this name earlier, or, if somebody is writing it, another one.
    pub(super) fn resume(folder: &Path, name: &str) -> Result<Self> {
        let path = folder.join(format!("{PREFIX}{name}"));
        // A link would be written through.
        let is_ours = fs::symlink_metadata(&path).map_or(true, |metadata| metadata.is_file());
        let options = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        match options {
            Ok(file) if is_ours && is_taken(&file, &path) => {
                let path =
                    TempPath::try_from_path(&path).map_err(|error| Error::io(path, "write it", error))?;
                Ok(Self { file, path })
            }
            _ => Self::new(folder, OsStr::new(name)),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the file its name, when its bytes are on the disk.
    pub(super) fn keep(self, path: &Path) -> Result<()> {
        self.file.sync_all().map_err(|error| Error::io(path, "write it", error))?;
        self.path.persist(path).map_err(|error| Error::io(path, "give it its name", error.error))
    }

    /// As [`Partial::keep`], and leaves alone what has that name already.
    pub(super) fn keep_new(self, path: &Path) -> Result<()> {
        self.file.sync_all().map_err(|error| Error::io(path, "write it", error))?;
        match self.path.persist_noclobber(path) {
            Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => {
                Err(Error::io(path, "give it its name", error.error))
            }
            _ => Ok(()),
        }
    }
}

/// Locks a file that was just opened. `false` if another has it, or took it away in between.
fn is_taken(file: &File, path: &Path) -> bool {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => false,
        // Where there are no locks, as on some network file systems, names alone must do.
        Err(TryLockError::Error(_)) | Ok(()) => is_at(file, path),
    }
}

/// True if the path still leads to this very file.
fn is_at(file: &File, path: &Path) -> bool {
    let (Ok(open), Ok(there)) = (file.metadata(), fs::symlink_metadata(path)) else { return false };
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        (open.dev(), open.ino()) == (there.dev(), there.ino())
    }
    #[cfg(not(unix))]
    (open.len() == there.len())
}

/// Removes what killed processes left in a folder under names that begin with `name`, except what `keeps`
/// says. What cannot be looked at or removed is in nobody's way.
pub(super) fn sweep(folder: &Path, name: &OsStr, keeps: impl Fn(&str) -> bool) {
    let mut prefix = PREFIX.as_bytes().to_owned();
    prefix.extend_from_slice(name.as_encoded_bytes());
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let found = entry.file_name();
        let is_left = found.as_encoded_bytes().starts_with(&prefix)
            && !found.to_str().and_then(|found| found.strip_prefix(PREFIX)).is_some_and(&keeps)
            && entry.file_type().is_ok_and(|kind| kind.is_file());
        let path = entry.path();
        // Read and write, as locks of network file systems want it.
        if is_left
            && let Ok(file) = File::options().read(true).write(true).open(&path)
            && matches!(file.try_lock(), Ok(()))
            && is_at(&file, &path)
        {
            let _ = fs::remove_file(&path);
        }
    }
}

/// Puts the names of a folder on the disk; a rename is not there before that.
pub(super) fn sync_folder(folder: &Path) -> Result<()> {
    // Elsewhere a folder cannot be opened as a file.
    #[cfg(unix)]
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        // Some network file systems know no such thing.
        Err(error) if !matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => {
            return Err(Error::io(folder, "write it to the disk", error));
        }
        _ => {}
    }
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}
