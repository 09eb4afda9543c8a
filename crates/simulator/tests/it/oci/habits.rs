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

#[tokio::test]
async fn a_catalog_may_list_the_repositories_by_page() {
    let (simulator, client) = open(&[]).await;
    for name in ["c", "a/b", "a"] {
        client.push_image(name, "v1", 1).await;
    }
    client.call("GET", "/v2/_catalog").await.refused(404, "UNSUPPORTED");
    simulator.quirk("catalog=on".parse().unwrap());
    let page = client.call("GET", "/v2/_catalog?n=2").await.is(200);
    assert_eq!(page.json()["repositories"], serde_json::json!(["a", "a/b"]));
    let next = page.header("link").trim_start_matches('<').split('>').next().unwrap().to_owned();
    let page = client.call("GET", &next).await.is(200);
    assert_eq!(page.json()["repositories"], serde_json::json!(["c"]));
    simulator.quirk("registry-auth=bearer".parse().unwrap());
    let refused = client.call("GET", "/v2/_catalog").await.is(401);
    assert!(refused.header("www-authenticate").contains("scope=\"registry:catalog:*\""));
    let (email, password) = (simulator.personal_email().to_owned(), simulator.rotate_registry_password());
    let ask = client.request("GET", "/service/token?scope=registry:catalog:*");
    let token = client.send(ask.basic_auth(email, Some(password.expose()))).await.is(200).json();
    let with_token = client.request("GET", "/v2/_catalog").bearer_auth(token["token"].as_str().unwrap());
    client.send(with_token).await.is(200);
}

#[tokio::test]
async fn immutable_tags_are_neither_deleted_nor_moved() {
    let (simulator, client) = open(&["immutable-tags=v"]).await;
    let digest = client.push_image("a", "v1", 1).await;
    client.push_image("a", "v1", 1).await;
    let other = client.image("a", 2).await;
    client.put_manifest("a", "v1", MANIFEST, &other).await.refused(412, "DENIED");
    client.put_manifest("a", "latest", MANIFEST, &other).await.is(201);
    client.call("DELETE", "/v2/a/manifests/v1").await.refused(412, "DENIED");
    client.call("DELETE", &format!("/v2/a/manifests/{digest}")).await.refused(412, "DENIED");
    let wire = crate::wire::Wire::new(&simulator).await;
    let repository = simulator.repositories().remove(0);
    let images = simulator.images(repository.id);
    let (held, free) = (&images[0], &images[1]);
    for (path, body) in [
        ("/tags/", serde_json::json!({ "tag_ids": [free.tags[0].id, held.tags[0].id] })),
        ("/images/", serde_json::json!({ "image_ids": [free.id, held.id] })),
        ("/repositories/", serde_json::json!({ "repository_ids": [repository.id] })),
    ] {
        assert_eq!(wire.write("DELETE", path, body).await.status, 412, "{path}");
    }
    let moved = serde_json::json!({ "image_id": free.id, "name": "v1" });
    assert_eq!(wire.write("POST", "/tags/", moved).await.status, 412);
    client.call("DELETE", "/v2/a/manifests/latest").await.is(202);
    assert_eq!(simulator.repositories()[0].images_count, 2, "nothing else went");
}

#[tokio::test]
async fn what_is_attached_to_an_image_may_be_no_image_and_go_with_it() {
    for (quirk, shown) in [("accessories=images", 2), ("accessories=hidden", 1)] {
        let (simulator, client) = open(&[quirk]).await;
        let subject = client.push_image("a", "v1", 1).await;
        let mut signature = client.image("a", 2).await;
        let size = client.call("GET", "/v2/a/manifests/v1").await.body.len();
        signature["subject"] = serde_json::json!({ "mediaType": MANIFEST, "digest": subject, "size": size });
        let digest = sha256(signature.to_string().as_bytes());
        client.put_manifest("a", &digest, MANIFEST, &signature).await.is(201);
        assert_eq!(simulator.repositories()[0].images_count, shown, "{quirk}");
        let referrers = client.call("GET", &format!("/v2/a/referrers/{subject}")).await.is(200);
        assert_eq!(referrers.json()["manifests"].as_array().unwrap().len(), 1);
        client.call("DELETE", &format!("/v2/a/manifests/{subject}")).await.is(202);
        let status = client.status("HEAD", &format!("/v2/a/manifests/{digest}")).await;
        assert_eq!(status, if shown == 1 { 404 } else { 200 }, "{quirk}");
    }
}

#[tokio::test]
async fn a_registry_without_lists_of_referrers_says_nothing_of_a_subject() {
    for (quirk, status) in [("referrers=on", 200), ("referrers=off", 404)] {
        let (_simulator, client) = open(&[quirk]).await;
        let subject = client.push_image("a", "v1", 1).await;
        let mut signature = client.image("a", 2).await;
        signature["subject"] = serde_json::json!({ "mediaType": MANIFEST, "digest": subject, "size": 1 });
        let put = client.put_manifest("a", "signature", MANIFEST, &signature).await.is(201);
        assert_eq!(put.headers.contains_key("oci-subject"), status == 200, "{quirk}");
        assert_eq!(client.status("GET", &format!("/v2/a/referrers/{subject}")).await, status);
    }
}

#[tokio::test]
async fn the_manifests_of_an_index_may_go_with_it() {
    let (simulator, client) = open(&["deleted-index=removes-children"]).await;
    let child = client.image("a", 1).await;
    let digest = sha256(child.to_string().as_bytes());
    client.put_manifest("a", &digest, MANIFEST, &child).await.is(201);
    let index = super::client::index(&[(MANIFEST, &child)]);
    client.put_manifest("a", "v1", super::client::INDEX, &index).await.is(201);
    let index = sha256(index.to_string().as_bytes());
    client.call("DELETE", &format!("/v2/a/manifests/{index}")).await.is(202);
    client.call("GET", &format!("/v2/a/manifests/{digest}")).await.refused(404, "MANIFEST_UNKNOWN");
    assert_eq!(simulator.repositories()[0].images_count, 0);
}

#[tokio::test]
async fn a_look_may_count_as_a_pull_and_a_pull_as_none() {
    for (quirk, head, get) in
        [("pulls=get", false, true), ("pulls=get-and-head", true, true), ("pulls=none", false, false)]
    {
        let (simulator, client) = open(&[quirk]).await;
        client.push_image("a", "v1", 1).await;
        let is_pulled = || {
            let repository = simulator.repositories()[0].id;
            simulator.images(repository)[0].pull_time.is_some()
        };
        client.call("HEAD", "/v2/a/manifests/v1").await.is(200);
        assert_eq!(is_pulled(), head, "{quirk}");
        client.call("GET", "/v2/a/manifests/v1").await.is(200);
        assert_eq!(is_pulled(), get, "{quirk}");
    }
}

#[tokio::test]
async fn an_image_may_go_with_its_last_tag_whichever_api_deletes_it() {
    for (quirk, images) in [("last-tag=keeps-image", 2), ("last-tag=removes-image", 0)] {
        let (simulator, client) = open(&[quirk]).await;
        client.push_image("a", "v1", 1).await;
        client.push_image("a", "v2", 2).await;
        let repository = simulator.repositories()[0].id;
        let second = simulator.images(repository)[1].clone();
        let wire = crate::wire::Wire::new(&simulator).await;
        let tag = serde_json::json!({ "image_id": second.id, "name": "v3" });
        wire.write("POST", "/tags/", tag).await.ok();
        client.call("DELETE", "/v2/a/manifests/v2").await.is(202);
        assert_eq!(simulator.images(repository).len(), 2, "{quirk}: it has another tag");
        client.call("DELETE", "/v2/a/manifests/v1").await.is(202);
        let last = serde_json::json!({ "tag_ids": [simulator.tags(second.id)[0].id] });
        assert_eq!(wire.write("DELETE", "/tags/", last).await.ok().as_array().unwrap().len(), 1);
        assert_eq!(simulator.images(repository).len(), images, "{quirk}");
        let manifest = client.status("HEAD", &format!("/v2/a/manifests/{}", second.digest)).await;
        assert_eq!(manifest, if images == 0 { 404 } else { 200 }, "{quirk}");
    }
}
