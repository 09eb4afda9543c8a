use std::num::NonZeroU32;
use std::time::Duration;

use mlspace_registry::Client;
use mlspace_registry_simulator::Seed;

use crate::World;
use crate::requests::Recorder;

#[tokio::test]
async fn clones_share_the_rate_and_never_meet_a_429() {
    let rate = NonZeroU32::new(50);
    let world = World::with(Seed::Demo, |builder| builder.rate_limit(rate)).await;
    for _ in 0..120 {
        world.client.clone().registry().await.unwrap();
    }
    // 121 requests with the sign-in: two full minutes must have passed, and not much more.
    let waited: Duration = world.clock.sleeps().iter().sum();
    assert!(waited >= Duration::from_secs(119) && waited <= Duration::from_secs(121), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_runtime_whose_time_is_paused_paces_the_client_too() {
    let recorder = std::sync::Arc::new(Recorder::default());
    let client =
        Client::builder().credentials("i", "s").workspace("w").api_key("k").transport(move |_| recorder);
    let client = client.rate_limit(NonZeroU32::new(2)).build().unwrap();
    let start = tokio::time::Instant::now();
    for _ in 0..5 {
        client.registry().await.unwrap();
    }
    // Six requests with the sign-in, two in any minute.
    assert_eq!(start.elapsed().as_secs(), 120);
}
