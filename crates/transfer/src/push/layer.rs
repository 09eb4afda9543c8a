//! Sends a plain layer compressed: read, compressed, hashed and sent in one pass.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::compression::Compression;
use crate::compression::compress::{Compressed, Compressors, Stop};
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::progress::Meter;
use crate::push::cache::Cache;
use crate::push::feed::{self, Feed};
use crate::push::supply::Origin;
use crate::push::upload::Upload;
use crate::registry::ranges::received;
use crate::registry::repository::{Repository, UploadSession, moved};
use crate::retry::is_passing;
use crate::source::data::Data;

/// A plain layer and how it is to be compressed.
#[derive(Clone)]
pub(crate) struct PlainLayer {
    pub(crate) data: Data,
    pub(crate) digest: Digest,
    pub(crate) how: Compression,
    pub(crate) compressors: Arc<Compressors>,
    pub(crate) meter: Meter,
}

/// The end of the one pass.
enum StreamEnd {
    Done(Compressed),
    /// It did not work out; the upload may be resumed.
    Spool(Option<UploadSession>),
}

impl PlainLayer {
    /// Sends the layer; returns what it became, and the bytes that went over the wire.
    ///
    /// The digest is known only at the end, so the length cannot be announced. Where a registry does not
    /// take that, or the connection breaks, the compressed layer is written to a temporary file, and the
    /// upload goes on from there: the bytes are the same each time.
    pub(crate) async fn send(&self, repository: Repository<'_>, cache: &Cache) -> Result<(Compressed, u64)> {
        let sent = Arc::new(AtomicU64::new(0));
        let session = match self.stream(repository, &sent).await? {
            StreamEnd::Done(compressed) => return Ok((compressed, sent.load(Ordering::Relaxed))),
            StreamEnd::Spool(session) => session,
        };
        let (file, compressed) = self.spool(cache).await?;
        let data = Origin::Here(Data::File { path: file.path().into(), offset: 0, len: compressed.size });
        let resync = session.is_some();
        let upload = Upload::new(repository, &compressed.digest, &data).session(session);
        let wire = sent.load(Ordering::Relaxed) + upload.run(resync).await?;
        Ok((compressed, wire))
    }

    async fn stream(&self, repository: Repository<'_>, sent: &Arc<AtomicU64>) -> Result<StreamEnd> {
        let learned = &repository.registry.learned;
        let refused = || {
            learned.no_streams.load(Ordering::Relaxed)
                || learned.no_chunks.load(Ordering::Relaxed)
                || learned.body_cap.load(Ordering::Relaxed) != 0
        };
        // Two goes: a stream cannot be sent again from within, so a 401 comes back here, and the token that
        // it asks for is there for the second. A second 401 is about something else, and spooling the layer
        // first lets the request be repeated as any other.
        for _ in 0..2 {
            if refused() {
                break;
            }
            let opened = repository.open(&self.digest).await?;
            let request = repository.upload(&opened, &self.digest, false);
            let layer = self.clone();
            let pieces = Feed::spawn(move |inlet| {
                layer.compressors.compress(
                    &layer.data,
                    Some(&layer.digest),
                    layer.how,
                    &|read| layer.meter.done(read),
                    &mut |piece| Ok(inlet.put(piece)?),
                )
            });
            let answer =
                feed::send(repository.registry, &repository.scope(), &request, pieces, sent, None).await;
            let streamed = match answer {
                Ok(streamed) => streamed,
                Err(error @ Error::Transport { .. }) => {
                    return self.after(repository, Some(opened), error).await;
                }
                Err(error) => return Err(error),
            };
            let response = streamed.response;
            match response.status().as_u16() {
                200..=299 => {
                    let compressed = streamed.result.await;
                    let compressed = compressed
                        .map_err(|_| Error::protocol(&request.what, "it came before the end of the layer"))?;
                    let next = moved(&opened, &request, response.headers())?;
                    if received(response.headers()).is_some_and(|received| received != compressed.size) {
                        return Ok(StreamEnd::Spool(Some(next)));
                    }
                    return self.finish(repository, next, compressed).await;
                }
                401 => {}
                // What is sent anew cannot be a stream.
                301..=303 | 307 | 308 => {
                    repository.registry.redirected(&request, &response)?;
                    learned.no_streams.store(true, Ordering::Relaxed);
                    break;
                }
                400 | 404 | 405 | 411 | 413 | 415 | 501 => {
                    learned.no_streams.store(true, Ordering::Relaxed);
                    break;
                }
                _ => {
                    let error = repository.fail(request.what, response).await;
                    return self.after(repository, Some(opened), error).await;
                }
            }
        }
        Ok(StreamEnd::Spool(None))
    }

    /// After a failure that may pass, the rest goes out from a temporary file.
    async fn after(
        &self,
        repository: Repository<'_>,
        session: Option<UploadSession>,
        error: Error,
    ) -> Result<StreamEnd> {
        match repository.registry.patience.again(1, &error).await {
            true => Ok(StreamEnd::Spool(session)),
            false => Err(error),
        }
    }

    async fn finish(
        &self,
        repository: Repository<'_>,
        session: UploadSession,
        compressed: Compressed,
    ) -> Result<StreamEnd> {
        match repository.close(&session, &compressed.digest).await {
            Ok(()) => Ok(StreamEnd::Done(compressed)),
            // Whether it was taken, and how much of it, is found out on the other way.
            Err(error) if is_passing(&error) => self.after(repository, Some(session), error).await,
            Err(error) => Err(error),
        }
    }

    async fn spool(&self, cache: &Cache) -> Result<(tempfile::NamedTempFile, Compressed)> {
        let (layer, folder) = (self.clone(), cache.scratch());
        // Gone when nobody waits for the file any more.
        let waiting = Arc::new(());
        let wanted = Arc::downgrade(&waiting);
        let work = move || {
            let failed = |error| Error::io(&folder, "write a temporary file in it", error);
            let mut file = tempfile::NamedTempFile::new_in(&folder).map_err(failed)?;
            let compressed = layer.compressors.compress(
                &layer.data,
                Some(&layer.digest),
                layer.how,
                &|_| {},
                &mut |piece| {
                    if wanted.strong_count() == 0 {
                        return Err(Stop::Closed);
                    }
                    file.write_all(&piece).map_err(|error| Stop::Failed(failed(error)))
                },
            );
            match compressed {
                Ok(compressed) => Ok((file, compressed)),
                Err(Stop::Failed(error)) => Err(error),
                Err(Stop::Closed) => Err(Error::Internal("the compression was given up".into())),
            }
        };
        let spooled = tokio::task::spawn_blocking(work).await;
        drop(waiting);
        spooled.map_err(|error| Error::task(&error))?
    }
}
