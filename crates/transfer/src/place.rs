//! Brings blobs to where they belong: looks, mounts, sends.

use std::collections::HashMap;
use std::sync::Arc;

use crate::client::Client;
use crate::digest::{Digest, Hasher};
use crate::error::{Error, Result};
use crate::pack::{Compression, Packed, Packers};
use crate::packed::PlainLayer;
use crate::progress::{Event, Meter, Moved};
use crate::repository::{Mount, Repository};
use crate::source::{Blob, Data};
use crate::upload::Upload;

/// A blob that goes to one registry, into one repository or more.
pub(crate) struct Task {
    pub(crate) number: usize,
    pub(crate) registry: String,
    pub(crate) blob: Blob,
    pub(crate) pack: Option<Compression>,
    pub(crate) repositories: Vec<String>,
}

/// Which blob in which repository of which registry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) registry: String,
    pub(crate) repository: String,
    pub(crate) digest: Digest,
    /// The same plain layer may be wanted compressed by one image and plain by another.
    pub(crate) is_packed: bool,
}

/// What a blob became there.
pub(crate) type Placed = HashMap<Place, Result<Packed, Arc<Error>>>;

/// What the blobs of one call share.
pub(crate) struct Context {
    pub(crate) client: Client,
    pub(crate) packers: Option<Arc<Packers>>,
    pub(crate) verify: bool,
    pub(crate) mount_from: Vec<String>,
}

impl Context {
    /// Brings one blob to all repositories that need it.
    pub(crate) async fn run(&self, task: Task) -> Vec<(Place, Result<Packed, Arc<Error>>)> {
        let observer = &self.client.inner.patience.observer;
        let mut results: Vec<(Place, Result<Packed, Arc<Error>>)> = Vec::new();
        let mut first: Option<(&String, Packed)> = None;
        for repository in &task.repositories {
            let result = self.place(&task, repository, first.as_ref()).await;
            let result = match result {
                Ok((packed, how, bytes)) => {
                    observer(&Event::Finished { blob: task.number, how, bytes });
                    first.get_or_insert_with(|| (repository, packed.clone()));
                    Ok(packed)
                }
                Err(error) => {
                    observer(&Event::Failed { blob: task.number });
                    Err(Arc::new(error))
                }
            };
            let place = Place {
                registry: task.registry.clone(),
                repository: repository.clone(),
                digest: task.blob.digest.clone(),
                is_packed: task.pack.is_some(),
            };
            results.push((place, result));
        }
        results
    }

    /// `first` is a repository that has got the blob in this call, and what it became there.
    async fn place(
        &self,
        task: &Task,
        name: &str,
        first: Option<&(&String, Packed)>,
    ) -> Result<(Packed, Moved, u64)> {
        let registry = self.client.registry(&task.registry)?;
        let repository = Repository { registry: &registry, name };
        let meter = Meter { observer: self.client.inner.patience.observer.clone(), blob: task.number };
        let (blob, cache) = (&task.blob, &self.client.inner.cache);
        // What will be in the registry, as far as that is known before anything is read.
        let known = match task.pack {
            None => Some(Packed { digest: blob.digest.clone(), size: blob.data.len() }),
            Some(how) => first.map(|(_, packed)| packed.clone()).or_else(|| cache.get(&blob.digest, how)),
        };
        let sources = first.iter().map(|(repository, _)| *repository).chain(&self.mount_from);
        let mut session = None;
        if let Some(known) = known {
            if repository.has(&known.digest, known.size).await? {
                return Ok((known, Moved::Exists, 0));
            }
            for from in sources.filter(|from| *from != name) {
                match repository.mount(&known.digest, from).await? {
                    Mount::Done => return Ok((known, Moved::Mounted, 0)),
                    Mount::Opened(opened) => session = Some(opened),
                    Mount::Refused => {}
                }
            }
            if task.pack.is_none() {
                if self.verify {
                    verify(&blob.digest, &blob.data).await?;
                }
                let upload = Upload::new(repository, &blob.digest, &blob.data).meter(meter).session(session);
                let bytes = upload.run(false).await?;
                return Ok((known, Moved::Sent, bytes));
            }
        }
        let (Some(how), Some(packers)) = (task.pack, self.packers.clone()) else {
            return Err(Error::Invalid(format!("{} cannot be compressed", blob.digest)));
        };
        let layer = PlainLayer { data: blob.data.clone(), digest: blob.digest.clone(), how, packers, meter };
        let (packed, bytes) = layer.send(repository, cache).await?;
        cache.put(&blob.digest, how, &packed);
        Ok((packed, Moved::Sent, bytes))
    }
}

/// Hashes a blob where it is.
async fn verify(digest: &Digest, data: &Data) -> Result<()> {
    let (wanted, data) = (digest.clone(), data.clone());
    let hash = move || -> Result<Digest> {
        let (mut hasher, mut reader) = (Hasher::of(&wanted), data.open(0)?);
        let mut piece = vec![0; crate::feed::PIECE];
        loop {
            match reader.read(&mut piece).map_err(|error| data.failed(error))? {
                0 => return Ok(hasher.finish()),
                n => hasher.update(&piece[..n]),
            }
        }
    };
    let found = tokio::task::spawn_blocking(hash).await.map_err(|error| Error::task(&error))??;
    if found == *digest {
        return Ok(());
    }
    let (expected, found) = (digest.to_string(), found.to_string());
    Err(Error::Digest { what: "a blob of the layout".into(), expected, found })
}
