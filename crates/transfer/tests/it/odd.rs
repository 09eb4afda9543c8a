//! Registries that do things in their own way.

use mlspace_registry_simulator::{ErrorBody, Fault};
use mlspace_registry_transfer::{Digest, Error, Source, Target};

use crate::fixture::{bytes, client, docker_archive, image, layout, plain_layer, push, try_push};
use crate::registry::Registry;

const MIB: usize = 1024 * 1024;

fn redirect(status: u16, to: &str) -> Fault {
    Fault::status(status).header("location", to)
}

#[tokio::test]
async fn a_connection_that_breaks_within_a_manifest_is_no_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut source = layout();
    let children = [source.manifest(&[bytes(1, 10)]), source.manifest(&[bytes(2, 10)])];
    let index = source.index(&children);
    source.name(index, "v1");
    let source = source.write(folder.path());
    let registry = Registry::start().await;
    let digest = push(&client().0.build().unwrap(), &source, &registry.name("app:v1")).await;
    // Within the index, and within a child of it.
    for before in [0, 2] {
        registry.fault("oci_manifest_get", Fault::truncated().after(before).times(1));
        let (builder, clock) = client();
        let target = tempfile::tempdir().unwrap();
        let pull = builder.build().unwrap().pull([registry.name("app:v1")], Target::layout(target.path()));
        assert_eq!(pull.send().await.unwrap().images[0].digest, digest);
        assert_eq!(clock.sleeps().len(), 1, "{before}");
    }
}

#[tokio::test]
async fn a_put_is_settled_by_reading_though_the_reading_is_cut_once() {
    let folder = tempfile::tempdir().unwrap();
    let source = image(&[bytes(1, 10)]).write(folder.path());
    let registry = Registry::start().await;
    registry.fault("oci_manifest_put", Fault::lost_after().times(5));
    registry.fault("oci_manifest_get", Fault::truncated().times(1));
    push(&client().0.build().unwrap(), &source, &registry.name("app:v1")).await;
    assert_eq!(registry.count("GET", "/manifests/v1"), 2);
}

#[tokio::test]
async fn a_registry_that_refuses_ranges_sends_the_whole_once_more() {
    let folder = tempfile::tempdir().unwrap();
    let layer = bytes(1, 4 * MIB);
    let source = image(std::slice::from_ref(&layer)).write(folder.path());
    let registry = Registry::start().await;
    let client = client().0.concurrency(1).build().unwrap();
    push(&client, &source, &registry.name("app:v1")).await;
    registry.fault("oci_blob_get", Fault::cut_after(2 * MIB as u64).times(1));
    registry.fault("oci_blob_get", Fault::answer(416, ErrorBody::Text).after(1).times(1));
    let target = tempfile::tempdir().unwrap();
    client.pull([registry.name("app:v1")], Target::layout(target.path())).send().await.unwrap();
    let path = target.path().join("blobs/sha256").join(Digest::of(&layer).hex());
    assert!(std::fs::read(path).unwrap() == layer);
    assert_eq!(registry.count("GET", Digest::of(&layer).as_str()), 3);
}

#[tokio::test]
async fn a_download_that_gets_no_further_than_once_before_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let layer = bytes(1, MIB);
    let source = image(std::slice::from_ref(&layer)).write(folder.path());
    let registry = Registry::with(&["blob-ranges=off"]).await;
    let client = client().0.concurrency(1).build().unwrap();
    push(&client, &source, &registry.name("app:v1")).await;
    registry.fault("oci_blob_get", Fault::cut_after(60_000).every(2));
    registry.fault("oci_blob_get", Fault::cut_after(40_000));
    let target = tempfile::tempdir().unwrap();
    let pull = client.pull([registry.name("app:v1")], Target::layout(target.path()));
    assert!(pull.send().await.unwrap_err().is_transport());
    // 40,000 and 60,000 bytes, and four more attempts that get no further.
    assert_eq!(registry.count("GET", Digest::of(&layer).as_str()), 6);
}

#[tokio::test]
async fn a_redirected_look_is_believed_only_where_it_finds_the_blob() {
    let folder = tempfile::tempdir().unwrap();
    let source = image(&[bytes(1, 5000)]).write(folder.path());
    let login = Registry::start().await;
    login.fault("oci_blob_head", Fault::html());
    let nowhere = format!("/v2/app/blobs/{}", Digest::of(b"nowhere"));
    let page = format!("http://{}{nowhere}", login.address());
    for status in [302, 307] {
        // To something that is not there, to a page that asks for a sign-in, to no address, and in a circle.
        for place in [&*nowhere, &*page, "ftp://x/", ""] {
            let registry = Registry::start().await;
            registry.fault("oci_blob_head", redirect(status, place).times(2));
            push(&client().0.build().unwrap(), &source, &registry.name("app:v1")).await;
            assert_eq!(registry.tags(), ["v1"], "{status} {place}");
        }
    }
    let registry = Registry::start().await;
    let client = client().0.concurrency(1).build().unwrap();
    push(&client, &source, &registry.name("app:v1")).await;
    let sent = registry.count("POST", "");
    registry.fault("oci_blob_head", redirect(307, "?again=1").every(2));
    push(&client, &source, &registry.name("app:v2")).await;
    assert_eq!((registry.count("HEAD", "again=1"), registry.count("POST", "")), (1, sent));
}

#[tokio::test]
async fn writes_are_followed_within_the_registry_and_elsewhere_the_place_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let layered = image(&[bytes(1, 3 * MIB), bytes(2, 100)]).write(&folder.path().join("layout"));
    let docker = docker_archive(&folder.path().join("docker.tar"), &[plain_layer(1, 2 * MIB)]);
    let writes = ["oci_upload_start", "oci_upload_patch", "oci_upload_put", "oci_manifest_put"];
    for (status, quirk) in [(307, "single-post=on"), (308, "max-upload-body=1048576")] {
        for source in [&layered, &docker] {
            let registry = Registry::with(&[quirk]).await;
            for operation in writes {
                registry.fault(operation, redirect(status, "?again=1").times(1));
            }
            push(&client().0.build().unwrap(), source, &registry.name("app:v1")).await;
            assert_eq!(registry.tags(), ["v1"]);
        }
    }
    for operation in writes {
        let registry = Registry::start().await;
        registry.fault(operation, redirect(307, "http://127.0.0.2:5000/v2/elsewhere?key=secret"));
        let to = registry.name("app:v1");
        let error = try_push(&client().0.build().unwrap(), &docker, &to).await.unwrap_err().to_string();
        assert!(error.contains("307 leads to http://127.0.0.2:5000/v2/elsewhere,"), "{operation}: {error}");
        assert!(!error.contains("secret"), "{error}");
    }
}

#[tokio::test]
async fn a_signed_address_on_the_registrys_own_host_gets_no_second_signature() {
    let folder = tempfile::tempdir().unwrap();
    let source = image(&[bytes(1, 5000)]).write(folder.path());
    let registry = Registry::with(&["registry-auth=bearer"]).await;
    let client = registry.signed_in();
    push(&client, &source, &registry.name("app:v1")).await;
    registry.fault("oci_blob_get", redirect(307, "/storage/x?signature=x"));
    let target = tempfile::tempdir().unwrap();
    let pull = client.pull([registry.name("app:v1")], Target::layout(target.path()));
    pull.send().await.unwrap_err();
    let journal = registry.simulator.journal();
    let (storage, rest): (Vec<_>, Vec<_>) = journal.iter().partition(|one| one.path.starts_with("/storage/"));
    assert!(!storage.is_empty() && storage.iter().all(|one| !one.headers.contains_key("authorization")));
    assert!(rest.iter().any(|one| one.headers.contains_key("authorization")));
}

#[tokio::test]
async fn mounts_that_fail_are_not_tried_again_and_the_bytes_are_sent() {
    let folder = tempfile::tempdir().unwrap();
    let source = image(&[bytes(1, 5000), bytes(2, 5000)]).write(folder.path());
    let registry = Registry::start().await;
    let client = client().0.concurrency(1).build().unwrap();
    push(&client, &source, &registry.name("x:v1")).await;
    registry.fault("oci_upload_start", Fault::status(500).times(5));
    let opened = Source::open(&source).await.unwrap();
    let image = opened.image(None).unwrap().clone();
    let report = client.push([(image, registry.name("y:v1"))]).mount_from(["x".to_owned()]).send().await;
    report.unwrap().images.remove(0).result.unwrap();
    assert_eq!(registry.count("POST", "mount="), 5);
}

#[tokio::test]
async fn every_limit_of_a_body_from_64_kib_up_is_met() {
    let folder = tempfile::tempdir().unwrap();
    let layered = image(&[bytes(1, 3_000_001), bytes(2, 100_000)]).write(&folder.path().join("layout"));
    let docker = docker_archive(&folder.path().join("docker.tar"), &[plain_layer(1, MIB)]);
    for limit in [65_536, 65_537, 100_000, 131_071, 400_000, 1_000_000] {
        for source in [&layered, &docker] {
            let registry = Registry::with(&[&format!("max-upload-body={limit}")]).await;
            push(&client().0.build().unwrap(), source, &registry.name("app:v1")).await;
            assert_eq!(registry.tags(), ["v1"], "{limit}");
        }
    }
    let registry = Registry::with(&["max-upload-body=60000"]).await;
    let error = try_push(&client().0.build().unwrap(), &layered, &registry.name("app:v1")).await;
    let error = error.unwrap_err();
    assert!(matches!(&*error, Error::Registry(error) if error.status == 413), "{error:?}");
}
