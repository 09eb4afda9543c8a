//! What is pushed is there in the management API, and what is deleted on one side is gone on the other.

use std::time::Duration;

use mlspace_registry_api::types;
use mlspace_registry_simulator::Simulator;
use serde_json::json;

use super::client::{Client, INDEX, MANIFEST, bytes, index, open, sha256};
use crate::wire::Wire;

/// The images of the only repository.
fn images(simulator: &Simulator) -> Vec<types::Image> {
    simulator.images(simulator.repository_ids()[0])
}

async fn has(client: &Client, path: &str) -> bool {
    client.status("HEAD", path).await == 200
}

#[tokio::test]
async fn a_push_makes_the_repository_and_the_image_and_a_pull_is_noted() {
    let (simulator, client) = open(&[]).await;
    let manifest = client.image("team/app", 1).await;
    assert!(simulator.repositories().is_empty(), "blobs alone are no repository");
    client.put_manifest("team/app", "v1", MANIFEST, &manifest).await.is(201);
    let repository = &simulator.repositories()[0];
    assert_eq!((repository.name.as_str(), repository.images_count), ("team/app", 1));
    let image = &images(&simulator)[0];
    let text = manifest.to_string();
    assert_eq!(image.digest, sha256(text.as_bytes()));
    let config = json!({ "os": "linux", "architecture": "amd64", "number": 1 });
    assert_eq!(json!(image.extra_attrs), config);
    assert_eq!(image.size, (text.len() + config.to_string().len() + 1000) as i64);
    assert_eq!((image.push_time, image.pull_time), (Some(simulator.now()), None));

    simulator.advance(Duration::from_secs(60));
    client.call("HEAD", "/v2/team/app/manifests/v1").await.is(200);
    assert_eq!(images(&simulator)[0].pull_time, None, "a look is not a pull");
    client.call("GET", "/v2/team/app/manifests/v1").await.is(200);
    let pulled = &images(&simulator)[0];
    assert_eq!((pulled.pull_time, pulled.tags[0].pull_time), (Some(simulator.now()), Some(simulator.now())));
}

#[tokio::test]
async fn full_names_can_be_pulled() {
    let (simulator, client) = open(&[]).await;
    client.push_image(&format!("{}/team/app", simulator.registry().id), "v1", 1).await;
    assert_eq!(simulator.repositories()[0].name, "team/app");
    let tag = &images(&simulator)[0].tags[0];
    let name = tag.full_name.strip_prefix(&format!("{}/", simulator.registry_address())).unwrap();
    let (repository, tag) = name.rsplit_once(':').unwrap();
    client.call("GET", &format!("/v2/{repository}/manifests/{tag}")).await.is(200);
    let listed = client.call("GET", &format!("/v2/{repository}/tags/list")).await.is(200).json();
    assert_eq!(listed["name"], repository);
    // Without the registry's id it is the same repository.
    client.call("GET", "/v2/team/app/manifests/v1").await.is(200);
    let id = simulator.registry().id;
    client.call("GET", &format!("/v2/{id}/manifests/v1")).await.refused(400, "NAME_INVALID");

    simulator.quirk("registry-prefix=required".parse().unwrap());
    client.call("GET", "/v2/team/app/manifests/v1").await.refused(404, "NAME_UNKNOWN");
    client.call("GET", &format!("/v2/{repository}/manifests/{tag}")).await.is(200);
}

#[tokio::test]
async fn a_tag_moves_with_a_push_and_the_management_api_can_make_and_delete_tags() {
    let (simulator, client) = open(&[]).await;
    let first = client.push_image("a", "v1", 1).await;
    let second = client.push_image("a", "v1", 2).await;
    let all = images(&simulator);
    assert_eq!(all.iter().map(|image| image.digest.as_str()).collect::<Vec<_>>(), [&first, &second]);
    assert_eq!((all[0].tags.len(), all[1].tags.len()), (0, 1));

    let wire = Wire::new(&simulator).await;
    wire.write("POST", "/tags/", json!({ "image_id": all[0].id, "name": "old" })).await.ok();
    let got = client.call("GET", "/v2/a/manifests/old").await.is(200);
    assert_eq!(got.header("docker-content-digest"), first);
    wire.write("DELETE", "/tags/", json!({ "tag_ids": [all[1].tags[0].id] })).await.ok();
    assert!(!has(&client, "/v2/a/manifests/v1").await);
    assert!(has(&client, &format!("/v2/a/manifests/{second}")).await);
    client.call("DELETE", "/v2/a/manifests/old").await.is(202);
    assert!(images(&simulator).iter().all(|image| image.tags.is_empty()));
}

#[tokio::test]
async fn deleting_in_the_management_api_removes_what_nothing_else_needs() {
    for kept in [false, true] {
        let quirk = if kept { "deleted-image-blobs=kept" } else { "deleted-image-blobs=removed" };
        let (simulator, client) = open(&[quirk]).await;
        let one = client.image("a", 1).await;
        client.put_manifest("a", "v1", MANIFEST, &one).await.is(201);
        let mut two = one.clone();
        two["annotations"] = json!({ "same": "layers" });
        client.put_manifest("a", "v2", MANIFEST, &two).await.is(201);
        let layer = format!("/v2/a/blobs/{}", one["layers"][0]["digest"].as_str().unwrap());

        let wire = Wire::new(&simulator).await;
        let ids: Vec<_> = images(&simulator).iter().map(|image| image.id).collect();
        wire.write("DELETE", "/images/", json!({ "image_ids": [ids[0]] })).await.ok();
        assert!(!has(&client, "/v2/a/manifests/v1").await);
        assert!(!has(&client, &format!("/v2/a/manifests/{}", sha256(one.to_string().as_bytes()))).await);
        assert!(has(&client, &layer).await, "the other image needs it");
        wire.write("DELETE", "/images/", json!({ "image_ids": [ids[1]] })).await.ok();
        assert_eq!(has(&client, &layer).await, kept);
    }
}

#[tokio::test]
async fn deleting_a_repository_empties_it_in_the_registry_and_deleting_a_manifest_deletes_the_image() {
    let (simulator, client) = open(&[]).await;
    let digest = client.push_image("a", "v1", 1).await;
    client.call("DELETE", &format!("/v2/a/manifests/{digest}")).await.is(202);
    assert!(images(&simulator).is_empty());
    client.push_image("a", "v1", 1).await;
    let blob = client.push_blob("a", &bytes(7, 10)).await;
    let wire = Wire::new(&simulator).await;
    wire.write("DELETE", "/repositories/", json!({ "repository_ids": simulator.repository_ids() }))
        .await
        .ok();
    assert!(!has(&client, &format!("/v2/a/blobs/{blob}")).await);
    assert!(!has(&client, &format!("/v2/a/manifests/{digest}")).await);
    client.call("GET", "/v2/a/tags/list").await.refused(404, "NAME_UNKNOWN");
}

#[tokio::test]
async fn an_index_is_one_image_and_its_manifests_are_not_unless_they_have_a_tag() {
    let (simulator, client) = open(&[]).await;
    let (one, two) = (client.image("a", 1).await, client.image("a", 2).await);
    let digest = sha256(one.to_string().as_bytes());
    client.put_manifest("a", &digest, MANIFEST, &one).await.is(201);
    assert_eq!(images(&simulator).len(), 1, "nothing refers to it yet");
    client.put_manifest("a", "two", MANIFEST, &two).await.is(201);
    let both = index(&[(MANIFEST, &one), (MANIFEST, &two)]);
    client.put_manifest("a", "v1", INDEX, &both).await.is(201);
    let digests = || images(&simulator).iter().map(|image| image.digest.clone()).collect::<Vec<_>>();
    let (index_digest, two_digest) =
        (sha256(both.to_string().as_bytes()), sha256(two.to_string().as_bytes()));
    assert_eq!(digests(), [two_digest.clone(), index_digest.clone()]);
    let whole = images(&simulator)[1].size;
    assert!(whole > 2000, "the layers of both: {whole}");

    // Deleted as an image, a manifest stays as long as the index needs it.
    let wire = Wire::new(&simulator).await;
    let delete = async |at: usize| {
        let id = images(&simulator)[at].id;
        wire.write("DELETE", "/images/", json!({ "image_ids": [id] })).await.ok();
    };
    delete(0).await;
    assert_eq!(digests(), std::slice::from_ref(&index_digest));
    assert!(has(&client, &format!("/v2/a/manifests/{two_digest}")).await);
    // With the index go the manifests that were shown only as part of it, and their blobs.
    delete(0).await;
    let layer = one["layers"][0]["digest"].as_str().unwrap();
    for path in [format!("manifests/{digest}"), format!("manifests/{two_digest}"), format!("blobs/{layer}")] {
        assert!(!has(&client, &format!("/v2/a/{path}")).await, "{path}");
    }
}

#[tokio::test]
async fn manifests_of_an_index_that_the_registry_deleted_are_images() {
    let (simulator, client) = open(&[]).await;
    let one = client.image("a", 1).await;
    let digest = sha256(one.to_string().as_bytes());
    client.put_manifest("a", &digest, MANIFEST, &one).await.is(201);
    let list = index(&[(MANIFEST, &one)]);
    client.put_manifest("a", "v1", INDEX, &list).await.is(201);
    let path = format!("/v2/a/manifests/{}", sha256(list.to_string().as_bytes()));
    client.call("DELETE", &path).await.is(202);
    assert_eq!(images(&simulator)[0].digest, digest);
    assert_eq!(images(&simulator)[0].extra_attrs["number"], 1);

    let (simulator, client) = open(&["index-children=listed"]).await;
    client.image("a", 1).await;
    client.put_manifest("a", &digest, MANIFEST, &one).await.is(201);
    client.put_manifest("a", "v1", INDEX, &list).await.is(201);
    assert_eq!(images(&simulator).len(), 2);
}

#[tokio::test]
async fn images_of_the_seed_have_no_contents() {
    let (simulator, client) = open(&[]).await;
    simulator.push_image(mlspace_registry_simulator::NewImage::new("a", ["v1"]));
    let listed = client.call("GET", "/v2/a/tags/list").await.is(200).json();
    assert_eq!(listed["tags"], json!(["v1"]));
    client.call("GET", "/v2/a/manifests/v1").await.refused(404, "MANIFEST_UNKNOWN");
}
