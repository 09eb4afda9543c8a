//! What is kept from one run to the next.

use std::path::Path;

use mlspace_registry_simulator::{Seed, Simulator};
use serde_json::json;

use crate::oci::client::{Client, MANIFEST, sha256};
use crate::wire::{Wire, ids};

async fn start(folder: &Path) -> Simulator {
    let builder = Simulator::builder().seed(Seed::Empty).state_dir(folder);
    builder.quirk("registry-auth=basic".parse().unwrap()).start().await.unwrap()
}

#[tokio::test]
async fn after_a_good_end_everything_is_there_again() {
    let folder = tempfile::tempdir().unwrap();
    let simulator = start(folder.path()).await;
    let person = Wire::with_key(&simulator, simulator.personal()).await;
    let password = simulator.rotate_registry_password();
    simulator.rotate_api_key();
    let api_key = simulator.api_key();
    simulator.quirk("registry-auth=open".parse().unwrap());
    let client = Client::new(&simulator);
    let digest = client.push_image("a/b", "v1", 7).await;
    let unused = client.push_blob("a/b", b"belongs to no image").await;
    client.start("a/b").await;
    let wire = Wire::new(&simulator).await;
    let repository = simulator.repository_ids()[0];
    let path = format!("/repositories/{repository}");
    wire.write("PUT", &path, json!({ "labels": ["prod"], "description": "kept" })).await.ok();
    wire.write("POST", &format!("{path}/fav"), json!({ "favorite": true })).await.ok();
    let tag = simulator.repositories()[0].tags[0].id;
    wire.write("PUT", &format!("/tags/{tag}"), json!({ "color": "red" })).await.ok();
    drop(person);
    let before = wire.get("/repositories/").await.ok();
    simulator.finish().await.unwrap();

    let simulator = start(folder.path()).await;
    assert!(!simulator.has_lost_state());
    simulator.quirk("registry-auth=open".parse().unwrap());
    let wire = Wire::new(&simulator).await;
    let mut after = wire.get("/repositories/").await.ok();
    // The registry has another port now.
    let address = |list: &serde_json::Value| {
        list[0]["full_name"].as_str().unwrap().split_once('/').unwrap().0.to_owned()
    };
    let moved = after.to_string().replace(&address(&after), &address(&before));
    after = moved.parse().unwrap();
    assert_eq!(after, before);
    assert_eq!(simulator.registry_password().unwrap().expose(), password.expose());
    assert_eq!(simulator.api_key().expose(), api_key.expose());
    let client = Client::new(&simulator);
    let manifest = client.call("GET", "/v2/a/b/manifests/v1").await.is(200);
    assert_eq!((manifest.header("content-type"), sha256(&manifest.body)), (MANIFEST, digest.clone()));
    for layer in manifest.json()["layers"].as_array().unwrap() {
        client.call("GET", &format!("/v2/a/b/blobs/{}", layer["digest"].as_str().unwrap())).await.is(200);
    }
    client.call("GET", &format!("/v2/a/b/blobs/{unused}")).await.is(200);
    // New ids do not collide with those that are there, and a delete finds what it deletes.
    client.push_image("a/c", "v1", 8).await;
    assert_eq!(ids(&wire.get("/repositories/").await.ok()).len(), 2);
    client.call("DELETE", &format!("/v2/a/b/manifests/{digest}")).await.is(202);
    assert_eq!(simulator.repositories()[0].images_count, 0);
}

#[tokio::test]
async fn after_a_kill_the_last_good_state_is_read_and_the_rest_is_swept() {
    let folder = tempfile::tempdir().unwrap();
    let first = start(folder.path()).await;
    first.quirk("registry-auth=open".parse().unwrap());
    Client::new(&first).push_image("kept", "v1", 1).await;
    first.finish().await.unwrap();
    let second = start(folder.path()).await;
    second.quirk("registry-auth=open".parse().unwrap());
    Client::new(&second).push_image("lost", "v1", 2).await;
    // Dropping writes nothing, as a kill does not.
    drop(second);
    let third = loop {
        let builder = Simulator::builder().seed(Seed::Empty).state_dir(folder.path());
        match builder.start().await {
            Ok(simulator) => break simulator,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    assert!(third.has_lost_state());
    let names: Vec<_> = third.repositories().into_iter().map(|one| one.name).collect();
    assert_eq!(names, ["kept"]);
    let blobs = std::fs::read_dir(folder.path().join("blobs/sha256")).unwrap().count();
    assert_eq!(blobs, 2, "the configuration and the layer of what is kept");
}

#[tokio::test]
async fn a_state_that_cannot_be_read_stops_the_start_and_stays() {
    let folder = tempfile::tempdir().unwrap();
    start(folder.path()).await.finish().await.unwrap();
    let path = folder.path().join("state.json");
    for (state, why) in [("{", "EOF"), (r#"{"format":2}"#, "format 2")] {
        std::fs::write(&path, state).unwrap();
        let error = Simulator::builder().state_dir(folder.path()).start().await.unwrap_err();
        let why_not = std::error::Error::source(&error).unwrap().to_string();
        assert!(why_not.contains(why), "{why_not}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), state);
    }
}

#[tokio::test]
async fn beyond_loopback_keys_are_random_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let exposed = || Simulator::builder().listen(([0, 0, 0, 0], 0).into()).state_dir(folder.path());
    let key = |simulator: &Simulator| {
        let key = simulator.service_account();
        (key.client_id, key.client_secret.expose().to_owned(), simulator.api_key().expose().to_owned())
    };
    let fixed = Simulator::builder().state_dir(folder.path()).start().await.unwrap();
    let known = key(&fixed);
    fixed.finish().await.unwrap();
    let first = exposed().start().await.unwrap();
    let random = key(&first);
    assert!(random.0 != known.0 && random.1 != known.1 && random.2 != known.2, "keys that everybody knows");
    first.finish().await.unwrap();
    let second = exposed().start().await.unwrap();
    assert_eq!(key(&second), random);
    second.finish().await.unwrap();
    let other = Simulator::builder().listen(([0, 0, 0, 0], 0).into()).start().await.unwrap();
    assert_ne!(key(&other), random);
    assert_eq!(key(&Simulator::start().await.unwrap()), known);
}
