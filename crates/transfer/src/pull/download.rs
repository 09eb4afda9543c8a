//! Fetches one blob: written and hashed as it comes, continued where it was cut off.

use std::io::{Seek, SeekFrom, Write};

use bytes::Bytes;
use reqwest::header::RANGE;
use reqwest::{Method, Response, StatusCode};
use tokio::sync::mpsc;

use crate::digest::{Digest, Hasher};
use crate::error::{Error, Result, TransportKind};
use crate::manifest::Descriptor;
use crate::progress::Meter;
use crate::registry::answer::failure;
use crate::registry::auth::Scope;
use crate::registry::http::{Registry, Request};
use crate::registry::ranges::begins_at;
use crate::retry::{Patience, is_passing};
use crate::target::Slot;

/// Chunks that wait between the network and the thread that writes.
const WAITING: usize = 4;

/// One blob on its way.
pub(crate) struct Download<'a> {
    registry: &'a Registry,
    repository: &'a str,
    named: &'a Descriptor,
    meter: &'a Meter,
}

/// The part that is written so far, and its hash.
struct Written {
    slot: Slot,
    hasher: Hasher,
    len: u64,
}

impl<'a> Download<'a> {
    pub(crate) fn new(
        registry: &'a Registry,
        repository: &'a str,
        named: &'a Descriptor,
        meter: &'a Meter,
    ) -> Self {
        Self { registry, repository, named, meter }
    }

    fn what(&self) -> String {
        format!("get {} of {}/{}", self.named.digest.short(), self.registry.name, self.repository)
    }

    /// Fills the slot; returns it, and the bytes that came over the wire.
    pub(crate) async fn run(&self, slot: Slot) -> Result<(Slot, u64)> {
        let (mut failures, mut wire) = (0, 0);
        // What an earlier pull left is hashed with the rest, and fetched again if the whole is wrong.
        let mut is_resumed = slot.begun > 0;
        let mut written = Written { hasher: slot.hasher.clone(), len: slot.begun, slot };
        // An attempt that got no further than one before it is none the better for getting further than the last.
        let mut best = written.len;
        loop {
            if is_resumed && written.len == self.named.size {
                if written.hasher.clone().finish() == self.named.digest {
                    break;
                }
                (is_resumed, best) = (false, 0);
                written = Written { hasher: Hasher::of(&self.named.digest), len: 0, slot: written.slot };
            }
            let (back, came, result) = self.go(written).await?;
            written = back;
            wire += came;
            let error = match result {
                Ok(()) if is_resumed => continue,
                Ok(()) => break,
                Err(error) => error,
            };
            failures = if written.len > best { 1 } else { failures + 1 };
            best = best.max(written.len);
            if !self.registry.patience.again(failures, &error).await {
                return Err(match is_passing(&error) {
                    true => Patience::exhausted(failures, error),
                    false => error,
                });
            }
            self.meter.done(written.len);
        }
        let found: Digest = written.hasher.finish();
        if found != self.named.digest {
            let (expected, found) = (self.named.digest.to_string(), found.to_string());
            return Err(Error::Digest { what: self.what(), expected, found });
        }
        Ok((written.slot, wire))
    }

    /// One request. The outer error is final, the inner one may pass.
    async fn go(&self, mut written: Written) -> Result<(Written, u64, Result<()>)> {
        let url = self.registry.url(&format!("{}/blobs/{}", self.repository, self.named.digest));
        let whole = Request::new(self.what(), Method::GET, url);
        let scope = Scope::pull(self.repository);
        let mut response = None;
        if written.len > 0 {
            // With its end, because some know no range without one.
            let range = format!("bytes={}-{}", written.len, self.named.size - 1);
            let rest = self.registry.send(&scope, &whole.clone().header(RANGE, &range)).await?;
            // Some know no ranges at all.
            response = Some(rest).filter(|rest| rest.status() != StatusCode::RANGE_NOT_SATISFIABLE);
        }
        let response = match response {
            Some(response) => response,
            None => self.registry.send(&scope, &whole).await?,
        };
        match response.status().as_u16() {
            206 if begins_at(response.headers()) == Some(written.len) => {}
            // From the beginning.
            200 => {
                written.hasher = Hasher::of(&self.named.digest);
                written.len = 0;
            }
            206 => return Err(Error::protocol(self.what(), "it is another range than was asked for")),
            _ => return Err(failure(&self.registry.patience, self.what(), response).await),
        }
        let (chunks, queue) = mpsc::channel(WAITING);
        let start = written.len;
        let writing = tokio::task::spawn_blocking(move || written.write(queue));
        let result = self.receive(response, start, &chunks).await;
        drop(chunks);
        let written = writing.await.map_err(|error| Error::task(&error))??;
        let came = written.len - start;
        match result {
            Err(error) if !is_passing(&error) => Err(error),
            result => Ok((written, came, result)),
        }
    }

    async fn receive(&self, mut response: Response, mut at: u64, chunks: &mpsc::Sender<Bytes>) -> Result<()> {
        loop {
            let chunk = tokio::time::timeout(self.registry.patience.idle, response.chunk()).await;
            let chunk = chunk.map_err(|_| Patience::stalled(self.what()))?;
            let Some(chunk) = chunk.map_err(|error| Error::transport(self.what(), error))? else { break };
            at += chunk.len() as u64;
            if at > self.named.size {
                let size = self.named.size;
                return Err(Error::protocol(
                    self.what(),
                    format!("it is longer than the {size} bytes stated"),
                ));
            }
            if chunks.send(chunk).await.is_err() {
                // The thread has stopped, and will say why.
                return Ok(());
            }
            self.meter.done(at);
        }
        if at < self.named.size {
            return Err(Error::Transport {
                what: self.what(),
                kind: TransportKind::Interrupted,
                source: None,
            });
        }
        Ok(())
    }
}

impl Written {
    fn write(mut self, mut queue: mpsc::Receiver<Bytes>) -> Result<Self> {
        let start = SeekFrom::Start(self.slot.offset + self.len);
        self.slot.file.seek(start).map_err(|error| self.slot.failed(error))?;
        while let Some(chunk) = queue.blocking_recv() {
            self.slot.file.write_all(&chunk).map_err(|error| self.slot.failed(error))?;
            self.hasher.update(&chunk);
            self.len += chunk.len() as u64;
        }
        Ok(self)
    }
}
