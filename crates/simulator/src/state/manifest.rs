//! Manifests, as far as a registry must know them. Their bytes are kept as they are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::state::digest::Digest;

pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

/// The media types of image configurations.
const CONFIGS: [&str; 2] =
    ["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"];

/// A configuration longer than this is not shown as `extra_attrs`.
const LONGEST_CONFIG: u64 = 4 * 1024 * 1024;

/// A manifest, by one of its names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reference {
    Digest(Digest),
    Tag(String),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) media_type: String,
    pub(crate) artifact_type: Option<String>,
    pub(crate) subject: Option<Digest>,
    /// The configuration, if the manifest is that of an image and it can be shown.
    pub(crate) config: Option<Digest>,
    pub(crate) contents: Contents,
}

/// The parts of a manifest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Contents {
    /// The configuration and the layers, without those that are kept elsewhere.
    Image(Vec<Part>),
    /// The manifests of an index; some tools also list blobs there.
    Index(Vec<Part>),
}

/// A piece of content that a manifest refers to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    schema_version: u64,
    media_type: Option<String>,
    artifact_type: Option<String>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
    subject: Option<Descriptor>,
    /// Only checked here: they can be as long as the manifest, and are read again where they are shown.
    #[serde(rename = "annotations")]
    _annotations: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: String,
    size: u64,
    #[serde(default)]
    urls: Option<Vec<String>>,
}

/// The annotations of a manifest that was taken.
pub(crate) fn annotations(bytes: &[u8]) -> BTreeMap<String, String> {
    #[derive(Deserialize)]
    struct Annotated {
        annotations: Option<BTreeMap<String, String>>,
    }
    let read = serde_json::from_slice::<Annotated>(bytes).ok();
    read.and_then(|document| document.annotations).unwrap_or_default()
}

/// A descriptor as a list of referrers has it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Referrer<'a> {
    pub(crate) media_type: &'a str,
    pub(crate) digest: String,
    pub(crate) size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) artifact_type: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) annotations: BTreeMap<String, String>,
}

impl Manifest {
    /// Reads a manifest, or says why it is none; `content_type` is the one it was sent with.
    pub(crate) fn parse(bytes: &[u8], content_type: Option<&str>) -> Result<Self, String> {
        let document: Document = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let content_type = content_type.map(|text| text.split(';').next().unwrap_or_default().trim());
        let media_type = match (content_type, document.media_type) {
            (Some(sent), Some(inside)) if sent != inside => {
                return Err(format!("sent as {sent}, and its mediaType is {inside}"));
            }
            (Some(sent), _) => sent.to_owned(),
            (None, Some(inside)) => inside,
            (None, None) => return Err("neither a Content-Type nor a mediaType".to_owned()),
        };
        if document.schema_version != 2 {
            return Err("the schemaVersion is not 2".to_owned());
        }
        let mut artifact_type = document.artifact_type.filter(|text| !text.is_empty());
        let mut shown = None;
        let contents = match (media_type.as_str(), document.config, document.layers, document.manifests) {
            (OCI_MANIFEST | DOCKER_MANIFEST, Some(config), layers, None) => {
                if CONFIGS.contains(&config.media_type.as_str()) && config.size <= LONGEST_CONFIG {
                    shown = Some(config.digest()?);
                }
                artifact_type = artifact_type.or_else(|| Some(config.media_type.clone()));
                let kept = layers.into_iter().flatten().filter(|layer| !layer.is_kept_elsewhere());
                let parts = std::iter::once(config).chain(kept).map(|one| one.part());
                Contents::Image(parts.collect::<Result<_, _>>()?)
            }
            (OCI_INDEX | DOCKER_LIST, None, None, manifests) => {
                let parts = manifests.into_iter().flatten().map(|one| one.part());
                Contents::Index(parts.collect::<Result<_, _>>()?)
            }
            (OCI_MANIFEST | DOCKER_MANIFEST, ..) => {
                return Err("a manifest of an image has a config and no manifests".to_owned());
            }
            (OCI_INDEX | DOCKER_LIST, ..) => {
                return Err("an index has neither a config nor layers".to_owned());
            }
            (other, ..) => return Err(format!("{other} is not a media type this registry takes")),
        };
        Ok(Self {
            subject: document.subject.map(|subject| subject.digest()).transpose()?,
            config: shown,
            media_type,
            artifact_type,
            contents,
        })
    }

    pub(crate) fn parts(&self) -> &[Part] {
        match &self.contents {
            Contents::Image(parts) | Contents::Index(parts) => parts,
        }
    }
}

impl Descriptor {
    fn digest(&self) -> Result<Digest, String> {
        Digest::parse(&self.digest).ok_or_else(|| format!("`{}` is not a digest", self.digest))
    }

    fn part(&self) -> Result<Part, String> {
        Ok(Part { digest: self.digest()?, size: self.size })
    }

    /// Layers that may not be distributed, and those that say where they are.
    fn is_kept_elsewhere(&self) -> bool {
        self.media_type.contains(".nondistributable.")
            || self.media_type.contains(".foreign.")
            || self.urls.as_ref().is_some_and(|urls| !urls.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn part() -> serde_json::Value {
        let digest = format!("sha256:{}", "a".repeat(64));
        json!({ "mediaType": CONFIGS[0], "digest": digest, "size": 2 })
    }

    fn parse(document: &serde_json::Value, content_type: Option<&str>) -> Result<Manifest, String> {
        Manifest::parse(document.to_string().as_bytes(), content_type)
    }

    #[test]
    fn a_manifest_is_what_it_was_sent_as() {
        let bare = json!({ "schemaVersion": 2, "config": part(), "layers": [part()] });
        assert_eq!(parse(&bare, Some(OCI_MANIFEST)).unwrap().parts().len(), 2);
        let typed = parse(&bare, Some("application/vnd.oci.image.manifest.v1+json; charset=utf-8")).unwrap();
        assert_eq!(typed.media_type, OCI_MANIFEST);
        assert!(parse(&bare, None).is_err());
        let list = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": null });
        assert!(parse(&list, None).unwrap().parts().is_empty());
        assert!(parse(&list, Some(OCI_MANIFEST)).is_err());
    }

    #[test]
    fn documents_that_can_be_read_in_two_ways_are_refused() {
        for (document, media_type) in [
            (json!({ "schemaVersion": 2, "config": part(), "layers": [], "manifests": [] }), OCI_MANIFEST),
            (json!({ "schemaVersion": 2, "layers": [] }), OCI_MANIFEST),
            (json!({ "schemaVersion": 2, "manifests": [], "layers": [] }), OCI_INDEX),
            (json!({ "schemaVersion": 1, "config": part(), "layers": [] }), OCI_MANIFEST),
            (json!({ "schemaVersion": 2, "config": part(), "layers": [] }), "application/json"),
            (json!({ "schemaVersion": 2, "config": { "digest": "x" } }), OCI_MANIFEST),
            (json!([]), OCI_MANIFEST),
        ] {
            assert!(parse(&document, Some(media_type)).is_err(), "{document}");
        }
        assert!(Manifest::parse(b"{", Some(OCI_MANIFEST)).is_err());
    }

    #[test]
    fn layers_that_are_kept_elsewhere_need_not_be_here() {
        let mut foreign = part();
        foreign["urls"] = json!(["https://example.com/layer"]);
        let mut bound = part();
        bound["mediaType"] = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip".into();
        let document = json!({ "schemaVersion": 2, "config": part(), "layers": [foreign, bound] });
        assert_eq!(parse(&document, Some(OCI_MANIFEST)).unwrap().parts().len(), 1);
    }
}
