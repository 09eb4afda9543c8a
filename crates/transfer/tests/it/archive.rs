//! Pushing archives of `docker save`, compressed on the way.

use std::io::Read;

use mlspace_registry_simulator::Fault;
use mlspace_registry_transfer::{Compression, Digest, Error, Source};
use serde_json::Value;

use crate::fixture::{client, docker_archive, plain_layer, push, try_push};
use crate::registry::Registry;

const MIB: usize = 1024 * 1024;

/// The manifest under `v1`, and its layers as they are in the registry.
async fn stored(registry: &Registry) -> (Value, Vec<Vec<u8>>) {
    let manifest = registry.get("app/manifests/v1").await.unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let mut layers = Vec::new();
    for layer in manifest["layers"].as_array().unwrap() {
        let digest: Digest = layer["digest"].as_str().unwrap().parse().unwrap();
        let bytes = registry.blob("app", &digest).await.unwrap();
        assert_eq!(layer["size"], bytes.len());
        layers.push(bytes);
    }
    (manifest, layers)
}

fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut plain).unwrap();
    plain
}

#[tokio::test]
async fn layers_are_compressed_as_asked_and_are_the_same_plain() {
    let folder = tempfile::tempdir().unwrap();
    let plain = [plain_layer(1, 3 * MIB), plain_layer(2, 10_000)];
    let source = Source::open(docker_archive(&folder.path().join("image.tar"), &plain)).await.unwrap();
    for how in [Compression::Gzip, Compression::Zstd, Compression::None] {
        let registry = Registry::start().await;
        let item = (source.image(Some("app:v1")).unwrap().clone(), registry.name("app:v1"));
        let client = client().0.build().unwrap();
        assert!(client.push([item]).compression(how).send().await.unwrap().is_complete());
        let (manifest, layers) = stored(&registry).await;
        let (unpacked, media_type): (Vec<Vec<u8>>, _) = match how {
            Compression::Gzip => (layers.iter().map(|l| gunzip(l)).collect(), "diff.tar.gzip"),
            Compression::Zstd => {
                (layers.iter().map(|l| zstd::decode_all(&l[..]).unwrap()).collect(), "tar+zstd")
            }
            _ => (layers, "layer.v1.tar"),
        };
        assert!(unpacked == plain, "{how:?}");
        let written = manifest["layers"][0]["mediaType"].as_str().unwrap();
        assert!(written.ends_with(media_type), "{written}");
    }
}

#[tokio::test]
async fn a_second_push_reads_no_layer_even_into_an_empty_cache_of_connections() {
    let folder = tempfile::tempdir().unwrap();
    let path = docker_archive(&folder.path().join("image.tar"), &[plain_layer(1, 2 * MIB)]);
    let registry = Registry::start().await;
    let to = registry.name("app:v1");
    let cached = || client().0.cache(folder.path().join("cache")).build().unwrap();
    let first = push(&cached(), &path, &to).await;
    registry.simulator.clear_journal();
    assert_eq!(push(&cached(), &path, &to).await, first);
    assert_eq!(registry.count("POST", ""), 0);
    assert_eq!(registry.count("HEAD", ""), 2);
}

#[tokio::test]
async fn a_layer_for_two_repositories_is_compressed_and_sent_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = docker_archive(&folder.path().join("image.tar"), &[plain_layer(1, 2 * MIB)]);
    let source = Source::open(&path).await.unwrap();
    let registry = Registry::start().await;
    let items = ["app:v1", "other:v2"].map(|to| (source.images()[0].clone(), registry.name(to)));
    assert!(client().0.build().unwrap().push(items).send().await.unwrap().is_complete());
    assert_eq!((registry.count("PATCH", ""), registry.count("POST", "mount=")), (1, 2));
    assert_eq!(registry.tags(), ["v1", "v2"]);
}

#[tokio::test]
async fn what_is_cached_and_not_in_the_registry_is_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = docker_archive(&folder.path().join("image.tar"), &[plain_layer(1, MIB)]);
    let client = client().0.cache(folder.path().join("cache")).build().unwrap();
    for _ in 0..2 {
        let registry = Registry::start().await;
        push(&client, &path, &registry.name("app:v1")).await;
        assert_eq!(stored(&registry).await.1.len(), 1);
    }
}

#[tokio::test]
async fn a_cut_connection_continues_at_the_registrys_offset() {
    let folder = tempfile::tempdir().unwrap();
    let plain = plain_layer(1, 12 * MIB);
    let path = docker_archive(&folder.path().join("image.tar"), std::slice::from_ref(&plain));
    let registry = Registry::start().await;
    registry.fault("oci_upload_patch", Fault::cut_after(4 * MIB as u64).times(1));
    let cache = folder.path().join("cache");
    let client = client().0.cache(&cache).build().unwrap();
    push(&client, &path, &registry.name("app:v1")).await;
    let (_, layers) = stored(&registry).await;
    assert!(gunzip(&layers[0]) == plain);
    let received = registry.received();
    assert!(received < layers[0].len() + MIB / 2, "{received} bytes for {}", layers[0].len());
    let left: Vec<_> = std::fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["layers"], "a temporary file is left");
}

#[tokio::test]
async fn registries_that_refuse_streams_get_the_length_first() {
    let folder = tempfile::tempdir().unwrap();
    let plain = plain_layer(1, 8 * MIB);
    let path = docker_archive(&folder.path().join("image.tar"), std::slice::from_ref(&plain));
    for quirks in
        [&["unknown-length=off"][..], &["patch=off"], &["unknown-length=off", "max-upload-body=2097152"]]
    {
        let registry = Registry::with(quirks).await;
        push(&client().0.build().unwrap(), &path, &registry.name("app:v1")).await;
        assert!(gunzip(&stored(&registry).await.1[0]) == plain);
    }
}

#[tokio::test]
async fn a_token_that_ends_before_the_stream_begins_or_is_closed_is_renewed() {
    let folder = tempfile::tempdir().unwrap();
    let plain = plain_layer(1, 4 * MIB);
    let path = docker_archive(&folder.path().join("image.tar"), std::slice::from_ref(&plain));
    for operation in ["oci_upload_patch", "oci_upload_put"] {
        let registry = Registry::with(&["registry-auth=bearer"]).await;
        registry.fault(operation, Fault::expire_token().times(1));
        push(&registry.signed_in(), &path, &registry.name("app:v1")).await;
        assert_eq!(registry.count("GET", "/service/token"), 2);
        registry.simulator.quirk("registry-auth=open".parse().unwrap());
        assert!(gunzip(&stored(&registry).await.1[0]) == plain);
    }
}

#[tokio::test]
async fn a_lost_answer_to_the_closing_request_is_settled_by_looking() {
    let folder = tempfile::tempdir().unwrap();
    let path = docker_archive(&folder.path().join("image.tar"), &[plain_layer(1, MIB)]);
    let registry = Registry::start().await;
    registry.fault("oci_upload_put", Fault::status(504).times(1));
    push(&client().0.build().unwrap(), &path, &registry.name("app:v1")).await;
    assert_eq!(registry.tags(), ["v1"]);
}

#[tokio::test]
async fn a_layer_with_another_digest_than_the_configuration_says_is_not_pushed() {
    let folder = tempfile::tempdir().unwrap();
    let path = docker_archive(&folder.path().join("image.tar"), &[plain_layer(1, MIB)]);
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let registry = Registry::start().await;
    let error = try_push(&client().0.build().unwrap(), &path, &registry.name("app:v1")).await;
    assert!(matches!(*error.unwrap_err(), Error::Digest { .. }));
    assert_eq!(registry.tags(), [""; 0]);
    // The configuration may have come; the layer must not.
    assert!(registry.count("PUT", "digest=") <= 1, "{:?}", registry.requests());
}
