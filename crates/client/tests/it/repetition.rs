use std::time::Duration;

use mlspace_registry::{Client, Error, RetryPolicy, RotationConsent, Sent, TransportKind, WaitReason};
use mlspace_registry_simulator::{Fault, NewImage, Seed};

use crate::{World, builder};

const CONSENT: RotationConsent = RotationConsent::OldPasswordStopsWorkingEverywhere;

#[tokio::test]
async fn a_read_is_repeated_until_it_succeeds() {
    for fault in
        [Fault::status(502), Fault::status(503), Fault::status(504), Fault::lost_before(), Fault::truncated()]
    {
        let world = World::new(Seed::Demo).await;
        world.fail("registry_get", fault.times(3));
        world.client.registry().await.unwrap();
        assert_eq!(world.simulator.requests("registry_get"), 4);
        assert_eq!(world.clock.sleeps().len(), 3);
    }
}

#[tokio::test]
async fn giving_up_says_how_often_and_keeps_the_last_error() {
    let world = World::new(Seed::Demo).await;
    world.fail("registry_get", Fault::status(503));
    let error = world.client.registry().await.unwrap_err();
    assert_eq!(error.to_string(), "registry_get: gave up after 4 attempts");
    assert_eq!(error.status(), Some(503));
}

#[tokio::test]
async fn what_will_not_change_is_not_repeated() {
    for status in [400, 403, 404, 409, 422, 445, 500] {
        let world = World::new(Seed::Demo).await;
        world.fail("registry_get", Fault::status(status));
        assert_eq!(world.client.registry().await.unwrap_err().status(), Some(status));
        assert_eq!(world.simulator.requests("registry_get"), 1, "{status}");
    }
}

#[tokio::test]
async fn a_tag_is_created_once_and_sent_again_only_where_reading_shows_that_it_was_not() {
    for (fault, requests) in [
        (Fault::lost_after(), 1),
        (Fault::truncated(), 1),
        (Fault::lost_before(), 2),
        (Fault::status(503), 2),
        (Fault::status(504), 2),
    ] {
        let (world, images) = World::with_images(1).await;
        world.fail("tag_create", fault);
        let sent = world.client.tags().create(images[0], "v9").send().await;
        assert_eq!(sent.is_ok(), requests == 1, "{sent:?}");
        assert_eq!(world.simulator.requests("tag_create"), requests);
    }
}

#[tokio::test]
async fn a_429_that_asks_for_nothing_is_waited_for_as_long_as_the_service_counts() {
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let sink = seen.clone();
    let world = World::with(Seed::Demo, |builder| {
        builder.on_wait(move |wait| sink.lock().unwrap().push((wait.reason, wait.duration.as_secs())))
    })
    .await;
    world.fail("registry_get", Fault::status(429).times(2));
    world.client.registry().await.unwrap();
    assert_eq!(*seen.lock().unwrap(), [(WaitReason::RateLimit, 60); 2]);
}

#[tokio::test]
async fn a_tag_is_created_after_a_refusal_that_left_nothing_behind() {
    for fault in [Fault::status(429), Fault::status(401)] {
        let (world, images) = World::with_images(1).await;
        world.fail("tag_create", fault.times(1));
        world.client.tags().create(images[0], "v9").send().await.unwrap();
        assert_eq!(world.simulator.requests("tag_create"), 2);
    }
}

#[tokio::test]
async fn the_password_is_rotated_with_one_request_whatever_the_answer() {
    for status in [401, 429, 500, 503] {
        let world = World::new(Seed::Demo).await;
        world.fail("generate_password", Fault::status(status));
        world.client.password().rotate(CONSENT).await.unwrap_err();
        assert_eq!(world.simulator.requests("generate_password"), 1, "{status}");
    }
}

#[tokio::test]
async fn a_lost_new_password_is_told_apart_from_a_refusal() {
    let world = World::new(Seed::Demo).await;
    let key = world.simulator.personal();
    let person = builder(&world.simulator).credentials(key.client_id, key.client_secret).build().unwrap();
    let service_account = world.client.password().rotate(CONSENT).await.unwrap_err();
    assert!(service_account.is_forbidden());
    world.fail("generate_password", Fault::lost_after().times(1));
    assert!(person.password().rotate(CONSENT).await.unwrap_err().is_outcome_unknown());
    let password = person.password().rotate(CONSENT).await.unwrap();
    assert_eq!(Some(password), world.simulator.registry_password());
}

#[tokio::test]
async fn a_service_that_cannot_be_reached_has_seen_nothing() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let client =
        Client::builder().credentials("i", "s").base_url(url).retry(RetryPolicy::none()).build().unwrap();
    let error = client.sign_in().await.unwrap_err();
    assert!(matches!(error, Error::Transport { kind: TransportKind::Connect, .. }), "{error:?}");
    assert_eq!(error.was_sent(), Sent::No);
}

#[tokio::test]
async fn an_answer_that_never_comes_ends_with_the_time_of_the_attempt() {
    // The one test that waits for real: a socket cannot be told that time has passed.
    let short = Duration::from_millis(30);
    let world = World::with(Seed::Demo, |builder| builder.timeout(short).retry(RetryPolicy::none())).await;
    world.fail("service_auth", Fault::hang());
    let error = world.client.sign_in().await.unwrap_err();
    assert!(matches!(error, Error::Transport { kind: TransportKind::Timeout, .. }), "{error:?}");
    assert_eq!(error.was_sent(), Sent::Maybe);
}

#[tokio::test]
async fn a_retry_after_is_waited_for() {
    let world = World::new(Seed::Demo).await;
    world.fail("registry_get", Fault::status(429).retry_after("7").times(1));
    world.client.registry().await.unwrap();
    let waited: Duration = world.clock.sleeps().iter().sum();
    assert!(waited >= Duration::from_secs(7) && waited < Duration::from_secs(8), "{waited:?}");
}

#[tokio::test]
async fn a_wait_that_would_miss_the_deadline_is_not_begun() {
    let world = World::with(Seed::Demo, |builder| builder.deadline(Duration::from_secs(5))).await;
    world.fail("registry_get", Fault::status(429).retry_after("7"));
    let error = world.client.registry().await.unwrap_err();
    assert!(error.is_deadline() && error.is_rate_limited());
    assert!(world.clock.sleeps().is_empty());
}

#[tokio::test]
async fn every_wait_is_told_before_it_begins() {
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let sink = seen.clone();
    let world = World::with(Seed::Demo, |builder| {
        builder.on_wait(move |wait| sink.lock().unwrap().push((wait.operation, wait.reason)))
    })
    .await;
    world.fail("registry_get", Fault::status(503).times(1));
    world.fail("repository_get", Fault::status(429).retry_after("1").times(1));
    world.client.registry().await.unwrap();
    let id = world.simulator.push_image(NewImage::new("n", ["t"]));
    let repository = world.client.images().get(id).await.unwrap().repository_id;
    world.client.repositories().get(repository).await.unwrap();
    let expected = [("registry_get", WaitReason::Backoff), ("repository_get", WaitReason::RetryAfter)];
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[tokio::test]
async fn a_read_only_client_sends_no_write() {
    let world = World::with(Seed::Demo, |builder| builder.read_only(true)).await;
    let id = world.simulator.repositories()[0].id;
    let error = world.client.repositories().set_favorite(id, true).await.unwrap_err();
    assert_eq!(error.was_sent(), Sent::No);
    assert!(world.client.password().rotate(CONSENT).await.is_err());
    let report = world.client.repositories().delete_many([id]).send().await;
    assert!(!report.all_gone() && world.simulator.contains_repository(id));
    assert!(world.simulator.journal().iter().all(|request| request.operation == Some("service_auth")));
    world.client.repositories().get(id).await.unwrap();
}
