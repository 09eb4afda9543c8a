use std::error::Error as _;

use mlspace_registry::Client;
use mlspace_registry_simulator::Seed;

use crate::World;

fn bare(world: &World) -> Client {
    let key = world.simulator.service_account();
    let builder = Client::builder().base_url(world.simulator.base_url());
    builder.credentials(key.client_id, key.client_secret).build().unwrap()
}

#[tokio::test]
async fn key_id_and_secret_are_enough() {
    let world = World::new(Seed::Demo).await;
    let client = bare(&world);
    client.registry().await.unwrap();
    client.registry().await.unwrap();
    assert_eq!(world.simulator.requests("workspace_list"), 1);
    assert_eq!(world.simulator.requests("workspace_api_key"), 1);
    assert_eq!(client.workspace_id().await.unwrap(), world.simulator.workspace_id().to_string());
}

#[tokio::test]
async fn several_workspaces_are_named_and_none_is_guessed() {
    let world = World::new(Seed::Demo).await;
    world.quirk("workspaces=3");
    let error = bare(&world).registry().await.unwrap_err();
    let cause = error.source().unwrap().to_string();
    assert!(cause.contains("choose one"), "{cause}");
    assert!(cause.contains(&world.simulator.workspace_id().to_string()), "{cause}");
    assert_eq!(world.simulator.requests("registry_get"), 0);
}

#[tokio::test]
async fn a_workspace_is_found_by_its_name() {
    let world = World::new(Seed::Demo).await;
    world.quirk("workspaces=3");
    let workspaces = bare(&world).workspaces().list().await.unwrap();
    let named = |name: &str| {
        let key = world.simulator.service_account();
        let builder = Client::builder().base_url(world.simulator.base_url());
        builder.credentials(key.client_id, key.client_secret).workspace(name).build().unwrap()
    };
    let one = &workspaces[0];
    let client = named(&one.name);
    client.registry().await.unwrap();
    assert_eq!(client.workspace_id().await.unwrap(), one.id.to_string());

    let error = named("nobody").registry().await.unwrap_err();
    let cause = error.source().unwrap().to_string();
    assert!(cause.contains("no workspace nobody") && cause.contains(&one.name), "{cause}");
}

#[tokio::test]
async fn a_refused_api_key_names_the_operation_and_the_reason() {
    let world = World::new(Seed::Demo).await;
    world.quirk("api-key-refused");
    let error = bare(&world).registry().await.unwrap_err();
    assert!(error.is_sign_in());
    assert_eq!(error.status(), Some(400));
    assert_eq!(error.api().unwrap().operation(), "workspace_api_key");
}

#[tokio::test]
async fn the_low_level_client_comes_signed_in() {
    let world = World::new(Seed::Demo).await;
    let registry = bare(&world).api().await.unwrap().registry_get().send().await.unwrap();
    assert_eq!(registry.repositories_count, world.simulator.registry().repositories_count);
}
