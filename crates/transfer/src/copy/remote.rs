//! A blob in a registry as bytes that are sent on: asked for as they are wanted, hashed once, never kept.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{fmt, io};

use bytes::{Buf as _, Bytes};
use futures_util::stream::{self, Stream};
use reqwest::header::RANGE;
use reqwest::{Method, Response};
use tokio::time::timeout;

use crate::digest::{Digest, Hasher};
use crate::error::{Error, Result, TransportKind};
use crate::registry::answer::failure;
use crate::registry::auth::Scope;
use crate::registry::http::{Registry, Request};
use crate::registry::ranges::begins_at;
use crate::retry::{Patience, is_passing};

/// A blob in a registry.
#[derive(Clone)]
pub(crate) struct RemoteBlob {
    pub(crate) registry: Arc<Registry>,
    pub(crate) repository: String,
    pub(crate) digest: Digest,
    pub(crate) size: u64,
}

/// A blob that is being read. An upload asks for it part by part, and again for what did not arrive.
#[derive(Clone)]
pub(crate) struct Reading {
    blob: RemoteBlob,
    so_far: Arc<Mutex<SoFar>>,
}

struct SoFar {
    hasher: Hasher,
    /// Bytes that are hashed, all from the first on.
    hashed: u64,
    open: Option<Open>,
    /// Why there are no more bytes.
    failure: Option<Error>,
}

/// An answer that has more to give.
struct Open {
    response: Response,
    /// The place of its next byte, which is that of the rest if there is one.
    at: u64,
    /// What has come of it and was not wanted yet.
    rest: Bytes,
}

/// One part on its way.
struct Part {
    reading: Reading,
    at: u64,
    end: u64,
    open: Option<Open>,
    /// The furthest that it came, and the failures since.
    best: u64,
    failures: u32,
}

impl RemoteBlob {
    fn what(&self) -> String {
        format!("get {} of {}/{}", self.digest.short(), self.registry.name, self.repository)
    }

    pub(crate) fn read(&self) -> Reading {
        let so_far = SoFar { hasher: Hasher::of(&self.digest), hashed: 0, open: None, failure: None };
        Reading { blob: self.clone(), so_far: Arc::new(Mutex::new(so_far)) }
    }

    /// The answer that begins at a byte, or at the first where the registry knows no ranges.
    async fn open(&self, at: u64) -> Result<Open> {
        let url = self.registry.url(&format!("{}/blobs/{}", self.repository, self.digest));
        let whole = Request::new(self.what(), Method::GET, url);
        let scope = Scope::pull(&self.repository);
        let begun = |response, at| Open { response, at, rest: Bytes::new() };
        if at > 0 {
            let range = format!("bytes={at}-{}", self.size - 1);
            let rest = self.registry.send(&scope, &whole.clone().header(RANGE, &range)).await?;
            match rest.status().as_u16() {
                206 if begins_at(rest.headers()) == Some(at) => return Ok(begun(rest, at)),
                206 => return Err(Error::protocol(self.what(), "it is another range than was asked for")),
                200 => return Ok(begun(rest, 0)),
                416 => {}
                _ => return Err(failure(&self.registry.patience, self.what(), rest).await),
            }
        }
        let response = self.registry.send(&scope, &whole).await?;
        match response.status().as_u16() {
            200 => Ok(begun(response, 0)),
            _ => Err(failure(&self.registry.patience, self.what(), response).await),
        }
    }
}

impl fmt::Debug for RemoteBlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}@{}", self.registry.name, self.repository, self.digest)
    }
}

impl Reading {
    pub(crate) fn size(&self) -> u64 {
        self.blob.size
    }

    /// The bytes from one place to another. What breaks off is asked for again from there.
    pub(crate) fn part(&self, from: u64, len: u64) -> impl Stream<Item = io::Result<Bytes>> + Send + use<> {
        stream::try_unfold(self.from(from, from + len), |mut part| async move {
            match part.next().await {
                Ok(Some(piece)) => Ok(Some((piece, part))),
                Ok(None) => Ok(None),
                // Breaks the request off, so that the registry does not take the part for the whole.
                Err(error) => Err(io::Error::other(part.reading.failed(error))),
            }
        })
    }

    /// All of a small blob.
    pub(crate) async fn whole(&self) -> Result<Bytes> {
        let (mut part, mut bytes) =
            (self.from(0, self.blob.size), Vec::with_capacity(self.blob.size as usize));
        loop {
            match part.next().await {
                Ok(Some(piece)) => bytes.extend_from_slice(&piece),
                Ok(None) => return Ok(bytes.into()),
                Err(error) => return Err(self.failed(error)),
            }
        }
    }

    /// Keeps the reason, so that it is not taken for one of the registry that is sent to.
    fn failed(&self, reason: Error) -> Error {
        self.so_far().failure = Some(reason);
        Error::Internal(format!("there is no more of {}", self.blob.digest))
    }

    /// Why a part has ended early; said once.
    pub(crate) fn failure(&self) -> Option<Error> {
        self.so_far().failure.take()
    }

    fn from(&self, at: u64, end: u64) -> Part {
        let open = self.so_far().open.take();
        Part { reading: self.clone(), at, end, open, best: at, failures: 0 }
    }

    fn so_far(&self) -> MutexGuard<'_, SoFar> {
        self.so_far.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hashes what was not hashed before. The last byte is let go only if the whole is right.
    fn check(&self, at: u64, piece: &[u8]) -> Result<()> {
        let mut so_far = self.so_far();
        let Some(known) = so_far.hashed.checked_sub(at).filter(|known| *known < piece.len() as u64) else {
            return Ok(());
        };
        so_far.hasher.update(&piece[known as usize..]);
        so_far.hashed = at + piece.len() as u64;
        if so_far.hashed < self.blob.size {
            return Ok(());
        }
        let found = so_far.hasher.clone().finish();
        if found == self.blob.digest {
            return Ok(());
        }
        let (expected, found) = (self.blob.digest.to_string(), found.to_string());
        Err(Error::Digest { what: self.blob.what(), expected, found })
    }
}

impl Part {
    /// The next piece; `None` after the last.
    async fn next(&mut self) -> Result<Option<Bytes>> {
        while self.at < self.end {
            let error = match self.piece().await {
                Ok(piece) => {
                    self.reading.check(self.at, &piece)?;
                    self.at += piece.len() as u64;
                    return Ok(Some(piece));
                }
                Err(error) => error,
            };
            self.failures = if self.at > self.best { 1 } else { self.failures + 1 };
            self.best = self.best.max(self.at);
            if !self.reading.blob.registry.patience.again(self.failures, &error).await {
                return Err(match is_passing(&error) {
                    true => Patience::exhausted(self.failures, error),
                    false => error,
                });
            }
        }
        self.reading.so_far().open = self.open.take();
        Ok(None)
    }

    /// Some bytes from `at` on.
    async fn piece(&mut self) -> Result<Bytes> {
        let blob = &self.reading.blob;
        let mut open = match self.open.take().filter(|open| open.at <= self.at) {
            Some(open) => open,
            None => blob.open(self.at).await?,
        };
        loop {
            // What comes before was wanted earlier.
            let earlier = (self.at - open.at).min(open.rest.len() as u64);
            open.rest.advance(earlier as usize);
            open.at += earlier;
            if !open.rest.is_empty() {
                let piece = open.rest.split_to(open.rest.len().min((self.end - self.at) as usize));
                open.at += piece.len() as u64;
                self.open = Some(open);
                return Ok(piece);
            }
            let chunk = timeout(blob.registry.patience.idle, open.response.chunk()).await;
            let chunk = chunk.map_err(|_| Patience::stalled(blob.what()))?;
            let Some(chunk) = chunk.map_err(|error| Error::transport(blob.what(), error))? else {
                let (what, kind) = (blob.what(), TransportKind::Interrupted);
                return Err(Error::Transport { what, kind, source: None });
            };
            if open.at + chunk.len() as u64 > blob.size {
                let detail = format!("it is longer than the {} bytes stated", blob.size);
                return Err(Error::protocol(blob.what(), detail));
            }
            open.rest = chunk;
        }
    }
}
