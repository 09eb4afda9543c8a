//! OCI image layouts.

use std::collections::HashSet;
use std::sync::Arc;

use serde::Deserialize;

use super::tree::Tree;
use super::{Blob, Image, ImageEntry, Loaded, Manifests};
use crate::digest::{Digest, shown};
use crate::error::Result;
use crate::manifest::{
    Content, DEPTH_CAP, Descriptor, ImageIndex, MANIFEST_CAP, MANIFESTS_BYTES_CAP, MANIFESTS_CAP, Manifest,
};

const REF_NAME: &str = "org.opencontainers.image.ref.name";
const CONTAINERD_NAME: &str = "io.containerd.image.name";

/// The file by which a layout is known.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OciLayout {
    image_layout_version: String,
}

fn index(tree: &Tree) -> Result<ImageIndex> {
    let wrong = |name: &str, error: serde_json::Error| {
        tree.wrong(format!("`{name}` is not as specified: {}", shown(&error.to_string())))
    };
    let marker: OciLayout = serde_json::from_slice(&tree.read("oci-layout", MANIFEST_CAP)?)
        .map_err(|error| wrong("oci-layout", error))?;
    if !marker.image_layout_version.starts_with("1.") {
        return Err(
            tree.wrong(format!("layout version {} is not known", shown(&marker.image_layout_version)))
        );
    }
    serde_json::from_slice(&tree.read("index.json", MANIFEST_CAP)?)
        .map_err(|error| wrong("index.json", error))
}

/// The images that a layout names.
pub(super) fn images(tree: &Arc<Tree>) -> Result<Vec<Image>> {
    let image = |descriptor: Descriptor| {
        let mut names: Vec<String> = [CONTAINERD_NAME, REF_NAME]
            .iter()
            .filter_map(|key| descriptor.annotation(key).map(str::to_owned))
            .collect();
        names.dedup();
        Image { tree: tree.clone(), entry: ImageEntry::Layout(descriptor), names }
    };
    Ok(index(tree)?.manifests.into_iter().map(image).collect())
}

/// True if the layers are plain tar files: then a docker archive's other side is the better source.
pub(super) fn is_plain(tree: &Arc<Tree>) -> Result<bool> {
    let mut layers = 0;
    for image in images(tree)? {
        let ImageEntry::Layout(named) = &image.entry else { continue };
        for manifest in manifests(tree, named)? {
            if let Content::Image { layers: own, .. } = &manifest.content {
                layers += own.len();
                if own.iter().any(|layer| !layer.media_type.ends_with(".tar")) {
                    return Ok(false);
                }
            }
        }
    }
    Ok(layers > 0)
}

/// The manifests below a root, children first.
fn manifests(tree: &Tree, root: &Descriptor) -> Result<Vec<Manifest>> {
    let (mut found, mut seen) = (Vec::new(), HashSet::new());
    visit(tree, root, 0, &mut seen, &mut found)?;
    Ok(found)
}

fn visit(
    tree: &Tree,
    named: &Descriptor,
    depth: usize,
    seen: &mut HashSet<Digest>,
    found: &mut Vec<Manifest>,
) -> Result<()> {
    if !seen.insert(named.digest.clone()) {
        return Ok(());
    }
    let held: usize = found.iter().map(|manifest| manifest.bytes.len()).sum();
    if depth > DEPTH_CAP || seen.len() > MANIFESTS_CAP || held > MANIFESTS_BYTES_CAP {
        return Err(tree.wrong("its indexes are nested too deeply, or name too many or too long manifests"));
    }
    let name = named.digest.path();
    let bytes = tree.read(&name, MANIFEST_CAP)?;
    if bytes.len() as u64 != named.size {
        return Err(tree.wrong(format!(
            "`{name}` is {} bytes long, not {} as stated",
            bytes.len(),
            named.size
        )));
    }
    let mut hasher = crate::digest::Hasher::of(&named.digest);
    hasher.update(&bytes);
    let digest = hasher.finish();
    if digest != named.digest {
        return Err(tree.wrong(format!("the content of `{name}` has another digest: {digest}")));
    }
    let mut manifest = Manifest::parse(bytes, Some(&named.media_type))
        .map_err(|detail| tree.wrong(format!("`{name}`: {detail}")))?;
    manifest.digest = digest;
    if let Content::Index { manifests } = &manifest.content {
        for child in manifests {
            visit(tree, child, depth + 1, seen, found)?;
        }
    }
    found.push(manifest);
    Ok(())
}

/// Finds the blobs, and refuses what does not have the size that the manifest states.
pub(super) fn load(tree: &Arc<Tree>, root: &Descriptor) -> Result<Loaded> {
    let manifests = manifests(tree, root)?;
    let (mut blobs, mut seen) = (Vec::new(), HashSet::new());
    for named in manifests.iter().flat_map(Manifest::blobs) {
        if !seen.insert(&named.digest) {
            continue;
        }
        let name = named.digest.path();
        let data = match tree.find(&name)? {
            Some(data) => data,
            // It may be downloaded from elsewhere, and registries do not ask for it.
            None if named.is_foreign() => continue,
            None => return Err(tree.wrong(format!("`{name}` is missing in it"))),
        };
        if data.len() != named.size {
            return Err(tree.wrong(format!(
                "`{name}` is {} bytes long, not {} as stated",
                data.len(),
                named.size
            )));
        }
        blobs.push(Blob { digest: named.digest.clone(), data, is_plain_layer: false, compression: None });
    }
    Ok(Loaded { blobs, manifests: Manifests::Ready(manifests) })
}
