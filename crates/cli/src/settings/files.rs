//! Where settings and secrets lie on the disk.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::io::Io;

/// The folder of this program's own files: `MLCR_CONFIG_DIR`, else `mlcr` in the user's configuration.
pub(crate) fn config_folder(io: &Io) -> Result<PathBuf, Failure> {
    match io.variable("MLCR_CONFIG_DIR") {
        Some(folder) => Ok(folder.into()),
        None => user_folder(io, "mlcr").ok_or_else(|| {
            Failure::usage("there is no home folder to keep files in").hint("set HOME or MLCR_CONFIG_DIR")
        }),
    }
}

/// A program's folder in the user's configuration.
pub(crate) fn user_folder(io: &Io, program: &str) -> Option<PathBuf> {
    let base = io.variable("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    Some(base.or_else(|| Some(home(io)?.join(".config")))?.join(program))
}

/// The folder for what can be had again: `mlcr` in the user's cache.
pub(crate) fn cache_folder(io: &Io) -> Option<PathBuf> {
    let base = io.variable("XDG_CACHE_HOME").map(PathBuf::from);
    Some(base.or_else(|| Some(home(io)?.join(".cache")))?.join("mlcr"))
}

/// The folder for large temporary files: the cache's, which is seldom in memory, or else the system's.
pub(crate) fn scratch(io: &Io) -> PathBuf {
    let folder = cache_folder(io).filter(|folder| std::fs::create_dir_all(folder).is_ok());
    folder.unwrap_or_else(std::env::temp_dir)
}

/// The user's home.
pub(crate) fn home(io: &Io) -> Option<PathBuf> {
    io.variable("HOME").or_else(|| io.variable("USERPROFILE")).map(PathBuf::from)
}

/// Reads a text file; `None` if there is none.
pub(crate) fn read(path: &Path) -> Result<Option<String>, Failure> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::usage(format!("cannot read {}: {error}", path.display()))),
    }
}

/// Writes a file that only its owner can read; whoever reads it finds all of it or the one before.
pub(crate) fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        make_private(folder)?;
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // A file of this kind is made with mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Makes a folder that only its owner can look into, if there is none.
fn make_private(folder: &Path) -> std::io::Result<()> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}
