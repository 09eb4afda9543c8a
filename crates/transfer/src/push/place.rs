//! Brings blobs to where they belong: looks, mounts, sends.

use std::collections::HashMap;
use std::sync::Arc;

use crate::client::Client;
use crate::compression::Compression;
use crate::compression::compress::{Compressed, Compressors};
use crate::digest::{Digest, Hasher};
use crate::error::{Error, Result};
use crate::progress::{Event, Meter, Moved};
use crate::push::layer::PlainLayer;
use crate::push::supply::Origin;
use crate::push::upload::Upload;
use crate::registry::repository::{Mount, Repository};
use crate::source::Blob;
use crate::source::data::Data;

/// A registry, a blob, and how it is compressed on its way there.
pub(crate) type BlobKey = (String, Digest, Option<Compression>);

/// A repository that has got the blob, and what it became there.
pub(crate) type Arrival = Option<(String, Compressed)>;

/// A blob that goes to one registry, into one repository or more.
pub(crate) struct BlobTask {
    pub(crate) number: usize,
    pub(crate) registry: String,
    pub(crate) blob: Blob,
    pub(crate) compress: Option<Compression>,
    pub(crate) repositories: Vec<String>,
    /// Repositories of that registry that have it already.
    pub(crate) sources: Vec<String>,
}

/// Which blob in which repository of which registry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct BlobPlace {
    pub(crate) registry: String,
    pub(crate) repository: String,
    pub(crate) digest: Digest,
    /// The same plain layer may be wanted compressed by one image and plain by another.
    pub(crate) is_compressed: bool,
}

/// The blobs in their places, as they are there.
pub(crate) type BlobsPlaced = HashMap<BlobPlace, Result<Compressed, Arc<Error>>>;

/// Things that the blobs of one call share.
pub(crate) struct Placer {
    pub(crate) client: Client,
    pub(crate) compressors: Option<Arc<Compressors>>,
    pub(crate) verify: bool,
    pub(crate) mount_from: Vec<String>,
}

impl Placer {
    /// Brings one blob to all repositories that need it.
    pub(crate) async fn run(&self, task: BlobTask) -> Vec<(BlobPlace, Result<Compressed, Arc<Error>>)> {
        let observer = &self.client.inner.patience.observer;
        let mut results: Vec<(BlobPlace, Result<Compressed, Arc<Error>>)> = Vec::new();
        let turn =
            self.client.inner.sending.of(&(task.registry.clone(), task.blob.digest.clone(), task.compress));
        let mut first = turn.lock().await;
        // After the turn: whoever waits for another's blob keeps no third from moving. It is never closed.
        let _permit = self.client.inner.permits.acquire().await;
        let mut repositories = Vec::new();
        for repository in &task.repositories {
            repositories.push((repository, self.look(&task, repository, first.as_ref()).await));
        }
        // Those that have it before the others, which take it over from there.
        repositories.sort_by_key(|(_, found)| !matches!(found, Ok(Some(_))));
        for (repository, found) in repositories {
            let result = match found {
                Ok(Some(found)) => Ok((found, Moved::Exists, 0)),
                Ok(None) => self.place(&task, repository, first.as_ref()).await,
                Err(error) => Err(error),
            };
            let result = match result {
                Ok((compressed, how, bytes)) => {
                    observer(&Event::Finished { blob: task.number, how, bytes });
                    first.get_or_insert_with(|| (repository.clone(), compressed.clone()));
                    Ok(compressed)
                }
                Err(error) => {
                    observer(&Event::Failed { blob: task.number });
                    Err(Arc::new(error))
                }
            };
            let place = BlobPlace {
                registry: task.registry.clone(),
                repository: repository.clone(),
                digest: task.blob.digest.clone(),
                is_compressed: task.compress.is_some(),
            };
            results.push((place, result));
        }
        results
    }

    /// What will be in the registry, as far as that is known before anything is read. `first` is a repository that
    /// has the blob, and what it became there.
    fn known(&self, task: &BlobTask, first: Option<&(String, Compressed)>) -> Option<Compressed> {
        let blob = &task.blob;
        match task.compress {
            None => Some(Compressed { digest: blob.digest.clone(), size: blob.origin.len() }),
            Some(how) => first
                .map(|(_, compressed)| compressed.clone())
                .or_else(|| self.client.inner.cache.get(&blob.digest, how)),
        }
    }

    /// What a repository has of the blob already.
    async fn look(
        &self,
        task: &BlobTask,
        name: &str,
        first: Option<&(String, Compressed)>,
    ) -> Result<Option<Compressed>> {
        let Some(known) = self.known(task, first) else { return Ok(None) };
        let registry = self.client.registry(&task.registry).await?;
        let repository = Repository { registry: &registry, name };
        Ok(repository.has(&known.digest, known.size).await?.then_some(known))
    }

    /// Mounts or sends the blob.
    async fn place(
        &self,
        task: &BlobTask,
        name: &str,
        first: Option<&(String, Compressed)>,
    ) -> Result<(Compressed, Moved, u64)> {
        let registry = self.client.registry(&task.registry).await?;
        let repository = Repository { registry: &registry, name };
        let meter = Meter { observer: self.client.inner.patience.observer.clone(), blob: task.number };
        let (blob, cache) = (&task.blob, &self.client.inner.cache);
        let sources = first.iter().map(|(repository, _)| repository);
        let sources = sources.chain(&task.sources).chain(&self.mount_from);
        let mut session = None;
        if let Some(known) = self.known(task, first) {
            for from in sources.filter(|from| *from != name) {
                match repository.mount(&known.digest, from).await? {
                    Mount::Done => return Ok((known, Moved::Mounted, 0)),
                    Mount::Opened(opened) => session = Some(opened),
                    Mount::Refused => {}
                }
            }
            if task.compress.is_none() {
                if let (true, Origin::Here(data)) = (self.verify, &blob.origin) {
                    verify(&blob.digest, data).await?;
                }
                let upload = Upload::new(repository, &blob.digest, &blob.origin);
                let upload = upload.meter(meter).session(session);
                let bytes = upload.run(false).await?;
                return Ok((known, Moved::Sent, bytes));
            }
        }
        let (Some(how), Some(compressors), Origin::Here(data)) =
            (task.compress, self.compressors.clone(), &blob.origin)
        else {
            return Err(Error::Internal(format!("nothing compresses {}", blob.digest)));
        };
        let layer = PlainLayer { data: data.clone(), digest: blob.digest.clone(), how, compressors, meter };
        let (compressed, bytes) = layer.send(repository, cache).await?;
        cache.put(&blob.digest, how, &compressed);
        Ok((compressed, Moved::Sent, bytes))
    }
}

/// Hashes a blob where it is.
async fn verify(digest: &Digest, data: &Data) -> Result<()> {
    let (hasher, data) = (Hasher::of(digest), data.clone());
    let hash = move || data.hash(hasher);
    let found = tokio::task::spawn_blocking(hash).await.map_err(|error| Error::task(&error))??;
    if found == *digest {
        return Ok(());
    }
    let (expected, found) = (digest.to_string(), found.to_string());
    Err(Error::Digest { what: "a blob of the layout".into(), expected, found })
}
