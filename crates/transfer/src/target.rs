//! Where pulled images go: nothing is under its final name before it is whole and checked.

mod archive;
mod folder;
mod names;

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::manifest::{Descriptor, Manifest};
use crate::reference::Reference;

/// A file or folder to pull into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    path: PathBuf,
    form: TargetForm,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TargetForm {
    Folder,
    Archive,
    Docker,
}

impl Target {
    /// An OCI layout in a folder. It is created, or, if it is a layout already, added to; blobs that it
    /// has are not fetched again.
    pub fn layout(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), form: TargetForm::Folder }
    }

    /// An OCI layout in a tar file. An existing file is replaced.
    pub fn layout_archive(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), form: TargetForm::Archive }
    }

    /// An archive that `docker load` and `podman load` read, and an OCI layout at the same time. The
    /// layers stay compressed, so that all digests stay the same. An existing file is replaced.
    pub fn docker_archive(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), form: TargetForm::Docker }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn is_docker(&self) -> bool {
        self.form == TargetForm::Docker
    }
}

/// An image that is pulled: its manifests, children first, its own last.
#[derive(Debug)]
pub(crate) struct Root {
    pub(crate) reference: Reference,
    pub(crate) manifests: Vec<Manifest>,
}

impl Root {
    pub(crate) fn root(&self) -> &Manifest {
        // There is always the image's own.
        &self.manifests[self.manifests.len() - 1]
    }
}

/// Room for one blob.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) file: File,
    pub(crate) offset: u64,
    path: PathBuf,
    /// A file of its own, and the name that it gets when it is whole.
    temporary: Option<(tempfile::TempPath, PathBuf)>,
}

impl Slot {
    /// Gives a whole and checked blob its name.
    pub(crate) fn keep(self) -> Result<()> {
        let Some((temporary, path)) = self.temporary else { return Ok(()) };
        temporary.persist(&path).map_err(|error| Error::io(path, "give it its name", error.error))
    }

    pub(crate) fn failed(&self, error: std::io::Error) -> Error {
        Error::io(&self.path, "write it", error)
    }
}

/// A target that is being written.
pub(crate) enum Writer {
    Folder(folder::Folder),
    Archive(archive::Archive),
}

impl Writer {
    pub(crate) fn begin(target: &Target, roots: &[Root], blobs: &[Descriptor]) -> Result<Self> {
        Ok(match target.form {
            TargetForm::Folder => Self::Folder(folder::Folder::begin(&target.path)?),
            TargetForm::Archive | TargetForm::Docker => {
                Self::Archive(archive::Archive::begin(&target.path, roots, blobs, target.is_docker())?)
            }
        })
    }

    /// Room for a blob; `None` if the target has it.
    pub(crate) fn slot(&self, named: &Descriptor) -> Result<Option<Slot>> {
        match self {
            Self::Folder(folder) => folder.slot(named),
            Self::Archive(archive) => archive.slot(named),
        }
    }

    /// Names the images; all their blobs are there.
    pub(crate) fn finish(self, roots: &[Root]) -> Result<()> {
        match self {
            Self::Folder(folder) => folder.finish(roots),
            Self::Archive(archive) => archive.finish(),
        }
    }
}

/// A temporary file beside what it will become, readable as new files are.
fn temporary(folder: &Path) -> Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".partial-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder).map_err(|error| Error::io(folder, "write in it", error))
}
