//! Archives of `docker save`.

use std::io::Read;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::archive::within;
use super::data::Data;
use super::tree::Tree;
use super::{Blob, Image, ImageEntry, Loaded, Manifests};
use crate::compression::Compression;
use crate::digest::{Digest, Hasher, shown};
use crate::error::Result;
use crate::manifest::{CONFIG_CAP, MANIFEST_CAP};
use crate::platform::Platform;
use crate::push::supply::Origin;

/// An entry of `manifest.json`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Saved {
    config: String,
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
    layer_sources: Option<IgnoredAny>,
}

impl Saved {
    /// The digest of the configuration, by the name of its file.
    pub(super) fn id(&self) -> Option<Digest> {
        let name = self.config.rsplit('/').next()?.trim_end_matches(".json");
        format!("sha256:{}", name.trim_start_matches("sha256:")).parse().ok()
    }
}

/// As much of the configuration as is needed here.
#[derive(Deserialize)]
struct Config {
    rootfs: RootFs,
}

#[derive(Deserialize)]
struct RootFs {
    #[serde(default)]
    diff_ids: Vec<String>,
}

/// The images of an archive.
pub(super) fn images(tree: &Arc<Tree>) -> Result<Vec<Image>> {
    let saved: Vec<Saved> = serde_json::from_slice(&tree.read("manifest.json", MANIFEST_CAP)?)
        .map_err(|error| tree.wrong(format!("`manifest.json`: {}", shown(&error.to_string()))))?;
    Ok(saved
        .into_iter()
        .map(|saved| Image {
            tree: tree.clone(),
            names: saved.repo_tags.clone().unwrap_or_default(),
            entry: ImageEntry::Docker(saved),
            platform: None,
            absent: Vec::new(),
        })
        .collect())
}

/// True for what docker itself wrote: nobody else adds `repositories` or the origins of layers.
pub(super) fn is_made_by_docker(tree: &Tree, images: &[Image]) -> Result<bool> {
    let has_sources = |image: &Image| match &image.entry {
        ImageEntry::Docker(saved) => saved.layer_sources.is_some(),
        ImageEntry::Layout(_) => false,
    };
    Ok(images.iter().any(has_sources) || tree.find("repositories")?.is_some())
}

/// The image, if it is for that platform, or says nothing of any.
pub(super) fn for_platform(image: &Image, saved: &Saved, asked: &Platform) -> Result<Image> {
    let config = image.tree.read(&name(&image.tree, &saved.config)?, CONFIG_CAP)?;
    image.fitting(serde_json::from_slice(&config).ok(), asked)
}

/// Finds the layers. Their digests come from the configuration; only a layer that is compressed already,
/// and not named by its digest, is hashed here.
pub(super) fn load(tree: &Arc<Tree>, saved: &Saved) -> Result<Loaded> {
    let config_name = name(tree, &saved.config)?;
    let config = tree.read(&config_name, CONFIG_CAP)?;
    let parsed: Config = serde_json::from_slice(&config)
        .map_err(|error| tree.wrong(format!("`{config_name}`: {}", shown(&error.to_string()))))?;
    let plain = parsed.rootfs.diff_ids;
    if plain.len() != saved.layers.len() {
        return Err(tree.wrong(format!(
            "the image has {} layers, and its configuration names {}",
            saved.layers.len(),
            plain.len()
        )));
    }
    let mut blobs = Vec::with_capacity(plain.len() + 1);
    for (layer, plain) in saved.layers.iter().zip(&plain) {
        let layer = name(tree, layer)?;
        let data = tree.need(&layer)?;
        let mut first = Vec::with_capacity(8);
        data.open(0)?.take(8).read_to_end(&mut first).map_err(|error| data.failed(error))?;
        if let Some(how) = Compression::unread(&first) {
            return Err(tree.wrong(format!("`{layer}` is compressed with {how}, which is not read here")));
        }
        let compression = Compression::of(&first);
        let digest = match compression {
            None => plain.parse().map_err(|error| tree.wrong(format!("`{config_name}`: {error}")))?,
            Some(_) => compressed_digest(&layer, &data)?,
        };
        blobs.push(Blob {
            digest,
            origin: Origin::Here(data),
            is_plain_layer: compression.is_none(),
            compression,
        });
    }
    blobs.push(Blob {
        digest: Digest::of(&config),
        origin: Origin::Here(Data::Bytes(config)),
        is_plain_layer: false,
        compression: None,
    });
    let layers = (0..plain.len()).collect();
    Ok(Loaded { blobs, manifests: Manifests::Docker { config: plain.len(), layers } })
}

/// A name within the archive, made of what `manifest.json` says.
fn name(tree: &Tree, text: &str) -> Result<String> {
    within("", text).ok_or_else(|| {
        tree.wrong(format!("`manifest.json` names `{}`, which leads out of the archive", shown(text)))
    })
}

/// The digest of a compressed layer: from its name in the newer form of archive, where the registry
/// verifies it, else from its content.
fn compressed_digest(name: &str, data: &Data) -> Result<Digest> {
    let mut parts = name.rsplit('/');
    if let (Some(hex), Some(algorithm)) = (parts.next(), parts.next())
        && let Ok(digest) = format!("{algorithm}:{hex}").parse()
    {
        return Ok(digest);
    }
    data.hash(Hasher::sha256())
}
