//! Copying: what a push does, with registries where the images come from.

pub(crate) mod remote;

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt};

use crate::client::Client;
use crate::compression::Compression;
use crate::copy::remote::RemoteBlob;
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::manifest::{MANIFESTS_CAP, Manifest};
use crate::platform::Platform;
use crate::pull::foreign;
use crate::pull::resolve::{Wish, resolve};
use crate::push::Pushed;
use crate::push::deliver::Delivery;
use crate::push::supply::Origin;
use crate::reference::Reference;
use crate::source::{Blob, Loaded, Manifests};

/// A copy that is about to happen; made by [`Client::copy`].
#[derive(Debug)]
#[must_use = "a copy happens when it is sent"]
pub struct Copy {
    client: Client,
    items: Vec<(Reference, Reference)>,
    platform: Option<String>,
    any_platform: bool,
    keeps_tags: bool,
    takes_referrers: bool,
}

/// The outcome of a copy: one entry for each image, in the order given.
#[derive(Debug)]
#[non_exhaustive]
pub struct CopyReport {
    /// The images.
    pub images: Vec<Copied>,
}

/// One image that was to be copied.
#[derive(Debug)]
#[non_exhaustive]
pub struct Copied {
    /// Its name where it came from.
    pub from: Reference,
    /// Its name where it was to go.
    pub to: Reference,
    /// The digest of the manifest that is there now under the new name, or why there is none. An error is shared by
    /// all images that need the same blob.
    pub result: Result<Digest, Arc<Error>>,
}

impl CopyReport {
    /// True if all went well.
    pub fn is_complete(&self) -> bool {
        self.images.iter().all(|image| image.result.is_ok())
    }
}

impl Client {
    /// Copies images from registries to registries, each to a name of its own: `(from, to)`. Bytes of manifests stay as
    /// they are, with all platforms. Blobs go through memory, some pieces at a time, and none that is there already:
    /// within a registry they are taken over from where they are, if it can do that. A blob that several images share
    /// is sent once. Children are put before their index, the tag last.
    ///
    /// Cost: for each manifest one request to read and one to write it; for each blob and repository one to see whether
    /// it is there, and one to three to move it, and where it is read one or more.
    ///
    /// ```no_run
    /// # async fn example(client: mlspace_registry_transfer::Client) -> mlspace_registry_transfer::Result<()> {
    /// let (from, to) = ("registry.example/team/app:v1".parse()?, "cr.ai.cloud.ru/my-registry/app:v1".parse()?);
    /// let report = client.copy([(from, to)]).send().await?;
    /// assert!(report.is_complete());
    /// # Ok(())
    /// # }
    /// ```
    pub fn copy(&self, items: impl IntoIterator<Item = (Reference, Reference)>) -> Copy {
        let items = items.into_iter().collect();
        Copy {
            client: self.clone(),
            items,
            platform: None,
            any_platform: false,
            keeps_tags: false,
            takes_referrers: false,
        }
    }
}

impl Copy {
    /// Only this platform, as in [`Pull::platform`](crate::Pull::platform).
    pub fn platform(self, platform: impl Into<String>) -> Self {
        Self { platform: Some(platform.into()), ..self }
    }

    /// Takes a single image also if it is for another platform than was asked for.
    pub fn any_platform(self) -> Self {
        Self { any_platform: true, ..self }
    }

    /// Leaves tags alone that name another image where they are to go: what would move one is not copied, and fails
    /// with [`Error::TagExists`]. Costs one request more for each image.
    pub fn keep_tags(self) -> Self {
        Self { keeps_tags: true, ..self }
    }

    /// Takes along what refers to the images and was pushed beside them, such as signatures, and what refers to that.
    /// Each has an entry of its own in the report, behind those of the images. Costs a request or two more for each.
    pub fn referrers(self) -> Self {
        Self { takes_referrers: true, ..self }
    }

    /// Does it. Dropping the future stops it: blobs may be there then, and names only for images that are complete.
    ///
    /// # Errors
    /// Only what concerns all images alike: arguments that are wrong. What happens to one image is in its entry of the
    /// report.
    pub async fn send(mut self) -> Result<CopyReport> {
        let asked = self.platform.as_deref().map(str::parse::<Platform>).transpose()?;
        let wish = asked.map(|platform| Wish { platform, is_strict: !self.any_platform });
        let items = std::mem::take(&mut self.items);
        let mut images = self.pass(items, wish.as_ref()).await;
        let (mut from, mut seen) = (0, HashSet::new());
        while self.takes_referrers && from < images.len() {
            let mut items = Vec::new();
            for copied in &mut images[from..] {
                match self.referring(copied).await {
                    Ok(found) => items.extend(found.into_iter().filter(|item| seen.insert(item.clone()))),
                    // Without its signatures it is not what was asked for.
                    Err(error) => copied.result = Err(Arc::new(error)),
                }
            }
            from = images.len();
            if seen.len() > MANIFESTS_CAP {
                return Err(Error::Invalid("more refers to these images than can be copied".into()));
            }
            images.extend(self.pass(items, None).await);
        }
        Ok(CopyReport { images })
    }

    /// Copies these.
    async fn pass(&self, items: Vec<(Reference, Reference)>, wish: Option<&Wish>) -> Vec<Copied> {
        let loaded = stream::iter(&items)
            .map(|(from, to)| {
                let (client, kept) = (&self.client, self.keeps_tags.then_some(to));
                async move { load(client, from, wish, kept).await.map_err(Arc::new) }
            })
            .buffered(self.client.inner.concurrency)
            .collect()
            .await;
        let (froms, names): (Vec<_>, Vec<_>) = items.into_iter().unzip();
        let (client, compression, mount_from) = (self.client.clone(), Compression::None, Vec::new());
        let delivery = Delivery { client, names, compression, verify: false, mount_from };
        let copied = |(from, Pushed { reference, result })| Copied { from, to: reference, result };
        froms.into_iter().zip(delivery.run(loaded).await).map(copied).collect()
    }

    /// What refers to an image that was copied, each with its name there and here.
    async fn referring(&self, copied: &Copied) -> Result<Vec<(Reference, Reference)>> {
        let Ok(digest) = &copied.result else { return Ok(Vec::new()) };
        let found = self.client.referrers(&copied.from.at(digest.clone())).await?;
        Ok(found.into_iter().map(|digest| (copied.from.at(digest.clone()), copied.to.at(digest))).collect())
    }
}

/// The manifests of an image, and where its blobs are. An error if it would move a tag that is to be kept.
async fn load(
    client: &Client,
    from: &Reference,
    wish: Option<&Wish>,
    kept: Option<&Reference>,
) -> Result<Loaded> {
    let registry = client.registry(from.registry()).await?;
    let roots = [resolve(client, from, wish).await?];
    if let Some(to) = kept
        && let Some(found) = named(client, to).await?
        && found != roots[0].root().digest
    {
        return Err(Error::TagExists { reference: to.to_string(), found });
    }
    let foreign = foreign(client, &roots).await?;
    let [root] = roots;
    // What is kept elsewhere stays there.
    let (mut blobs, mut seen) = (Vec::new(), foreign);
    for named in root.manifests.iter().flat_map(Manifest::blobs) {
        if !seen.insert(named.digest.clone()) {
            continue;
        }
        let origin = Origin::There(RemoteBlob {
            registry: registry.clone(),
            repository: from.repository().to_owned(),
            digest: named.digest.clone(),
            size: named.size,
        });
        let digest = named.digest.clone();
        blobs.push(Blob { digest, origin, is_plain_layer: false, compression: None });
    }
    Ok(Loaded { blobs, manifests: Manifests::Ready(root.manifests) })
}

/// The image that a name has.
async fn named(client: &Client, name: &Reference) -> Result<Option<Digest>> {
    let head = match client.head(name).await {
        Err(error) if error.is_not_found() => return Ok(None),
        head => head?,
    };
    match head.digest {
        Some(digest) => Ok(Some(digest)),
        None => Ok(Some(client.manifest(name).await?.digest)),
    }
}
