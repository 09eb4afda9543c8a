use std::time::Duration;

use mlspace_registry::Error;
use mlspace_registry_simulator::{Fault, Seed};

use crate::{World, builder};

#[tokio::test]
async fn one_token_serves_many_calls() {
    let world = World::new(Seed::Demo).await;
    for _ in 0..5 {
        world.client.registry().await.unwrap();
    }
    assert_eq!(world.simulator.requests("service_auth"), 1);
}

#[tokio::test]
async fn any_number_of_first_calls_sign_in_once() {
    let world = World::new(Seed::Demo).await;
    let calls = (0..64).map(|_| world.client.registry());
    let answers = futures_util::future::join_all(calls).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(world.simulator.requests("service_auth"), 1);
}

#[tokio::test]
async fn a_token_is_replaced_before_it_ends() {
    let world = World::new(Seed::Demo).await;
    world.client.registry().await.unwrap();
    world.clock.advance(Duration::from_secs(3541));
    world.client.registry().await.unwrap();
    assert_eq!(world.simulator.requests("service_auth"), 2);
}

#[tokio::test]
async fn a_401_is_answered_with_one_new_token_for_all() {
    let world = World::new(Seed::Demo).await;
    world.client.registry().await.unwrap();
    world.simulator.expire_tokens();
    let calls = (0..64).map(|_| world.client.registry());
    let answers = futures_util::future::join_all(calls).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(world.simulator.requests("service_auth"), 2);
}

#[tokio::test]
async fn a_second_401_is_the_callers_to_know() {
    let world = World::new(Seed::Demo).await;
    world.fail("registry_get", Fault::status(401));
    let error = world.client.registry().await.unwrap_err();
    assert!(error.is_unauthenticated() && !error.is_sign_in());
    assert_eq!(world.simulator.requests("registry_get"), 2);
}

#[tokio::test]
async fn a_service_that_refuses_every_token_is_not_asked_for_one_a_call() {
    let world = World::new(Seed::Demo).await;
    world.fail("registry_get", Fault::status(401));
    for _ in 0..100 {
        assert!(world.client.registry().await.unwrap_err().is_unauthenticated());
    }
    assert_eq!(world.simulator.requests("service_auth"), 2);
    assert_eq!(world.simulator.requests("registry_get"), 101);
    // When it takes tokens again, so does the client.
    world.simulator.clear_faults();
    world.client.registry().await.unwrap();
    world.simulator.expire_tokens();
    world.client.registry().await.unwrap();
}

#[tokio::test]
async fn while_the_old_token_lives_nobody_waits_for_the_new_one() {
    let world = World::new(Seed::Demo).await;
    world.client.registry().await.unwrap();
    world.clock.advance(Duration::from_secs(3541));
    world.fail("service_auth", Fault::hang());
    let calls = (0..64).map(|_| world.client.registry());
    let answers = futures_util::future::join_all(calls).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(world.simulator.requests("service_auth"), 2);
}

#[tokio::test]
async fn a_failed_refresh_is_no_error_while_the_old_token_lives() {
    let world = World::new(Seed::Demo).await;
    world.client.registry().await.unwrap();
    world.fail("service_auth", Fault::status(500));
    world.clock.advance(Duration::from_secs(3550));
    world.client.registry().await.unwrap();
    assert_eq!(world.simulator.requests("service_auth"), 2);
}

#[tokio::test]
async fn a_wrong_key_says_so_and_sends_nothing_else() {
    let world = World::new(Seed::Demo).await;
    let client = builder(&world.simulator).credentials("nobody", "hunter2").build().unwrap();
    let error = client.registry().await.unwrap_err();
    assert!(error.is_sign_in() && error.is_unauthenticated());
    assert_eq!(world.simulator.requests("registry_get"), 0);
    let Error::SignIn { source, .. } = &error else { panic!("{error:?}") };
    assert!(source.to_string().starts_with("service_auth: 401 "), "{source}");
}

#[tokio::test]
async fn an_api_key_that_was_found_is_found_again_when_it_is_refused() {
    let world = World::new(Seed::Demo).await;
    let key = world.simulator.service_account();
    let client = mlspace_registry::Client::builder()
        .base_url(world.simulator.base_url())
        .credentials(key.client_id, key.client_secret)
        .build()
        .unwrap();
    client.registry().await.unwrap();
    world.simulator.rotate_api_key();
    client.registry().await.unwrap();
    assert_eq!(world.simulator.requests("workspace_api_key"), 2);
    assert_eq!(world.simulator.requests("service_auth"), 1);
}
