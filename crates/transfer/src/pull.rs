//! Pulling: manifests first, then all blobs of all images, and only when all is there the names.

mod download;
mod resolve;

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::client::Client;
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::manifest::{Descriptor, Manifest};
use crate::progress::{Event, Meter, Moved, PlannedBlob};
use crate::pull::download::Download;
use crate::reference::Reference;
use crate::target::{Root, Target, Writer};

/// A pull that is about to happen; made by [`Client::pull`].
#[derive(Debug)]
#[must_use = "a pull happens when it is sent"]
pub struct Pull {
    client: Client,
    references: Vec<Reference>,
    target: Target,
    platform: Option<String>,
}

/// The images that were pulled, in the order asked for.
#[derive(Debug)]
#[non_exhaustive]
pub struct PullReport {
    /// The images.
    pub images: Vec<Pulled>,
}

/// One image that was pulled.
#[derive(Debug)]
#[non_exhaustive]
pub struct Pulled {
    /// The name that was asked for.
    pub reference: Reference,
    /// The digest of the manifest or index that is in the target.
    pub digest: Digest,
    /// The size of its blobs in bytes, all platforms together.
    pub size: u64,
    /// Layers that are kept elsewhere by their publisher's wish, and were not pulled.
    pub foreign: Vec<Digest>,
}

impl Client {
    /// Pulls images into one target. Every byte is checked against its digest. On an error the target has
    /// none of the images under its name; what is left of blobs in a folder is complete and saves the
    /// next pull from fetching it again.
    ///
    /// Cost: one request for each manifest, one or more for each blob that the target does not have.
    pub fn pull(&self, references: impl IntoIterator<Item = Reference>, target: Target) -> Pull {
        Pull { client: self.clone(), references: references.into_iter().collect(), target, platform: None }
    }
}

/// A blob to fetch, and from where.
struct Wanted {
    named: Descriptor,
    reference: Reference,
}

impl Pull {
    /// Only this platform of an image that has several, as `os/architecture[/variant]`. Without it a
    /// layout gets all of them, and a docker archive, which cannot hold more than one, linux on the
    /// architecture of this machine.
    pub fn platform(self, platform: impl Into<String>) -> Self {
        Self { platform: Some(platform.into()), ..self }
    }

    /// Does it. Dropping the future stops it and leaves none of the images under its name.
    ///
    /// # Errors
    /// The first thing that goes wrong ends the pull.
    pub async fn send(self) -> Result<PullReport> {
        let platform = self.platform.clone().or_else(|| self.target.is_docker().then(native_platform));
        let mut roots = Vec::new();
        for reference in &self.references {
            roots.push(resolve::resolve(&self.client, reference, platform.as_deref()).await?);
        }
        let wanted = wanted(&roots)?;
        let observer = self.client.inner.patience.observer.clone();
        let planned =
            |wanted: &Wanted| PlannedBlob { digest: wanted.named.digest.clone(), size: wanted.named.size };
        observer(&Event::Planned { blobs: wanted.iter().map(planned).collect() });

        let blobs: Vec<_> = wanted.iter().map(|wanted| wanted.named.clone()).collect();
        let (target, roots) = (self.target.clone(), Arc::new(roots));
        let for_target = roots.clone();
        let begin = move || Writer::begin(&target, &for_target, &blobs);
        let writer =
            Arc::new(tokio::task::spawn_blocking(begin).await.map_err(|error| Error::task(&error))??);

        let client = self.client.clone();
        stream::iter(wanted.into_iter().enumerate())
            .map(|(blob, wanted)| {
                let (client, writer) = (client.clone(), writer.clone());
                let meter = Meter { observer: client.inner.patience.observer.clone(), blob };
                async move {
                    let moved = fetch(&client, &writer, &wanted, &meter).await;
                    (meter.observer)(&match &moved {
                        Ok((how, bytes)) => Event::Finished { blob, how: *how, bytes: *bytes },
                        Err(_) => Event::Failed { blob },
                    });
                    moved.map(|_| ())
                }
            })
            .buffer_unordered(self.client.inner.concurrency)
            .try_collect::<()>()
            .await?;

        let for_target = roots.clone();
        let writer =
            Arc::into_inner(writer).ok_or_else(|| Error::Internal("a download is still under way".into()))?;
        let finish = move || writer.finish(&for_target);
        tokio::task::spawn_blocking(finish).await.map_err(|error| Error::task(&error))??;
        let roots = Arc::into_inner(roots).unwrap_or_default();
        Ok(PullReport { images: roots.into_iter().map(report).collect() })
    }
}

/// All blobs of all images, each once, largest first.
fn wanted(roots: &[Root]) -> Result<Vec<Wanted>> {
    let mut sizes: HashMap<Digest, u64> = HashMap::new();
    let mut wanted = Vec::new();
    for root in roots {
        for named in root.manifests.iter().flat_map(Manifest::blobs).filter(|named| !named.is_foreign()) {
            match sizes.insert(named.digest.clone(), named.size) {
                None => wanted.push(Wanted { named: named.clone(), reference: root.reference.clone() }),
                Some(size) if size == named.size => {}
                Some(_) => {
                    return Err(Error::protocol(
                        format!("read the manifests of {}", root.reference),
                        format!("{} has two sizes in them", named.digest),
                    ));
                }
            }
        }
    }
    wanted.sort_by_key(|wanted| std::cmp::Reverse(wanted.named.size));
    Ok(wanted)
}

async fn fetch(client: &Client, writer: &Writer, wanted: &Wanted, meter: &Meter) -> Result<(Moved, u64)> {
    let Some(slot) = writer.slot(&wanted.named)? else {
        return Ok((Moved::Exists, 0));
    };
    let registry = client.registry(wanted.reference.registry())?;
    let repository = wanted.reference.repository();
    let (slot, bytes) = Download::new(&registry, repository, &wanted.named, meter).run(slot).await?;
    slot.keep()?;
    Ok((Moved::Sent, bytes))
}

fn report(root: Root) -> Pulled {
    let blobs: HashMap<_, _> =
        root.manifests.iter().flat_map(Manifest::blobs).map(|b| (&b.digest, b)).collect();
    let (foreign, own): (Vec<&Descriptor>, Vec<&Descriptor>) =
        blobs.into_values().partition(|named| named.is_foreign());
    Pulled {
        size: own.iter().fold(0, |sum, named| named.size.saturating_add(sum)),
        foreign: foreign.into_iter().map(|named| named.digest.clone()).collect(),
        digest: root.root().digest.clone(),
        reference: root.reference,
    }
}

/// Images are for linux wherever they are pulled.
fn native_platform() -> String {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    format!("linux/{architecture}")
}
