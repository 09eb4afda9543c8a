//! Copying from registry to registry, and within one.

use mlspace_registry_simulator::Fault;
use mlspace_registry_transfer::{Client, Digest, Error, Reference, Source};
use serde_json::json;

use crate::fixture::{bytes, client, image, layout, push};
use crate::registry::Registry;

const MIB: usize = 1024 * 1024;

/// A client that signs in to both.
fn between(from: &Registry, to: &Registry) -> Client {
    let builder = client().0.concurrency(2).credentials(from.address(), from.credentials());
    builder.credentials(to.address(), to.credentials()).build().unwrap()
}

async fn copy(client: &Client, from: Reference, to: Reference) -> Result<Digest, std::sync::Arc<Error>> {
    client.copy([(from, to)]).send().await.unwrap().images.remove(0).result
}

/// A registry with an image of these layers.
async fn filled(quirks: &[&str], layers: &[Vec<u8>]) -> (Registry, Digest) {
    let folder = tempfile::tempdir().unwrap();
    let source = image(layers).write(folder.path());
    let registry = Registry::with(quirks).await;
    let digest = push(&registry.signed_in(), &source, &registry.name("app:v1")).await;
    registry.simulator.clear_journal();
    (registry, digest)
}

#[tokio::test]
async fn an_image_arrives_byte_for_byte_whoever_asks_for_a_sign_in_and_a_second_copy_moves_nothing() {
    for (there, here) in [("basic", "bearer"), ("bearer", "basic"), ("open", "open")] {
        let layers = [bytes(1, 3 * MIB), bytes(2, 1000), vec![]];
        let (from, digest) = filled(&[&format!("registry-auth={there}")], &layers).await;
        let to = Registry::with(&[&format!("registry-auth={here}")]).await;
        let client = between(&from, &to);
        let (source, target) = (from.name("app:v1"), to.name("team/copy:v2"));
        assert_eq!(copy(&client, source.clone(), target.clone()).await.unwrap(), digest);
        assert_eq!(client.manifest(&target).await.unwrap().digest(), &digest);
        // The configuration and the layers, of which the empty one has nothing to be read.
        assert_eq!(from.count("GET", "/blobs/"), 3);
        assert_eq!(to.tags(), ["v2"]);
        from.simulator.clear_journal();
        let received = to.received();
        assert_eq!(copy(&client, source, target).await.unwrap(), digest);
        assert_eq!(from.count("GET", "/blobs/"), 0);
        assert!(to.received() - received < 2000);
    }
}

#[tokio::test]
async fn an_index_comes_with_all_its_platforms_or_one_of_them() {
    let mut layout = layout();
    let platform = |mut manifest: serde_json::Value, architecture: &str| {
        manifest["platform"] = json!({"os": "linux", "architecture": architecture});
        manifest
    };
    let (amd, arm) = (layout.manifest(&[bytes(1, 1000)]), layout.manifest(&[bytes(2, 1000)]));
    let index = layout.index(&[platform(amd.clone(), "amd64"), platform(arm.clone(), "arm64")]);
    layout.name(index.clone(), "v1");
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (Registry::start().await, Registry::start().await);
    let client = between(&from, &to);
    push(&client, &layout.write(folder.path()), &from.name("app:v1")).await;
    let whole = copy(&client, from.name("app:v1"), to.name("app:v1")).await.unwrap();
    assert_eq!(whole.as_str(), index["digest"]);
    for child in [&amd, &arm] {
        let name = to.name(&format!("app@{}", child["digest"].as_str().unwrap()));
        client.manifest(&name).await.unwrap();
    }
    let one = client.copy([(from.name("app:v1"), to.name("one:v1"))]).platform("linux/arm64").send().await;
    assert_eq!(one.unwrap().images[0].result.as_ref().unwrap().as_str(), arm["digest"]);
    let puts: Vec<_> =
        to.requests().into_iter().filter(|one| one.starts_with("PUT /v2/app/manifests/")).collect();
    assert!(puts.last().unwrap().contains("/manifests/v1"), "the tag comes last: {puts:?}");
}

#[tokio::test]
async fn within_a_registry_no_byte_of_a_layer_moves_and_where_mounts_are_unknown_they_are_sent() {
    for (quirk, fetched) in [("mounts=named", 0), ("mounts=anywhere", 0), ("mounts=never", 2)] {
        let (registry, digest) = filled(&[quirk], &[bytes(1, MIB)]).await;
        let client = between(&registry, &registry);
        let to = registry.name("other/place:v2");
        assert_eq!(copy(&client, registry.name("app:v1"), to).await.unwrap(), digest, "{quirk}");
        assert_eq!(registry.count("GET", "/blobs/"), fetched, "{quirk}");
        assert!(registry.count("POST", "from=app") > 0, "{quirk}");
    }
}

#[tokio::test]
async fn a_cut_on_either_side_costs_what_did_not_arrive_and_no_more() {
    let layer = bytes(1, 8 * MIB);
    for quirk in ["blob-ranges=on", "blob-ranges=off"] {
        let (from, digest) = filled(&[quirk], std::slice::from_ref(&layer)).await;
        let to = Registry::start().await;
        from.fault("oci_blob_get", Fault::cut_after(3 * MIB as u64).times(1));
        let copied = copy(&between(&from, &to), from.name("app:v1"), to.name("app:v1")).await;
        assert_eq!(copied.unwrap(), digest);
        // The upload did not notice.
        let received = to.received();
        assert!(received < layer.len() + 10_000, "{quirk}: {received}");
        assert_eq!(to.simulator.requests("oci_upload_status"), 0, "{quirk}");
    }
    let (from, digest) = filled(&[], std::slice::from_ref(&layer)).await;
    let to = Registry::start().await;
    to.fault("oci_upload_put", Fault::cut_after(5 * MIB as u64).times(1));
    let copied = copy(&between(&from, &to), from.name("app:v1"), to.name("app:v1")).await;
    assert_eq!(copied.unwrap(), digest);
    let received = to.received();
    assert!(received < layer.len() + 2 * MIB, "{received}");
}

#[tokio::test]
async fn a_body_limit_and_tokens_that_end_do_not_make_anything_be_read_twice() {
    let layer = bytes(1, 6 * MIB);
    for ranges in ["blob-ranges=on", "blob-ranges=off"] {
        let (from, digest) = filled(&["registry-auth=bearer", ranges], std::slice::from_ref(&layer)).await;
        let to = Registry::with(&["registry-auth=bearer", "max-upload-body=1048576"]).await;
        to.fault("oci_upload_patch", Fault::expire_token().every(3));
        from.fault("oci_blob_get", Fault::expire_token().every(2));
        let copied = copy(&between(&from, &to), from.name("app:v1"), to.name("app:v1")).await;
        assert_eq!(copied.unwrap(), digest);
        let received = to.received();
        assert!(received < layer.len() + 4 * MIB, "{ranges}: {received}");
    }
}

#[tokio::test]
async fn one_failure_ends_no_other_copy_and_says_which_side_it_is_on() {
    let (from, digest) = filled(&[], &[bytes(1, MIB)]).await;
    let to = Registry::start().await;
    let client = between(&from, &to);
    let items = [("missing:v1", "a:v1"), ("app:v1", "b:v1"), ("app:v2", "c:v1")];
    let items = items.map(|(source, target)| (from.name(source), to.name(target)));
    let report = client.copy(items.clone()).send().await.unwrap();
    assert!(!report.is_complete());
    for (copied, (source, target)) in report.images.iter().zip(&items) {
        assert_eq!((&copied.from, &copied.to), (source, target));
    }
    assert_eq!(report.images[1].result.as_ref().unwrap(), &digest);
    assert!(report.images[0].result.as_ref().unwrap_err().is_not_found());
    assert!(report.images[2].result.as_ref().unwrap_err().is_not_found());
    let to = Registry::start().await;
    for (fault, size) in [(Fault::status(404), "large"), (Fault::status(404), "small")] {
        let layer = if size == "large" { bytes(9, MIB) } else { bytes(9, 1000) };
        let (from, _) = filled(&[], std::slice::from_ref(&layer)).await;
        from.fault("oci_blob_get", fault);
        let error = copy(&client, from.name("app:v1"), to.name("app:v1")).await.unwrap_err();
        assert!(error.is_not_found() && error.to_string().contains(from.address()), "{size}: {error}");
        assert!(to.tags().is_empty());
    }
}

#[tokio::test]
async fn content_that_is_not_what_its_digest_says_is_not_sent_on() {
    for len in [MIB, 1000] {
        let layer = bytes(1, len);
        let (from, _) = filled(&[], std::slice::from_ref(&layer)).await;
        let to = Registry::start().await;
        from.fault("oci_blob_get", Fault::bytes(200, "application/octet-stream", bytes(2, len)));
        let client = client().0.concurrency(1).build().unwrap();
        let error = copy(&client, from.name("app:v1"), to.name("app:v1")).await.unwrap_err();
        assert!(matches!(*error, Error::Digest { .. }), "{len}: {error:?}");
        assert!(error.to_string().contains(from.address()), "{error}");
        assert!(to.blob("app", &Digest::of(&layer)).await.is_none() && to.tags().is_empty());
    }
}

#[tokio::test]
async fn a_blob_that_many_images_share_is_read_and_sent_once() {
    let shared = bytes(1, MIB);
    let mut layout = layout();
    for n in 0..10 {
        let manifest = layout.manifest(&[shared.clone(), bytes(10 + n, 3000)]);
        layout.name(manifest, &format!("v{n}"));
    }
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (Registry::start().await, Registry::start().await);
    let client = between(&from, &to);
    let source = Source::open(layout.write(folder.path())).await.unwrap();
    let items = source.images().iter().enumerate();
    let items = items.map(|(n, image)| (image.clone(), from.name(&format!("app:v{n}"))));
    assert!(client.push(items).send().await.unwrap().is_complete());
    let items = (0..10).map(|n| (from.name(&format!("app:v{n}")), to.name(&format!("app{}:v{n}", n % 2))));
    assert!(client.copy(items).send().await.unwrap().is_complete());
    assert_eq!(from.count("GET", Digest::of(&shared).as_str()), 1);
    assert_eq!(to.tags().len(), 10);
}

#[tokio::test]
async fn a_tag_that_is_to_be_kept_is_not_moved_and_one_that_is_the_same_image_is_no_obstacle() {
    let (from, digest) = filled(&[], &[bytes(1, 1000)]).await;
    let (to, other) = filled(&[], &[bytes(2, 1000)]).await;
    let client = between(&from, &to);
    let items = ["app:v1", "app:v2"].map(|target| (from.name("app:v1"), to.name(target)));
    let report = client.copy(items.clone()).keep_tags().send().await.unwrap();
    let error = report.images[0].result.as_ref().unwrap_err();
    assert!(matches!(&**error, Error::TagExists { found, .. } if *found == other), "{error:?}");
    assert_eq!(report.images[1].result.as_ref().unwrap(), &digest);
    assert_eq!(client.manifest(&to.name("app:v1")).await.unwrap().digest(), &other);
    assert!(client.copy(items.clone()).send().await.unwrap().is_complete());
    assert!(client.copy(items).keep_tags().send().await.unwrap().is_complete());
}

#[tokio::test]
async fn all_tags_of_a_repository_are_read_page_by_page() {
    let (registry, _) = filled(&["registry-auth=bearer"], &[bytes(1, 10)]).await;
    let client = between(&registry, &registry);
    let page = Fault::json(200, &json!({"name": "app", "tags": ["a", "b"]})).times(1);
    registry.fault("oci_tag_list", page.header("link", "</v2/app/tags/list?n=2&last=b>; rel=\"next\""));
    assert_eq!(client.tags(&registry.name("app")).await.unwrap(), ["a", "b", "v1"]);
    // The first is asked twice, for it is what tells that a sign-in is needed.
    assert_eq!((registry.count("GET", "n=1000"), registry.count("GET", "n=2")), (2, 1));
    assert!(client.tags(&registry.name("nobody")).await.unwrap_err().is_not_found());
    let endless = Fault::json(200, &json!({"name": "app", "tags": ["a"]}));
    registry.fault("oci_tag_list", endless.header("link", "</v2/app/tags/list?last=a>; rel=next"));
    assert!(matches!(client.tags(&registry.name("app")).await.unwrap_err(), Error::Protocol { .. }));
}

/// Pushes a manifest that refers to another, and answers its digest.
async fn sign(client: &Client, registry: &Registry, subject: &Digest, seed: u64) -> Digest {
    let mut layout = layout();
    let described = layout.manifest(&[bytes(seed, 10)]);
    let digest: Digest = described["digest"].as_str().unwrap().parse().unwrap();
    let text = &layout.files[&format!("blobs/sha256/{}", digest.hex())];
    let mut manifest: serde_json::Value = serde_json::from_slice(text).unwrap();
    manifest["subject"] =
        json!({ "mediaType": manifest["mediaType"], "digest": subject.as_str(), "size": 7 });
    let text = manifest.to_string();
    let digest = layout.blob(text.as_bytes());
    layout.name(
        json!({ "mediaType": manifest["mediaType"], "digest": digest.as_str(), "size": text.len() }),
        "s",
    );
    let folder = tempfile::tempdir().unwrap();
    let source = layout.write(folder.path());
    push(client, &source, &registry.name(&format!("app@{digest}"))).await
}

#[tokio::test]
async fn signatures_come_along_whichever_side_lists_them() {
    for (there, here) in [("on", "on"), ("off", "on"), ("on", "off"), ("off", "off")] {
        let (from, digest) = filled(&[&format!("referrers={there}")], &[bytes(1, 100)]).await;
        let to = Registry::with(&[&format!("referrers={here}")]).await;
        let client = between(&from, &to);
        let signature = sign(&client, &from, &digest, 5).await;
        let of_signature = sign(&client, &from, &signature, 6).await;
        let item = || [(from.name("app:v1"), to.name("app:v1"))];
        let plain = client.copy(item()).send().await.unwrap();
        assert_eq!(plain.images.len(), 1);
        let report = client.copy(item()).referrers().send().await.unwrap();
        let digests: Vec<_> = report.images.iter().map(|one| one.result.clone().unwrap()).collect();
        assert_eq!(digests, [digest.clone(), signature.clone(), of_signature.clone()], "{there} {here}");
        let listed = |digest: &Digest| to.name(&format!("app@{digest}"));
        assert_eq!(
            client.referrers(&listed(&digest)).await.unwrap(),
            std::slice::from_ref(&signature),
            "{there} {here}"
        );
        assert_eq!(client.referrers(&listed(&signature)).await.unwrap(), [of_signature]);
    }
    let (from, _) = filled(&[], &[bytes(1, 100)]).await;
    from.fault("oci_referrer_list", Fault::status(403));
    let client = between(&from, &from);
    let copy = client.copy([(from.name("app:v1"), from.name("other:v1"))]).referrers();
    assert!(copy.send().await.unwrap().images[0].result.is_err());
    assert!(matches!(client.referrers(&from.name("app:v1")).await, Err(Error::Invalid(_))));
}
