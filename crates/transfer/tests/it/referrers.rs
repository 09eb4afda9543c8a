//! What refers to another manifest, in registries that keep no list of it.

use mlspace_registry_simulator::Fault;
use mlspace_registry_transfer::{Client, Digest, Source};
use serde_json::{Value, json};

use crate::fixture::{bytes, client, layout, push, try_push};
use crate::registry::Registry;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A layout with a signature of something, and its digest.
fn signature(folder: &std::path::Path, seed: u64) -> (std::path::PathBuf, Digest) {
    let mut layout = layout();
    let config = layout.manifest(&[bytes(seed, 10)]);
    let bytes = &layout.files[&format!("blobs/sha256/{}", digest(&config).hex())];
    let mut manifest: Value = serde_json::from_slice(bytes).unwrap();
    manifest["subject"] = json!({ "mediaType": MANIFEST, "digest": subject().as_str(), "size": 7 });
    manifest["artifactType"] = json!("application/x.signature");
    manifest["annotations"] = json!({ "by": "me" });
    let bytes = manifest.to_string();
    let digest = layout.blob(bytes.as_bytes());
    layout.name(json!({ "mediaType": MANIFEST, "digest": digest.as_str(), "size": bytes.len() }), "s");
    (layout.write(folder), digest)
}

fn digest(descriptor: &Value) -> Digest {
    descriptor["digest"].as_str().unwrap().parse().unwrap()
}

fn subject() -> Digest {
    Digest::of(b"what is signed")
}

fn tag() -> String {
    subject().as_str().replace(':', "-")
}

fn list(manifests: &[Value]) -> Value {
    json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests, "annotations": { "kept": "yes" } })
}

/// What is listed in the registry.
async fn listed(registry: &Registry) -> Vec<Value> {
    let list = registry.get(&format!("app/manifests/{}", tag())).await.unwrap_or_else(|| b"{}".into());
    let list: Value = serde_json::from_slice(&list).unwrap();
    list["manifests"].as_array().cloned().unwrap_or_default()
}

fn patient() -> Client {
    client().0.build().unwrap()
}

#[tokio::test]
async fn a_signature_is_listed_by_the_registry_or_else_under_the_tag_of_its_subject() {
    let folder = tempfile::tempdir().unwrap();
    let (source, digest) = signature(folder.path(), 1);
    for (quirk, listed_by_us) in [("referrers=on", 0), ("referrers=off", 1)] {
        // However the answer comes, or does not come.
        for lost in [0, 5] {
            let registry = Registry::with(&[quirk]).await;
            registry.fault("oci_manifest_put", Fault::lost_after().times(lost));
            for _ in 0..2 {
                push(&patient(), &source, &registry.name("app:s")).await;
            }
            let listed = listed(&registry).await;
            assert_eq!(listed.len(), listed_by_us, "{quirk} {lost}");
            for entry in listed {
                let size = std::fs::metadata(source.join("blobs/sha256").join(digest.hex())).unwrap().len();
                let expected = json!({
                    "mediaType": MANIFEST, "digest": digest.as_str(), "size": size,
                    "artifactType": "application/x.signature", "annotations": { "by": "me" },
                });
                assert_eq!(entry, expected);
            }
        }
    }
}

#[tokio::test]
async fn of_many_signatures_at_once_none_is_lost_from_the_list() {
    let registry = Registry::with(&["referrers=off"]).await;
    let client = patient();
    let mut items = Vec::new();
    let folders: Vec<_> = (0..8).map(|_| tempfile::tempdir().unwrap()).collect();
    for (seed, folder) in (1..).zip(&folders) {
        let (source, digest) = signature(folder.path(), seed);
        let image = Source::open(source).await.unwrap().image(None).unwrap().clone();
        items.push((image, registry.name(&format!("app@{digest}"))));
    }
    assert!(client.push(items).send().await.unwrap().is_complete());
    assert_eq!(listed(&registry).await.len(), 8);
}

#[tokio::test]
async fn an_entry_that_another_overwrote_is_added_again() {
    let folder = tempfile::tempdir().unwrap();
    let (source, digest) = signature(folder.path(), 1);
    let registry = Registry::with(&["referrers=off"]).await;
    let other =
        json!({ "mediaType": MANIFEST, "digest": Digest::of(b"other").as_str(), "size": 1, "x": [1] });
    // Their list, read after ours was written, and once more before theirs was.
    let theirs = Fault::json(200, &list(std::slice::from_ref(&other)));
    registry.fault("oci_manifest_get", theirs.header("etag", "\"theirs\"").times(2).after(1));
    registry.simulator.quirk("sparse-index=accepted".parse().unwrap());
    push(&patient(), &source, &registry.name("app:s")).await;
    let found: Vec<_> = listed(&registry).await.iter().map(self::digest).collect();
    assert_eq!(found, [self::digest(&other), digest]);
    assert_eq!(listed(&registry).await[0], other, "what was there stays as it was");
    let conditions: Vec<_> = registry
        .simulator
        .journal()
        .iter()
        .filter(|request| request.method == "PUT" && request.path.ends_with(&tag()))
        .map(|request| ["if-none-match", "if-match"].map(|name| request.headers.get(name).cloned()))
        .collect();
    let theirs = [None, Some("\"theirs\"".to_owned())];
    assert_eq!(conditions, [[Some("*".to_owned()), None], theirs.clone(), theirs]);
}

#[tokio::test]
async fn a_list_that_changed_since_it_was_read_is_read_again_but_not_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let (source, _) = signature(folder.path(), 1);
    for (refusals, is_listed) in [(1, true), (100, false)] {
        let registry = Registry::with(&["referrers=off"]).await;
        registry.fault("oci_manifest_put", Fault::status(412).after(1).times(refusals));
        let result = try_push(&patient(), &source, &registry.name("app:s")).await;
        assert_eq!(result.is_ok(), is_listed, "{result:?}");
        assert_eq!(listed(&registry).await.len(), usize::from(is_listed));
        if let Err(error) = result {
            assert!(error.to_string().contains("list of referrers"), "{error}");
        }
    }
}

#[tokio::test]
async fn a_tag_that_is_no_list_is_left_as_it_is() {
    let (folder, image) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (source, _) = signature(folder.path(), 1);
    let registry = Registry::with(&["referrers=off"]).await;
    let image = crate::fixture::image(&[bytes(9, 10)]).write(image.path());
    let client = patient();
    let theirs = push(&client, &image, &registry.name(&format!("app:{}", tag()))).await;
    let error = try_push(&client, &source, &registry.name("app:s")).await.unwrap_err();
    assert!(error.to_string().contains("something else than a list"), "{error}");
    let is = registry.get(&format!("app/manifests/{}", tag())).await.unwrap();
    assert_eq!(Digest::of(&is), theirs);
}
