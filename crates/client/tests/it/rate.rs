use std::num::NonZeroU32;
use std::time::Duration;

use mlspace_registry_simulator::Seed;

use crate::World;

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
