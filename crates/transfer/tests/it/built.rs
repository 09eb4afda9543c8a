//! Images that a program puts together.

use std::io::{Cursor, Read, Write};

use mlspace_registry_transfer::{Digest, Error, Image, Manifest, Target};
use serde_json::{Value, json};

use crate::fixture::{client, plain_layer};
use crate::registry::Registry;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

#[tokio::test]
async fn what_is_put_together_in_memory_and_from_a_stream_arrives_as_one_image() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::start().await;
    let client = client().0.build().unwrap();
    let (low, high) = (plain_layer(1, 300_000), plain_layer(2, 2_000_000));
    let build = || async {
        Image::builder()
            .scratch(folder.path())
            .layer(gzip(&low))
            .layer_from(Cursor::new(gzip(&high)))
            .files([("app/greeting.txt", "hello"), ("app/empty", "")])
            .unwrap()
            .platform("linux/arm64")
            .unwrap()
            .entrypoint(["cat"])
            .command(["/app/greeting.txt"])
            .variable("LANG", "C.UTF-8")
            .label("team", "search")
            .build()
            .await
            .unwrap()
    };
    let image = build().await;
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "the stream is kept");
    let to = registry.name("app:v1");
    let digest = client.push([(image, to.clone())]).send().await.unwrap().images.remove(0).result.unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "and goes with the image");

    let manifest: Value = serde_json::from_slice(client.manifest(&to).await.unwrap().bytes()).unwrap();
    let blob = |descriptor: &Value| {
        let digest: Digest = descriptor["digest"].as_str().unwrap().parse().unwrap();
        let registry = &registry;
        async move { registry.blob("app", &digest).await.unwrap() }
    };
    let config: Value = serde_json::from_slice(&blob(&manifest["config"]).await).unwrap();
    assert_eq!((&config["architecture"], &config["os"]), (&json!("arm64"), &json!("linux")));
    let expected = json!({
        "Entrypoint": ["cat"], "Cmd": ["/app/greeting.txt"], "Env": ["LANG=C.UTF-8"], "Labels": { "team": "search" },
    });
    assert_eq!(config["config"], expected);
    for (at, layer) in manifest["layers"].as_array().unwrap().iter().enumerate() {
        let mut plain = Vec::new();
        flate2::read::MultiGzDecoder::new(&*blob(layer).await).read_to_end(&mut plain).unwrap();
        assert_eq!(config["rootfs"]["diff_ids"][at], Digest::of(&plain).as_str(), "layer {at}");
        match at {
            0 => assert_eq!(plain, low),
            1 => assert_eq!(plain, high),
            _ => {
                let mut archive = tar::Archive::new(&*plain);
                let names = archive.entries().unwrap().map(|one| one.unwrap().path().unwrap().into_owned());
                let names: Vec<_> = names.map(|path| path.display().to_string()).collect();
                assert_eq!(names, ["app/greeting.txt", "app/empty"]);
            }
        }
    }
    // The same parts are the same image, and it can be pulled.
    let again = client.push([(build().await, to.clone())]).send().await.unwrap();
    assert_eq!(*again.images[0].result.as_ref().unwrap(), digest);
    client.pull([to], Target::docker_archive(folder.path().join("app.tar"))).send().await.unwrap();
}

#[tokio::test]
async fn what_is_no_layer_is_refused_before_anything_is_sent() {
    let whole = gzip(&plain_layer(1, 100_000));
    for (layer, expected) in [
        (b"not a tar archive".repeat(60), "`layer-0` is no tar archive"),
        (whole[..whole.len() / 2].to_vec(), "`layer-0` is no tar archive, or a damaged one"),
        (b"PK\x03\x04\x14\0\0\0\0\0".to_vec(), "compressed with zip"),
    ] {
        let error = Image::builder().layer(layer.clone()).build().await.unwrap_err();
        assert!(matches!(error, Error::Source { .. }) && error.to_string().contains(expected), "{error}");
        assert!(Image::builder().layer_from(Cursor::new(layer)).build().await.is_err());
    }
    for path in ["../secret", "/etc/passwd", ""] {
        let error = Image::builder().files([(path, "x")]).unwrap_err();
        assert!(matches!(error, Error::Invalid(_)), "{path}: {error}");
    }
    assert!(Image::builder().platform("solaris").is_err());
}

#[tokio::test]
async fn a_manifest_is_put_as_it_is_and_under_no_digest_but_its_own() {
    let registry = Registry::start().await;
    let client = client().0.build().unwrap();
    let image = Image::builder().files([("a", "1")]).unwrap().build().await.unwrap();
    client.push([(image, registry.name("app:v1"))]).send().await.unwrap().images.remove(0).result.unwrap();
    let manifest = client.manifest(&registry.name("app:v1")).await.unwrap();
    client.put_manifest(&registry.name("app:stable"), &manifest).await.unwrap();
    assert_eq!(
        client.head(&registry.name("app:stable")).await.unwrap().digest.as_ref(),
        Some(manifest.digest())
    );

    let index = json!({
        "schemaVersion": 2,
        "manifests": [{ "mediaType": manifest.media_type(), "digest": manifest.digest().as_str(),
            "size": manifest.bytes().len() }],
    });
    let index = Manifest::new(format!("{index:#}\n"), None).unwrap();
    client.put_manifest(&registry.name("app:all"), &index).await.unwrap();
    assert_eq!(client.manifest(&registry.name("app:all")).await.unwrap().bytes(), index.bytes());

    let other = registry.name(&format!("app@{}", manifest.digest()));
    let error = client.put_manifest(&other, &index).await.unwrap_err();
    assert!(matches!(error, Error::Invalid(_)), "{error}");
    assert!(matches!(Manifest::new("{}", None).unwrap_err(), Error::Invalid(_)));
    assert!(matches!(Manifest::new(" ".repeat(5_000_000), None).unwrap_err(), Error::Invalid(_)));
}
