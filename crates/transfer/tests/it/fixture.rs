//! Images to push, and clients to push them with.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mlspace_registry_transfer::{Client, ClientBuilder, Digest, ManualClock, Reference, Source};
use serde_json::{Value, json};

/// Bytes that look like a program's: half of them compress.
pub(crate) fn bytes(seed: u64, len: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut bytes = Vec::with_capacity(len + 1024);
    while bytes.len() < len {
        let mut dense = [0; 512];
        random.fill(&mut dense);
        bytes.extend_from_slice(&dense);
        bytes.extend_from_slice(&[random.u8(..8); 512]);
    }
    bytes.truncate(len);
    bytes
}

/// A layout that grows.
pub(crate) struct Layout {
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    entries: Vec<Value>,
}

pub(crate) fn layout() -> Layout {
    let files = BTreeMap::from([("oci-layout".to_owned(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec())]);
    Layout { files, entries: Vec::new() }
}

impl Layout {
    pub(crate) fn blob(&mut self, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        self.files.insert(format!("blobs/sha256/{}", digest.hex()), bytes.to_vec());
        digest
    }

    /// Writes a manifest in a form of its own, to see that the bytes stay as they are.
    pub(crate) fn manifest(&mut self, layers: &[Vec<u8>]) -> Value {
        let describe = |layout: &mut Self, media_type: &str, bytes: &[u8]| json!({"mediaType": media_type, "digest": layout.blob(bytes).as_str(), "size": bytes.len()});
        let config =
            json!({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}});
        let config =
            describe(self, "application/vnd.oci.image.config.v1+json", format!("{config:#}").as_bytes());
        let layers: Vec<_> = layers
            .iter()
            .map(|layer| describe(self, "application/vnd.oci.image.layer.v1.tar+gzip", layer))
            .collect();
        let media_type = "application/vnd.oci.image.manifest.v1+json";
        let manifest =
            json!({"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": layers});
        describe(self, media_type, format!("{manifest:#} \n").as_bytes())
    }

    pub(crate) fn name(&mut self, mut descriptor: Value, name: &str) {
        descriptor["annotations"] = json!({"org.opencontainers.image.ref.name": name});
        self.entries.push(descriptor);
    }

    pub(crate) fn index(&mut self, children: &[Value]) -> Value {
        let media_type = "application/vnd.oci.image.index.v1+json";
        let index = json!({"schemaVersion": 2, "mediaType": media_type, "manifests": children});
        let bytes = format!("{index:#}\n").into_bytes();
        json!({"mediaType": media_type, "digest": self.blob(&bytes).as_str(), "size": bytes.len()})
    }

    fn finish(mut self) -> BTreeMap<String, Vec<u8>> {
        let index = json!({"schemaVersion": 2, "manifests": self.entries});
        self.files.insert("index.json".into(), index.to_string().into_bytes());
        self.files
    }

    pub(crate) fn write(self, folder: &Path) -> PathBuf {
        for (name, bytes) in self.finish() {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        folder.to_owned()
    }

    pub(crate) fn tar(self, path: &Path) -> PathBuf {
        tar(path, self.finish())
    }
}

pub(crate) fn tar(path: &Path, files: impl IntoIterator<Item = (String, Vec<u8>)>) -> PathBuf {
    let mut builder = tar::Builder::new(std::fs::File::create(path).unwrap());
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, &bytes[..]).unwrap();
    }
    builder.finish().unwrap();
    path.to_owned()
}

/// A layout with one image, `v1`, of these layers.
pub(crate) fn image(layers: &[Vec<u8>]) -> Layout {
    let mut layout = layout();
    let manifest = layout.manifest(layers);
    layout.name(manifest, "v1");
    layout
}

/// An archive as `docker save` makes them; the layers are tar files.
pub(crate) fn docker_archive(path: &Path, layers: &[Vec<u8>]) -> PathBuf {
    let ids: Vec<_> = layers.iter().map(|layer| Digest::of(layer)).collect();
    let diff_ids: Vec<_> = ids.iter().map(Digest::as_str).collect();
    let config =
        json!({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids}});
    let config = config.to_string().into_bytes();
    let config_name = format!("{}.json", Digest::of(&config).hex());
    let names: Vec<_> = ids.iter().map(|id| format!("{}/layer.tar", id.hex())).collect();
    let manifest = json!([{"Config": config_name, "RepoTags": ["app:v1"], "Layers": names}]);
    let mut files = vec![(config_name, config), ("manifest.json".into(), manifest.to_string().into_bytes())];
    files.extend(names.into_iter().zip(layers.iter().cloned()));
    tar(path, files)
}

/// A tar file with some content, as layers are.
pub(crate) fn plain_layer(seed: u64, len: usize) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::read(tar(&folder.path().join("layer"), [("file".to_owned(), bytes(seed, len))])).unwrap()
}

/// A client that waits for nobody, and what it would have waited for.
pub(crate) fn client() -> (ClientBuilder, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new());
    (Client::builder().clock(clock.clone()), clock)
}

/// Pushes the only image of a source and wants it to work.
pub(crate) async fn push(client: &Client, source: &Path, to: &Reference) -> Digest {
    try_push(client, source, to).await.unwrap()
}

pub(crate) async fn try_push(
    client: &Client,
    source: &Path,
    to: &Reference,
) -> Result<Digest, Arc<mlspace_registry_transfer::Error>> {
    let source = Source::open(source).await?;
    let image = source.image(None)?.clone();
    client.push([(image, to.clone())]).send().await?.images.remove(0).result
}
