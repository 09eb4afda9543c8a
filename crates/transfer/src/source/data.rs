//! Bytes in memory, in a file, or within one.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use crate::digest::{Digest, Hasher};
use crate::error::{Error, Result};

/// Bytes that are read and handed on at once.
pub(crate) const PIECE: usize = 256 * 1024;

/// Where some bytes are.
#[derive(Clone, Debug)]
pub(crate) enum Data {
    File { path: Arc<Path>, offset: u64, len: u64 },
    Bytes(Bytes),
}

impl Data {
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::File { len, .. } => *len,
            Self::Bytes(bytes) => bytes.len() as u64,
        }
    }

    /// Reads from `from` to the end. Blocks.
    pub(crate) fn open(&self, from: u64) -> Result<Box<dyn Read + Send>> {
        match self {
            Self::Bytes(bytes) => {
                Ok(Box::new(std::io::Cursor::new(bytes.slice(bytes.len().min(from as usize)..))))
            }
            Self::File { path, offset, len } => {
                let mut file = File::open(path).map_err(|error| Error::io(&**path, "open it", error))?;
                file.seek(SeekFrom::Start(offset + from))
                    .map_err(|error| Error::io(&**path, "read it", error))?;
                Ok(Box::new(file.take(len.saturating_sub(from))))
            }
        }
    }

    /// The digest of the whole. Blocks.
    pub(crate) fn hash(&self, mut hasher: Hasher) -> Result<Digest> {
        let (mut reader, mut piece) = (self.open(0)?, vec![0; PIECE]);
        loop {
            match reader.read(&mut piece).map_err(|error| self.failed(error))? {
                0 => return Ok(hasher.finish()),
                n => hasher.update(&piece[..n]),
            }
        }
    }

    /// An error about reading this.
    pub(crate) fn failed(&self, error: std::io::Error) -> Error {
        match self {
            Self::File { path, .. } => Error::io(&**path, "read it", error),
            Self::Bytes(_) => Error::io("", "read it", error),
        }
    }

    /// An error about what is in this.
    pub(crate) fn wrong(&self, detail: impl Into<String>) -> Error {
        match self {
            Self::File { path, .. } => Error::source(&**path, detail),
            Self::Bytes(_) => Error::source("", detail),
        }
    }
}
