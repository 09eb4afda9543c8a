//! Archives and layouts in the shapes in which the programs that people have write them.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use mlspace_registry_transfer::{Digest, Source};
use serde_json::{Value, json};

use crate::fixture::{client, plain_layer, tar};
use crate::registry::Registry;

const OCI: &str = "application/vnd.oci.image";

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    to.write_all(plain).unwrap();
    to.finish().unwrap()
}

fn gunzip(packed: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    flate2::read::MultiGzDecoder::new(packed).read_to_end(&mut plain).unwrap();
    plain
}

/// The files that a maker writes.
#[derive(Default)]
struct Made(BTreeMap<String, Vec<u8>>);

impl Made {
    fn file(&mut self, name: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.0.insert(name.into(), bytes.into());
    }

    fn json(&mut self, name: &str, value: &Value) {
        self.file(name, value.to_string());
    }

    fn blob(&mut self, media_type: &str, bytes: &[u8]) -> Value {
        let digest = Digest::of(bytes);
        self.file(format!("blobs/sha256/{}", digest.hex()), bytes);
        json!({"mediaType": media_type, "digest": digest.as_str(), "size": bytes.len()})
    }

    /// A manifest with all that it names, plain or compressed.
    fn image(&mut self, layers: &[Vec<u8>], architecture: &str, is_plain: bool) -> Value {
        let ids: Vec<_> = layers.iter().map(|layer| Digest::of(layer).to_string()).collect();
        let config = config(&ids, architecture);
        let config = self.blob(&format!("{OCI}.config.v1+json"), config.to_string().as_bytes());
        let layer = |layer: &Vec<u8>| match is_plain {
            true => self.blob(&format!("{OCI}.layer.v1.tar"), layer),
            false => self.blob(&format!("{OCI}.layer.v1.tar+gzip"), &gzip(layer)),
        };
        let layers: Vec<_> = layers.iter().map(layer).collect();
        let media_type = format!("{OCI}.manifest.v1+json");
        let manifest =
            json!({"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": layers});
        self.blob(&media_type, manifest.to_string().as_bytes())
    }

    fn index(&mut self, children: &[Value]) -> Value {
        let media_type = format!("{OCI}.index.v1+json");
        let index = json!({"schemaVersion": 2, "mediaType": media_type, "manifests": children});
        self.blob(&media_type, index.to_string().as_bytes())
    }

    fn layout(&mut self, entries: &[Value]) {
        self.json("oci-layout", &json!({"imageLayoutVersion": "1.0.0"}));
        self.json("index.json", &json!({"schemaVersion": 2, "manifests": entries}));
    }

    /// The other side of an archive: what `docker load` reads.
    fn docker(&mut self, manifest: &Value, tags: &[&str]) -> Value {
        let name = |entry: &Value| format!("blobs/sha256/{}", &entry["digest"].as_str().unwrap()[7..]);
        let manifest: Value = serde_json::from_slice(&self.0[&name(manifest)]).unwrap();
        let layers: Vec<_> = manifest["layers"].as_array().unwrap().iter().map(name).collect();
        json!({"Config": name(&manifest["config"]), "RepoTags": tags, "Layers": layers})
    }

    fn remove(&mut self, entry: &Value) {
        self.0.remove(&format!("blobs/sha256/{}", &entry["digest"].as_str().unwrap()[7..])).unwrap();
    }

    fn tar(self, folder: &Path) -> PathBuf {
        tar(&folder.join("image.tar"), self.0)
    }

    fn folder(self, folder: &Path) -> PathBuf {
        for (name, bytes) in self.0 {
            let path = folder.join("layout").join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        folder.join("layout")
    }
}

fn config(ids: &[String], architecture: &str) -> Value {
    json!({"architecture": architecture, "os": "linux", "rootfs": {"type": "layers", "diff_ids": ids}})
}

fn named(mut entry: Value, full: &str, tag: &str) -> Value {
    entry["annotations"] =
        json!({"io.containerd.image.name": full, "org.opencontainers.image.ref.name": tag});
    entry
}

fn platform(mut entry: Value, os: &str, architecture: &str) -> Value {
    entry["platform"] = json!({"os": os, "architecture": architecture});
    entry
}

/// `docker save` up to 24: one folder for each layer, links where one comes twice.
fn docker_24(layers: &[Vec<u8>], folder: &Path) -> PathBuf {
    crate::fixture::docker_archive(&folder.join("image.tar"), layers)
}

/// `docker save` of 25 to 28: an OCI side too, which docker makes up around plain layers.
fn docker_25(layers: &[Vec<u8>], folder: &Path) -> PathBuf {
    let mut made = Made::default();
    let image = made.image(layers, "amd64", true);
    let mut entry = made.docker(&image, &["app:v1", "app:latest"]);
    let source = |layer: &Vec<u8>| {
        let (digest, media_type) = (Digest::of(layer).to_string(), format!("{OCI}.layer.v1.tar"));
        (digest.clone(), json!({"mediaType": media_type, "size": layer.len(), "digest": digest}))
    };
    entry["LayerSources"] = Value::Object(layers.iter().map(source).collect());
    made.json("manifest.json", &json!([entry]));
    made.json("repositories", &json!({"app": {"v1": "0", "latest": "0"}}));
    let entries =
        ["v1", "latest"].map(|tag| named(image.clone(), &format!("docker.io/library/app:{tag}"), tag));
    made.layout(&entries);
    made.tar(folder)
}

/// `docker save` of 29, and ctr: from an index of which one platform was pulled.
fn docker_29(layers: &[Vec<u8>], folder: &Path) -> PathBuf {
    let mut made = Made::default();
    let image = made.image(layers, "amd64", false);
    let other = made.image(&[plain_layer(9, 100)], "arm64", false);
    made.remove(&other);
    let attestation = platform(made.blob("x/y", b"missing, too"), "unknown", "unknown");
    made.remove(&attestation);
    let index = made.index(&[
        platform(image.clone(), "linux", "amd64"),
        platform(other, "linux", "arm64"),
        attestation,
    ]);
    let entry = made.docker(&image, &["app:v1"]);
    made.json("manifest.json", &json!([entry]));
    made.layout(&[named(index, "docker.io/library/app:v1", "v1")]);
    made.tar(folder)
}

/// podman's docker-archive: layers and configuration at the top, old names as links.
fn podman(layers: &[Vec<u8>], folder: &Path) -> PathBuf {
    let mut made = Made::default();
    let ids: Vec<_> = layers.iter().map(|layer| Digest::of(layer).to_string()).collect();
    let config = config(&ids, "amd64").to_string();
    let config_name = format!("{}.json", Digest::of(config.as_bytes()).hex());
    let names: Vec<_> = ids.iter().map(|id| format!("{}.tar", &id[7..])).collect();
    for (name, layer) in names.iter().zip(layers) {
        made.file(name, layer.clone());
    }
    made.file(&config_name, config);
    made.json(
        "manifest.json",
        &json!([{"Config": config_name, "RepoTags": ["localhost/app:v1"], "Layers": names}]),
    );
    made.json("repositories", &json!({"localhost/app": {"v1": "0"}}));
    made.tar(folder)
}

/// buildah's and podman's OCI layouts: no media type in the manifest, full names as tags.
fn buildah(layers: &[Vec<u8>], folder: &Path) -> PathBuf {
    let mut made = Made::default();
    let image = made.image(layers, "amd64", false);
    let name = format!("blobs/sha256/{}", &image["digest"].as_str().unwrap()[7..]);
    let mut manifest: Value = serde_json::from_slice(&made.0.remove(&name).unwrap()).unwrap();
    manifest.as_object_mut().unwrap().remove("mediaType");
    manifest["annotations"] = Value::Null;
    let mut entry = made.blob(&format!("{OCI}.manifest.v1+json"), manifest.to_string().as_bytes());
    entry["annotations"] = json!({"org.opencontainers.image.ref.name": "localhost/app:v1"});
    made.layout(&[entry]);
    made.folder(folder)
}

/// Tarballs of go-containerregistry, as ko and kaniko write them: compressed layers, digests for names.
fn kaniko(layers: &[Vec<u8>], folder: &Path) -> PathBuf {
    packed(layers, folder, |config| Digest::of(config).to_string())
}

/// jib's: the same with a plain name for the configuration.
fn jib(layers: &[Vec<u8>], folder: &Path) -> PathBuf {
    packed(layers, folder, |_| "config.json".into())
}

fn packed(layers: &[Vec<u8>], folder: &Path, config_name: impl Fn(&[u8]) -> String) -> PathBuf {
    let mut made = Made::default();
    let ids: Vec<_> = layers.iter().map(|layer| Digest::of(layer).to_string()).collect();
    let config = config(&ids, "amd64").to_string();
    let mut names = Vec::new();
    for layer in layers {
        let layer = gzip(layer);
        names.push(format!("{}.tar.gz", Digest::of(&layer).hex()));
        made.file(names.last().unwrap(), layer);
    }
    let config_name = config_name(config.as_bytes());
    made.file(&config_name, config);
    made.json("manifest.json", &json!([{"Config": config_name, "RepoTags": ["app:v1"], "Layers": names}]));
    made.tar(folder)
}

/// nix's: compressed as a whole, with files of its own.
fn nix(layers: &[Vec<u8>], folder: &Path) -> PathBuf {
    let plain = docker_24(layers, folder);
    let path = folder.join("image.tar.gz");
    std::fs::write(&path, gzip(&std::fs::read(plain).unwrap())).unwrap();
    path
}

/// bazel's layouts: blobs are links, here to another place of the same folder.
#[cfg(unix)]
fn bazel(layers: &[Vec<u8>], folder: &Path) -> PathBuf {
    let mut made = Made::default();
    let image = made.image(layers, "amd64", false);
    made.layout(&[named(image, "docker.io/library/app:v1", "v1")]);
    let path = made.folder(folder);
    std::fs::rename(path.join("blobs/sha256"), path.join("content")).unwrap();
    std::fs::create_dir(path.join("blobs/sha256")).unwrap();
    for entry in std::fs::read_dir(path.join("content")).unwrap() {
        let name = entry.unwrap().file_name();
        let to = Path::new("../../content").join(&name);
        std::os::unix::fs::symlink(to, path.join("blobs/sha256").join(name)).unwrap();
    }
    path
}

/// buildkit's: an index with an attestation, whole.
fn buildkit(layers: &[Vec<u8>], folder: &Path) -> PathBuf {
    let mut made = Made::default();
    let image = made.image(layers, "amd64", false);
    let attestation = made.image(&[b"{}".to_vec()], "unknown", true);
    let index = made.index(&[platform(image, "linux", "amd64"), platform(attestation, "unknown", "unknown")]);
    made.layout(&[named(index, "docker.io/library/app:v1", "v1")]);
    made.tar(folder)
}

type Maker = fn(&[Vec<u8>], &Path) -> PathBuf;

const MAKERS: [(&str, Maker); 11] = [
    ("docker 24", docker_24),
    ("docker 25", docker_25),
    ("docker 29", docker_29),
    ("podman", podman),
    ("buildah", buildah),
    ("kaniko", kaniko),
    ("jib", jib),
    ("nix", nix),
    #[cfg(unix)]
    ("bazel", bazel),
    ("buildkit", buildkit),
    ("ko", kaniko),
];

/// The plain layers of what is in the registry, of the one platform that it is for.
async fn stored(registry: &Registry, target: &str) -> Vec<Vec<u8>> {
    let manifest: Value =
        serde_json::from_slice(&registry.get(&format!("app/manifests/{target}")).await.unwrap()).unwrap();
    if let Some(child) = manifest["manifests"].get(0) {
        return Box::pin(stored(registry, child["digest"].as_str().unwrap())).await;
    }
    let mut layers = Vec::new();
    for layer in manifest["layers"].as_array().unwrap() {
        let digest = layer["digest"].as_str().unwrap().parse().unwrap();
        let bytes = registry.blob("app", &digest).await.unwrap();
        assert!(layer["mediaType"].as_str().unwrap().ends_with("gzip"), "{manifest}");
        layers.push(gunzip(&bytes));
    }
    layers
}

#[tokio::test]
async fn what_every_maker_writes_is_pushed_with_the_layers_that_it_has() {
    let layers = [plain_layer(1, 20_000), plain_layer(2, 10)];
    for (maker, make) in MAKERS {
        let folder = tempfile::tempdir().unwrap();
        let source = Source::open(make(&layers, folder.path())).await.expect(maker);
        for name in [Some("app:v1"), None, Some("1")] {
            let image = source.image(name).unwrap_or_else(|error| panic!("{maker}: {name:?}: {error}"));
            let registry = Registry::start().await;
            let push = client().0.build().unwrap().push([(image.clone(), registry.name("app:v1"))]);
            let report = push.send().await.unwrap();
            report.images[0].result.as_ref().unwrap_or_else(|error| panic!("{maker}: {error}"));
            assert!(stored(&registry, "v1").await == layers, "{maker}");
        }
    }
}

#[tokio::test]
async fn an_index_of_which_a_part_is_there_gives_that_part_and_says_what_is_absent() {
    let layers = [plain_layer(1, 1000)];
    let folder = tempfile::tempdir().unwrap();
    let source = Source::open(docker_29(&layers, folder.path())).await.unwrap();
    let image = source.image(None).unwrap();
    assert_eq!(image.absent()[0], "linux/arm64");
    assert!(source.image(Some("linux/arm64")).is_err());
    assert!(image.for_platform("linux/arm64").await.is_err());
    assert_eq!(image.for_platform("x86_64").await.unwrap().digest(), image.digest());
}

#[tokio::test]
async fn the_sound_side_of_an_archive_is_taken_when_the_other_is_broken() {
    let layers = [plain_layer(1, 1000)];
    let made = || {
        let mut made = Made::default();
        let image = made.image(&layers, "amd64", false);
        let entry = made.docker(&image, &["app:v1"]);
        made.json("manifest.json", &json!([entry]));
        made.layout(&[named(image.clone(), "docker.io/library/app:v1", "v1")]);
        (made, image)
    };
    type Damage = fn(&mut Made, &Value);
    let breaks: [(&str, Damage); 5] = [
        ("no manifest", |made, image| made.remove(image)),
        ("index.json is no JSON", |made, _| made.file("index.json", "{")),
        ("oci-layout is empty", |made, _| made.file("oci-layout", "")),
        ("manifest.json is no JSON", |made, _| made.file("manifest.json", "[")),
        ("manifest.json names nothing", |made, _| {
            made.json("manifest.json", &json!([{"Config": "x.json", "Layers": []}]));
        }),
    ];
    for (what, damage) in breaks {
        let folder = tempfile::tempdir().unwrap();
        let (mut broken, image) = made();
        damage(&mut broken, &image);
        let source = Source::open(broken.tar(folder.path())).await.expect(what);
        let registry = Registry::start().await;
        let one = source.image(None).unwrap().clone();
        let report = client().0.build().unwrap().push([(one, registry.name("app:v1"))]).send().await.unwrap();
        report.images[0].result.as_ref().expect(what);
        assert!(stored(&registry, "v1").await == layers, "{what}");
    }
    // With both broken, what is said is about the side that says more.
    let folder = tempfile::tempdir().unwrap();
    let (mut broken, image) = made();
    broken.remove(&image);
    broken.file("manifest.json", "[");
    let error = Source::open(broken.tar(folder.path())).await.unwrap_err();
    assert!(error.to_string().contains("is missing"), "{error}");
}

#[tokio::test]
async fn an_image_is_found_by_whatever_people_call_it() {
    let mut made = Made::default();
    let (one, two) = (
        made.image(&[plain_layer(1, 10)], "amd64", false),
        made.image(&[plain_layer(2, 10)], "arm64", false),
    );
    let digest = |entry: &Value| entry["digest"].as_str().unwrap().to_owned();
    let (first, second) = (digest(&one), digest(&two));
    // The first has two names, the second none.
    made.layout(&[
        named(one.clone(), "docker.io/library/app:v1", "v1"),
        named(one, "docker.io/library/app:latest", "latest"),
        platform(two, "linux", "arm64"),
    ]);
    let folder = tempfile::tempdir().unwrap();
    let source = Source::open(made.tar(folder.path())).await.unwrap();
    assert_eq!(source.images().len(), 2);
    let found = |name: &str| source.image(Some(name)).map(|image| image.digest().unwrap().to_string());
    for name in [
        "docker.io/library/app:v1",
        "library/app:v1",
        "app:v1",
        "app",
        "v1",
        "latest",
        &first,
        &first[7..14],
        "1",
    ] {
        assert_eq!(found(name).expect(name), first, "{name}");
    }
    for name in [&second, &second[7..20], "linux/arm64", "aarch64", "2"] {
        assert_eq!(found(name).expect(name), second, "{name}");
    }
    for name in ["v2", "pp:v1", "linux/s390x", "3", "0", &first[7..12]] {
        let error = found(name).unwrap_err().to_string();
        assert!(error.contains("app:v1") && error.contains(&second), "{name}: {error}");
    }
}

#[tokio::test]
async fn an_image_with_plain_layers_stays_the_same_through_an_archive() {
    use mlspace_registry_transfer::Target;

    let mut made = Made::default();
    let image = made.image(&[plain_layer(1, 1000)], "amd64", true);
    made.layout(&[named(image.clone(), "docker.io/library/app:v1", "v1")]);
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::start().await;
    let client = client().0.build().unwrap();
    let path = made.folder(folder.path());
    assert_eq!(
        crate::fixture::push(&client, &path, &registry.name("app:v1")).await.as_str(),
        image["digest"]
    );
    let archive = folder.path().join("back.tar");
    client.pull([registry.name("app:v1")], Target::docker_archive(&archive)).send().await.unwrap();
    assert_eq!(
        crate::fixture::push(&client, &archive, &registry.name("app:v2")).await.as_str(),
        image["digest"]
    );
}

#[tokio::test]
async fn an_archive_is_read_from_a_pipe_and_compressed() {
    let layers = [plain_layer(1, 1000)];
    let folder = tempfile::tempdir().unwrap();
    let plain = std::fs::read(docker_24(&layers, folder.path())).unwrap();
    let scratch = folder.path().join("scratch");
    std::fs::create_dir(&scratch).unwrap();
    let zstd = zstd::encode_all(&plain[..], 1).unwrap();
    for bytes in [plain.clone(), gzip(&plain), zstd] {
        let source = Source::read(std::io::Cursor::new(bytes), &scratch).await.unwrap();
        let registry = Registry::start().await;
        let image = source.image(Some("app:v1")).unwrap().clone();
        // The copy is there for as long as an image of it is.
        drop(source);
        let push = client().0.build().unwrap().push([(image, registry.name("app:v1"))]);
        assert!(push.send().await.unwrap().is_complete());
        assert!(stored(&registry, "v1").await == layers);
        assert_eq!(std::fs::read_dir(&scratch).unwrap().count(), 0);
    }
    let error = Source::read(std::io::empty(), &scratch).await.unwrap_err();
    assert!(error.to_string().contains("empty"), "{error}");
}

#[tokio::test]
async fn indexes_that_name_each_other_many_times_are_looked_at_once() {
    let mut made = Made::default();
    let mut inner = made.image(&[plain_layer(1, 10)], "amd64", false);
    for _ in 0..7 {
        inner = made.index(&vec![inner; 1000]);
    }
    made.layout(&[named(inner, "docker.io/library/app:v1", "v1")]);
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(Source::open(made.tar(folder.path())).await.unwrap().images().len(), 1);
}
