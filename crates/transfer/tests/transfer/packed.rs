//! Pushing archives of `docker save`, compressed on the way.

use std::io::Read;

use axum::http::Method;
use mlspace_registry_transfer::{Compression, Digest, Error, Source};
use serde_json::Value;

use crate::fake::{Quirks, Registry, cutting};
use crate::fixture::{client, docker_archive, plain_layer, push, reference, signed_in, try_push};

const MIB: usize = 1024 * 1024;

/// The manifest under `v1`, and its layers as they are in the registry.
fn stored(registry: &Registry) -> (Value, Vec<Vec<u8>>) {
    let store = registry.store();
    let manifest: Value =
        serde_json::from_slice(&store.manifests[&("app".to_owned(), "v1".to_owned())].1).unwrap();
    let blob = |layer: &Value| {
        let digest: Digest = layer["digest"].as_str().unwrap().parse().unwrap();
        let bytes = store.blobs[&("app".to_owned(), digest)].to_vec();
        assert_eq!(layer["size"], bytes.len());
        bytes
    };
    let layers = manifest["layers"].as_array().unwrap().iter().map(blob).collect();
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
        let registry = Registry::start(Quirks::default()).await;
        let item = (source.image(Some("app:v1")).unwrap().clone(), reference(registry.address, "app:v1"));
        let client = client().0.build().unwrap();
        assert!(client.push([item]).compression(how).send().await.unwrap().is_complete());
        let (manifest, layers) = stored(&registry);
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
    let registry = Registry::start(Quirks::default()).await;
    let to = reference(registry.address, "app:v1");
    let cached = || client().0.cache(folder.path().join("cache")).build().unwrap();
    let first = push(&cached(), &path, &to).await;
    registry.clear_log();
    assert_eq!(push(&cached(), &path, &to).await, first);
    assert_eq!(registry.count("POST", ""), 0);
    assert_eq!(registry.count("HEAD", ""), 2);
}

#[tokio::test]
async fn a_layer_for_two_repositories_is_compressed_and_sent_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = docker_archive(&folder.path().join("image.tar"), &[plain_layer(1, 2 * MIB)]);
    let source = Source::open(&path).await.unwrap();
    let registry = Registry::start(Quirks::default()).await;
    let items =
        ["app:v1", "other:v2"].map(|to| (source.images()[0].clone(), reference(registry.address, to)));
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
        let registry = Registry::start(Quirks::default()).await;
        push(&client, &path, &reference(registry.address, "app:v1")).await;
        assert_eq!(stored(&registry).1.len(), 1);
    }
}

#[tokio::test]
async fn a_cut_connection_continues_at_the_registrys_offset() {
    let folder = tempfile::tempdir().unwrap();
    let plain = plain_layer(1, 12 * MIB);
    let path = docker_archive(&folder.path().join("image.tar"), std::slice::from_ref(&plain));
    let registry = Registry::start(Quirks::default()).await;
    let (proxy, _running) = cutting(registry.address, Some(4 * MIB), None).await;
    let cache = folder.path().join("cache");
    let client = client().0.cache(&cache).build().unwrap();
    push(&client, &path, &reference(proxy, "app:v1")).await;
    let (_, layers) = stored(&registry);
    assert!(gunzip(&layers[0]) == plain);
    let received = registry.store().received;
    assert!(received < layers[0].len() + MIB / 2, "{received} bytes for {}", layers[0].len());
    let left: Vec<_> = std::fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["layers"], "a temporary file is left");
}

#[tokio::test]
async fn registries_that_refuse_streams_get_the_length_first() {
    let folder = tempfile::tempdir().unwrap();
    let plain = plain_layer(1, 8 * MIB);
    let path = docker_archive(&folder.path().join("image.tar"), std::slice::from_ref(&plain));
    for quirks in [
        Quirks { no_streams: true, ..Quirks::default() },
        Quirks { no_patch: true, ..Quirks::default() },
        Quirks { no_streams: true, body_cap: Some(2 * MIB), ..Quirks::default() },
    ] {
        let registry = Registry::start(quirks).await;
        push(&client().0.build().unwrap(), &path, &reference(registry.address, "app:v1")).await;
        assert!(gunzip(&stored(&registry).1[0]) == plain);
    }
}

#[tokio::test]
async fn a_token_that_ends_before_the_stream_begins_or_is_closed_is_renewed() {
    let folder = tempfile::tempdir().unwrap();
    let plain = plain_layer(1, 4 * MIB);
    let path = docker_archive(&folder.path().join("image.tar"), std::slice::from_ref(&plain));
    for method in [Method::PATCH, Method::PUT] {
        let registry = Registry::start(Quirks { auth: Some("Bearer"), ..Quirks::default() }).await;
        let challenge = format!("Bearer realm=\"http://{}/token\"", registry.address);
        registry.fault_with(method, "/blobs/", 401, vec![("www-authenticate", challenge)], String::new());
        push(&signed_in(registry.address), &path, &reference(registry.address, "app:v1")).await;
        assert!(gunzip(&stored(&registry).1[0]) == plain);
        assert_eq!(registry.count("GET", "/token"), 2);
    }
}

#[tokio::test]
async fn a_lost_answer_to_the_closing_request_is_settled_by_looking() {
    let folder = tempfile::tempdir().unwrap();
    let path = docker_archive(&folder.path().join("image.tar"), &[plain_layer(1, MIB)]);
    let registry = Registry::start(Quirks::default()).await;
    registry.fault(Method::PUT, "/uploads/", 504);
    push(&client().0.build().unwrap(), &path, &reference(registry.address, "app:v1")).await;
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
    let registry = Registry::start(Quirks::default()).await;
    let error = try_push(&client().0.build().unwrap(), &path, &reference(registry.address, "app:v1")).await;
    assert!(matches!(*error.unwrap_err(), Error::Digest { .. }));
    assert_eq!(registry.tags(), [""; 0]);
    // The configuration may have come; the layer must not.
    assert!(registry.store().blobs.values().all(|blob| blob.len() < 10_000));
}
