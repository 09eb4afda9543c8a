//! Push: blobs in one request, in two, in chunks and by mount.

use std::time::Duration;

use super::client::{bytes, located, open, sha256, sha512};

fn with_digest(location: &str, digest: &str) -> String {
    format!("{location}{}digest={digest}", if location.contains('?') { '&' } else { '?' })
}

#[tokio::test]
async fn a_blob_is_pushed_in_one_request_or_in_two() {
    let (_simulator, client) = open(&[]).await;
    for (number, digest_of) in [(1, sha256 as fn(&[u8]) -> String), (2, sha512)] {
        let blob = bytes(number, 512);
        let digest = digest_of(&blob);
        let path = format!("/v2/a/blobs/uploads/?digest={digest}");
        let answer = client.with_body("POST", &path, &blob).await.is(201);
        assert_eq!(answer.header("docker-content-digest"), digest);
        assert_eq!(located(&client, &answer).await, blob);

        let blob = bytes(number + 10, 512);
        let digest = digest_of(&blob);
        let location = client.start("a").await;
        let answer = client.with_body("PUT", &with_digest(&location, &digest), &blob).await.is(201);
        assert_eq!(located(&client, &answer).await, blob);
    }
}

#[tokio::test]
async fn a_blob_is_pushed_in_chunks_and_the_last_may_come_with_the_digest() {
    let (_simulator, client) = open(&[]).await;
    for digest_of in [sha256 as fn(&[u8]) -> String, sha512] {
        for last_in_put in [false, true] {
            let blob = bytes(u8::from(last_in_put), 3000);
            let location = client.start("a").await;
            let first = client.chunk(&location, 0, &blob[..1000]).await.is(202);
            assert_eq!(first.header("range"), "0-999");
            let status = client.call("GET", first.header("location")).await.is(204);
            assert_eq!(status.header("range"), "0-999");
            let second = client.chunk(status.header("location"), 1000, &blob[1000..2000]).await.is(202);
            let url = with_digest(second.header("location"), &digest_of(&blob));
            let done = if last_in_put {
                let request = client.request("PUT", &url).header("content-range", "2000-2999");
                client.send(request.body(blob[2000..].to_vec())).await
            } else {
                client.chunk(second.header("location"), 2000, &blob[2000..]).await.is(202);
                client.call("PUT", &url).await
            };
            assert_eq!(located(&client, &done.is(201)).await, blob);
            client.call("GET", second.header("location")).await.refused(404, "BLOB_UPLOAD_UNKNOWN");
        }
    }
}

#[tokio::test]
async fn a_stream_needs_no_content_range() {
    let (_simulator, client) = open(&[]).await;
    let blob = bytes(1, 100_000);
    let location = client.start("a").await;
    let pieces = blob.chunks(999).map(|piece| Ok::<_, std::io::Error>(piece.to_vec())).collect::<Vec<_>>();
    let body = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
    let answer = client.send(client.request("PATCH", &location).body(body)).await.is(202);
    assert_eq!(answer.header("range"), "0-99999");
    let url = with_digest(answer.header("location"), &sha256(&blob));
    assert!(located(&client, &client.call("PUT", &url).await.is(201)).await == blob);
}

#[tokio::test]
async fn a_chunk_out_of_order_gets_416_and_the_upload_goes_on() {
    let (_simulator, client) = open(&[]).await;
    let blob = bytes(1, 3000);
    let location = client.start("a").await;
    let early = client.chunk(&location, 1000, &blob[1000..2000]).await;
    early.refused(416, "BLOB_UPLOAD_INVALID");
    assert_eq!(client.call("GET", &location).await.is(204).header("range"), "0-0");
    client.chunk(&location, 0, &blob[..1000]).await.is(202);
    let again = client.chunk(&location, 0, &blob[..1000]).await.is(416);
    assert_eq!((again.header("range"), again.header("location")), ("0-999", location.as_str()));
    let url = with_digest(&location, &sha256(&blob));
    let early = client.request("PUT", &url).header("content-range", "2000-2999").body(blob[2000..].to_vec());
    client.send(early).await.is(416);
    let rest = client.request("PUT", &url).header("content-range", "1000-2999").body(blob[1000..].to_vec());
    client.send(rest).await.is(201);
}

#[tokio::test]
async fn a_content_range_that_says_nothing_is_refused() {
    let (_simulator, client) = open(&[]).await;
    let location = client.start("a").await;
    for range in ["", "x", "0", "5-1", "-1", "+0-2", "0-99999999999999999999"] {
        let request = client.request("PATCH", &location).header("content-range", range).body("abc");
        client.send(request).await.refused(400, "BLOB_UPLOAD_INVALID");
    }
    for range in ["0-5", "0-1", "0-18446744073709551615"] {
        let request = client.request("PATCH", &location).header("content-range", range).body("abc");
        client.send(request).await.refused(400, "SIZE_INVALID");
        let streamed = futures_util::stream::iter([Ok::<_, std::io::Error>("ab"), Ok("c")]);
        let body = reqwest::Body::wrap_stream(streamed);
        let request = client.request("PATCH", &location).header("content-range", range).body(body);
        client.send(request).await.refused(400, "SIZE_INVALID");
    }
    let highest = "18446744073709551615-18446744073709551615";
    let request = client.request("PATCH", &location).header("content-range", highest).body("a");
    client.send(request).await.is(416);
    let request = client.request("PATCH", &location).header("content-range", &b"\xff-1"[..]).body("abc");
    client.send(request).await.refused(400, "BLOB_UPLOAD_INVALID");
    assert_eq!(client.call("GET", &location).await.is(204).header("range"), "0-0");
}

#[tokio::test]
async fn a_wrong_digest_is_refused_and_nothing_is_kept() {
    let (_simulator, client) = open(&[]).await;
    let (sent, named) = (bytes(1, 512), sha256(b"something else"));
    let path = format!("/v2/a/blobs/uploads/?digest={named}");
    client.with_body("POST", &path, &sent).await.refused(400, "DIGEST_INVALID");
    let location = client.start("a").await;
    client.with_body("PUT", &with_digest(&location, &named), &sent).await.refused(400, "DIGEST_INVALID");
    client.call("GET", &location).await.refused(404, "BLOB_UPLOAD_UNKNOWN");
    let location = client.start("a").await;
    client.chunk(&location, 0, &sent).await.is(202);
    client.call("PUT", &with_digest(&location, &sha512(b"x"))).await.refused(400, "DIGEST_INVALID");
    let location = client.start("a").await;
    client.chunk(&location, 0, &sent[..300]).await.is(202);
    let last = client.request("PUT", &with_digest(&location, &named)).header("content-range", "300-511");
    client.send(last.body(sent[300..].to_vec())).await.refused(400, "DIGEST_INVALID");
    for digest in [&named, &sha256(&sent)] {
        assert_eq!(client.status("HEAD", &format!("/v2/a/blobs/{digest}")).await, 404);
    }
    let location = client.start("a").await;
    client.call("PUT", &location).await.refused(400, "DIGEST_INVALID");
    client.call("PUT", &with_digest(&location, "sha256:x")).await.refused(400, "DIGEST_INVALID");
}

#[tokio::test]
async fn an_upload_can_be_given_up_and_belongs_to_its_repository() {
    let (_simulator, client) = open(&[]).await;
    let location = client.start("a").await;
    let elsewhere = location.replace("/v2/a/", "/v2/b/");
    client.call("GET", &elsewhere).await.refused(404, "BLOB_UPLOAD_UNKNOWN");
    client.call("DELETE", &elsewhere).await.refused(404, "BLOB_UPLOAD_UNKNOWN");
    client.call("DELETE", &location).await.is(204);
    for method in ["GET", "DELETE", "PATCH"] {
        client.call(method, &location).await.refused(404, "BLOB_UPLOAD_UNKNOWN");
    }
}

#[tokio::test]
async fn the_empty_blob_is_a_blob() {
    let (_simulator, client) = open(&[]).await;
    for digest in [sha256(b""), sha512(b"")] {
        client.with_body("POST", &format!("/v2/a/blobs/uploads/?digest={digest}"), b"").await.is(201);
        let location = client.start("b").await;
        client.call("PUT", &with_digest(&location, &digest)).await.is(201);
        for repository in ["a", "b"] {
            let answer = client.call("GET", &format!("/v2/{repository}/blobs/{digest}")).await.is(200);
            assert_eq!((answer.body.len(), answer.header("content-length")), (0, "0"));
        }
    }
}

#[tokio::test]
async fn a_blob_is_mounted_from_where_it_is_or_else_an_upload_begins() {
    let (_simulator, client) = open(&[]).await;
    let digest = client.push_blob("a", b"shared").await;
    let mount = |to: &str, from: &str| format!("/v2/{to}/blobs/uploads/?mount={digest}{from}");
    let mounted = client.call("POST", &mount("b", "&from=a")).await.is(201);
    assert_eq!(located(&client, &mounted).await, b"shared");
    client.call("POST", &mount("c", "&from=empty")).await.is(202);
    let nowhere = sha256(b"nowhere");
    for from in ["", "&from=a", "&from=d"] {
        let path = format!("/v2/d/blobs/uploads/?mount={nowhere}{from}");
        let begun = client.call("POST", &path).await.is(202);
        assert!(begun.header("location").contains("/v2/d/blobs/uploads/"), "{begun:?}");
    }
    client.call("POST", &mount("c", "")).await.is(201);
    client.call("POST", "/v2/c/blobs/uploads/?mount=x&from=a").await.refused(400, "DIGEST_INVALID");
    client.call("POST", &mount("c", "&from=..%2Fa")).await.refused(400, "NAME_INVALID");

    let (_simulator, client) = open(&["mounts=named"]).await;
    client.push_blob("a", b"shared").await;
    client.call("POST", &mount("b", "")).await.is(202);
    client.call("POST", &mount("b", "&from=a")).await.is(201);

    let (_simulator, client) = open(&["mounts=never"]).await;
    client.push_blob("a", b"shared").await;
    let begun = client.call("POST", &mount("b", "&from=a")).await.is(202);
    let url = with_digest(begun.header("location"), &digest);
    client.with_body("PUT", &url, b"shared").await.is(201);
}

#[tokio::test]
async fn unfinished_uploads_hold_no_handle_and_are_forgotten_in_number_and_time() {
    let (simulator, client) = open(&["max-uploads=3"]).await;
    let mut locations = Vec::new();
    for number in 0..4 {
        simulator.advance(Duration::from_secs(1));
        locations.push(client.start("a").await);
        client.chunk(&locations[number], 0, b"abc").await.is(202);
    }
    client.call("GET", &locations[0]).await.refused(404, "BLOB_UPLOAD_UNKNOWN");
    simulator.advance(Duration::from_secs(23 * 60 * 60));
    client.call("GET", &locations[1]).await.is(204);
    simulator.advance(Duration::from_secs(2 * 60 * 60));
    client.start("a").await;
    client.call("GET", &locations[1]).await.is(204);
    client.call("GET", &locations[2]).await.refused(404, "BLOB_UPLOAD_UNKNOWN");
}

#[tokio::test]
async fn many_uploads_of_one_blob_at_once_all_succeed() {
    let (_simulator, client) = open(&[]).await;
    let blob = bytes(1, 300_000);
    let digest = sha256(&blob);
    let push = async |repository: &str| {
        let path = format!("/v2/{repository}/blobs/uploads/?digest={digest}");
        client.with_body("POST", &path, &blob).await.is(201);
    };
    futures_util::future::join_all(["a", "b", "a", "c", "a", "b"].map(push)).await;
    for repository in ["a", "b", "c"] {
        let got = client.call("GET", &format!("/v2/{repository}/blobs/{digest}")).await.is(200);
        assert!(got.body == blob);
    }
}

#[tokio::test]
async fn locations_can_be_relative_and_have_a_query_that_must_come_back() {
    let (_simulator, client) = open(&["upload-location=relative", "upload-state"]).await;
    let blob = bytes(1, 2000);
    let first = client.start("a").await;
    assert!(first.starts_with("/v2/a/blobs/uploads/") && first.contains("?_state="), "{first}");
    let second = client.chunk(&first, 0, &blob[..1000]).await.is(202);
    client.chunk(&first, 1000, &blob[1000..]).await.refused(400, "BLOB_UPLOAD_INVALID");
    let again = client.chunk(&first, 0, &blob[..1000]).await.is(416);
    assert_eq!(again.header("location"), second.header("location"));
    let early = client.request("PUT", &with_digest(&first, &sha256(&blob))).header("content-range", "0-999");
    client.send(early.body(blob[..1000].to_vec())).await.is(416);
    let bare = second.header("location").split('?').next().unwrap();
    client.chunk(bare, 1000, &blob[1000..]).await.refused(400, "BLOB_UPLOAD_INVALID");
    let status = client.call("GET", &first).await.is(204);
    assert_eq!(status.header("location"), second.header("location"));
    let third = client.chunk(status.header("location"), 1000, &blob[1000..]).await.is(202);
    let done = client.call("PUT", &with_digest(third.header("location"), &sha256(&blob))).await.is(201);
    assert!(done.header("location").starts_with("/v2/a/blobs/sha256:"), "{done:?}");
}

#[tokio::test]
async fn a_registry_can_refuse_whole_posts_short_chunks_and_long_bodies() {
    let (_simulator, client) =
        open(&["single-post=off", "chunk-min-length=1000", "max-upload-body=2000"]).await;
    let blob = bytes(1, 2500);
    let digest = sha256(&blob);
    let path = format!("/v2/a/blobs/uploads/?digest={digest}");
    let begun = client.with_body("POST", &path, &blob).await.is(202);
    assert_eq!(begun.header("oci-chunk-min-length"), "1000");
    let location = begun.header("location");
    client.with_body("PUT", &with_digest(location, &digest), &blob).await.refused(413, "SIZE_INVALID");
    let stream = futures_util::stream::iter(
        blob.chunks(100).map(|piece| Ok::<_, std::io::Error>(piece.to_vec())).collect::<Vec<_>>(),
    );
    let request = client.request("PATCH", location).body(reqwest::Body::wrap_stream(stream));
    client.send(request).await.refused(413, "SIZE_INVALID");

    let location = client.start("a").await;
    client.chunk(&location, 0, &blob[..500]).await.is(202);
    client.chunk(&location, 500, &blob[500..1500]).await.refused(400, "SIZE_INVALID");
    let location = client.start("a").await;
    client.chunk(&location, 0, &blob[..1000]).await.is(202);
    client.chunk(&location, 1000, &blob[1000..2400]).await.is(202);
    client.chunk(&location, 2400, &blob[2400..]).await.is(202);
    client.call("PUT", &with_digest(&location, &digest)).await.is(201);
}
