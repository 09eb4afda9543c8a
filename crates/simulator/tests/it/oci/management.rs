//! Management: deleting tags, manifests and blobs.

use serde_json::json;

use super::client::{MANIFEST, open, sha256};

#[tokio::test]
async fn a_tag_is_deleted_alone() {
    let (_simulator, client) = open(&[]).await;
    let digest = client.push_image("a", "v1", 1).await;
    client.push_image("a", "v2", 1).await;
    client.call("DELETE", "/v2/a/manifests/v1").await.is(202);
    assert_eq!(client.status("HEAD", "/v2/a/manifests/v1").await, 404);
    assert_eq!(client.status("HEAD", "/v2/a/manifests/v2").await, 200);
    assert_eq!(client.status("HEAD", &format!("/v2/a/manifests/{digest}")).await, 200);
    client.call("DELETE", "/v2/a/manifests/v1").await.refused(404, "MANIFEST_UNKNOWN");
    assert_eq!(client.call("GET", "/v2/a/tags/list").await.is(200).json()["tags"], json!(["v2"]));
}

#[tokio::test]
async fn a_manifest_goes_with_its_tags_and_leaves_its_blobs() {
    let (_simulator, client) = open(&[]).await;
    let manifest = client.image("a", 1).await;
    client.put_manifest("a", "v1", MANIFEST, &manifest).await.is(201);
    client.put_manifest("a", "v2", MANIFEST, &manifest).await.is(201);
    client.push_image("a", "other", 2).await;
    let path = format!("/v2/a/manifests/{}", sha256(manifest.to_string().as_bytes()));
    client.call("DELETE", &path).await.is(202);
    for path in [path.as_str(), "/v2/a/manifests/v1", "/v2/a/manifests/v2"] {
        client.call("GET", path).await.refused(404, "MANIFEST_UNKNOWN");
    }
    client.call("DELETE", &path).await.refused(404, "MANIFEST_UNKNOWN");
    assert_eq!(client.call("GET", "/v2/a/tags/list").await.is(200).json()["tags"], json!(["other"]));
    let layer = manifest["layers"][0]["digest"].as_str().unwrap();
    assert_eq!(client.status("HEAD", &format!("/v2/a/blobs/{layer}")).await, 200);
    // It can come back.
    client.put_manifest("a", "v1", MANIFEST, &manifest).await.is(201);
}

#[tokio::test]
async fn a_blob_is_deleted_from_one_repository_at_a_time() {
    let (_simulator, client) = open(&[]).await;
    let digest = client.push_blob("a", b"shared").await;
    client.push_blob("b", b"shared").await;
    let path = |repository: &str| format!("/v2/{repository}/blobs/{digest}");
    client.call("DELETE", &path("a")).await.is(202);
    client.call("DELETE", &path("a")).await.refused(404, "BLOB_UNKNOWN");
    client.call("GET", &path("a")).await.refused(404, "BLOB_UNKNOWN");
    assert_eq!(client.call("GET", &path("b")).await.is(200).body, b"shared");
    client.call("DELETE", &path("b")).await.is(202);
    client.push_blob("a", b"shared").await;
    assert_eq!(client.call("GET", &path("a")).await.is(200).body, b"shared");
}

#[tokio::test]
async fn blobs_and_manifests_are_deleted_in_any_order() {
    let (_simulator, client) = open(&[]).await;
    let manifest = client.image("a", 1).await;
    client.put_manifest("a", "v1", MANIFEST, &manifest).await.is(201);
    for part in [&manifest["config"], &manifest["layers"][0]] {
        let path = format!("/v2/a/blobs/{}", part["digest"].as_str().unwrap());
        client.call("DELETE", &path).await.is(202);
    }
    client.call("GET", "/v2/a/manifests/v1").await.is(200);
    let path = format!("/v2/a/manifests/{}", sha256(manifest.to_string().as_bytes()));
    client.call("DELETE", &path).await.is(202);
    client.call("GET", "/v2/a/manifests/v1").await.refused(404, "MANIFEST_UNKNOWN");
}
