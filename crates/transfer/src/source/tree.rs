//! Files by name, in a folder or within an archive.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::archive::{self, Contents};
use super::data::Data;
use crate::error::{Error, Result};

/// A folder or an archive.
#[derive(Debug)]
pub(super) enum Tree {
    Folder(PathBuf),
    Archive { path: Arc<Path>, contents: Contents },
}

impl Tree {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let metadata = std::fs::metadata(path).map_err(|error| Error::io(path, "open it", error))?;
        if metadata.is_dir() {
            return Ok(Self::Folder(path.to_owned()));
        }
        Ok(Self::Archive { contents: archive::contents(path)?, path: path.into() })
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Folder(path) => path,
            Self::Archive { path, .. } => path,
        }
    }

    pub(super) fn is_archive(&self) -> bool {
        matches!(self, Self::Archive { .. })
    }

    pub(super) fn wrong(&self, detail: impl Into<String>) -> Error {
        Error::source(self.path(), detail)
    }

    /// A regular file, by a name that is relative and validated. In a folder, links are refused: they
    /// may lead anywhere on the disk.
    pub(super) fn find(&self, name: &str) -> Result<Option<Data>> {
        match self {
            Self::Archive { path, contents } => Ok(contents.get(name).map(|span| Data::File {
                path: path.clone(),
                offset: span.offset,
                len: span.len,
            })),
            Self::Folder(folder) => {
                let (mut path, mut parts) = (folder.clone(), name.split('/').peekable());
                while let Some(part) = parts.next() {
                    path.push(part);
                    let metadata = match std::fs::symlink_metadata(&path) {
                        Ok(metadata) => metadata,
                        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
                        Err(error) => return Err(Error::io(path, "read it", error)),
                    };
                    if metadata.is_symlink() {
                        return Err(self.wrong(format!(
                            "`{name}` is reached through a link; copy the layout with `cp -rL` first"
                        )));
                    }
                    if parts.peek().is_none() {
                        return match metadata.is_file() {
                            true => {
                                Ok(Some(Data::File { path: path.into(), offset: 0, len: metadata.len() }))
                            }
                            false => Err(self.wrong(format!("`{name}` is not a file"))),
                        };
                    }
                }
                Ok(None)
            }
        }
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
