//! Habits of other registries, each behind a switch.

use super::client::{MANIFEST, bytes, open, sha256};
use mlspace_registry_simulator::{Fault, Quirk, Simulator};

fn streamed(blob: &[u8]) -> reqwest::Body {
    let pieces = blob.chunks(999).map(|piece| Ok::<_, std::io::Error>(piece.to_vec())).collect::<Vec<_>>();
    reqwest::Body::wrap_stream(futures_util::stream::iter(pieces))
}

#[tokio::test]
async fn a_registry_without_patch_takes_a_blob_with_one_put() {
    let (_simulator, client) = open(&["patch=off"]).await;
    let blob = bytes(1, 3000);
    let location = client.start("a").await;
    client.chunk(&location, 0, &blob[..1000]).await.refused(405, "UNSUPPORTED");
    client.with_body("PUT", &format!("{location}?digest={}", sha256(&blob)), &blob).await.is(201);
}

#[tokio::test]
async fn a_registry_that_wants_the_length_takes_nothing_of_a_stream() {
    let (_simulator, client) = open(&["unknown-length=off"]).await;
    let blob = bytes(1, 3000);
    let location = client.start("a").await;
    let patch = client.request("PATCH", &location).body(streamed(&blob));
    client.send(patch).await.refused(411, "SIZE_INVALID");
    let finish = format!("{location}?digest={}", sha256(&blob));
    let put = client.request("PUT", &finish).body(streamed(&blob));
    client.send(put).await.refused(411, "SIZE_INVALID");
    assert_eq!(client.call("GET", &location).await.is(204).header("range"), "0-0");
    client.with_body("PUT", &finish, &blob).await.is(201);
}

#[tokio::test]
async fn a_registry_without_ranges_gives_the_whole_blob() {
    let (_simulator, client) = open(&["blob-ranges=off"]).await;
    let blob = bytes(1, 2048);
    let path = format!("/v2/a/blobs/{}", client.push_blob("a", &blob).await);
    for range in ["bytes=500-", "bytes=5000-"] {
        let answer = client.send(client.request("GET", &path).header("range", range)).await.is(200);
        assert_eq!((answer.body, answer.headers["accept-ranges"].to_str().unwrap()), (blob.clone(), "none"));
    }
}

#[tokio::test]
async fn an_upload_can_be_forgotten_with_the_connection() {
    let (simulator, client) = open(&["cut-chunk=upload-forgotten"]).await;
    let blob = bytes(1, 300_000);
    let location = client.start("a").await;
    client.chunk(&location, 0, &blob[..1000]).await.is(202);
    simulator.fail("oci_upload_patch", Fault::cut_after(100_000).times(1)).unwrap();
    client.try_send(client.request("PATCH", &location).body(blob[1000..].to_vec())).await.unwrap_err();
    client.call("GET", &location).await.refused(404, "BLOB_UPLOAD_UNKNOWN");
}

#[tokio::test]
async fn a_blob_is_redirected_to_a_signed_address_that_takes_no_credentials() {
    let (simulator, client) = open(&["blob-redirects=on"]).await;
    let blob = bytes(1, 2048);
    let path = format!("/v2/a/blobs/{}", client.push_blob("a", &blob).await);
    client.call("HEAD", &path).await.is(200);
    let redirect = client.call("GET", &path).await.is(307);
    let location = redirect.header("location");
    assert!(!location.starts_with(&client.base), "{location}");
    let answer = client.send(client.request("GET", location).header("range", "bytes=500-")).await.is(206);
    assert_eq!(answer.body, blob[500..]);
    let signed_twice = client.request("GET", location).bearer_auth("token");
    client.send(signed_twice).await.refused(400, "DENIED");
    client.call("GET", location.split_once('?').unwrap().0).await.refused(403, "DENIED");
    simulator.quirk(Quirk::RegistryAuth(mlspace_registry_simulator::RegistryAuth::Bearer));
    assert_eq!(client.call("GET", location).await.is(200).body, blob, "what is signed needs no token");
    assert_eq!(simulator.requests("oci_storage_get"), 4);
}

fn received(simulator: &Simulator, operation: &str) -> Vec<u64> {
    let journal = simulator.journal().into_iter();
    journal.filter(|one| one.operation == Some(operation)).map(|one| one.received).collect()
}

#[tokio::test]
async fn the_journal_says_how_much_of_each_body_came() {
    let (simulator, client) = open(&["max-upload-body=200000"]).await;
    let blob = bytes(1, 300_000);
    let location = client.start("a").await;
    simulator.fail("oci_upload_patch", Fault::cut_after(100_000).times(1)).unwrap();
    client.try_send(client.request("PATCH", &location).body(streamed(&blob[..150_000]))).await.unwrap_err();
    client.chunk(&location, 100_000, &blob).await.is(413);
    client.chunk(&location, 100_000, &blob[100_000..]).await.is(202);
    let received = received(&simulator, "oci_upload_patch");
    assert!((100_000..=150_000).contains(&received[0]), "{received:?}");
    assert_eq!(received[1..], [0, 200_000]);
    client.put_manifest("a", "v1", MANIFEST, &serde_json::json!({})).await.is(400);
    assert_eq!(simulator.journal().last().unwrap().received, 2);
}
