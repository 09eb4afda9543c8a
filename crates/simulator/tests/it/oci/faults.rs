//! What goes wrong in a registry, for tests of clients that push and pull.

use mlspace_registry_simulator::{ErrorBody, Fault, FaultSpec};

use super::client::{MANIFEST, bytes, located, open, sha256};

#[tokio::test]
async fn a_chunk_that_was_cut_counts_as_far_as_it_came() {
    let (simulator, client) = open(&[]).await;
    let blob = bytes(1, 300_000);
    let location = client.start("a").await;
    simulator.fail("oci_upload_patch", Fault::cut_after(100_000).times(1)).unwrap();
    client.try_send(client.request("PATCH", &location).body(blob.clone())).await.unwrap_err();
    let status = client.call("GET", &location).await.is(204);
    assert_eq!(status.header("range"), "0-99999");
    client.chunk(&location, 100_000, &blob[100_000..]).await.is(202);
    client.call("PUT", &format!("{location}?digest={}", sha256(&blob))).await.is(201);
}

#[tokio::test]
async fn a_chunk_that_was_cut_can_be_forgotten() {
    let (simulator, client) = open(&["cut-chunk=discarded"]).await;
    let blob = bytes(1, 300_000);
    let location = client.start("a").await;
    client.chunk(&location, 0, &blob[..1000]).await.is(202);
    simulator.fail("oci_upload_patch", Fault::cut_after(100_000).times(1)).unwrap();
    client.try_send(client.request("PATCH", &location).body(blob[1000..].to_vec())).await.unwrap_err();
    assert_eq!(client.call("GET", &location).await.is(204).header("range"), "0-999");
    client.chunk(&location, 1000, &blob[1000..]).await.is(202);
    client.call("PUT", &format!("{location}?digest={}", sha256(&blob))).await.is(201);
}

#[tokio::test]
async fn after_a_full_disk_the_upload_is_as_it_was_and_goes_on() {
    let (simulator, client) = open(&[]).await;
    let blob = bytes(1, 3_000_000);
    let location = client.start("a").await;
    client.chunk(&location, 0, &blob[..1000]).await.is(202);
    for room in [0, 1, 700_000] {
        simulator.fail("oci_upload_patch", Fault::disk_full(room).times(1)).unwrap();
        client.chunk(&location, 1000, &blob[1000..]).await.refused(500, "UNKNOWN");
        assert_eq!(client.call("GET", &location).await.is(204).header("range"), "0-999");
    }
    client.chunk(&location, 1000, &blob[1000..2000]).await.is(202);
    let finish = format!("{location}?digest={}", sha256(&blob));
    simulator.fail("oci_upload_put", Fault::disk_full(5000).times(1)).unwrap();
    client.with_body("PUT", &finish, &blob[2000..]).await.refused(500, "UNKNOWN");
    let done = client.with_body("PUT", &finish, &blob[2000..]).await.is(201);
    assert!(located(&client, &done).await == blob);
    // What the disk took of a longer chunk lies behind the end, and does not get into the blob.
    let location = client.start("a").await;
    simulator.fail("oci_upload_patch", Fault::disk_full(2000).times(1)).unwrap();
    client.chunk(&location, 0, &blob).await.refused(500, "UNKNOWN");
    let finish = format!("{location}?digest={}", sha256(&blob[..10]));
    let done = client.with_body("PUT", &finish, &blob[..10]).await.is(201);
    assert_eq!(located(&client, &done).await, &blob[..10]);
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_the_upload_usable() {
    let (_simulator, client) = open(&[]).await;
    let blob = bytes(1, 200_000);
    let location = client.start("a").await;
    let broken = [Ok(blob[..150_000].to_vec()), Err(std::io::Error::other("gone"))];
    let body = reqwest::Body::wrap_stream(futures_util::stream::iter(broken));
    client.try_send(client.request("PATCH", &location).body(body)).await.unwrap_err();
    let status = client.call("GET", &location).await.is(204);
    let (_, last) = status.header("range").split_once('-').unwrap();
    let there = last.parse::<usize>().unwrap() + 1;
    // How much arrived before the connection broke is for the network to say.
    assert!(there <= 150_000, "{there}");
    let start = if there == 1 { 0 } else { there };
    client.chunk(&location, start, &blob[start..]).await.is(202);
    client.call("PUT", &format!("{location}?digest={}", sha256(&blob))).await.is(201);
}

#[tokio::test]
async fn a_blob_can_be_cut_on_its_way_out() {
    let (simulator, client) = open(&[]).await;
    let blob = bytes(1, 600_000);
    let path = format!("/v2/a/blobs/{}", client.push_blob("a", &blob).await);
    for (fault, expected) in [(Fault::cut_after(400_000), 400_000), (Fault::truncated(), 300_000)] {
        simulator.fail("oci_blob_get", fault.times(1)).unwrap();
        let mut response = client.request("GET", &path).send().await.unwrap();
        let mut got = Vec::new();
        let cut = loop {
            match response.chunk().await {
                Ok(Some(piece)) => got.extend_from_slice(&piece),
                Ok(None) => break false,
                Err(_) => break true,
            }
        };
        assert!(cut && got == blob[..expected], "{} of {expected}", got.len());
    }
    assert!(client.call("GET", &path).await.is(200).body == blob);
}

#[tokio::test]
async fn a_token_can_end_in_the_middle_of_an_upload() {
    let (simulator, client) = open(&["registry-auth=bearer"]).await;
    let password = simulator.rotate_registry_password();
    let sign_in = async || {
        let request = client.request("GET", "/service/token?scope=repository:a:pull,push");
        let request = request.basic_auth(simulator.personal_email(), Some(password.expose()));
        client.send(request).await.is(200).json()["token"].as_str().unwrap().to_owned()
    };
    let token = sign_in().await;
    let start = client.request("POST", "/v2/a/blobs/uploads/").bearer_auth(&token);
    let location = client.send(start).await.is(202).header("location").to_owned();
    simulator.fail("oci_upload_patch", Fault::expire_token().after(1).times(1)).unwrap();
    let patch = |token: &str| client.request("PATCH", &location).bearer_auth(token).body("abc");
    client.send(patch(&token)).await.is(202);
    let refused = client.send(patch(&token)).await.is(401);
    assert!(refused.header("www-authenticate").contains("scope=\"repository:a:pull,push\""));
    client.send(patch(&token)).await.is(401);
    client.send(patch(&sign_in().await)).await.is(202);
}

#[tokio::test]
async fn answers_are_scripted_by_operation_and_strike_only_who_is_let_in() {
    let (simulator, client) = open(&[]).await;
    for text in [
        "oci_upload_patch=405;body=errors",
        "oci_upload_start=429;retry-after=3;times=1;body=errors",
        "oci_manifest_put=503;times=1",
        "oci_blob_head=lost-before;times=1",
    ] {
        let spec: FaultSpec = text.parse().unwrap();
        simulator.fail(&spec.operation, spec.fault).unwrap();
    }
    let limited = client.call("POST", "/v2/a/blobs/uploads/").await;
    limited.refused(429, "TOOMANYREQUESTS");
    assert_eq!(limited.header("retry-after"), "3");
    let location = client.start("a").await;
    for _ in 0..2 {
        client.with_body("PATCH", &location, &bytes(1, 3_000_000)).await.refused(405, "UNSUPPORTED");
    }
    let head = client.request("HEAD", &format!("/v2/a/blobs/{}", sha256(b"")));
    client.try_send(head).await.unwrap_err();
    let manifest = client.image("a", 1).await;
    client.put_manifest("a", "v1", MANIFEST, &manifest).await.is(503);
    assert!(simulator.repositories().is_empty());
    client.put_manifest("a", "v1", MANIFEST, &manifest).await.is(201);
    assert_eq!(simulator.requests("oci_manifest_put"), 2);
    assert_eq!(simulator.journal().last().unwrap().status, Some(201));

    simulator.quirk("registry-auth=bearer".parse().unwrap());
    simulator.fail("oci_manifest_get", Fault::answer(500, ErrorBody::Errors)).unwrap();
    assert_eq!(client.status("GET", "/v2/a/manifests/v1").await, 401);
}

#[tokio::test]
async fn a_lost_answer_to_the_last_request_leaves_the_blob() {
    let (simulator, client) = open(&[]).await;
    let blob = bytes(1, 5000);
    let location = client.start("a").await;
    simulator.fail("oci_upload_put", Fault::lost_after().times(1)).unwrap();
    let url = format!("{location}?digest={}", sha256(&blob));
    client.try_send(client.request("PUT", &url).body(blob.clone())).await.unwrap_err();
    client.with_body("PUT", &url, &blob).await.refused(404, "BLOB_UPLOAD_UNKNOWN");
    assert_eq!(client.status("HEAD", &format!("/v2/a/blobs/{}", sha256(&blob))).await, 200);
}

#[tokio::test]
async fn faults_of_one_api_do_not_fit_the_other() {
    let (simulator, _client) = open(&[]).await;
    for (operation, fault) in [
        ("oci_manifest_delete", Fault::partial_delete()),
        ("oci_tag_list", Fault::naive_timestamps()),
        ("oci_blob_head", Fault::cut_after(1)),
        ("image_get", Fault::cut_after(1)),
        ("image_get", Fault::expire_token()),
    ] {
        simulator.fail(operation, fault.clone()).expect_err(operation);
    }
}
