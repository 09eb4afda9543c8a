//! Files by name, in a folder or within an archive.

use std::collections::HashMap;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use tempfile::TempPath;

use super::archive::{self, Contents};
use super::data::Data;
use super::spool;
use crate::error::{Error, Result};

/// A folder or an archive.
#[derive(Debug)]
pub(super) struct Tree {
    /// As it was named.
    path: PathBuf,
    files: Files,
}

#[derive(Debug)]
enum Files {
    /// The folder without links in its path.
    Folder(PathBuf),
    Archive {
        path: Arc<Path>,
        contents: Contents,
        /// Removes the archive with the last image of it, if it is a temporary copy.
        _copy: Option<TempPath>,
    },
    /// As in an archive, but put together here.
    Memory {
        files: HashMap<String, Data>,
        /// Removes the files that were copied with the last image of them.
        _copies: Vec<TempPath>,
    },
}

impl Tree {
    /// `scratch` is a folder for a copy of what cannot be read in any order.
    pub(super) fn open(path: &Path, scratch: &Path) -> Result<Self> {
        let metadata = std::fs::metadata(path).map_err(|error| Error::io(path, "open it", error))?;
        if metadata.is_dir() {
            let root = path.canonicalize().map_err(|error| Error::io(path, "open it", error))?;
            return Ok(Self { path: path.to_owned(), files: Files::Folder(root) });
        }
        let copy = spool::seekable(path, scratch)?;
        Self::archive(path, copy)
    }

    /// An archive that comes from a pipe.
    pub(super) fn receive(reader: impl Read, scratch: &Path) -> Result<Self> {
        let name = Path::new("-");
        let copy = spool::spool(reader, name, scratch)?;
        Self::archive(name, Some(copy))
    }

    /// Files that a program has, with the temporary ones that they are in.
    pub(super) fn memory(name: &str, files: HashMap<String, Data>, copies: Vec<TempPath>) -> Self {
        Self { path: name.into(), files: Files::Memory { files, _copies: copies } }
    }

    fn archive(path: &Path, copy: Option<TempPath>) -> Result<Self> {
        let file: Arc<Path> = copy.as_deref().unwrap_or(path).into();
        let contents = archive::contents(&file, path)?;
        Ok(Self { path: path.to_owned(), files: Files::Archive { path: file, contents, _copy: copy } })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn is_archive(&self) -> bool {
        !matches!(self.files, Files::Folder(_))
    }

    pub(super) fn wrong(&self, detail: impl Into<String>) -> Error {
        Error::source(self.path(), detail)
    }

    /// A regular file, by a name that is relative and validated. Links within a folder are followed as long
    /// as they stay in it: others may lead anywhere on the disk.
    pub(super) fn find(&self, name: &str) -> Result<Option<Data>> {
        let root = match &self.files {
            Files::Archive { path, contents, .. } => {
                return Ok(contents.get(name).map(|span| Data::File {
                    path: path.clone(),
                    offset: span.offset,
                    len: span.len,
                }));
            }
            Files::Memory { files, .. } => return Ok(files.get(name).cloned()),
            Files::Folder(root) => root,
        };
        let path = match root.join(name).canonicalize() {
            Ok(path) => path,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(error) => return Err(Error::io(root.join(name), "read it", error)),
        };
        if !path.starts_with(root) {
            return Err(self.wrong(format!(
                "`{name}` is reached through a link that leads out of it; copy the layout with `cp -rL` first"
            )));
        }
        let metadata = path.metadata().map_err(|error| Error::io(&path, "read it", error))?;
        if !metadata.is_file() {
            return Err(self.wrong(format!("`{name}` is not a file")));
        }
        Ok(Some(Data::File { path: path.into(), offset: 0, len: metadata.len() }))
    }

    /// A file that must be there.
    pub(super) fn need(&self, name: &str) -> Result<Data> {
        self.find(name)?.ok_or_else(|| self.wrong(format!("`{name}` is missing in it")))
    }

    /// The whole of a small file that must be there.
    pub(super) fn read(&self, name: &str, cap: u64) -> Result<Bytes> {
        let data = self.need(name)?;
        if data.len() > cap {
            return Err(self
                .wrong(format!("`{name}` is {} bytes long; more than {cap} are not accepted", data.len())));
        }
        let mut bytes = Vec::with_capacity(data.len() as usize);
        data.open(0)?.read_to_end(&mut bytes).map_err(|error| Error::io(self.path(), "read it", error))?;
        if bytes.len() as u64 != data.len() {
            return Err(self.wrong(format!("`{name}` changed while it was read")));
        }
        Ok(bytes.into())
    }
}
