//! Looking inside: what an image is made of, without getting its layers.

use std::io::Read as _;

use bytes::Bytes;
use reqwest::Method;
use serde::Deserialize;

use crate::client::Client;
use crate::digest::{Digest, Hasher};
use crate::error::{Error, Result};
use crate::manifest::{CONFIG_CAP, Content, DEPTH_CAP, Descriptor, Manifest, choose};
use crate::platform::Platform;
use crate::pull::resolve::descend;
use crate::push::supply::Origin;
use crate::reference::Reference;
use crate::registry::auth::Scope;
use crate::registry::http::{Registry, Request};
use crate::source::{Blob, Image, Manifests};

/// What an image is made of; made by [`Client::inspect`] and [`Image::inspect`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Inspected {
    /// The digest of the image's manifest; `None` for one of a docker archive, whose manifest is written when it is
    /// pushed.
    pub digest: Option<Digest>,
    /// The digest of the index that the image was chosen from.
    pub index: Option<Digest>,
    /// The platforms of that index, or that of a single image where it names one.
    pub platforms: Vec<String>,
    /// The platform of this image, where it names one.
    pub platform: Option<String>,
    /// Its layers, the lowest first.
    pub layers: Vec<InspectedLayer>,
    /// Its configuration, JSON, byte for byte. Artifacts have one of their own kind.
    pub config: Bytes,
}

/// A layer of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InspectedLayer {
    /// The digest; of a layer that is compressed when it is pushed, the plain one.
    pub digest: Digest,
    /// Bytes, as they are stored.
    pub size: u64,
    /// The media type.
    pub media_type: String,
    /// The command that made it, as far as the configuration tells.
    pub created_by: Option<String>,
}

/// What is read of a configuration.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Config {
    history: Option<Vec<Step>>,
}

#[derive(Deserialize)]
struct Step {
    #[serde(default)]
    created_by: Option<String>,
    #[serde(default)]
    empty_layer: Option<bool>,
}

impl Client {
    /// Reads the manifest and the configuration of an image. Of one that has several platforms it is the one that runs
    /// best on the named platform, as in [`Pull::platform`](crate::Pull::platform), by default linux on this machine's
    /// architecture. Cost: two requests, one more for each index, and those of signing in.
    ///
    /// Registries may count this as a pull.
    ///
    /// # Errors
    /// [`Error::is_not_found`] if there is no such image; [`Error::Invalid`] if there is none for that platform.
    pub async fn inspect(&self, reference: &Reference, platform: Option<&str>) -> Result<Inspected> {
        let wish = wish(platform)?;
        let registry = self.registry(reference.registry()).await?;
        let top = self.manifest(reference).await?;
        let (index, platforms) = names(&top);
        let (image, _) = descend(&registry, reference, top, &wish).await?;
        let Content::Image { config, layers } = &image.content else {
            return Err(Error::Invalid(format!("{reference} is no image")));
        };
        let bytes = fetch(&registry, reference, config).await?;
        Ok(inspected(Some(image.digest.clone()), index, platforms, layers, bytes))
    }
}

impl Image {
    /// Reads the manifest and the configuration; of several platforms that of one, as in [`Client::inspect`].
    ///
    /// # Errors
    /// [`Error::Source`] if it is damaged; [`Error::Invalid`] if there is none for that platform.
    pub async fn inspect(&self, platform: Option<&str>) -> Result<Inspected> {
        let (image, wish) = (self.clone(), wish(platform)?);
        let look = move || look(&image, &wish);
        tokio::task::spawn_blocking(look).await.map_err(|error| Error::task(&error))?
    }
}

fn wish(platform: Option<&str>) -> Result<Platform> {
    platform.map_or_else(|| Ok(Platform::native()), str::parse)
}

/// The digest of an index, and the platforms that it names.
fn names(manifest: &Manifest) -> (Option<Digest>, Vec<String>) {
    let Content::Index { manifests } = &manifest.content else { return (None, Vec::new()) };
    let images = manifests.iter().filter(|entry| !entry.is_attestation());
    let platforms = images.filter_map(|entry| entry.platform.as_ref().map(ToString::to_string)).collect();
    (Some(manifest.digest.clone()), platforms)
}

async fn fetch(registry: &Registry, reference: &Reference, config: &Descriptor) -> Result<Bytes> {
    let repository = reference.repository();
    let what = format!("get the configuration of {reference}");
    let url = registry.url(&format!("{repository}/blobs/{}", config.digest));
    let request = Request::new(&what, Method::GET, url);
    let body = registry.fetch(&Scope::pull(repository), &request, CONFIG_CAP as usize).await?.body;
    let mut hasher = Hasher::of(&config.digest);
    hasher.update(&body);
    let found = hasher.finish();
    if found != config.digest {
        let (expected, found) = (config.digest.to_string(), found.to_string());
        return Err(Error::Digest { what, expected, found });
    }
    Ok(body.into())
}

/// The same of an image on this machine. Blocks.
fn look(image: &Image, wish: &Platform) -> Result<Inspected> {
    let invalid = |problem: String| Error::Invalid(problem);
    let loaded = image.load()?;
    let manifests = match &loaded.manifests {
        Manifests::Ready(manifests) => manifests,
        Manifests::Docker { config, layers } => {
            const PLAIN: &str = "application/vnd.docker.image.rootfs.diff.tar";
            let named = |at: &usize| {
                let blob = &loaded.blobs[*at];
                Descriptor::new(PLAIN, blob.digest.clone(), blob.origin.len())
            };
            let layers: Vec<_> = layers.iter().map(named).collect();
            let config = read(&loaded.blobs[*config])?;
            return Ok(inspected(None, None, Vec::new(), &layers, config));
        }
    };
    let Some(mut root) = manifests.last() else { return Err(invalid("there is no image".into())) };
    let (index, platforms) = names(root);
    for _ in 0..DEPTH_CAP {
        let Content::Index { manifests: children } = &root.content else { break };
        let child = choose(children, wish).map_err(invalid)?;
        let Some(found) = manifests.iter().find(|manifest| manifest.digest == child.digest) else {
            return Err(invalid(format!("{} is not there", child.digest)));
        };
        root = found;
    }
    let Content::Image { config, layers } = &root.content else {
        return Err(invalid("it is no image".into()));
    };
    let Some(blob) = loaded.blobs.iter().find(|blob| blob.digest == config.digest) else {
        return Err(invalid(format!("the configuration {} is not there", config.digest)));
    };
    Ok(inspected(Some(root.digest.clone()), index, platforms, layers, read(blob)?))
}

/// A configuration on this machine. Blocks.
fn read(blob: &Blob) -> Result<Bytes> {
    let Origin::Here(data) = &blob.origin else {
        return Err(Error::Internal(format!("{} is not here", blob.digest)));
    };
    let mut bytes = Vec::new();
    let read = data.open(0)?.take(CONFIG_CAP).read_to_end(&mut bytes);
    read.map_err(|error| data.failed(error))?;
    Ok(bytes.into())
}

fn inspected(
    digest: Option<Digest>,
    index: Option<Digest>,
    mut platforms: Vec<String>,
    layers: &[Descriptor],
    config: Bytes,
) -> Inspected {
    let platform = serde_json::from_slice::<Platform>(&config).ok().map(|platform| platform.to_string());
    if platforms.is_empty() {
        platforms.extend(platform.clone());
    }
    let steps: Config = serde_json::from_slice(&config).unwrap_or_default();
    let steps = steps.history.unwrap_or_default();
    let made: Vec<_> = steps.into_iter().filter(|step| step.empty_layer != Some(true)).collect();
    // Where they are not as many as the layers, nobody knows which is whose.
    let is_known = made.len() == layers.len();
    let mut made = made.into_iter().map(|step| step.created_by.filter(|_| is_known));
    let layers = layers.iter().map(|layer| InspectedLayer {
        digest: layer.digest.clone(),
        size: layer.size,
        media_type: layer.media_type.clone(),
        created_by: made.next().flatten(),
    });
    Inspected { digest, index, platforms, platform, layers: layers.collect(), config }
}
