//! Pulling, into every kind of target.

use std::path::Path;

use mlspace_registry_simulator::Fault;
use mlspace_registry_transfer::{Digest, Error, Source, Target};
use serde_json::json;

use crate::fixture::{bytes, client, image, layout, push};
use crate::registry::Registry;

const MIB: usize = 1024 * 1024;

/// A registry with one image, and the image's digest.
async fn filled(quirks: &[&str], layers: &[Vec<u8>]) -> (Registry, Digest) {
    let folder = tempfile::tempdir().unwrap();
    let source = image(layers).write(folder.path());
    let registry = Registry::with(quirks).await;
    let digest = push(&registry.signed_in(), &source, &registry.name("app:v1")).await;
    registry.simulator.clear_journal();
    (registry, digest)
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn what_was_pushed_comes_back_the_same_into_every_target() {
    let layers = [bytes(1, 3 * MIB), bytes(2, 1000), bytes(3, 0)];
    let (registry, digest) = filled(&[], &layers).await;
    let client = client().0.build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let targets = [
        Target::layout(folder.path().join("layout")),
        Target::layout_archive(folder.path().join("layout.tar")),
        Target::docker_archive(folder.path().join("docker.tar")),
    ];
    for target in targets {
        let path = target.path().to_owned();
        let report = client.pull([registry.name("app:v1")], target).send().await.unwrap();
        assert_eq!(report.images[0].digest, digest);
        assert!(report.images[0].size > 3 * MIB as u64);
        let source = Source::open(&path).await.unwrap();
        let again = Registry::start().await;
        assert_eq!(push(&client, &path, &again.name("copy:v1")).await, digest);
        assert!(source.image(Some("v1")).is_ok());
    }
    assert_eq!(names(folder.path()), ["docker.tar", "layout", "layout.tar"]);
}

#[tokio::test]
async fn a_manifest_is_read_byte_for_byte_and_only_if_it_has_the_digest_asked_for() {
    let (registry, digest) = filled(&[], &[bytes(1, 100)]).await;
    let client = client().0.build().unwrap();
    let by_digest = registry.name(&format!("app@{digest}"));
    for reference in [registry.name("app:v1"), by_digest.clone()] {
        let manifest = client.manifest(&reference).await.unwrap();
        assert_eq!(manifest.digest(), &digest);
        assert_eq!(Digest::of(manifest.bytes()), digest);
        assert_eq!(manifest.media_type(), "application/vnd.oci.image.manifest.v1+json");
    }
    assert_eq!(registry.count("GET", "/blobs/"), 0);
    let missing = client.manifest(&registry.name("app:v2")).await.unwrap_err();
    assert!(missing.is_not_found(), "{missing}");
    let manifest = registry.get("app/manifests/v1").await.unwrap();
    let other = Fault::bytes(200, "application/json", [&manifest[..], b" "].concat());
    registry.fault("oci_manifest_get", other);
    let error = client.manifest(&by_digest).await.unwrap_err();
    assert!(matches!(error, Error::Digest { .. }), "{error}");
}

#[tokio::test]
async fn a_look_at_a_manifest_tells_its_kind_and_gets_nothing() {
    let (registry, digest) = filled(&[], &[bytes(1, 100)]).await;
    let client = client().0.build().unwrap();
    let by_digest = registry.name(&format!("app@{digest}"));
    let head = client.head(&by_digest).await.unwrap();
    assert_eq!(head.media_type.as_deref(), Some("application/vnd.oci.image.manifest.v1+json"));
    assert_eq!(head.digest, Some(digest));
    assert!(head.size.is_some_and(|size| size > 0));
    assert!(client.lists_referrers(&by_digest).await.unwrap());
    assert_eq!(registry.count("GET", "/manifests/"), 0);

    assert!(client.head(&registry.name("app:v2")).await.unwrap_err().is_not_found());
    assert!(matches!(client.lists_referrers(&registry.name("app:v1")).await, Err(Error::Invalid(_))));
    registry.fault("oci_referrer_list", Fault::status(404));
    assert!(!client.lists_referrers(&by_digest).await.unwrap());
    registry.simulator.clear_faults();
    registry.fault("oci_referrer_list", Fault::status(403));
    assert!(client.lists_referrers(&by_digest).await.is_err());
}

#[tokio::test]
async fn a_layout_is_added_to_and_what_it_has_is_not_fetched_again() {
    let (registry, _) = filled(&[], &[bytes(1, MIB)]).await;
    let folder = tempfile::tempdir().unwrap();
    let client = client().0.build().unwrap();
    for round in 0..3 {
        let to = registry.name("app:v1");
        client.pull([to], Target::layout(folder.path())).send().await.unwrap();
        assert_eq!(registry.count("GET", "/blobs/"), if round == 0 { 2 } else { 0 });
        assert_eq!(Source::open(folder.path()).await.unwrap().images().len(), 1);
        registry.simulator.clear_journal();
    }
}

#[tokio::test]
async fn a_cut_download_continues_and_starts_over_where_it_cannot() {
    let layer = bytes(1, 8 * MIB);
    for quirk in ["blob-ranges=on", "blob-ranges=off"] {
        let (registry, digest) = filled(&[quirk], std::slice::from_ref(&layer)).await;
        registry.fault("oci_blob_get", Fault::cut_after(3 * MIB as u64).times(1));
        let folder = tempfile::tempdir().unwrap();
        let (builder, clock) = client();
        let target = Target::layout(folder.path());
        let pull = builder.concurrency(1).build().unwrap().pull([registry.name("app:v1")], target);
        assert_eq!(pull.send().await.unwrap().images[0].digest, digest);
        assert_eq!(clock.sleeps().len(), 1);
        let path = folder.path().join("blobs/sha256").join(Digest::of(&layer).hex());
        assert!(std::fs::read(path).unwrap() == layer);
    }
}

#[tokio::test]
async fn a_redirect_is_followed_without_the_credentials() {
    let (registry, digest) = filled(&["registry-auth=bearer", "blob-redirects=on"], &[bytes(1, MIB)]).await;
    let folder = tempfile::tempdir().unwrap();
    let pull = registry.signed_in().pull([registry.name("app:v1")], Target::layout(folder.path()));
    assert_eq!(pull.send().await.unwrap().images[0].digest, digest);
    // The storage is at another port, and refuses what is signed for the registry.
    assert_eq!(registry.simulator.requests("oci_storage_get"), 2);
}

#[tokio::test]
async fn content_that_is_not_what_its_digest_says_leaves_nothing() {
    let layer = bytes(1, MIB);
    for (what, replaced) in
        [("other", bytes(2, MIB)), ("longer", bytes(1, 2 * MIB)), ("shorter", bytes(1, 1000))]
    {
        let (registry, _) = filled(&[], std::slice::from_ref(&layer)).await;
        // The largest blob is fetched first.
        registry.fault("oci_blob_get", Fault::bytes(200, "application/octet-stream", replaced));
        let folder = tempfile::tempdir().unwrap();
        let client = client().0.concurrency(1).build().unwrap();
        for target in
            [Target::layout_archive(folder.path().join("a")), Target::layout(folder.path().join("b"))]
        {
            let error = client.pull([registry.name("app:v1")], target).send().await.unwrap_err();
            let fits = match what {
                "other" => matches!(error, Error::Digest { .. }),
                "longer" => matches!(error, Error::Protocol { .. }),
                _ => error.is_transport(),
            };
            assert!(fits, "{what}: {error:?}");
        }
        assert_eq!(names(folder.path()), ["b"]);
        assert_eq!(names(&folder.path().join("b")), ["blobs"]);
        // What is there is whole: the configuration perhaps, never the layer.
        let blobs = names(&folder.path().join("b/blobs/sha256"));
        assert!(
            blobs.iter().all(|name| !name.starts_with('.') && name != Digest::of(&layer).hex()),
            "{blobs:?}"
        );
    }
}

#[tokio::test]
async fn manifests_that_lie_or_are_endless_are_refused() {
    let (registry, digest) = filled(&[], &[bytes(1, 100)]).await;
    let folder = tempfile::tempdir().unwrap();
    let client = client().0.build().unwrap();
    let evil = json!({"schemaVersion": 2, "config": {"mediaType": "a/b", "digest": "sha256:../../../../tmp/evil", "size": 1}, "layers": []});
    for (what, target, bytes) in [
        ("long", "app:v1", vec![b' '; 100 * MIB]),
        ("evil", "app:v1", evil.to_string().into_bytes()),
        ("html", "app:v1", b"<html>sign in</html>".to_vec()),
        ("other", &format!("app@{digest}"), br#"{"schemaVersion":2,"manifests":[]}"#.to_vec()),
    ] {
        registry.fault("oci_manifest_get", Fault::bytes(200, "application/json", bytes).times(1));
        let pull = client.pull([registry.name(target)], Target::layout(folder.path().join("image")));
        let error = pull.send().await.expect_err(what);
        assert!(matches!(error, Error::Protocol { .. } | Error::Digest { .. }), "{what}: {error:?}");
    }
    let pull = client.pull([registry.name("app:missing")], Target::layout(folder.path().join("image")));
    assert!(pull.send().await.unwrap_err().is_not_found());
    assert!(names(folder.path()).is_empty());
}

#[tokio::test]
async fn an_index_comes_whole_into_a_layout_and_in_one_platform_into_a_docker_archive() {
    let mut layout = layout();
    let platform = |mut manifest: serde_json::Value, architecture: &str| {
        manifest["platform"] = json!({"os": "linux", "architecture": architecture});
        manifest
    };
    let amd = layout.manifest(&[bytes(1, 1000)]);
    let arm = layout.manifest(&[bytes(2, 1000)]);
    let index = layout.index(&[platform(amd.clone(), "amd64"), platform(arm.clone(), "arm64")]);
    layout.name(index.clone(), "v1");
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::start().await;
    let client = client().0.build().unwrap();
    let to = registry.name("app:v1");
    push(&client, &layout.write(&folder.path().join("in")), &to).await;

    let target = Target::layout(folder.path().join("whole"));
    let report = client.pull([to.clone()], target).send().await.unwrap();
    assert_eq!(report.images[0].digest.as_str(), index["digest"]);
    assert_eq!(names(&folder.path().join("whole/blobs/sha256")).len(), 6);

    let target = || Target::docker_archive(folder.path().join("one.tar"));
    let report = client.pull([to.clone()], target()).platform("linux/arm64").send().await.unwrap();
    assert_eq!(report.images[0].digest.as_str(), arm["digest"]);
    let error = client.pull([to], target()).platform("linux/s390x").send().await.unwrap_err();
    assert!(error.to_string().contains("linux/amd64, linux/arm64"), "{error}");
}

#[cfg(unix)]
#[tokio::test]
async fn nothing_is_written_through_a_link_or_into_a_folder_of_something_else() {
    let (registry, _) = filled(&[], &[bytes(1, 100)]).await;
    let client = client().0.build().unwrap();
    let outside = tempfile::tempdir().unwrap();
    let links = ["blobs", "blobs/sha256"].map(|link| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(link);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(outside.path(), path).unwrap();
        folder
    });
    let other = tempfile::tempdir().unwrap();
    std::fs::write(other.path().join("notes.txt"), "mine").unwrap();
    for folder in links.iter().chain([&other]) {
        let pull = client.pull([registry.name("app:v1")], Target::layout(folder.path()));
        let error = pull.send().await.unwrap_err();
        assert!(matches!(error, Error::Source { .. }), "{error:?}");
    }
    assert!(names(outside.path()).is_empty());
    assert_eq!(names(other.path()), ["notes.txt"]);
}
