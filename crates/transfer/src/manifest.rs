//! Manifests and indexes: read, never rewritten.

use std::collections::HashMap;

use bytes::Bytes;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::digest::{Digest, shown};
use crate::error::{Error, Result};
use crate::platform::Platform;

/// Longest manifest or index, in bytes. Registries must take this much, and take little more.
pub const MANIFEST_CAP: u64 = 4 * 1024 * 1024;

/// Most manifests of one image, all platforms and attestations counted.
pub(crate) const MANIFESTS_CAP: usize = 4096;
/// Indexes within indexes: no tool writes more than two.
pub(crate) const DEPTH_CAP: usize = 8;
/// Longest image configuration, in bytes.
pub(crate) const CONFIG_CAP: u64 = 8 * 1024 * 1024;
/// Most bytes of all of them together: they are held in memory.
pub(crate) const MANIFESTS_BYTES_CAP: usize = 16 * 1024 * 1024;

pub(crate) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub(crate) const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";

pub(crate) const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
pub(crate) const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// True for the configuration of an image that can be run; models, charts and other artifacts have none.
pub(crate) fn is_image_config(media_type: &str) -> bool {
    matches!(media_type, DOCKER_CONFIG | OCI_CONFIG)
}

/// A piece of content that a manifest or an index names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    pub(crate) media_type: String,
    #[serde(with = "crate::digest::text")]
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) urls: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) platform: Option<Platform>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) annotations: Option<HashMap<String, String>>,
}

/// An image's manifest as it is read and written; the order of its fields decides the digest.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ImageManifest {
    pub(crate) schema_version: u32,
    pub(crate) media_type: Option<String>,
    pub(crate) config: Descriptor,
    pub(crate) layers: Vec<Descriptor>,
}

/// An index of images or of further indexes.
#[derive(Deserialize)]
pub(crate) struct ImageIndex {
    pub(crate) manifests: Vec<Descriptor>,
}

impl Descriptor {
    pub(crate) fn new(media_type: impl Into<String>, digest: Digest, size: u64) -> Self {
        Self { media_type: media_type.into(), digest, size, urls: None, platform: None, annotations: None }
    }

    /// It lives elsewhere; registries need not have it.
    pub(crate) fn is_foreign(&self) -> bool {
        self.urls.as_ref().is_some_and(|urls| !urls.is_empty())
    }

    /// It says something about an image beside it, and is none itself.
    pub(crate) fn is_attestation(&self) -> bool {
        self.platform.as_ref().is_some_and(Platform::is_unknown)
    }

    pub(crate) fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(key).map(String::as_str)
    }
}

/// A manifest or an index, byte for byte as the registry has it; read by [`Client::manifest`](crate::Client::manifest).
#[derive(Clone, Debug)]
pub struct Manifest {
    pub(crate) digest: Digest,
    pub(crate) media_type: String,
    pub(crate) bytes: Bytes,
    pub(crate) content: Content,
}

#[derive(Clone, Debug)]
pub(crate) enum Content {
    Image { config: Descriptor, layers: Vec<Descriptor> },
    Index { manifests: Vec<Descriptor> },
}

/// The fields by which the kinds are told apart.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Probe {
    media_type: Option<String>,
    manifests: Option<IgnoredAny>,
    layers: Option<IgnoredAny>,
    fs_layers: Option<IgnoredAny>,
}

impl Manifest {
    /// A manifest or index of these bytes, which stay as they are. `media_type` is that of a manifest which does not
    /// name its own.
    ///
    /// # Errors
    /// [`Error::Invalid`] if they are neither, or longer than [`MANIFEST_CAP`].
    pub fn new(bytes: impl Into<Vec<u8>>, media_type: Option<&str>) -> Result<Self> {
        let bytes = Bytes::from(bytes.into());
        if bytes.len() as u64 > MANIFEST_CAP {
            return Err(Error::Invalid(format!("the manifest is longer than {MANIFEST_CAP} bytes")));
        }
        Self::parse(bytes, media_type)
            .map_err(|detail| Error::Invalid(format!("this is no manifest: {detail}")))
    }

    /// The digest of the bytes.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The media type: the manifest's own, else the one that the registry announced.
    pub fn media_type(&self) -> &str {
        &self.media_type
    }

    /// The bytes, JSON, at most [`MANIFEST_CAP`] of them.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Reads a manifest. `announced` is the media type that came with it. The error is a sentence
    /// without a subject.
    pub(crate) fn parse(bytes: Bytes, announced: Option<&str>) -> Result<Self, String> {
        let json = |error: serde_json::Error| {
            format!("the manifest is not as specified: {}", shown(&error.to_string()))
        };
        let probe: Probe = serde_json::from_slice(&bytes).map_err(json)?;
        if probe.fs_layers.is_some() {
            return Err(
                "docker's schema 1 is not supported; push the image anew with a current docker".into()
            );
        }
        let is_index = match (probe.manifests.is_some(), probe.layers.is_some()) {
            (true, false) => true,
            (false, true) => false,
            (true, true) => return Err("the manifest claims to be an image and an index at once".into()),
            (false, false) => return Err("it is neither the manifest of an image nor an index".into()),
        };
        let content = if is_index {
            let index: ImageIndex = serde_json::from_slice(&bytes).map_err(json)?;
            Content::Index { manifests: index.manifests }
        } else {
            let manifest: ImageManifest = serde_json::from_slice(&bytes).map_err(json)?;
            Content::Image { config: manifest.config, layers: manifest.layers }
        };
        let known = |media_type: &str| match media_type {
            OCI_INDEX | DOCKER_INDEX => Some(true),
            OCI_MANIFEST | DOCKER_MANIFEST => Some(false),
            _ => None,
        };
        let announced = announced.filter(|announced| known(announced).is_some());
        let media_type = match (probe.media_type, announced) {
            (Some(own), _) if known(&own) == Some(is_index) => own,
            (Some(own), _) => {
                return Err(format!("the media type `{}` does not fit the manifest", shown(&own)));
            }
            (None, Some(announced)) if known(announced) == Some(is_index) => announced.to_owned(),
            (None, Some(_)) => return Err("the announced media type does not fit the manifest".into()),
            (None, None) => if is_index { OCI_INDEX } else { OCI_MANIFEST }.to_owned(),
        };
        Ok(Self { digest: Digest::of(&bytes), media_type, bytes, content })
    }

    /// The blobs that the image consists of; none for an index.
    pub(crate) fn blobs(&self) -> impl Iterator<Item = &Descriptor> {
        let (config, layers) = match &self.content {
            Content::Image { config, layers } => (Some(config), layers.as_slice()),
            Content::Index { .. } => (None, [].as_slice()),
        };
        layers.iter().chain(config)
    }
}

/// The entry of an index that fits a platform best.
pub(crate) fn choose<'a>(manifests: &'a [Descriptor], asked: &Platform) -> Result<&'a Descriptor, String> {
    if let Some(at) = asked.best(manifests.iter().map(|entry| entry.platform.as_ref())) {
        return Ok(&manifests[at]);
    }
    let images: Vec<_> = manifests.iter().filter(|entry| !entry.is_attestation()).collect();
    if images.iter().any(|entry| entry.platform.is_some()) {
        let mut there: Vec<_> =
            images.iter().filter_map(|entry| entry.platform.as_ref().map(ToString::to_string)).collect();
        there.dedup();
        return Err(format!("there is no platform {asked}; there are: {}", there.join(", ")));
    }
    match images[..] {
        [only] => Ok(only),
        [] => Err("the index holds no image".into()),
        _ => {
            let digests: Vec<_> = images.iter().map(|entry| entry.digest.as_str()).collect();
            let digests = digests.join(", ");
            Err(format!("the index says of none of its images which platform it is for; name one: {digests}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const D: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn image(extra: &str) -> Bytes {
        format!(
            r#"{{"schemaVersion":2,{extra}"config":{{"mediaType":"a/b","digest":"{D}","size":1}},"layers":[{{"mediaType":"c/d","digest":"{D}","size":2,"urls":["https://x"]}}]}}"#
        )
        .into()
    }

    #[test]
    fn an_image_is_read_and_its_bytes_are_kept() {
        let manifest = Manifest::parse(image(""), Some(DOCKER_MANIFEST)).unwrap();
        assert_eq!(manifest.media_type, DOCKER_MANIFEST);
        assert_eq!(manifest.bytes, image(""));
        let blobs: Vec<_> = manifest.blobs().map(|blob| (blob.size, blob.is_foreign())).collect();
        assert_eq!(blobs, [(2, true), (1, false)]);
        assert_eq!(Manifest::parse(image(""), None).unwrap().media_type, OCI_MANIFEST);
        assert_eq!(Manifest::parse(image(""), Some("text/plain")).unwrap().media_type, OCI_MANIFEST);
    }

    #[test]
    fn what_is_two_things_or_none_is_refused() {
        let own = |media_type: &str| image(&format!(r#""mediaType":"{media_type}","#));
        for bytes in [
            image(r#""manifests":[],"#),
            own(OCI_INDEX),
            own("application/json"),
            image(r#""fsLayers":[],"#),
            Bytes::from_static(b"{}"),
            Bytes::from_static(b"[]"),
            Bytes::from_static(b"{\"layers\":[],\"schemaVersion\":2}"),
            Bytes::from(String::from_utf8(image("").to_vec()).unwrap().replace("sha256:", "sha256:../")),
            Bytes::from(String::from_utf8(image("").to_vec()).unwrap().replace("\"size\":1", "\"size\":-1")),
            Bytes::from("[".repeat(1_000_000)),
        ] {
            assert!(
                Manifest::parse(bytes.clone(), None).is_err(),
                "{:?}",
                bytes.slice(..bytes.len().min(80))
            );
        }
        assert!(Manifest::parse(image(""), Some(OCI_INDEX)).is_err());
    }

    #[test]
    fn an_index_gives_the_platform_or_says_which_it_has() {
        let entry = |platform: Option<&str>| {
            let platform = platform.map(|text| text.parse::<Platform>().unwrap());
            let digest = Digest::of(format!("{platform:?}").as_bytes());
            Descriptor { platform, ..Descriptor::new(OCI_MANIFEST, digest, 1) }
        };
        let amd64: Platform = "linux/amd64".parse().unwrap();
        let all = [Some("unknown/unknown"), None, Some("linux/arm64"), Some("linux/amd64")].map(entry);
        assert_eq!(choose(&all, &amd64).unwrap(), &all[3]);
        let error = choose(&all, &"s390x".parse().unwrap()).unwrap_err();
        assert_eq!(error, "there is no platform linux/s390x; there are: linux/arm64, linux/amd64");
        // The only image of an index that names no platforms is meant, and one of several is not.
        assert_eq!(choose(&all[..2], &amd64).unwrap(), &all[1]);
        let error = choose(&[entry(None), entry(None)], &amd64).unwrap_err();
        assert!(error.contains(all[1].digest.as_str()), "{error}");
        assert_eq!(choose(&all[..1], &amd64).unwrap_err(), "the index holds no image");
    }
}
