//! Certificates that docker and podman keep for one registry each.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Everything that the folders have for a registry.
pub(crate) fn of(folders: &[PathBuf], registry: &str) -> Result<Vec<Vec<u8>>> {
    let mut certificates = Vec::new();
    for folder in folders {
        for path in files(&folder.join(registry))? {
            certificates.push(std::fs::read(&path).map_err(|error| Error::io(&path, "read it", error))?);
        }
    }
    Ok(certificates)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |error| Error::io(folder, "read it", error);
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        // Somebody else's, or nobody's.
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::PermissionDenied | ErrorKind::NotADirectory
            ) =>
        {
            return Ok(Vec::new());
        }
        Err(error) => return Err(failed(error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "crt") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
