//! OCI image layouts.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde::Deserialize;

use super::tree::Tree;
use super::{Blob, Image, ImageEntry, Loaded, Manifests};
use crate::digest::{Digest, shown};
use crate::error::{Error, Result};
use crate::manifest::{
    CONFIG_CAP, Content, DEPTH_CAP, Descriptor, ImageIndex, MANIFEST_CAP, MANIFESTS_BYTES_CAP, MANIFESTS_CAP,
    Manifest, choose, is_image_config,
};
use crate::platform::Platform;
use crate::push::supply::Origin;

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

/// The images that a layout names. What has several names is one image. Of an index of which only a part is
/// there, each image that is there is one.
pub(super) fn images(tree: &Arc<Tree>) -> Result<Vec<Image>> {
    let mut merged: Vec<(Descriptor, Vec<String>)> = Vec::new();
    for entry in index(tree)?.manifests {
        let at = merged.iter().position(|(known, _)| known.digest == entry.digest);
        let at = at.unwrap_or_else(|| {
            merged.push((entry.clone(), Vec::new()));
            merged.len() - 1
        });
        for name in [CONTAINERD_NAME, REF_NAME].iter().filter_map(|key| entry.annotation(key)) {
            if !merged[at].1.iter().any(|known| known == name) {
                merged[at].1.push(name.to_owned());
            }
        }
    }
    let (mut images, mut survey) = (Vec::new(), Survey { tree, seen: HashMap::new() });
    for (entry, names) in merged {
        let image = |entry: &Descriptor, absent: &[String]| Image {
            tree: tree.clone(),
            names: names.clone(),
            platform: entry.platform.clone().filter(|platform| !platform.is_unknown()),
            absent: absent.to_vec(),
            entry: ImageEntry::Layout(entry.clone()),
        };
        // What cannot be read is said when it is to be pushed: other images may be sound.
        let Ok(manifest) = read(tree, &entry) else {
            images.push(image(&entry, &[]));
            continue;
        };
        let children = match &manifest.content {
            Content::Index { manifests } => manifests.as_slice(),
            Content::Image { .. } => &[],
        };
        let (there, absent): (Vec<_>, Vec<_>) = children.iter().partition(|child| survey.is_whole(child, 0));
        let there: Vec<_> = there.into_iter().filter(|child| !child.is_attestation()).collect();
        if absent.is_empty() || there.is_empty() {
            images.push(image(&entry, &[]));
        } else {
            let describe = |child: &Descriptor| match &child.platform {
                Some(platform) if !platform.is_unknown() => platform.to_string(),
                _ => child.digest.to_string(),
            };
            let absent: Vec<_> = absent.into_iter().map(describe).collect();
            images.extend(there.into_iter().map(|child| image(child, &absent)));
        }
    }
    Ok(images)
}

/// Looks what is there below entries of indexes, and reads no blob. Each manifest is looked at once, however many
/// indexes name it.
struct Survey<'a> {
    tree: &'a Tree,
    seen: HashMap<Digest, bool>,
}

impl Survey<'_> {
    /// True if everything that is below an entry is there.
    fn is_whole(&mut self, entry: &Descriptor, depth: usize) -> bool {
        if let Some(known) = self.seen.get(&entry.digest) {
            return *known;
        }
        let is_whole = read(self.tree, entry).is_ok_and(|manifest| match &manifest.content {
            Content::Index { manifests } => {
                depth < DEPTH_CAP && manifests.iter().all(|child| self.is_whole(child, depth + 1))
            }
            Content::Image { .. } => {
                let is_there = |blob: &Descriptor| matches!(self.tree.find(&blob.digest.path()), Ok(Some(_)));
                manifest.blobs().all(|blob| blob.is_foreign() || is_there(blob))
            }
        });
        self.seen.insert(entry.digest.clone(), is_whole);
        is_whole
    }
}

/// True if the layers are plain tar files: then a docker archive's other side is the better source.
pub(super) fn is_plain(images: &[Image]) -> Result<bool> {
    let mut layers = 0;
    for image in images {
        let ImageEntry::Layout(named) = &image.entry else { continue };
        for manifest in manifests(&image.tree, named)? {
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

/// The image of an index for that platform, or the image itself if it is for it.
pub(super) fn for_platform(image: &Image, entry: &Descriptor, asked: &Platform) -> Result<Image> {
    let (mut entry, mut is_named) = (entry.clone(), image.platform.is_some());
    let mut manifest = read(&image.tree, &entry)?;
    for _ in 0..DEPTH_CAP {
        let Content::Index { manifests } = &manifest.content else { break };
        entry = choose(manifests, asked).map_err(Error::Invalid)?.clone();
        is_named = entry.platform.is_some();
        manifest = read(&image.tree, &entry)?;
    }
    let own = match &manifest.content {
        _ if is_named => entry.platform.clone(),
        Content::Image { config, .. } if is_image_config(&config.media_type) => {
            let config = image.tree.read(&config.digest.path(), CONFIG_CAP)?;
            serde_json::from_slice(&config).ok()
        }
        _ => None,
    };
    let one = Image { platform: entry.platform.clone(), entry: ImageEntry::Layout(entry), ..image.clone() };
    one.fitting(own, asked)
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
    let manifest = read(tree, named)?;
    if let Content::Index { manifests } = &manifest.content {
        for child in manifests {
            visit(tree, child, depth + 1, seen, found)?;
        }
    }
    found.push(manifest);
    Ok(())
}

/// A manifest that must be there, checked.
fn read(tree: &Tree, named: &Descriptor) -> Result<Manifest> {
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
    Ok(manifest)
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
        blobs.push(Blob {
            digest: named.digest.clone(),
            origin: Origin::Here(data),
            is_plain_layer: false,
            compression: None,
        });
    }
    Ok(Loaded { blobs, manifests: Manifests::Ready(manifests) })
}
