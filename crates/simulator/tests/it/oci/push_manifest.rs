//! Push: manifests and indexes.

use serde_json::{Value, json};

use super::client::{CONFIG, INDEX, LAYER, MANIFEST, descriptor, index, located, open, sha256, sha512};

#[tokio::test]
async fn a_manifest_is_refused_if_what_it_refers_to_is_missing_or_of_another_size() {
    let (_simulator, client) = open(&[]).await;
    let mut manifest = client.image("a", 1).await;
    client.put_manifest("b", "v1", MANIFEST, &manifest).await.refused(404, "MANIFEST_BLOB_UNKNOWN");
    manifest["layers"][0]["size"] = 999.into();
    client.put_manifest("a", "v1", MANIFEST, &manifest).await.refused(400, "SIZE_INVALID");
    let lonely = index(&[(MANIFEST, &client.image("a", 2).await)]);
    client.put_manifest("a", "v1", INDEX, &lonely).await.refused(404, "MANIFEST_BLOB_UNKNOWN");
    client.call("GET", "/v2/a/tags/list").await.refused(404, "NAME_UNKNOWN");

    let (_simulator, client) = open(&["sparse-index=accepted"]).await;
    client.put_manifest("a", "v1", INDEX, &lonely).await.is(201);
    client.put_manifest("a", "v2", MANIFEST, &manifest).await.refused(404, "MANIFEST_BLOB_UNKNOWN");
}

#[tokio::test]
async fn a_manifest_that_is_none_is_refused() {
    let (_simulator, client) = open(&[]).await;
    let manifest = client.image("a", 1).await;
    client.put_manifest("a", "v1", "text/plain", &manifest).await.refused(400, "MANIFEST_INVALID");
    client.put_manifest("a", "v1", INDEX, &manifest).await.refused(400, "MANIFEST_INVALID");
    client.put_manifest("a", "v1", MANIFEST, &json!({})).await.refused(400, "MANIFEST_INVALID");
    let digest = sha256(b"something else");
    client.put_manifest("a", &digest, MANIFEST, &manifest).await.refused(400, "DIGEST_INVALID");
    client.put_manifest("a", "sha256:bad", MANIFEST, &manifest).await.refused(400, "DIGEST_INVALID");
    client.put_manifest("a", ".bad", MANIFEST, &manifest).await.refused(400, "MANIFEST_INVALID");
    client.put_manifest("a", "v1?tag=.bad", MANIFEST, &manifest).await.refused(400, "MANIFEST_INVALID");
    let mut long = manifest.clone();
    long["annotations"] = json!({ "long": "A".repeat(4 * 1024 * 1024) });
    client.put_manifest("a", "v1", MANIFEST, &long).await.refused(413, "MANIFEST_INVALID");
    long["annotations"] = json!({ "long": "A".repeat(4 * 1024 * 1024 - 2000) });
    client.put_manifest("a", "v1", MANIFEST, &long).await.is(201);
}

#[tokio::test]
async fn indexes_nest_and_docker_formats_are_taken() {
    let (_simulator, client) = open(&[]).await;
    let one = client.image("a", 1).await;
    let push = async |reference: &str, media_type: &str, document: &Value| {
        let answer = client.put_manifest("a", reference, media_type, document).await.is(201);
        let got = located(&client, &answer).await;
        assert_eq!(got, document.to_string().as_bytes());
        answer.header("docker-content-digest").to_owned()
    };
    let digest = sha512(one.to_string().as_bytes());
    assert_eq!(push(&digest, MANIFEST, &one).await, digest);
    push("v1", MANIFEST, &one).await;
    let inner = index(&[(MANIFEST, &one)]);
    push(&sha256(inner.to_string().as_bytes()), INDEX, &inner).await;
    push("nested", INDEX, &index(&[(INDEX, &inner), (MANIFEST, &one)])).await;
    push("empty", INDEX, &index(&[])).await;

    let docker = "application/vnd.docker.distribution.manifest.v2+json";
    let list = "application/vnd.docker.distribution.manifest.list.v2+json";
    let mut image = one.clone();
    image["mediaType"] = docker.into();
    push("docker", docker, &image).await;
    let mut both = index(&[(docker, &image)]);
    both["mediaType"] = list.into();
    push("list", list, &both).await;
}

#[tokio::test]
async fn further_tags_come_with_a_manifest() {
    let (simulator, client) = open(&[]).await;
    let manifest = client.image("a", 1).await;
    let digest = sha256(manifest.to_string().as_bytes());
    let reference = format!("{digest}?tag=v1&tag=latest");
    let answer = client.put_manifest("a", &reference, MANIFEST, &manifest).await.is(201);
    let answered: Vec<_> = answer.headers.get_all("oci-tag").iter().collect();
    assert_eq!(answered, ["v1", "latest"], "one header for each");
    let image = &simulator.images(simulator.repository_ids()[0])[0];
    assert_eq!(image.tags.iter().map(|tag| tag.name.as_str()).collect::<Vec<_>>(), ["v1", "latest"]);
}

#[tokio::test]
async fn what_is_named_by_sha512_is_so_under_its_tags_as_well() {
    let (_simulator, client) = open(&[]).await;
    let push_blob = async |bytes: &[u8], media_type: &str| {
        let digest = sha512(bytes);
        let path = format!("/v2/a/blobs/uploads/?digest={digest}");
        client.with_body("POST", &path, bytes).await.is(201);
        json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() })
    };
    let push = async |document: &Value, media_type: &str, tag: &str| {
        let digest = sha512(document.to_string().as_bytes());
        let reference = format!("{digest}?tag={tag}");
        client.put_manifest("a", &reference, media_type, document).await.is(201);
        let path = format!("/v2/a/manifests/{tag}");
        for method in ["GET", "HEAD"] {
            let answer = client.call(method, &path).await.is(200);
            assert_eq!(answer.header("docker-content-digest"), digest, "{method}");
        }
        json!({ "mediaType": media_type, "digest": digest, "size": document.to_string().len() })
    };
    let config = push_blob(b"{}", CONFIG).await;
    let layer = push_blob(b"layer", LAYER).await;
    let image = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer] });
    let image = push(&image, MANIFEST, "image").await;
    push(&json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [image] }), INDEX, "list").await;
}

#[tokio::test]
async fn layers_that_are_kept_elsewhere_and_unknown_fields_are_no_obstacle() {
    let (_simulator, client) = open(&[]).await;
    let mut manifest = client.image("a", 1).await;
    let mut foreign = descriptor("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", b"not here");
    foreign["urls"] = json!(["https://example.com/layer"]);
    manifest["layers"].as_array_mut().unwrap().push(foreign);
    manifest["unheard-of"] = json!({ "x": [1] });
    manifest["config"]["data"] = "e30=".into();
    client.put_manifest("a", "v1", MANIFEST, &manifest).await.is(201);
    let empty = client.push_blob("a", b"{}").await;
    let no_layers = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/x.thing",
        "config": { "mediaType": "application/vnd.oci.empty.v1+json", "digest": empty, "size": 2 }, "layers": [],
    });
    client.put_manifest("a", "v2", MANIFEST, &no_layers).await.is(201);
}
