//! Sends a blob whose digest is known, and resumes it where it was cut off.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use reqwest::Response;
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE};

use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::progress::Meter;
use crate::push::feed;
use crate::push::supply::{Origin, Supply};
use crate::registry::http::Request;
use crate::registry::ranges::received;
use crate::registry::repository::{Repository, UploadSession, moved};
use crate::retry::{Patience, is_passing};
use crate::source::data::PIECE;

/// Blobs up to this size, in bytes, go out in one request.
const SMALL: u64 = PIECE as u64;
/// The first size of body to try when a registry calls one too large, and the smallest: what no proxy is set
/// under.
const CHUNK: u64 = 32 * 1024 * 1024;
const CHUNK_MIN: u64 = 64 * 1024;
/// Redirects between two steps of progress.
const REDIRECTS: u32 = 5;

/// One blob on its way.
pub(crate) struct Upload<'a> {
    repository: Repository<'a>,
    digest: &'a Digest,
    supply: Supply,
    meter: Option<Meter>,
    session: Option<UploadSession>,
    /// Bytes that the registry has.
    offset: u64,
    /// The furthest that the registry ever was.
    best: u64,
    /// Failures since it got further.
    failures: u32,
    /// Redirects since it got further.
    redirects: u32,
    /// Bytes on the wire.
    sent: Arc<AtomicU64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum UploadStep {
    /// All in one POST.
    Post,
    Open,
    /// All in the request that ends the upload.
    Whole,
    Chunk {
        len: u64,
    },
    Close,
}

impl<'a> Upload<'a> {
    pub(crate) fn new(repository: Repository<'a>, digest: &'a Digest, origin: &Origin) -> Self {
        let sent = Arc::default();
        Self {
            repository,
            digest,
            supply: origin.supply(),
            meter: None,
            session: None,
            offset: 0,
            best: 0,
            failures: 0,
            redirects: 0,
            sent,
        }
    }

    pub(crate) fn meter(self, meter: Meter) -> Self {
        Self { meter: Some(meter), ..self }
    }

    /// Continues in an upload that is open already.
    pub(crate) fn session(self, session: Option<UploadSession>) -> Self {
        Self { session, ..self }
    }

    /// Sends it all; returns the bytes that went over the wire. With `resync` the registry is first asked
    /// how much of it there is.
    pub(crate) async fn run(mut self, resync: bool) -> Result<u64> {
        if resync && self.resync().await? {
            return Ok(0);
        }
        loop {
            let step = self.next();
            match self.take(step).await {
                Ok(true) => break,
                Ok(false) => {}
                Err(error) => {
                    if let Some(cause) = self.supply.failure() {
                        return Err(cause);
                    }
                    if self.recover(step, error).await? {
                        break;
                    }
                }
            }
            if self.offset > self.best {
                self.best = self.offset;
                self.failures = 0;
                self.redirects = 0;
            }
        }
        Ok(self.sent.load(Ordering::Relaxed))
    }

    fn next(&self) -> UploadStep {
        let learned = &self.repository.registry.learned;
        let size = self.supply.len();
        let cap = match learned.body_cap.load(Ordering::Relaxed) {
            0 => u64::MAX,
            cap => cap,
        };
        let Some(session) = &self.session else {
            let single = size <= SMALL.min(cap) && !learned.no_single_post.load(Ordering::Relaxed);
            return if single { UploadStep::Post } else { UploadStep::Open };
        };
        match size - self.offset {
            _ if self.offset == 0 && (size <= cap || learned.no_chunks.load(Ordering::Relaxed)) => {
                UploadStep::Whole
            }
            0 => UploadStep::Close,
            left => UploadStep::Chunk { len: left.min(cap.max(session.min_chunk)) },
        }
    }

    /// Does one step; `true` when the blob is there.
    async fn take(&mut self, step: UploadStep) -> Result<bool> {
        let Some(session) = self.session.clone() else {
            if step == UploadStep::Post {
                return self.post().await;
            }
            self.session = Some(self.repository.open(self.digest).await?);
            self.offset = 0;
            return Ok(false);
        };
        let (repository, size) = (self.repository, self.supply.len());
        match step {
            UploadStep::Post | UploadStep::Open => Ok(false),
            UploadStep::Close => repository.close(&session, self.digest).await.map(|()| true),
            UploadStep::Whole => {
                let request =
                    repository.upload(&session, self.digest, true).header(CONTENT_LENGTH, &size.to_string());
                let response = self.send(&request, size).await?;
                if self.follow(&request, &response)? {
                    return Ok(false);
                }
                repository.closed(request.what, response, self.digest).await.map(|()| true)
            }
            UploadStep::Chunk { len } => {
                let end = self.offset + len;
                let request = repository
                    .upload(&session, self.digest, false)
                    .header(CONTENT_LENGTH, &len.to_string())
                    .header(CONTENT_RANGE, &format!("{}-{}", self.offset, end - 1));
                let response = self.send(&request, len).await?;
                if self.follow(&request, &response)? {
                    return Ok(false);
                }
                if !response.status().is_success() {
                    return Err(repository.fail(request.what, response).await);
                }
                self.session = Some(moved(&session, &request, response.headers())?);
                let received = received(response.headers()).unwrap_or(end);
                if received <= self.offset || received > size {
                    let detail = format!("{received} bytes are said to be there after {end}");
                    return Err(Error::protocol(request.what, detail));
                }
                self.offset = received;
                Ok(false)
            }
        }
    }

    /// Goes on where a redirect leads; the bytes of a body can only be read again.
    fn follow(&mut self, request: &Request, response: &Response) -> Result<bool> {
        let (Some(url), Some(session)) =
            (self.repository.registry.redirected(request, response)?, &mut self.session)
        else {
            return Ok(false);
        };
        self.redirects += 1;
        if self.redirects > REDIRECTS {
            return Err(Error::protocol(&request.what, "too many redirects"));
        }
        session.url = url;
        Ok(true)
    }

    async fn send(&self, request: &Request, len: u64) -> Result<Response> {
        let pieces = self.supply.part(self.offset, len);
        let meter = self.meter.clone().map(|meter| (meter, self.offset));
        let (registry, scope) = (self.repository.registry, self.repository.scope());
        Ok(feed::send(registry, &scope, request, pieces, &self.sent, meter).await?.response)
    }

    async fn post(&mut self) -> Result<bool> {
        let (bytes, len) = (self.supply.whole().await?, self.supply.len());
        self.sent.fetch_add(len, Ordering::Relaxed);
        self.session = self.repository.post_whole(self.digest, bytes).await?;
        if self.session.is_some() {
            self.repository.registry.learned.no_single_post.store(true, Ordering::Relaxed);
        }
        Ok(self.session.is_none())
    }

    /// After a failure: finds another way, or where to go on, or that there is none. `true` when the blob
    /// turns out to be there.
    async fn recover(&mut self, step: UploadStep, error: Error) -> Result<bool> {
        let learned = &self.repository.registry.learned;
        match (error.status(), step) {
            (Some(413), UploadStep::Post | UploadStep::Whole | UploadStep::Chunk { .. }) => {
                let tried = if let UploadStep::Chunk { len } = step { len } else { self.supply.len() };
                let cap = if tried > CHUNK { CHUNK } else { (tried / 2).max(CHUNK_MIN) };
                if tried <= CHUNK_MIN || learned.no_chunks.load(Ordering::Relaxed) {
                    return Err(error);
                }
                // Others may have found a smaller one meanwhile.
                let _ = learned.body_cap.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |known| {
                    (known == 0 || known > cap).then_some(cap)
                });
                // The size that fits is nearer.
                self.failures = 0;
                return self.resync().await;
            }
            // A single POST is optional in the specification, which does not say how a registry declines
            // it: these are the answers to a request, a path, a method, a type or a feature that is not
            // known. The same blob goes out in two requests then, which find any other cause again.
            (Some(400 | 404 | 405 | 415 | 501), UploadStep::Post) => {
                learned.no_single_post.store(true, Ordering::Relaxed);
                return Ok(false);
            }
            // No 400 and no 415 here: chunks begin after an upload was opened, so these are about the chunk.
            // And a 404 with the code of a lost upload is about the upload, which is begun anew below.
            (Some(404 | 405 | 501), UploadStep::Chunk { .. })
                if !is_lost(&error) && !learned.no_chunks.load(Ordering::Relaxed) =>
            {
                if learned.body_cap.load(Ordering::Relaxed) != 0 {
                    return Err(error);
                }
                learned.no_chunks.store(true, Ordering::Relaxed);
                self.restart();
                return Ok(false);
            }
            _ => {}
        }
        self.failures += 1;
        // A signature that ended within the body, an upload that is gone, offsets that disagree.
        let recoverable = matches!(error.status(), Some(401 | 416)) || is_lost(&error);
        let policy = &self.repository.registry.patience.policy;
        if recoverable && self.failures < policy.attempts {
            tracing::debug!(%error, "resuming the upload");
        } else if recoverable || !self.repository.registry.patience.again(self.failures, &error).await {
            let attempts = self.failures;
            return Err(match is_passing(&error) {
                true => Patience::exhausted(attempts, error),
                false => error,
            });
        }
        self.resync().await
    }

    /// Asks the registry how far it got, and begins anew where it cannot say. `true` when the blob is
    /// there: the answer that said so may have been what got lost.
    async fn resync(&mut self) -> Result<bool> {
        if self.repository.has(self.digest, self.supply.len()).await? {
            return Ok(true);
        }
        let found = match &self.session {
            Some(session) => self.repository.progress(session, self.digest).await?,
            None => None,
        };
        let chunks = !self.repository.registry.learned.no_chunks.load(Ordering::Relaxed);
        match found {
            Some((session, offset)) if offset == 0 || (chunks && offset <= self.supply.len()) => {
                self.session = Some(session);
                self.offset = offset;
            }
            _ => self.restart(),
        }
        if let Some(meter) = &self.meter {
            meter.done(self.offset);
        }
        Ok(false)
    }

    fn restart(&mut self) {
        self.session = None;
        self.offset = 0;
    }
}

/// True if the registry does not know the upload any more.
fn is_lost(error: &Error) -> bool {
    error.registry().is_some_and(|error| {
        error.status == 404
            && matches!(error.code.as_deref(), Some("BLOB_UPLOAD_UNKNOWN" | "BLOB_UPLOAD_INVALID"))
    })
}
