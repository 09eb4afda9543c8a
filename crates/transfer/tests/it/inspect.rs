//! What an image is made of, in a registry and in files.

use mlspace_registry_simulator::Fault;
use mlspace_registry_transfer::{Digest, Error, Inspected, Source};
use serde_json::{Value, json};

use crate::fixture::{bytes, client, docker_archive, layout, plain_layer, push};
use crate::registry::Registry;

/// An image of two layers, the first of which a command made; for two platforms.
fn made(folder: &std::path::Path) -> (std::path::PathBuf, Value) {
    let mut layout = layout();
    let mut child = |architecture: &str, variant: u64| {
        let layers = [bytes(variant, 2000), bytes(variant + 1, 100)];
        let config = json!({"architecture": architecture, "os": "linux", "config": {"Env": ["A=b"]}, "history": [
            {"created_by": "ADD rootfs"}, {"created_by": "ENV A=b", "empty_layer": true}, {"created_by": "RUN make"},
        ]});
        let describe = |media_type: &str, digest: &Digest, len: usize| json!({"mediaType": media_type, "digest": digest.as_str(), "size": len});
        let text = config.to_string();
        let config =
            describe("application/vnd.oci.image.config.v1+json", &layout.blob(text.as_bytes()), text.len());
        let layers: Vec<_> = layers
            .iter()
            .map(|layer| {
                describe("application/vnd.oci.image.layer.v1.tar+gzip", &layout.blob(layer), layer.len())
            })
            .collect();
        let media_type = "application/vnd.oci.image.manifest.v1+json";
        let manifest =
            json!({"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": layers});
        let text = manifest.to_string();
        let mut entry = describe(media_type, &layout.blob(text.as_bytes()), text.len());
        entry["platform"] = json!({"os": "linux", "architecture": architecture});
        entry
    };
    let children = [child("amd64", 1), child("arm64", 10)];
    let index = layout.index(&children);
    layout.name(index, "v1");
    (layout.write(folder), children[1].clone())
}

fn check(found: &Inspected, arm: &Value) {
    assert_eq!(found.digest.as_ref().map(Digest::as_str), arm["digest"].as_str());
    assert!(found.index.is_some());
    assert_eq!(found.platforms, ["linux/amd64", "linux/arm64"]);
    assert_eq!(found.platform.as_deref(), Some("linux/arm64"));
    let layers: Vec<_> = found.layers.iter().map(|layer| (layer.size, layer.created_by.as_deref())).collect();
    assert_eq!(layers, [(2000, Some("ADD rootfs")), (100, Some("RUN make"))]);
    assert!(found.layers[0].media_type.ends_with("+gzip"));
    let config: Value = serde_json::from_slice(&found.config).unwrap();
    assert_eq!(config["config"]["Env"][0], "A=b");
}

#[tokio::test]
async fn an_image_shows_the_same_in_a_registry_and_in_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (source, arm) = made(folder.path());
    let registry = Registry::start().await;
    let client = client().0.build().unwrap();
    let name = registry.name("app:v1");
    push(&client, &source, &name).await;
    registry.simulator.clear_journal();
    check(&client.inspect(&name, Some("arm64")).await.unwrap(), &arm);
    // The index, the image, the configuration.
    assert_eq!(registry.requests().len(), 3);
    let image = Source::open(&source).await.unwrap().image(None).unwrap().clone();
    check(&image.inspect(Some("arm64")).await.unwrap(), &arm);
    for error in [
        client.inspect(&name, Some("s390x")).await.unwrap_err(),
        image.inspect(Some("s390x")).await.unwrap_err(),
    ] {
        assert!(matches!(error, Error::Invalid(_)), "{error:?}");
    }
    assert!(client.inspect(&registry.name("app:v2"), None).await.unwrap_err().is_not_found());
    registry.fault("oci_blob_get", Fault::bytes(200, "application/json", *b"{}"));
    assert!(matches!(client.inspect(&name, Some("arm64")).await.unwrap_err(), Error::Digest { .. }));
}

#[tokio::test]
async fn an_archive_of_docker_shows_its_plain_layers() {
    let folder = tempfile::tempdir().unwrap();
    let layers = [plain_layer(1, 1000), plain_layer(2, 10)];
    let archive = docker_archive(&folder.path().join("a.tar"), &layers);
    let image = Source::open(&archive).await.unwrap().image(None).unwrap().clone();
    let found = image.inspect(None).await.unwrap();
    assert_eq!((found.digest, found.platform.as_deref()), (None, Some("linux/amd64")));
    let digests: Vec<_> = found.layers.iter().map(|layer| layer.digest.clone()).collect();
    assert_eq!(digests, layers.map(|layer| Digest::of(&layer)));
}
