//! Where the bytes of a blob come from when they are sent.

use std::io::Read as _;

use bytes::Bytes;

use crate::copy::remote::{Reading, RemoteBlob};
use crate::error::{Error, Result};
use crate::push::feed::{self, Feed};
use crate::source::data::Data;

/// Where a blob is.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    /// On this machine.
    Here(Data),
    /// In a registry.
    There(RemoteBlob),
}

impl Origin {
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Here(data) => data.len(),
            Self::There(blob) => blob.size,
        }
    }

    /// Its bytes, for one upload.
    pub(crate) fn supply(&self) -> Supply {
        match self {
            Self::Here(data) => Supply::Here(data.clone()),
            Self::There(blob) => Supply::There(blob.read()),
        }
    }
}

/// The bytes of a blob, for one upload, which may want parts of it more than once.
pub(crate) enum Supply {
    Here(Data),
    There(Reading),
}

impl Supply {
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Here(data) => data.len(),
            Self::There(reading) => reading.size(),
        }
    }

    pub(crate) fn part(&self, from: u64, len: u64) -> Feed<()> {
        match self {
            Self::Here(data) => feed::read(data.clone(), from, len),
            Self::There(reading) => Feed::of(reading.part(from, len)),
        }
    }

    /// All of a small blob.
    pub(crate) async fn whole(&self) -> Result<Bytes> {
        let data = match self {
            Self::Here(data) => data.clone(),
            Self::There(reading) => return reading.whole().await,
        };
        let read = move || -> Result<Bytes> {
            let mut bytes = Vec::with_capacity(data.len() as usize);
            data.open(0)?.read_to_end(&mut bytes).map_err(|error| data.failed(error))?;
            if bytes.len() as u64 != data.len() {
                return Err(data.wrong("it became shorter while it was read"));
            }
            Ok(bytes.into())
        };
        tokio::task::spawn_blocking(read).await.map_err(|error| Error::task(&error))?
    }

    /// Why there were no more bytes of a part, if that is why it could not be sent. It was tried as often as is
    /// allowed.
    pub(crate) fn failure(&self) -> Option<Error> {
        match self {
            Self::Here(_) => None,
            Self::There(reading) => reading.failure(),
        }
    }
}
