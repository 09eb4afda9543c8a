//! The small files that say what a layout or an archive holds.

use serde_json::{Value, json};

use super::Root;
use crate::manifest::{Descriptor, Manifest, OCI_INDEX};

pub(super) const OCI_LAYOUT: &str = r#"{"imageLayoutVersion":"1.0.0"}"#;

const REF_NAME: &str = "org.opencontainers.image.ref.name";
const CONTAINERD_NAME: &str = "io.containerd.image.name";

/// `index.json` with these images added to what it has. An entry of the same name is replaced.
pub(super) fn index(existing: Option<Value>, roots: &[Root]) -> Vec<u8> {
    let mut index = existing
        .filter(Value::is_object)
        .unwrap_or_else(|| json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}));
    let mut entries = match index.get_mut("manifests").map(Value::take) {
        Some(Value::Array(entries)) => entries,
        _ => Vec::new(),
    };
    for root in roots {
        let entry = entry(root);
        entries.retain(|existing| !is_same(existing, &entry));
        entries.push(entry);
    }
    index["manifests"] = Value::Array(entries);
    index.to_string().into_bytes()
}

fn entry(root: &Root) -> Value {
    let manifest = root.root();
    let mut annotations = json!({});
    if let Some(tag) = root.reference.tag() {
        annotations[REF_NAME] = tag.into();
        annotations[CONTAINERD_NAME] = full_name(root).into();
    }
    json!({
        "mediaType": manifest.media_type,
        "digest": manifest.digest.as_str(),
        "size": manifest.bytes.len(),
        "annotations": annotations,
    })
}

/// True if the new entry takes the place of an old one: the same name, or the same nameless content.
fn is_same(old: &Value, new: &Value) -> bool {
    let annotation = |entry: &Value, key: &str| entry["annotations"][key].as_str().map(str::to_owned);
    let (old_full, new_full) = (annotation(old, CONTAINERD_NAME), annotation(new, CONTAINERD_NAME));
    let (old_tag, new_tag) = (annotation(old, REF_NAME), annotation(new, REF_NAME));
    match (old_full, old_tag) {
        (Some(full), _) => new_full == Some(full),
        (None, Some(tag)) => new_tag == Some(tag),
        (None, None) => new_tag.is_none() && old["digest"] == new["digest"],
    }
}

/// The name without a digest.
fn full_name(root: &Root) -> String {
    let reference = &root.reference;
    let tag = reference.tag().unwrap_or("latest");
    format!("{}/{}:{tag}", reference.registry(), reference.repository())
}

/// `manifest.json`, by which `docker load` finds its way.
pub(super) fn docker(roots: &[Root]) -> Vec<u8> {
    let image = |root: &Root| {
        // The configuration is the last of the blobs, below the layers.
        let blobs: Vec<&Descriptor> = Manifest::blobs(root.root()).collect();
        let (config, layers) = blobs.split_last()?;
        let tags = root.reference.tag().map(|_| full_name(root));
        Some(json!({
            "Config": config.digest.path(),
            "RepoTags": tags.into_iter().collect::<Vec<_>>(),
            "Layers": layers.iter().map(|layer| layer.digest.path()).collect::<Vec<_>>(),
        }))
    };
    Value::Array(roots.iter().filter_map(image).collect()).to_string().into_bytes()
}
