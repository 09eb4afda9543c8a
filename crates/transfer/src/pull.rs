//! Pulling: manifests first, then all blobs of all images, and only when all is there the names.

mod download;
pub(crate) mod resolve;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use download::Download;
use resolve::{Wish, resolve};

use futures_util::stream::{self, StreamExt, TryStreamExt};
use reqwest::Method;

use crate::client::Client;
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::manifest::{Content, Descriptor, Manifest, is_image_config};
use crate::platform::Platform;
use crate::progress::{Event, Meter, Moved, PlannedBlob};

use crate::reference::Reference;
use crate::registry::auth::Scope;
use crate::registry::http::Request;
use crate::target::{Root, Target, Writer};

/// A pull that is about to happen; made by [`Client::pull`].
#[derive(Debug)]
#[must_use = "a pull happens when it is sent"]
pub struct Pull {
    client: Client,
    references: Vec<Reference>,
    target: Target,
    platform: Option<String>,
    any_platform: bool,
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
        Pull {
            client: self.clone(),
            references: references.into_iter().collect(),
            target,
            platform: None,
            any_platform: false,
        }
    }
}

/// A blob to fetch, and from where.
struct Wanted {
    named: Descriptor,
    reference: Reference,
}

impl Pull {
    /// Only this platform, as `os/architecture[/variant]` or an architecture alone, in any common spelling:
    /// of an image that has several the one that runs best there, and a single image only if it runs
    /// there. Without it a layout gets all of them, and a docker archive, which cannot hold more than one,
    /// linux on the architecture of this machine. Costs one request for a single image.
    pub fn platform(self, platform: impl Into<String>) -> Self {
        Self { platform: Some(platform.into()), ..self }
    }

    /// Takes a single image also if it is for another platform than was asked for.
    pub fn any_platform(self) -> Self {
        Self { any_platform: true, ..self }
    }

    /// Does it. Dropping the future stops it and leaves none of the images under its name.
    ///
    /// # Errors
    /// The first thing that goes wrong ends the pull.
    pub async fn send(self) -> Result<PullReport> {
        let asked = self.platform.as_deref().map(str::parse::<Platform>).transpose()?;
        let is_strict = asked.is_some() && !self.any_platform;
        let platform = asked.or_else(|| self.target.is_docker().then(Platform::native));
        let wish = platform.map(|platform| Wish { platform, is_strict });
        let mut roots = Vec::new();
        for reference in &self.references {
            roots.push(resolve(&self.client, reference, wish.as_ref()).await?);
        }
        let foreign = foreign(&self.client, &roots).await?;
        if self.target.is_docker() {
            roots.iter().try_for_each(|root| check_loadable(root, &foreign))?;
        }
        let wanted = wanted(&roots, &foreign)?;
        let observer = self.client.inner.patience.observer.clone();
        let planned =
            |wanted: &Wanted| PlannedBlob { digest: wanted.named.digest.clone(), size: wanted.named.size };
        observer(&Event::Planned { blobs: wanted.iter().map(planned).collect() });

        let blobs: Vec<_> = wanted.iter().map(|wanted| wanted.named.clone()).collect();
        let (target, roots) = (self.target.clone(), Arc::new(roots));
        let for_target = roots.clone();
        let scratch = self.client.inner.cache.scratch();
        let begin = move || Writer::begin(&target, &scratch, &for_target, &blobs);
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
        Ok(PullReport { images: roots.into_iter().map(|root| report(root, &foreign)).collect() })
    }
}

/// All blobs of all images, each once, largest first.
fn wanted(roots: &[Root], foreign: &HashSet<Digest>) -> Result<Vec<Wanted>> {
    let mut sizes: HashMap<Digest, u64> = HashMap::new();
    let mut wanted = Vec::new();
    for root in roots {
        let blobs = root.manifests.iter().flat_map(Manifest::blobs);
        for named in blobs.filter(|named| !foreign.contains(&named.digest)) {
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

/// Layers that name other addresses where they are kept, and that the registry does not have.
pub(crate) async fn foreign(client: &Client, roots: &[Root]) -> Result<HashSet<Digest>> {
    let mut foreign = HashSet::new();
    for root in roots {
        let registry = client.registry(root.reference.registry()).await?;
        for named in root.manifests.iter().flat_map(Manifest::blobs).filter(|named| named.is_foreign()) {
            let repository = root.reference.repository();
            let url = registry.url(&format!("{repository}/blobs/{}", named.digest));
            let what = format!("look for {} in {}/{repository}", named.digest.short(), registry.name);
            let request = Request::new(what, Method::HEAD, url);
            let response = registry.send(&Scope::pull(repository), &request).await?;
            if !response.status().is_success() {
                foreign.insert(named.digest.clone());
            }
        }
    }
    Ok(foreign)
}

/// Refuses what would become an archive that cannot be loaded.
fn check_loadable(root: &Root, foreign: &HashSet<Digest>) -> Result<()> {
    let Content::Image { config, .. } = &root.root().content else { return Ok(()) };
    let problem = if !is_image_config(&config.media_type) {
        format!("it is an artifact ({}), no image", crate::digest::shown(&config.media_type))
    } else if let Some(layer) = root.root().blobs().find(|blob| foreign.contains(&blob.digest)) {
        format!("its layer {} is kept elsewhere by its publisher", layer.digest)
    } else {
        return Ok(());
    };
    let reference = &root.reference;
    Err(Error::Invalid(format!(
        "{reference}: `docker load` could not load it: {problem}; pull it into a folder or an OCI archive"
    )))
}

async fn fetch(
    client: &Client,
    writer: &Arc<Writer>,
    wanted: &Wanted,
    meter: &Meter,
) -> Result<(Moved, u64)> {
    // Whoever wants the same in the same folder comes after it, and finds it there.
    let turn = writer.folder().map(|folder| (folder.to_owned(), wanted.named.digest.clone()));
    let turn = turn.map(|key| client.inner.fetching.of(&key));
    let _turn = match &turn {
        Some(turn) => Some(turn.lock().await),
        None => None,
    };
    // After the turn: whoever waits for another's blob keeps no third from moving. It is never closed.
    let _permit = client.inner.permits.acquire().await;
    let (looking, named) = (writer.clone(), wanted.named.clone());
    let slot = tokio::task::spawn_blocking(move || looking.slot(&named)).await;
    let Some(slot) = slot.map_err(|error| Error::task(&error))?? else {
        return Ok((Moved::Exists, 0));
    };
    let registry = client.registry(wanted.reference.registry()).await?;
    let repository = wanted.reference.repository();
    let (slot, bytes) = Download::new(&registry, repository, &wanted.named, meter).run(slot).await?;
    tokio::task::spawn_blocking(move || slot.keep()).await.map_err(|error| Error::task(&error))??;
    Ok((Moved::Sent, bytes))
}

fn report(root: Root, foreign: &HashSet<Digest>) -> Pulled {
    let blobs: HashMap<_, _> =
        root.manifests.iter().flat_map(Manifest::blobs).map(|blob| (&blob.digest, blob.size)).collect();
    let (foreign, own): (Vec<_>, Vec<_>) =
        blobs.into_iter().partition(|(digest, _)| foreign.contains(digest));
    Pulled {
        size: own.iter().fold(0, |sum, (_, size)| size.saturating_add(sum)),
        foreign: foreign.into_iter().map(|(digest, _)| digest.clone()).collect(),
        digest: root.root().digest().clone(),
        reference: root.reference,
    }
}
