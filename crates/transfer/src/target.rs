//! Where pulled images go: nothing is under its final name before it is whole and checked.

mod archive;
mod folder;
mod names;
mod partial;

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::compression::Compression;
use crate::digest::Hasher;
use crate::error::{Error, Result};
use crate::manifest::{Descriptor, Manifest};
use crate::reference::Reference;

/// A file or folder to pull into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    path: PathBuf,
    form: TargetForm,
    compression: Option<Compression>,
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
        Self { path: path.into(), form: TargetForm::Folder, compression: None }
    }

    /// An OCI layout in a tar file. An existing file is replaced when the new one is whole; a pipe or a
    /// character device is written to; a link is followed.
    pub fn layout_archive(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), form: TargetForm::Archive, compression: None }
    }

    /// An archive that `docker load` and `podman load` read, and an OCI layout at the same time. The
    /// layers stay compressed, so that all digests stay the same. Existing files as in
    /// [`Target::layout_archive`].
    pub fn docker_archive(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), form: TargetForm::Docker, compression: None }
    }

    /// Compresses the archive as a whole: with gzip as `docker load` reads it. A folder is not compressed.
    pub fn compressed(self, compression: Compression) -> Self {
        let compression = Some(compression).filter(|_| self.form != TargetForm::Folder);
        Self { compression, ..self }
    }

    /// Makes sure that the target can be written without spoiling something else. `true` if a file is there
    /// that will be replaced. Blocks.
    ///
    /// # Errors
    /// [`Error::Source`] for a folder that holds something else, and for what is neither file, pipe nor
    /// device; [`Error::Io`] if it cannot be looked at.
    pub fn check(&self) -> Result<bool> {
        if self.form == TargetForm::Folder {
            folder::check(&self.path).map(|()| false)
        } else {
            Ok(matches!(archive::place(&self.path)?, archive::ArchivePlace::File { exists: true, .. }))
        }
    }

    /// The path that it was made with.
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
    /// Bytes that an earlier pull has left there, and their hash.
    pub(crate) begun: u64,
    pub(crate) hasher: Hasher,
    path: PathBuf,
    /// A file of its own, which gets its name when it is whole.
    partial: Option<partial::Partial>,
}

impl Slot {
    /// Puts a whole and checked blob on the disk and gives it its name. Blocks.
    pub(crate) fn keep(self) -> Result<()> {
        match self.partial {
            Some(partial) => partial.keep(&self.path),
            None => self.file.sync_data().map_err(|error| Error::io(&self.path, "write it", error)),
        }
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
    /// `scratch` is a folder for what cannot be written in its place at once.
    pub(crate) fn begin(
        target: &Target,
        scratch: &Path,
        roots: &[Root],
        blobs: &[Descriptor],
    ) -> Result<Self> {
        Ok(match target.form {
            TargetForm::Folder => Self::Folder(folder::Folder::begin(&target.path, blobs)?),
            _ => Self::Archive(archive::Archive::begin(target, scratch, roots, blobs)?),
        })
    }

    /// Room for a blob; `None` if the target has it. Blocks.
    pub(crate) fn slot(&self, wanted: &Descriptor) -> Result<Option<Slot>> {
        match self {
            Self::Folder(folder) => folder.slot(wanted),
            Self::Archive(archive) => archive.slot(wanted),
        }
    }

    /// The folder, by its one true name, if it is one that others may write at the same time.
    pub(crate) fn folder(&self) -> Option<&Path> {
        match self {
            Self::Folder(folder) => Some(folder.place()),
            Self::Archive(_) => None,
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
