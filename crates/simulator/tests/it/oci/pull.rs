//! Pull: GET and HEAD of blobs and manifests, and parts of blobs.

use serde_json::Value;

use super::client::{MANIFEST, bytes, open, sha256};

#[tokio::test]
async fn a_blob_comes_back_whole_and_in_parts() {
    let (_simulator, client) = open(&[]).await;
    let blob = bytes(1, 2048);
    let path = format!("/v2/a/b/c/d/blobs/{}", client.push_blob("a/b/c/d", &blob).await);
    let whole = client.call("GET", &path).await.is(200);
    assert_eq!(whole.body, blob);
    for answer in [&whole, &client.call("HEAD", &path).await.is(200)] {
        assert_eq!(answer.header("content-length"), "2048");
        assert_eq!(answer.header("docker-content-digest"), sha256(&blob));
        assert_eq!(answer.header("docker-distribution-api-version"), "registry/2.0");
    }
    for (range, part) in
        [("500-1499", 500..1500), ("500-", 500..2048), ("-500", 1548..2048), ("2000-5000", 2000..2048)]
    {
        let request = client.request("GET", &path).header("range", format!("bytes={range}"));
        let answer = client.send(request).await.is(206);
        assert_eq!(answer.body, blob[part.clone()], "{range}");
        let expected = format!("bytes {}-{}/2048", part.start, part.end - 1);
        assert_eq!(answer.header("content-range"), expected);
    }
    for range in ["500-0", "5000-10000", "2048-", "x"] {
        let request = client.request("GET", &path).header("range", format!("bytes={range}"));
        let answer = client.send(request).await.is(416);
        assert_eq!(answer.header("content-range"), "bytes */2048");
    }
    for range in ["bytes=0-1,5-6", "pages=1-2"] {
        assert_eq!(client.send(client.request("GET", &path).header("range", range)).await.is(200).body, blob);
    }
}

#[tokio::test]
async fn a_large_blob_is_streamed_in_pieces() {
    let (_simulator, client) = open(&[]).await;
    let blob = bytes(9, 3 * 1024 * 1024 + 17);
    let path = format!("/v2/a/blobs/{}", client.push_blob("a", &blob).await);
    assert!(client.call("GET", &path).await.is(200).body == blob);
    let request = client.request("GET", &path).header("range", "bytes=300000-2000000");
    assert!(client.send(request).await.is(206).body == blob[300_000..=2_000_000]);
}

#[tokio::test]
async fn a_manifest_comes_back_byte_for_byte_by_tag_and_by_digest() {
    let (_simulator, client) = open(&[]).await;
    let manifest = client.image("a", 1).await;
    // The bytes are not those that any serializer would write.
    let text = format!("\n  {}  \n", serde_json::to_string_pretty(&manifest).unwrap());
    let request =
        client.request("PUT", "/v2/a/manifests/v1").header("content-type", MANIFEST).body(text.clone());
    let pushed = client.send(request).await.is(201);
    let digest = sha256(text.as_bytes());
    assert_eq!(pushed.header("docker-content-digest"), digest);
    for reference in ["v1", &digest] {
        let path = format!("/v2/a/manifests/{reference}");
        let got = client.call("GET", &path).await.is(200);
        assert_eq!(got.body, text.as_bytes());
        for answer in [&got, &client.call("HEAD", &path).await.is(200)] {
            assert_eq!(answer.header("content-type"), MANIFEST);
            assert_eq!(answer.header("content-length"), text.len().to_string());
            assert_eq!(answer.header("docker-content-digest"), digest);
        }
    }
    let located = client.call("GET", pushed.header("location")).await.is(200);
    assert_eq!(located.body, text.as_bytes());
}

#[tokio::test]
async fn what_is_not_there_is_404_in_the_form_of_the_specification() {
    let (_simulator, client) = open(&[]).await;
    let digest = sha256(b"nothing");
    client.push_image("a", "v1", 1).await;
    client.call("GET", &format!("/v2/a/blobs/{digest}")).await.refused(404, "BLOB_UNKNOWN");
    client.call("GET", &format!("/v2/a/manifests/{digest}")).await.refused(404, "MANIFEST_UNKNOWN");
    client.call("GET", "/v2/a/manifests/v2").await.refused(404, "MANIFEST_UNKNOWN");
    client.call("GET", "/v2/other/manifests/v1").await.refused(404, "MANIFEST_UNKNOWN");
    client.call("GET", "/v2/other/tags/list").await.refused(404, "NAME_UNKNOWN");
    client.call("GET", "/v2/a/nothing").await.refused(404, "UNSUPPORTED");
    client.call("GET", "/v2/a/manifests/sha256:baddigeststring").await.refused(400, "DIGEST_INVALID");
    let refused = client.call("POST", "/v2/a/tags/list").await;
    refused.refused(405, "UNSUPPORTED");
    assert_eq!(refused.header("allow"), "GET");
    for path in [format!("/v2/a/blobs/{digest}"), "/v2/a/manifests/v2".to_owned()] {
        let answer = client.call("HEAD", &path).await.is(404);
        assert!(answer.body.is_empty());
    }
    // A blob of one repository is not a blob of another.
    let there = client.push_blob("a", b"there").await;
    assert_eq!(client.status("HEAD", &format!("/v2/a/blobs/{there}")).await, 200);
    assert_eq!(client.status("HEAD", &format!("/v2/b/blobs/{there}")).await, 404);
}

#[tokio::test]
async fn what_no_tag_can_be_called_is_not_there() {
    let (_simulator, client) = open(&[]).await;
    client.push_image("a", "v1", 1).await;
    for reference in [".INVALID", "-x", &"x".repeat(129)] {
        let path = format!("/v2/a/manifests/{reference}");
        client.call("GET", &path).await.refused(404, "MANIFEST_UNKNOWN");
        client.call("DELETE", &path).await.refused(404, "MANIFEST_UNKNOWN");
        assert_eq!(client.status("HEAD", &path).await, 404, "{reference}");
        client.with_body("PUT", &path, b"{}").await.refused(400, "MANIFEST_INVALID");
    }
    // What could climb out of a folder is refused as such.
    for reference in ["..%2F..", "%00", "a%20b", "%2Fetc"] {
        let path = format!("/v2/a/manifests/{reference}");
        client.call("GET", &path).await.refused(400, "MANIFEST_INVALID");
    }
}

#[tokio::test]
async fn ping_says_that_this_is_a_registry() {
    let (_simulator, client) = open(&[]).await;
    for path in ["/v2/", "/v2"] {
        let answer = client.call("GET", path).await.is(200);
        assert_eq!(answer.header("docker-distribution-api-version"), "registry/2.0");
        assert_eq!(answer.json(), Value::Object(serde_json::Map::new()));
    }
}
