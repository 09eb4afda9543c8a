//! Pulling: manifests first, then all blobs of all images, and only when all is there the names.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE};

use crate::auth::Scope;
use crate::client::Client;
use crate::digest::{Digest, Hasher};
use crate::download::Download;
use crate::error::{Error, Result};
use crate::http::{Registry, Request, failure, read_capped};
use crate::manifest::{
    Content, DOCKER_INDEX, DOCKER_MANIFEST, MANIFEST_CAP, Manifest, Named, OCI_INDEX, OCI_MANIFEST,
};
use crate::progress::{Event, Meter, Moved, PlannedBlob};
use crate::reference::Reference;
use crate::target::{Root, Target, Writer};

/// Most manifests of one image, all platforms and attestations counted.
const MANIFESTS_CAP: usize = 4096;

/// A pull that is about to happen; made by [`Client::pull`].
#[derive(Debug)]
#[must_use = "a pull happens when it is sent"]
pub struct Pull {
    client: Client,
    references: Vec<Reference>,
    target: Target,
    platform: Option<String>,
}

/// What was pulled, in the order asked for.
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
    named: Named,
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
            roots.push(self.resolve(reference, platform.as_deref()).await?);
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
            Arc::into_inner(writer).ok_or_else(|| Error::Invalid("a download is still under way".into()))?;
        let finish = move || writer.finish(&for_target);
        tokio::task::spawn_blocking(finish).await.map_err(|error| Error::task(&error))??;
        let roots = Arc::into_inner(roots).unwrap_or_default();
        Ok(PullReport { images: roots.into_iter().map(report).collect() })
    }

    /// The manifests of one image.
    async fn resolve(&self, reference: &Reference, platform: Option<&str>) -> Result<Root> {
        let registry = self.client.registry(reference.registry())?;
        let mut root = fetch_manifest(&registry, reference, reference.target(), reference.digest()).await?;
        if let Some(platform) = platform
            && let Content::Index { manifests } = &root.content
        {
            let child = choose(manifests, platform)
                .map_err(|problem| Error::Invalid(format!("{reference}: {problem}")))?;
            root = fetch_manifest(&registry, reference, child.digest.as_str(), Some(&child.digest)).await?;
        }
        let (mut found, mut seen) = (Vec::new(), HashSet::from([root.digest.clone()]));
        let mut open = vec![root];
        // Children end up before their parents.
        while let Some(manifest) = open.pop() {
            if let Content::Index { manifests } = &manifest.content {
                for child in manifests {
                    if !seen.insert(child.digest.clone()) {
                        continue;
                    }
                    if seen.len() > MANIFESTS_CAP {
                        return Err(Error::Invalid(format!(
                            "{reference}: it has more than {MANIFESTS_CAP} manifests"
                        )));
                    }
                    let digest = &child.digest;
                    open.push(fetch_manifest(&registry, reference, digest.as_str(), Some(digest)).await?);
                }
            }
            found.push(manifest);
        }
        found.reverse();
        Ok(Root { reference: reference.clone(), manifests: found })
    }
}

async fn fetch_manifest(
    registry: &Registry,
    reference: &Reference,
    target: &str,
    expected: Option<&Digest>,
) -> Result<Manifest> {
    let repository = reference.repository();
    let what = format!("get the manifest {target} of {}/{repository}", registry.name);
    let url = registry.url(&format!("{repository}/manifests/{target}"));
    let accept = [OCI_INDEX, OCI_MANIFEST, DOCKER_INDEX, DOCKER_MANIFEST].join(", ");
    let request = Request::new(what.clone(), Method::GET, url).header(ACCEPT, &accept);
    let response = registry.download(&Scope::pull(repository), &request).await?;
    if !response.status().is_success() {
        return Err(failure(&registry.patience, what, response).await);
    }
    let headers = response.headers().clone();
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = media_type.map(|value| value.split(';').next().unwrap_or_default().trim());
    let stated = stated_digest(&response, expected);
    let bytes = read_capped(&registry.patience, what.clone(), response, MANIFEST_CAP as usize).await?;
    let mut manifest =
        Manifest::parse(bytes.into(), media_type).map_err(|detail| Error::protocol(&what, detail))?;
    if let Some(expected) = expected.or(stated.as_ref()) {
        let mut hasher = Hasher::of(expected);
        hasher.update(&manifest.bytes);
        let found = hasher.finish();
        if found != *expected {
            let (expected, found) = (expected.to_string(), found.to_string());
            return Err(Error::Digest { what, expected, found });
        }
        manifest.digest = found;
    }
    Ok(manifest)
}

/// The digest that the registry states itself, where none was asked for.
fn stated_digest(response: &reqwest::Response, expected: Option<&Digest>) -> Option<Digest> {
    match expected {
        Some(_) => None,
        None => response.headers().get("docker-content-digest")?.to_str().ok()?.parse().ok(),
    }
}

/// All blobs of all images, each once, largest first.
fn wanted(roots: &[Root]) -> Result<Vec<Wanted>> {
    let mut sizes: HashMap<Digest, u64> = HashMap::new();
    let mut wanted = Vec::new();
    for root in roots {
        for named in root.manifests.iter().flat_map(Manifest::blobs).filter(|named| !named.is_foreign) {
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
    let (foreign, own): (Vec<&Named>, Vec<&Named>) = blobs.into_values().partition(|named| named.is_foreign);
    Pulled {
        size: own.iter().fold(0, |sum, named| named.size.saturating_add(sum)),
        foreign: foreign.into_iter().map(|named| named.digest.clone()).collect(),
        digest: root.root().digest.clone(),
        reference: root.reference,
    }
}

fn choose<'a>(manifests: &'a [Named], platform: &str) -> Result<&'a Named, String> {
    let fits = |named: &&Named| {
        named.platform.as_deref().is_some_and(|own| {
            own == platform || own.strip_prefix(platform).is_some_and(|rest| rest.starts_with('/'))
        })
    };
    manifests.iter().find(fits).ok_or_else(|| {
        let there: Vec<_> = manifests.iter().filter_map(|named| named.platform.as_deref()).collect();
        format!("there is no platform {platform}; there are: {}", there.join(", "))
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_is_chosen_by_its_whole_name_or_without_the_variant() {
        let named = |platform: Option<&str>| Named {
            digest: Digest::of(platform.unwrap_or_default().as_bytes()),
            size: 1,
            media_type: OCI_MANIFEST.into(),
            is_foreign: false,
            platform: platform.map(Into::into),
        };
        let all = [
            named(None),
            named(Some("linux/arm/v7")),
            named(Some("linux/arm64")),
            named(Some("linux/amd64")),
        ];
        assert_eq!(choose(&all, "linux/amd64").unwrap(), &all[3]);
        assert_eq!(choose(&all, "linux/arm").unwrap(), &all[1]);
        assert_eq!(choose(&all, "linux/arm/v7").unwrap(), &all[1]);
        let error = choose(&all, "linux/s390x").unwrap_err();
        assert_eq!(
            error,
            "there is no platform linux/s390x; there are: linux/arm/v7, linux/arm64, linux/amd64"
        );
    }
}
